package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/fortunadws/fortuna/cli/control"
	"github.com/fortunadws/fortuna/kv/artifact"
)

// drill is fortuna dev --nodes: each save is deployed to a fleet whose nodes a person kills, slows and revives.
type drill struct {
	process *process
	options devOptions
	project *project
	fleet   *fleet
	watcher *watcher
	url     string

	deployed  *artifact.Version // the last one; nil before there is any
	broken    bool              // what is on the disk is not what is served
	unreached bool              // because too few nodes run that have the store
	reviving  sync.WaitGroup
}

// rehearse serves o.path on several nodes until a signal.
func rehearse(p *process, o devOptions) error {
	signals := p.signals(os.Interrupt, syscall.SIGTERM)
	p.term.backlog = newBacklog() // before there is another goroutine that prints
	ready, err := openReadyFile(p.dir, o.readyFile)
	if err != nil {
		return err
	}
	defer ready.discard()
	d := &drill{process: p, options: o}
	if err := d.open(); err != nil {
		return err
	}
	defer d.watcher.Close()
	stdin, restore := openKeyboard(p.stdin)
	defer restore()
	keys := make(chan key)
	if stdin != nil {
		go readKeys(stdin, keys)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- d.work(ctx, ready) }()
	err = d.mind(ctx, signals, keys, ended)
	cancel()
	d.fleet.stop(drainDeadline)
	d.reviving.Wait()
	d.fleet.stop(0) // what was being started then
	return err
}

// open reads the project and prepares the nodes.
func (d *drill) open() (err error) {
	p, o := d.process, &d.options
	if d.project, _, err = o.source.open(p.dir); err != nil {
		return err
	}
	entrance, err := o.door(d.project.config)
	if err != nil {
		return err
	}
	// Who listens there already is told better here than by the process that is to.
	l, err := net.Listen("tcp", net.JoinHostPort(entrance.host, strconv.Itoa(entrance.port)))
	if err != nil {
		return entrance.closed(err, func(host string, port int) string {
			return fmt.Sprintf("fortuna dev --nodes %d --host %s --port %d", o.nodes, host, port)
		})
	}
	d.url, entrance.port = entrance.url(l.Addr()), l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	dir := filepath.Join(d.project.root, filepath.FromSlash(devNodes))
	if o.persistTo != "" {
		dir = filepath.Join(absolute(p.dir, o.persistTo), filepath.Base(devNodes))
	}
	if o.fresh {
		if err := os.RemoveAll(dir); err != nil {
			return failed("", "%v", err)
		}
	}
	if err := d.project.ignored(dir); err != nil {
		return failed("", "%v", err)
	}
	var secure map[string]any
	if entrance.https {
		files, err := issueLocal(p)
		if err != nil {
			return err
		}
		secure = map[string]any{"cert": files.Cert, "key": files.Key}
	}
	d.fleet = newFleet(p, dir, o.nodes, o.level, entrance)
	if err := d.fleet.configure(d.project, secure); err != nil {
		return err
	}
	if d.watcher, err = newWatcher(); err != nil {
		return failed("", "watch files: %v", err)
	}
	return nil
}

