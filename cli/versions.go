package cli

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fortunadws/fortuna/kv/artifact"
)

func appFlag() cli.Flag {
	return &cli.StringFlag{Name: "app", Usage: "`name` of the app (default: that of the project here)"}
}

func versionsCommand() *cli.Command {
	return &cli.Command{
		Name: "versions", Usage: "list the versions of an app, the newest first",
		Flags: []cli.Flag{appFlag(), &cli.BoolFlag{Name: "json", Usage: "print the result as JSON"}, toFlag(), envFlag()},
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usageError("fortuna versions --app "+c.Args().First(), "versions takes no words, got %q", c.Args().First())
			}
			app, err := appOf(c, c.String("app"))
			if err != nil {
				return err
			}
			r, err := openRemote(c)
			if err != nil {
				return err
			}
			all, err := r.Versions(c.Context, app)
			if err != nil {
				return remoteProblem(err)
			}
			now, err := r.Current(c.Context, app)
			if err != nil {
				return remoteProblem(err)
			}
			t := processOf(c).term
			var b strings.Builder
			w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "  VERSION\tMADE\tBY\tFILES\tMESSAGE")
			for _, v := range all {
				mark := " "
				switch v.ID {
				case now.Version:
					mark = "*"
				case now.Canary:
					mark = "~"
				}
				if c.Bool("json") {
					err := printJSON(t, map[string]any{"version": v.ID, "created": v.Created, "by": v.By, "files": len(v.Files), "message": v.Message, "serving": v.ID == now.Version})
					if err != nil {
						return err
					}
				}
				fmt.Fprintf(w, "%s %s\t%s\t%s\t%d\t%s\n", mark, v.ID, v.Created.Format(time.DateTime), t.out.printable(v.By), len(v.Files), t.out.printable(v.Message))
			}
			if c.Bool("json") {
				return nil
			}
			if len(all) == 0 {
				return failed("fortuna deploy", "%s has no versions in the cluster %s", app, r.name)
			}
			_ = w.Flush() // into memory
			t.raw(b.String())
			return nil
		},
	}
}

func rollbackCommand() *cli.Command {
	return &cli.Command{
		Name: "rollback", Usage: "have the nodes serve an earlier version again", ArgsUsage: "[version]",
		Description: "Without a version it is the one that was made before the one that is served. What apps have kept is not taken back.",
		Flags: []cli.Flag{
			appFlag(), &cli.StringFlag{Name: "message", Aliases: []string{"m"}, Usage: "`text` that says why"},
			waitFlag(), &cli.BoolFlag{Name: "json", Usage: "print the result as JSON"}, toFlag(), envFlag(),
		},
		Action: func(c *cli.Context) error { return serveVersion(c, "rollback") },
	}
}

func promoteCommand() *cli.Command {
	return &cli.Command{
		Name: "promote", Usage: "have the nodes serve a version that was made before", ArgsUsage: "[version]",
		Description: "Without a version it is the canary.",
		Flags: []cli.Flag{
			appFlag(), &cli.StringFlag{Name: "message", Aliases: []string{"m"}, Usage: "`text` that says why"},
			waitFlag(), &cli.BoolFlag{Name: "json", Usage: "print the result as JSON"}, toFlag(), envFlag(),
		},
		Action: func(c *cli.Context) error { return serveVersion(c, "promote") },
	}
}

// serveVersion releases a version that is there already.
func serveVersion(c *cli.Context, kind string) error {
	id, err := word(c)
	if err != nil {
		return err
	}
	app, err := appOf(c, c.String("app"))
	if err != nil {
		return err
	}
	r, err := openRemote(c)
	if err != nil {
		return err
	}
	all, err := r.Versions(c.Context, app)
	if err != nil {
		return remoteProblem(err)
	}
	now, err := r.Current(c.Context, app)
	if err != nil {
		return remoteProblem(err)
	}
	is := func(id string) func(artifact.Deployed) bool {
		return func(v artifact.Deployed) bool { return strings.HasPrefix(v.ID, id) }
	}
	if id == "" && now.Canary != "" { // what is in question is the canary
		if id = now.Version; kind == "promote" {
			id = now.Canary
		}
	}
	i := slices.IndexFunc(all, is(id))
	switch {
	case id == "" && kind == "promote":
		return usageError("fortuna versions --app "+app, "which version is to be served?")
	case id == "":
		if i = slices.IndexFunc(all, is(now.Version)) + 1; now.Counter == 0 || i == len(all) {
			return refused("fortuna versions --app "+app, "%s has no version before the one that is served", app)
		}
	case i < 0:
		return refused("fortuna versions --app "+app, "%s has no version %q", app, id)
	case slices.IndexFunc(all[i+1:], is(id)) >= 0:
		return refused("fortuna versions --app "+app, "more than one version of %s begins with %q", app, id)
	}
	if all[i].ID == now.Version && now.Canary == "" {
		return refused("fortuna versions --app "+app, "%s is served already", now.Version)
	}
	if kind == "rollback" {
		processOf(c).term.note("What %s has kept stays as it is: sessions, keys and queues are not taken back.", app)
	}
	return putInForce(c, r, artifact.Release{App: app, Version: all[i].ID, Kind: kind, Message: c.String("message")}, deployment{})
}
