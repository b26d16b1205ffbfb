package cli

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fortunadws/fortuna/kv/artifact"
)

func tokenCommand() *cli.Command {
	return remoteVerbs("token", "let others deploy, and nodes join",
		"A token is printed once: the cluster keeps a hash of it. new and join need the root key of the cluster, so they are typed on\n"+
			"the machine of the first node, with --data.",
		[]cli.Flag{
			&cli.StringFlag{Name: "data", Usage: "data `directory` of a node on this machine"},
			&cli.StringFlag{Name: "role", Value: string(artifact.Deploy), Usage: "what it allows: `role` deploy, or admin for everything"},
			&cli.StringFlag{Name: "apps", Value: "*", Usage: "the `apps` that it is for: a name, or a beginning like shop-*"},
			&cli.DurationFlag{Name: "expires", Value: 30 * 24 * time.Hour, Usage: "how long it is good for, like 720h; 0 is for ever"},
			&cli.BoolFlag{Name: "json", Usage: "print the result as JSON"},
		},
		[]remoteVerb{
			{name: "new", words: "name", about: "make one and print it", flags: []string{"data", "role", "apps", "expires"}, least: 1, most: 1, local: tokenNew},
			{name: "ls", words: "", about: "list them", flags: []string{"json"}, run: tokenList},
			{name: "rm", words: "id", about: "end one; what was deployed with it stays", least: 1, most: 1, run: tokenRemove},
			{name: "join", words: "", about: "print the ticket by which a node joins", flags: []string{"data"}, local: tokenJoin},
		})
}

func tokenNew(ctx context.Context, c *cli.Context, words []string) error {
	role := artifact.Role(c.String("role"))
	if role != artifact.Deploy && role != artifact.Admin {
		return usageError("", "--role must be %s or %s, got %q", artifact.Deploy, artifact.Admin, role)
	}
	apps := c.String("apps")
	if role == artifact.Admin && apps != "*" {
		return usageError("--role deploy --apps '"+apps+"'", "a token of the role admin is for everything: got --apps %q", apps)
	}
	if name := strings.TrimSuffix(apps, "*"); apps == "" || name != "" && artifact.CheckApp(name) != nil {
		return usageError("--apps shop, --apps 'shop-*'", "--apps is the name of an app, the beginning of one with *, or *: got %q", apps)
	}
	if life := c.Duration("expires"); life < 0 || life > 0 && life < time.Minute {
		return usageError("--expires 720h", "--expires must be a minute at least, or 0 for ever: got %v", life)
	}
	p := processOf(c)
	n, err := openLocalNode(p, c.String("data"))
	if err != nil {
		return err
	}
	text, err := n.token(ctx, func(t artifact.Token) artifact.Grant {
		return artifact.NewGrant(t, words[0], role, apps, c.Duration("expires"))
	})
	if err != nil {
		return err
	}
	p.term.note("It is shown once. It is for: fortuna login %s <token>", n.url)
	p.term.raw(text + "\n")
	return nil
}

func tokenJoin(_ context.Context, c *cli.Context, _ []string) error {
	p := processOf(c)
	n, err := openLocalNode(p, c.String("data"))
	if err != nil {
		return err
	}
	root, err := n.identity.RootKey()
	if err != nil {
		return refused("do it where the first node runs", "the root key of the cluster: %v", err)
	}
	if n.identity.Place().Listen == "" {
		return refused("fortuna serve --data "+c.String("data"), "the node has not run yet")
	}
	p.term.note("Who has it can join: fortuna serve --data <directory> --name <name> --join <ticket>")
	p.term.raw(n.identity.Ticket(root).String() + "\n")
	return nil
}

func tokenList(ctx context.Context, c *cli.Context, r *reached, _ []string) error {
	all, err := r.Grants(ctx)
	if err != nil {
		return remoteProblem(err)
	}
	t := processOf(c).term
	if c.Bool("json") {
		return printJSON(t, all)
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tNAME\tROLE\tAPPS\tCREATED\tEXPIRES")
	for _, g := range all {
		expires := "never"
		if !g.Expires.IsZero() {
			expires = g.Expires.Format(time.DateOnly)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", g.ID, t.out.printable(g.Name), g.Role, g.Apps, g.Created.Format(time.DateOnly), expires)
	}
	_ = w.Flush() // into memory
	t.raw(b.String())
	return nil
}

func tokenRemove(ctx context.Context, c *cli.Context, r *reached, words []string) error {
	if err := r.Revoke(ctx, words[0]); err != nil {
		return remoteProblem(err)
	}
	processOf(c).term.note("Token %s has ended.", words[0])
	return nil
}
