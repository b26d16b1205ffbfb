package cli

import (
	"context"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fortunadws/fortuna/kv/artifact"
)

func loginCommand() *cli.Command {
	return &cli.Command{
		Name: "login", Usage: "say to which cluster to deploy", ArgsUsage: "url token",
		Description: "Keeps the URL of a node's admin listener and a token in your configuration directory, readable by you only. A token of - is read\n" +
			"from standard input. On the machine of a node, --data makes a token for you and needs nothing else.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "data", Usage: "data `directory` of a node on this machine, whose root key you may read"},
			&cli.StringFlag{Name: "as", Usage: "`name` to call the cluster by (default: the host in the URL)"},
		},
		Action: func(c *cli.Context) error { return login(processOf(c), c) },
	}
}

// loginWait bounds one question to a node.
const loginWait = 30 * time.Second

func login(p *process, c *cli.Context) error {
	ctx, cancel := context.WithTimeout(c.Context, loginWait)
	defer cancel()
	var at clusterAt
	name := c.String("as")
	switch {
	case c.String("data") != "":
		if c.NArg() > 0 {
			return usageError("fortuna help login", "--data needs no words: got %q", c.Args().First())
		}
		n, err := openLocalNode(p, c.String("data"))
		if err != nil {
			return err
		}
		at.URL = n.url
		at.Token, err = n.token(ctx, func(t artifact.Token) artifact.Grant {
			return artifact.NewGrant(t, "login on "+n.identity.Name, artifact.Admin, "*", 0)
		})
		if err != nil {
			return err
		}
	case c.NArg() == 2:
		at = clusterAt{c.Args().Get(0), c.Args().Get(1)}
		if at.Token == "-" {
			text, err := io.ReadAll(io.LimitReader(p.stdin, 4096))
			if err != nil {
				return failed("", "read the token: %v", err)
			}
			at.Token = strings.TrimSpace(string(text))
		}
	default:
		return usageError("fortuna login http://127.0.0.1:9787 <token>, or fortuna login --data <directory>", "login takes the URL of a node and a token, got %d words", c.NArg())
	}
	if name == "" {
		if u, err := url.Parse(at.URL); err == nil {
			name = u.Host
		}
	}
	r, err := at.open(name)
	if err != nil {
		return err
	}
	s, err := r.Status(ctx)
	if err != nil {
		return remoteProblem(err)
	}
	all, file, err := readContexts(p.getenv)
	if err != nil {
		return err
	}
	all.Current, all.All[name] = name, at
	if err := all.write(file); err != nil {
		return err
	}
	p.term.note("Logged in to %s: %d nodes. Now: fortuna deploy", name, len(s.Nodes))
	return nil
}
