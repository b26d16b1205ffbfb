package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fortunadws/fortuna/cli/control"
	"github.com/fortunadws/fortuna/kv"
)

// auditConfig is what a cluster remembers of what was done to it.
var auditConfig = kv.LogConfig{Name: "audit", BytesMax: 64 << 20, Kept: 400 * 24 * time.Hour, Fixed: true}

const (
	auditOf     = "cluster" // whose entries they are
	auditWithin = 5 * time.Second
	auditSince  = 30 * 24 * time.Hour
)

// audit notes what somebody has done, where nobody changes it: in the log of the cluster, and in that of this process.
func (m *member) audit(ctx context.Context, e control.Event) {
	e.Time, e.Node = time.Now().UTC(), m.identity.Name
	m.house.journal.event(slog.LevelInfo, "audit", slog.String("who", e.Who), slog.String("token", e.Token), slog.String("address", e.Address),
		slog.String("app", e.App), slog.String("what", e.What), slog.Bool("refused", e.Refused))
	text, err := json.Marshal(e)
	if err == nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditWithin) // who has left has done it all the same
		defer cancel()
		err = m.audits.Record(ctx, auditOf, append(text, '\n'))
	}
	if err != nil {
		m.house.journal.trouble(fmt.Errorf("what was done is in this log only: %w", err))
	}
}

// audited gives back what was noted.
func (m *member) audited(ctx context.Context, since time.Time, follow bool, f func(lines []byte) error) error {
	return m.audits.Read(ctx, auditOf, since, follow, f)
}

func auditCommand() *cli.Command {
	return &cli.Command{
		Name: "audit", Usage: "show what was done to the cluster, by whom, and what was refused",
		Description: "Needs a token for looking after nodes. The cluster remembers 64 MB of it, for 400 days at most; nobody can take out any.",
		Flags: []cli.Flag{
			&cli.DurationFlag{Name: "since", Value: auditSince, Usage: "begin so `long` ago, like 1h"},
			&cli.StringFlag{Name: "app", Usage: "only what was done to this `app`"},
			&cli.BoolFlag{Name: "refused", Usage: "only what was refused"},
			&cli.BoolFlag{Name: "json", Usage: "print each event as JSON"},
			toFlag(),
		},
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usageError("fortuna audit --since 24h", "audit takes no arguments, got %q", c.Args().First())
			}
			if c.Duration("since") < 0 {
				return usageError("--since 24h", "--since is how long ago: it cannot be negative")
			}
			r, err := openRemote(c)
			if err != nil {
				return err
			}
			t := processOf(c).term
			var b strings.Builder
			w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
			err = r.Audit(c.Context, c.Duration("since"), false, func(e control.Event) error {
				switch {
				case c.String("app") != "" && e.App != c.String("app"), c.Bool("refused") && !e.Refused:
				case c.Bool("json"):
					return printJSON(t, e)
				default:
					what := t.out.printable(e.What)
					if e.Refused {
						what = "refused: " + what
					}
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", e.Time.Local().Format(time.DateTime), t.out.printable(e.Node), t.out.printable(e.Who), what)
				}
				return nil
			})
			if err != nil {
				return remoteProblem(err)
			}
			_ = w.Flush() // into memory
			t.raw(b.String())
			return nil
		},
	}
}
