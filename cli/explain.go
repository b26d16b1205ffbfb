package cli

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"
)

func explainCommand() *cli.Command {
	return &cli.Command{
		Name: "explain", Usage: "say which node would answer a request, and why", ArgsUsage: "url",
		Description: "Asks the node that you are logged in to: which app a URL is for, whether that node would serve it, and how the others stand.",
		Flags:       []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print the result as JSON"}, toFlag()},
		Action: func(c *cli.Context) error {
			url, err := word(c)
			if err != nil {
				return err
			}
			if !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") && !strings.HasPrefix(url, "/") {
				return usageError("fortuna explain http://example.com/path", "explain takes a URL, got %q", url)
			}
			ctx, cancel := context.WithTimeout(c.Context, loginWait)
			defer cancel()
			r, err := openRemote(c)
			if err != nil {
				return err
			}
			e, err := r.Explain(ctx, url)
			if err != nil {
				return remoteProblem(err)
			}
			t := processOf(c).term
			if c.Bool("json") {
				return printJSON(t, e)
			}
			if e.App == "" {
				t.result("%s%s comes to %s: %s", e.Host, e.Path, e.Node, e.Why)
				return nil
			}
			t.result("%s%s is for %s %s. It comes to %s and is answered by %s: %s.", e.Host, e.Path, e.App, e.Version, e.Node, t.out.paint(bold, e.Where), e.Why)
			if len(e.Candidates) == 0 {
				return nil
			}
			var b strings.Builder
			w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
			fmt.Fprintf(w, "  NODE (%s)\tSTATE\tWEIGHT\tSCORE\tGIVEN\tQUEUE\tCPU\tPACE\t\n", e.Policy)
			for _, n := range e.Candidates {
				mark, pace := " ", "-"
				if n.Chosen {
					mark = "*"
				}
				if n.PaceMs > 0 {
					pace = milliseconds(time.Duration(n.PaceMs * float64(time.Millisecond)))
				}
				fmt.Fprintf(w, "%s %s\t%s\t%.3g\t%.3g\t%d\t%d\t%.0f %%\t%s\t%s\n", mark, n.Node, n.State, n.Weight, n.Score, n.Inflight, n.Queue, 100*n.CPU, pace, t.out.printable(n.Why))
			}
			_ = w.Flush() // into memory
			t.raw(b.String())
			return nil
		},
	}
}
