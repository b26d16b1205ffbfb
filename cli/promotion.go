package cli

import (
	"context"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fortunadws/fortuna/cli/control"
)

// nodePromote has workers keep the store too. What that means is told first, and it is done with --yes.
func nodePromote(ctx context.Context, c *cli.Context, r *reached, words []string) error {
	plan, err := r.Sharing(ctx, words)
	if err != nil {
		return remoteProblem(err)
	}
	if plan.Against != "" {
		return refused("fortuna node ls", "%s", plan.Against)
	}
	t := processOf(c).term
	all := plan.Node + ", " + strings.Join(plan.With, ", ")
	t.note("The store is at %s alone. It will be at %s: any one of them may be lost.", plan.Node, all)
	t.note("  copied:  %d streams, %d messages, %s", plan.Streams, plan.Messages, kilobytes(int(plan.Bytes)))
	t.note("  paused:  changes of state wait while it is copied; what needs no state is served")
	t.note("  trusted: %s get the root key of the cluster: who has it is the cluster", strings.Join(plan.With, " and "))
	t.note("  kept:    the former store, in %s on %s, until you delete it", plan.Former, plan.Node)
	t.note("  undone:  never: from then on most of them must run for anything to be changed")
	if plan.Machines < 1+len(plan.With) {
		t.warn("these nodes are on fewer machines than they are: one that fails takes several with it")
	}
	if !c.Bool("yes") {
		t.note("Nothing was done. To do it: fortuna node promote --yes %s", strings.Join(words, " "))
		return nil
	}
	failure := ""
	err = r.Share(c.Context, words, func(s control.Shared) {
		switch {
		case s.Failed != "":
			failure = s.Failed
		case !s.Done:
			t.note("%s %s (%s)", t.err.paint(green, "✓"), t.err.printable(s.What), milliseconds(time.Duration(s.TookMs)*time.Millisecond))
		}
	})
	switch {
	case err != nil:
		return remoteProblem(err)
	case failure != "":
		return failed("fortuna status", "the store stays at %s alone: %s", plan.Node, failure)
	}
	t.result("The store is at %s.", all)
	return nil
}
