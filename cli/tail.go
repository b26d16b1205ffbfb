package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fortunadws/fortuna/cli/control"
)

func tailCommand() *cli.Command {
	return &cli.Command{
		Name: "tail", Usage: "show what an app does on all nodes: requests, console, failures", ArgsUsage: "[app]",
		Description: "Follows until Ctrl-C. The cluster remembers 256 MB of it, for a week at most; --since shows that first.",
		Flags: []cli.Flag{
			&cli.DurationFlag{Name: "since", Usage: "begin so `long` ago, like 1h"},
			&cli.BoolFlag{Name: "no-follow", Usage: "end when everything until now is shown"},
			&cli.StringFlag{Name: "status", Usage: "only answers with this `status`: 404, 5xx, or error for all from 400"},
			&cli.StringFlag{Name: "method", Usage: "only requests with this `method`"},
			&cli.StringFlag{Name: "path", Usage: "only requests whose path begins `so`"},
			&cli.StringFlag{Name: "node", Usage: "only what this `node` did"},
			&cli.StringFlag{Name: "version", Usage: "only what this `version` did"},
			&cli.StringFlag{Name: "search", Usage: "only lines with this `text` in them"},
			&cli.BoolFlag{Name: "json", Usage: "print each line as JSON"},
			toFlag(), envFlag(),
		},
		Action: func(c *cli.Context) error {
			name, err := word(c)
			if err != nil {
				return err
			}
			app, err := appOf(c, name)
			if err != nil {
				return err
			}
			wanted, err := filterOf(c)
			if err != nil {
				return err
			}
			r, err := openRemote(c)
			if err != nil {
				return err
			}
			p := processOf(c)
			ctx, cancel := context.WithCancel(c.Context)
			defer cancel()
			signals := p.signals(os.Interrupt, syscall.SIGTERM)
			var ended os.Signal
			go func() {
				select {
				case ended = <-signals:
					cancel()
				case <-ctx.Done():
				}
			}()
			follow := !c.Bool("no-follow")
			if follow {
				p.term.note("%s", p.term.err.paint(dim, "What "+app+" does on "+r.name+"; Ctrl-C ends it."))
			}
			err = r.Tail(ctx, app, c.Duration("since"), follow, func(l control.Line) error {
				switch {
				case !wanted(&l):
				case c.Bool("json"):
					return printJSON(p.term, l)
				default:
					p.term.line(&l)
				}
				return nil
			})
			if errors.Is(err, context.Canceled) && ended != nil {
				return endedBy(ended)
			}
			return remoteProblem(err)
		},
	}
}

// filterOf is which lines the flags ask for.
func filterOf(c *cli.Context) (wanted func(*control.Line) bool, err error) {
	status := strings.ToLower(c.String("status"))
	least, most := 0, 0
	switch n, err := strconv.Atoi(status); {
	case status == "":
	case status == "error":
		least, most = 400, 999
	case len(status) == 3 && strings.HasSuffix(status, "xx") && status[0] >= '1' && status[0] <= '5':
		least = int(status[0]-'0') * 100
		most = least + 99
	case err != nil || n < 100 || n > 999:
		return nil, usageError("--status 404, --status 5xx, --status error", "--status must be a number, a class or error, got %q", status)
	default:
		least, most = n, n
	}
	if c.Duration("since") < 0 {
		return nil, usageError("--since 1h", "--since is how long ago: it cannot be negative")
	}
	same := func(flag, value string) bool { return c.String(flag) == "" || strings.EqualFold(c.String(flag), value) }
	return func(l *control.Line) bool {
		return (most == 0 || l.Status >= least && l.Status <= most) && same("method", l.Method) && same("node", l.Node) &&
			strings.HasPrefix(l.Path, c.String("path")) && strings.HasPrefix(l.Version, c.String("version")) &&
			(c.String("search") == "" || slices.ContainsFunc([]string{l.Text, l.Path, l.Host, l.Request, l.Trace}, func(s string) bool { return strings.Contains(s, c.String("search")) }))
	}, nil
}

// line prints one for a person.
func (t *term) line(l *control.Line) {
	s := t.out
	words := []string{s.paint(dim, l.Time.Local().Format("15:04:05.000")), s.printable(l.Node)}
	switch l.Kind {
	case "request":
		st := green
		switch {
		case l.Status >= 500 || l.Status == 0:
			st = alarm
		case l.Status >= 400:
			st = yellow
		case l.Status >= 300:
			st = cyan
		}
		words = append(words, s.printable(l.Method), s.printable(l.Path), s.paint(st, fmt.Sprint(l.Status)), s.paint(dim, milliseconds(time.Duration(l.Micros)*time.Microsecond)))
	default:
		st := dim
		if l.Level == "error" || l.Kind == "dropped" {
			st = red
		}
		words = append(words, s.paint(st, fmt.Sprintf("%-5s", l.Level)), s.printable(strings.TrimRight(l.Text, "\n")))
	}
	t.raw(strings.Join(words, " ") + "\n")
}