// work forms the fleet, deploys, says when it is ready, and deploys again after each change until ctx ends.
func (d *drill) work(ctx context.Context, ready *readyFile) error {
	t, begun := d.process.term, time.Now()
	t.note("%s %s on %d nodes in %s", t.err.paint(bold, d.project.name()), t.err.paint(dim, d.project.entry), len(d.fleet.nodes), relative(d.project.root, d.fleet.dir))
	if err := d.fleet.form(ctx); err != nil {
		return err
	}
	t.note("%d nodes run after %s. Keys: %s", len(d.fleet.nodes), milliseconds(time.Since(begun)), keysHelp)
	d.list()
	d.deploy(ctx)
	t.result("%s %s", t.out.paint(bold, "Ready on"), t.out.paint(cyan, d.url))
	if err := ready.tell(d.url); err != nil {
		return err
	}
	if d.options.open || d.project.config.Dev.Open {
		if err := openBrowser(d.url); err != nil {
			t.warn(err.Error())
		}
	}
	for {
		var again <-chan time.Time
		if d.unreached {
			again = time.After(deployAgain)
		}
		select {
		case <-d.watcher.changes:
			d.deploy(ctx)
		case <-again:
			d.deploy(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// deployAgain is the pause before a save is deployed again that the store could not take: its nodes agree on a leader, for some
// seconds after one was killed.
const deployAgain = time.Second

// releaseWaits is how long a save waits for nodes: one that was just killed is missed for some seconds.
const releaseWaits = 10 * time.Second

// deploy has the nodes serve the project as it is on the disk. When that fails, they serve what they did.
func (d *drill) deploy(ctx context.Context) {
	t, begun := d.process.term, time.Now()
	inputs, err := d.release(ctx, begun)
	var p *problem
	unreached := errors.As(err, &p) && p.code == exitUnreachable
	switch {
	case err == nil || ctx.Err() != nil:
	case unreached && d.unreached: // it was told
	case unreached:
		t.warn(t.err.printable(err.Error()) + "; it is tried again")
	default:
		report(t, err)
		if d.deployed != nil {
			t.note("The last version that worked goes on serving.")
		}
	}
	d.broken, d.unreached = err != nil, unreached
	if err := d.watcher.follow(d.project, d.options.files(d.process.dir, d.project), inputs, d.broken); err != nil {
		t.warn("some changes will not be seen: " + err.Error())
	}
}

// release returns the files that the code is made of, as far as they are known.
func (d *drill) release(ctx context.Context, begun time.Time) (inputs []string, err error) {
	t := d.process.term
	a, err := pack(d.process, d.options.source, "")
	if err != nil {
		return nil, err
	}
	inputs, d.project = a.bundle.Inputs, a.project
	if d.deployed != nil && !d.broken && same(*d.deployed, a.version) {
		return inputs, nil
	}
	r, err := d.fleet.reach()
	if err != nil {
		return inputs, err
	}
	if _, _, err := a.upload(ctx, r, func(int, int, int) {}); err != nil {
		return inputs, err
	}
	made, err := r.Version(ctx, a.version)
	if err != nil {
		return inputs, remoteProblem(err)
	}
	for _, w := range made.Warnings {
		t.warn(t.err.printable(w))
	}
	now, err := r.Current(ctx, a.version.App)
	if err != nil {
		return inputs, remoteProblem(err)
	}
	d.fleet.code.Store(a.bundle)
	rel := after(now, artifact.Release{App: a.version.App, Version: made.ID, Kind: "deploy"})
	serve, missing, failure := 0, 0, error(nil)
	err = r.Release(ctx, rel, releaseWaits, func(s control.Step) {
		switch {
		case s.Done:
			missing = s.Missing
		case s.Failure != "":
			failure = errors.Join(failure, failed("", "%s: %s", s.Node, t.err.printable(s.Failure)))
		default:
			serve++
		}
	})
	if err != nil {
		return inputs, remoteProblem(err)
	}
	if failure != nil {
		return inputs, failure
	}
	if d.deployed == nil {
		if err := d.fleet.opened(ctx, r, rel.App, rel.Counter); err != nil {
			return inputs, err
		}
	}
	d.deployed = &a.version
	t.note("%s on %d nodes in %s", t.err.paint(green, "Deployed "+made.ID), serve, milliseconds(time.Since(begun)))
	if missing > 0 {
		t.warn(fmt.Sprintf("%d nodes have not said that they serve it", missing))
	}
	return inputs, nil
}

// same reports whether two versions differ in nothing that is served.
func same(a, b artifact.Version) bool {
	a.Created, b.Created = time.Time{}, time.Time{}
	return reflect.DeepEqual(a, b)
}

// mind does what is typed, and tells of nodes that end, until a signal or until work has ended.
func (d *drill) mind(ctx context.Context, signals <-chan os.Signal, keys <-chan key, ended <-chan error) error {
	t := d.process.term
	for {
		select {
		case k := <-keys:
			if k.verb == 'q' {
				return nil
			}
			d.press(ctx, k)
		case n := <-d.fleet.died:
			if n == d.fleet.door {
				return failed("", "the balancer has ended: what it said last is above")
			}
			t.warn(n.name + " has ended by itself; r revives it")
		case err := <-ended:
			return err
		case sig := <-signals:
			return endedBy(sig)
		}
	}
}

// press does what a key asks for.
func (d *drill) press(ctx context.Context, k key) {
	t, node := d.process.term, d.fleet.node(k.node)
	switch {
	case k.verb == 'r':
		d.revive(ctx)
	case k.verb == 'l':
		d.list()
	case k.verb != 'k' && k.verb != 's':
		t.note("Keys: %s", keysHelp)
	case k.node == 0: // the number is still to come
	case node == nil:
		t.note("There is no node n%d: there are n1 to n%d.", k.node, len(d.fleet.nodes))
	case k.verb == 's' && node.slow():
		t.note("%s runs for %d %% of the time.", node.name, 100*slowAwake/slowPeriod)
	case k.verb == 's':
		t.note("%s is dead or slow already: r revives it.", node.name)
	case node.kill():
		t.note("%s was killed.", node.name)
		if left := d.fleet.cores(); left == 1 && k.node <= fleetNodesMin {
			t.warn("one of three nodes has the store now: sessions and keys wait until r revives another")
		}
	default:
		t.note("%s is dead already: r revives it.", node.name)
	}
}

// revive has all nodes run as they should.
func (d *drill) revive(ctx context.Context) {
	t := d.process.term
	all := true
	for _, n := range d.fleet.nodes {
		if n.hasten() {
			t.note("%s runs as it can.", n.name)
			all = false
		}
		if _, _, runs := n.state(); runs || !n.reviving.CompareAndSwap(false, true) {
			continue
		}
		all = false
		d.reviving.Go(func() {
			defer n.reviving.Store(false)
			begun := time.Now()
			if err := n.start(ctx); err != nil {
				if ctx.Err() == nil {
					report(t, err)
				}
				return
			}
			t.note("%s is back after %s.", n.name, milliseconds(time.Since(begun)))
		})
	}
	if all {
		t.note("All nodes run.")
	}
}

// list prints how the nodes are.
func (d *drill) list() {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for i, n := range d.fleet.nodes {
		state, url, _ := n.state()
		what := ""
		if i < fleetNodesMin {
			what = "has the store"
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", n.name, state, url, what)
	}
	_ = w.Flush() // into memory
	d.process.term.note("%s", strings.TrimRight(b.String(), "\n"))
}
