package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fortunadws/fortuna/cli/control"
	"github.com/fortunadws/fortuna/kv/node"
)

func nodeCommand() *cli.Command {
	return remoteVerbs("node", "look after the nodes of a cluster", "A node that is drained serves nothing new; one that is cordoned takes nothing from others.",
		[]cli.Flag{
			&cli.BoolFlag{Name: "json", Usage: "print the result as JSON"},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "with promote: do it; without, only say what it means"},
		},
		[]remoteVerb{
			{name: "ls", words: "", about: "list them", flags: []string{"json"}, run: nodeList},
			{name: "drain", words: "name", about: "let it finish what it has, and take nothing new", least: 1, most: 1, run: wish(node.Drain)},
			{name: "cordon", words: "name", about: "let it take nothing from other nodes", least: 1, most: 1, run: wish(node.Cordon)},
			{name: "uncordon", words: "name", about: "let it work again", least: 1, most: 1, run: wish(node.Work)},
			{name: "promote", words: "name name", about: "have two workers keep the store too: three nodes outlive the loss of any one", flags: []string{"yes"}, least: 1, most: 4, run: nodePromote},
			{name: "rm", words: "name", about: "take it out of the cluster for good", least: 1, most: 1, run: nodeRemove},
		})
}

func statusCommand() *cli.Command {
	return &cli.Command{
		Name: "status", Usage: "show the nodes and apps of a cluster",
		Flags: []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print the result as JSON"}, toFlag()},
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usageError("fortuna status", "status takes no words, got %q", c.Args().First())
			}
			ctx, cancel := context.WithTimeout(c.Context, loginWait)
			defer cancel()
			r, err := openRemote(c)
			if err != nil {
				return err
			}
			s, err := r.Status(ctx)
			if err != nil {
				return remoteProblem(err)
			}
			t := processOf(c).term
			if c.Bool("json") {
				return printJSON(t, s)
			}
			nodeTable(t, s)
			if len(s.Apps) == 0 {
				t.note("No app is deployed: fortuna deploy")
				return nil
			}
			var b strings.Builder
			w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "\nAPP\tVERSION\tRELEASED\tROUTES\tNODES")
			for _, a := range s.Apps {
				on := 0
				for _, n := range s.Nodes {
					if n.State != node.Out && n.Apps[a.App].Version == a.Version {
						on++
					}
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d of %d\n", a.App, a.Version, a.Created.Format(time.DateTime), strings.Join(a.Routes, " "), on, len(s.Nodes))
			}
			_ = w.Flush() // into memory
			t.raw(b.String())
			for _, n := range s.Nodes {
				for name, a := range n.Apps {
					if a.Aborted > 0 && a.Aborted == a.Counter {
						t.warn(t.err.printable(n.Name+": canary "+a.Canary+" of "+name) + " has ended: " + t.err.printable(a.Why))
					}
					if a.Failure != "" {
						t.warn(t.err.printable(n.Name+": "+name) + ": " + t.err.printable(a.Failure))
					}
				}
			}
			return nil
		},
	}
}

func nodeTable(t *term, s control.Status) {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NODE\tROLE\tSTATE\tLISTEN\tREQUESTS\tCPU\tSINCE")
	for _, n := range s.Nodes {
		state := string(n.State)
		switch {
		case n.Wish != node.Work:
			state += ", " + string(n.Wish)
		case n.State == node.Alive && n.Draining:
			state = "ends"
		case n.State == node.Alive && n.Behind:
			state = "catches up"
		}
		since := "-"
		if !n.Started.IsZero() && n.State != node.Out {
			since = n.Started.Format(time.DateTime)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%.0f %%\t%s\n", t.out.printable(n.Name), t.out.printable(n.Role), state, t.out.printable(n.Listen), n.Load.Inflight, 100*n.Load.CPU, since)
	}
	_ = w.Flush() // into memory
	t.raw(b.String())
}

func nodeList(ctx context.Context, c *cli.Context, r *reached, _ []string) error {
	s, err := r.Status(ctx)
	if err != nil {
		return remoteProblem(err)
	}
	t := processOf(c).term
	if c.Bool("json") {
		return printJSON(t, s.Nodes)
	}
	nodeTable(t, s)
	return nil
}

// wish tells the cluster what is wanted of a node.
func wish(w node.Wish) func(ctx context.Context, c *cli.Context, r *reached, words []string) error {
	return func(ctx context.Context, c *cli.Context, r *reached, words []string) error {
		if err := r.Wish(ctx, words[0], w); err != nil {
			return nodeProblem(ctx, r, words[0], err)
		}
		processOf(c).term.note("Node %s: %s.", words[0], map[node.Wish]string{node.Work: "works", node.Cordon: "cordoned", node.Drain: "drains"}[w])
		return nil
	}
}

func nodeRemove(ctx context.Context, c *cli.Context, r *reached, words []string) error {
	if err := r.Remove(ctx, words[0]); err != nil {
		return nodeProblem(ctx, r, words[0], err)
	}
	processOf(c).term.note("Node %s is no node of the cluster any more. What its data directory holds, it keeps.", words[0])
	return nil
}

// nodeProblem names the nodes that there are, when one is not.
func nodeProblem(ctx context.Context, r *reached, name string, err error) error {
	s, bad := r.Status(ctx)
	if bad != nil {
		return remoteProblem(err)
	}
	var names []string
	for _, n := range s.Nodes {
		names = append(names, n.Name)
	}
	if slices.Contains(names, name) {
		return remoteProblem(err)
	}
	return refused(suggest(name, names), "there is no node %q: there are %s", name, strings.Join(names, ", "))
}
