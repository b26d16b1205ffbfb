package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/session"
)

func sessionCommand() *cli.Command {
	return verbs("session", "see and end the sessions of visitors",
		"The sessions are those of fortuna dev in the present directory, whether it runs or not. An id is the public one, ctx.session.id: it does\n"+
			"not let anybody come as the visitor. The beginning of one is enough.",
		[]cli.Flag{
			&cli.BoolFlag{Name: "json", Usage: "print the result as JSON"},
			&cli.StringFlag{Name: "user", Usage: "those of one `user`"},
			&cli.BoolFlag{Name: "all", Usage: "revoke every session there is"},
			&cli.IntFlag{Name: "limit", Value: 100, Usage: "list so `many` at most"},
		},
		[]verb{
			{name: "ls", words: "", about: "list them", flags: []string{"json", "user", "limit"}, run: sessionList},
			{name: "show", words: "id", about: "print one with what it holds", flags: []string{"json"}, least: 1, most: 1, run: sessionShow},
			{name: "revoke", words: "[id]", about: "end one, or those of --user, or --all, on every node", flags: []string{"user", "all"}, most: 1, run: sessionRevoke},
			{name: "stats", words: "", about: "print how many there are", flags: []string{"json"}, run: sessionStats},
		})
}

func sessionList(ctx context.Context, c *cli.Context, s *stored, _ []string) error {
	ctx, cancel := context.WithTimeout(ctx, storedWait)
	defer cancel()
	store, done, err := s.sessions(ctx)
	if err != nil {
		return err
	}
	defer done()
	list, more, err := store.List(ctx, c.String("user"), "", c.Int("limit"))
	if err != nil {
		return storeProblem(err)
	}
	t := processOf(c).term
	if c.Bool("json") {
		for _, i := range list {
			i.Data = nil
			if err := printJSON(t, i); err != nil {
				return err
			}
		}
		return nil
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tUSER\tBYTES\tCREATED\tEXPIRES")
	for _, i := range list {
		user := i.User
		if user == "" {
			user = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\n", i.ID[:16], t.out.printable(user), i.Bytes, i.Created.UTC().Format(time.DateTime), i.Expires.UTC().Format(time.DateTime))
	}
	_ = w.Flush() // into memory
	t.raw(b.String())
	if more {
		t.note("There are more: --limit.")
	}
	return nil
}

func sessionShow(ctx context.Context, c *cli.Context, s *stored, words []string) error {
	ctx, cancel := context.WithTimeout(ctx, storedWait)
	defer cancel()
	store, done, err := s.sessions(ctx)
	if err != nil {
		return err
	}
	defer done()
	info, err := findSession(ctx, store, words[0])
	if err != nil {
		return err
	}
	t := processOf(c).term
	if c.Bool("json") {
		return printJSON(t, info)
	}
	t.result("id       %s\nuser     %s\nrevision %d\nbytes    %d\ncreated  %s\nactive   %s\nexpires  %s", info.ID, t.out.printable(info.User), info.Rev, info.Bytes,
		info.Created.UTC().Format(time.RFC3339), info.Active.UTC().Format(time.RFC3339), info.Expires.UTC().Format(time.RFC3339))
	for name, value := range info.Data {
		t.result("  %s = %s", t.out.printable(name), t.out.printable(string(value)))
	}
	return nil
}

func findSession(ctx context.Context, store *session.Store, id string) (session.Info, error) {
	info, err := store.Show(ctx, id)
	if errors.Is(err, kv.ErrNotFound) {
		return info, failed("fortuna session ls", "there is no session %q, or more than one begins so", id)
	}
	if err != nil {
		return info, storeProblem(err)
	}
	return info, nil
}

func sessionRevoke(ctx context.Context, c *cli.Context, s *stored, words []string) error {
	ctx, cancel := context.WithTimeout(ctx, storedWait)
	defer cancel()
	user, t := c.String("user"), processOf(c).term
	chosen := len(words)
	for _, set := range []bool{user != "", c.Bool("all")} {
		if set {
			chosen++
		}
	}
	if chosen != 1 {
		return usageError("fortuna session revoke <id>, --user <user> or --all", "revoke takes an id, --user or --all, one of them")
	}
	store, done, err := s.sessions(ctx)
	if err != nil {
		return err
	}
	defer done()
	switch {
	case user != "":
		n, err := store.RevokeUser(ctx, user)
		if err != nil {
			return storeProblem(err)
		}
		t.note("All sessions of %s have ended: %d.", t.err.printable(user), n)
	case c.Bool("all"):
		if err := store.RevokeAll(ctx); err != nil {
			return storeProblem(err)
		}
		t.note("All sessions have ended.")
	default:
		info, err := findSession(ctx, store, words[0])
		if err != nil {
			return err
		}
		if err := store.Revoke(ctx, info.ID); err != nil {
			return storeProblem(err)
		}
		t.note("Session %s has ended.", info.ID[:16])
	}
	return nil
}

func sessionStats(ctx context.Context, c *cli.Context, s *stored, _ []string) error {
	ctx, cancel := context.WithTimeout(ctx, storedWait)
	defer cancel()
	store, done, err := s.sessions(ctx)
	if err != nil {
		return err
	}
	defer done()
	n, err := store.Count(ctx)
	if err != nil {
		return storeProblem(err)
	}
	if c.Bool("json") {
		return printJSON(processOf(c).term, map[string]int{"sessions": n})
	}
	processOf(c).term.result("%d sessions", n)
	return nil
}
