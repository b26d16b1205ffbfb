package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"github.com/fortunadws/fortuna/cli/control"
	"github.com/fortunadws/fortuna/kv/artifact"
	"github.com/fortunadws/fortuna/runtime"
)

func deployCommand() *cli.Command {
	return &cli.Command{
		Name: "deploy", Usage: "make a version of a project and have the nodes of a cluster serve it", ArgsUsage: "[directory or file]",
		Description: "Bundles the project, uploads what the cluster does not have yet, and waits until every node serves the new version. A node\n" +
			"loads it in a process of its own first: a version that does not load is never served. Prints the command that takes it back.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "message", Aliases: []string{"m"}, Usage: "`text` that the list of versions shows"},
			&cli.BoolFlag{Name: "dry-run", Usage: "show what would be deployed, and do nothing"},
			&cli.IntFlag{Name: "canary", Usage: "give it to so many `percent` of the visitors first, and to none when it does worse; fortuna promote gives it to all"},
			waitFlag(), &cli.BoolFlag{Name: "json", Usage: "print the result as JSON"}, toFlag(),
		}, sourceFlags()...),
		Action: func(c *cli.Context) error {
			from, err := sourceOf(c)
			if err != nil {
				return err
			}
			p := processOf(c)
			a, err := pack(p, from, c.String("message"))
			if err != nil {
				return err
			}
			if share := c.Int("canary"); c.IsSet("canary") && (share < 1 || share > 99) {
				return usageError("fortuna deploy --canary 10", "--canary is a share of the visitors from 1 to 99 percent, got %d", share)
			}
			if wait := c.Duration("wait"); wait < 0 || wait > waitMax {
				return usageError("--wait 1m", "--wait must be from 0 to %v, got %v", waitMax, wait)
			}
			if c.Bool("dry-run") {
				return a.show(p.term, c.Bool("json"))
			}
			r, err := openRemote(c)
			if err != nil {
				return err
			}
			return deploy(c, r, a)
		},
	}
}

// waitMax is how long the cluster tells of a release.
const waitMax = 10 * time.Minute

// waitFlag says how long a release is waited for.
func waitFlag() cli.Flag {
	return &cli.DurationFlag{Name: "wait", Value: time.Minute, Usage: "how long to wait for the nodes; 0 does not wait"}
}

// uploadsAtOnce is how many files are on their way at a time.
const uploadsAtOnce = 4

// deployment is what a release has come to.
type deployment struct {
	App      string         `json:"app"`
	Version  string         `json:"version"`
	Canary   string         `json:"canary,omitempty"`
	Former   string         `json:"former,omitempty"`
	Counter  uint64         `json:"counter"`
	Uploaded int            `json:"uploadedFiles"`
	Bytes    int            `json:"uploadedBytes"`
	TookMs   int64          `json:"tookMs"` // from the release to the last node
	Nodes    []control.Step `json:"nodes"`
	Missing  int            `json:"missing"`
	Rollback string         `json:"rollback,omitempty"`
}

func deploy(c *cli.Context, r *reached, a *parcel) error {
	t, ctx, app := processOf(c).term, c.Context, a.version.App
	t.note("%s", t.err.paint(dim, "Cluster "+r.name))
	out := deployment{App: app}
	var err error
	out.Uploaded, out.Bytes, err = a.upload(ctx, r, func(done, all, bytes int) {
		if t.err.terminal {
			t.print(t.err, uploadedPart(done, all, bytes))
		}
	})
	if t.err.terminal && out.Uploaded > 0 {
		t.print(t.err, "\r\x1b[K")
	}
	if err != nil {
		return err
	}
	t.note("Uploaded %d of %d files, %s", out.Uploaded, len(a.contents), kilobytes(out.Bytes))
	made, err := r.Version(ctx, a.version)
	if err != nil {
		return remoteProblem(err)
	}
	for _, w := range made.Warnings {
		t.warn(t.err.printable(w))
	}
	t.note("Version %s starts in %.1f ms", made.ID, made.StartUpMs)
	rel := artifact.Release{App: app, Version: made.ID, Kind: "deploy", Message: a.version.Message}
	if share := c.Int("canary"); share > 0 {
		now, err := r.Current(ctx, app)
		if err != nil {
			return remoteProblem(err)
		}
		if now.Counter == 0 {
			return refused("fortuna deploy, without --canary", "there is no version of %s that the other visitors could get", app)
		}
		rel.Version, rel.Canary, rel.Share, rel.Kind = now.Version, made.ID, share, "canary"
	}
	return putInForce(c, r, rel, out)
}

// upload sends the contents that the cluster does not have, and calls told after each.
func (a *parcel) upload(ctx context.Context, r *reached, told func(done, all, bytes int)) (files, bytes int, err error) {
	missing, err := r.Missing(ctx, a.version.App, slices.Sorted(maps.Keys(a.contents)))
	if err != nil {
		return 0, 0, remoteProblem(err)
	}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(uploadsAtOnce)
	for _, sum := range missing {
		data, ok := a.contents[sum]
		if !ok {
			return 0, 0, failed("", "the cluster asks for a file that is none of the version: %q", sum)
		}
		g.Go(func() error {
			if err := r.Upload(ctx, a.version.App, data); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			files++
			bytes += len(data)
			told(files, len(missing), bytes)
			return nil
		})
	}
	return files, bytes, remoteProblem(g.Wait())
}

// putInForce puts a release in force after the one that is, and tells what becomes of it. A release that another one has
// overtaken is not tried again: whoever did that meant something.
func putInForce(c *cli.Context, r *reached, rel artifact.Release, out deployment) error {
	t, ctx := processOf(c).term, c.Context
	now, err := r.Current(ctx, rel.App)
	if err != nil {
		return remoteProblem(err)
	}
	if now.Version != rel.Version {
		out.Former = now.Version
	}
	rel = after(now, rel)
	out.App, out.Version, out.Canary, out.Counter, out.Nodes = rel.App, rel.Version, rel.Canary, rel.Counter, []control.Step{}
	failures := 0
	err = r.Release(ctx, rel, c.Duration("wait"), func(s control.Step) {
		switch {
		case s.Done:
			out.Missing, out.TookMs = s.Missing, s.TookMs
			return
		case s.Failure != "":
			failures++
			t.note("%s %s: %s", t.err.paint(red, "✗"), t.err.printable(s.Node), t.err.printable(s.Failure))
		default:
			t.note("%s %s %d ms", t.err.paint(green, "✓"), t.err.printable(s.Node), s.TookMs)
		}
		out.Nodes = append(out.Nodes, s)
	})
	if err != nil {
		return remoteProblem(err)
	}
	if out.Former != "" {
		out.Rollback = "fortuna rollback --app " + rel.App + " " + out.Former
	}
	if rel.Canary != "" {
		out.Rollback = "fortuna rollback --app " + rel.App
	}
	if c.Bool("json") {
		if err := printJSON(t, out); err != nil {
			return err
		}
	} else {
		t.result("%s is version %s on %d nodes after %s", rel.App, t.out.paint(bold, rel.Version), len(out.Nodes)-failures, milliseconds(time.Duration(out.TookMs)*time.Millisecond))
		if rel.Canary != "" {
			t.note("%d %% of the visitors get %s. For all of them: fortuna promote --app %s", rel.Share, rel.Canary, rel.App)
		}
		if out.Rollback != "" {
			t.note("To take it back: %s", out.Rollback)
		}
	}
	switch {
	case failures > 0:
		return failed(out.Rollback, "%d nodes keep what they served: the version does not load there", failures)
	case out.Missing > 0 && c.Duration("wait") > 0:
		return &problem{exitUnreachable, fmt.Sprintf("%d nodes have said nothing within %v; they serve the version when they can", out.Missing, c.Duration("wait")), "fortuna status"}
	}
	return nil
}

// after is rel as the release that follows now.
func after(now, rel artifact.Release) artifact.Release {
	rel.Counter, rel.Created = now.Counter+1, time.Now().UTC().Truncate(time.Millisecond)
	return rel
}

// loadProblem shows why a bundle does not load.
func (a *parcel) loadProblem(t *term, err error) error {
	var failure *runtime.Failure
	if errors.As(err, &failure) {
		t.fault(loadFault(a.bundle, failure))
		return errReported
	}
	return err
}

// sortedKeys are the names in a table.
func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
