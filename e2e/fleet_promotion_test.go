package e2e

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const keptCode = `export default {
	async fetch(request, env, ctx) {
		const path = new URL(request.url).pathname
		if (path === "/plain") return new Response("plain")
		if (path === "/key") {
			const n = Number(await env.NOTES.get("n") ?? 0)
			return new Response(String(n))
		}
		if (path === "/put") { await env.NOTES.put("n", "1"); return new Response("put") }
		return new Response(String(ctx.session.inc("n", 1)))
	},
}`

// keptConfig lets requests wait for as long as an election may take on a machine that does much else: 4 to 9 s and more.
const keptConfig = "name = \"shop\"\n[session]\n[kv.NOTES]\n[limits]\nstate_ms = 25000\n"

// load is visitors that count in their sessions, one after the other, each by one node.
type load struct {
	t                *testing.T
	answered, failed atomic.Int64
	last             []atomic.Int64
	stop             chan struct{}
	wait             sync.WaitGroup
}

// startLoad has two visitors at each node. hurt reports whether a node's failures are to be expected now.
func (f *fleet) startLoad(hurt func(*fleetNode) bool) *load {
	l := &load{t: f.t, stop: make(chan struct{}), last: make([]atomic.Int64, 2*len(f.nodes))}
	for i := range l.last {
		n := f.nodes[i%len(f.nodes)]
		l.wait.Go(func() {
			v := newVisitor()
			v.client.Timeout = 40 * time.Second
			for {
				select {
				case <-l.stop:
					return
				default:
				}
				if hurt(n) {
					time.Sleep(time.Millisecond) // it is no client of a node that is away
					continue
				}
				begun := time.Now()
				status, body := v.ask(n.asNode(), "/")
				count := int64(0)
				if _, err := fmt.Sscan(body, &count); err != nil || status != 200 {
					if !hurt(n) {
						l.failed.Add(1)
						l.t.Logf("%s, visitor %d: %d %q after %v", n.name, i, status, body, time.Since(begun))
					}
					continue
				}
				l.answered.Add(1)
				if before := l.last[i].Swap(count); count <= before {
					l.t.Errorf("visitor %d of %s was at %d and is at %d", i, n.name, before, count)
				}
			}
		})
	}
	return l
}

func (l *load) end() {
	close(l.stop)
	l.wait.Wait()
}

// more waits until each visitor of the nodes that stay has been answered n times more.
func (l *load) more(n int64, stays func(i int) bool) {
	l.t.Helper()
	for i := range l.last {
		if !stays(i) {
			continue
		}
		want := l.last[i].Load() + n
		for deadline := time.Now().Add(time.Minute); l.last[i].Load() < want; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				l.t.Fatalf("visitor %d is at %d, not at %d", i, l.last[i].Load(), want)
			}
		}
	}
}

// ready asks the node whether it is.
func (n *fleetNode) ready() error {
	a, err := http.Get(n.admin() + "/readyz")
	if err != nil {
		return err
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err == nil && a.StatusCode != 200 {
		err = errors.New(string(text))
	}
	return err
}

// A cluster whose store is at one node has it at three, while visitors count; from then on any of them is killed, and nobody
// but those it was answering notices: what was acknowledged is there.
func TestFleet_promotes(t *testing.T) {
	f := startFleet(t, 3)
	f.deploy(f.project("shop", map[string]string{"index.js": keptCode, "fortuna.toml": keptConfig}))
	if _, body, err := f.nodes[1].get(http.DefaultClient, "/put"); body != "put" {
		t.Fatal(body, err)
	}
	plan, trouble, err := f.run("", "node", "promote", "n2", "n3")
	if err != nil || !strings.Contains(trouble, "Nothing was done") {
		t.Fatal(plan, trouble, err)
	}
	for why, names := range map[string][]string{"three or five": {"n2"}, "no node n4": {"n2", "n4"}, "named twice": {"n2", "n2"}, "has the store": {"n1", "n2"}} {
		_, trouble, err := f.run("", append([]string{"node", "promote", "--yes"}, names...)...)
		if err == nil || !strings.Contains(trouble, why) {
			t.Errorf("%v: %v\n%s", names, err, trouble)
		}
	}
	var away atomic.Pointer[fleetNode]
	l := f.startLoad(func(n *fleetNode) bool { return away.Load() == n })
	everybody := func(int) bool { return true }
	l.more(5, everybody)
	begun := time.Now()
	_, trouble, err = f.run("", "node", "promote", "--yes", "n2", "n3")
	t.Logf("%v after %v:\n%s", err, time.Since(begun), trouble)
	if err != nil {
		t.FailNow()
	}
	l.more(5, everybody)
	if l.failed.Load() > 0 {
		t.Errorf("%d of %d requests failed while the store moved", l.failed.Load(), l.answered.Load())
	}
	if list := f.mustRun("", "node", "ls"); strings.Count(list, "core") != 3 {
		t.Errorf("roles:\n%s", list)
	}
	if _, _, err := f.run("", "node", "promote", "--yes", "n2", "n3"); err == nil {
		t.Error("it is done twice")
	}
	for round := range *crashes {
		n := f.nodes[round%3]
		away.Store(n)
		n.crash()
		killed := time.Now()
		l.more(3, func(i int) bool { return f.nodes[i%3] != n })
		t.Logf("%s was killed: the others went on after %v", n.name, time.Since(killed).Round(time.Millisecond))
		for _, o := range f.nodes {
			if o != n {
				if _, body, err := o.get(http.DefaultClient, "/key"); body != "1" {
					t.Errorf("%s: %q %v", o.name, body, err)
				}
			}
		}
		n.start()
		away.Store(nil)
		l.more(3, everybody)
		// Who takes another one away before this one has everything again, takes two.
		soon(t, func() error { return n.ready() })
	}
	// One that ends in good order loses nothing at all.
	n := f.nodes[0]
	away.Store(n)
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-n.ended
	l.more(3, func(i int) bool { return f.nodes[i%3] != n })
	n.start()
	away.Store(nil)
	l.more(3, everybody)
	l.end()
	t.Logf("%d crashes, %d requests, %d failed", *crashes, l.answered.Load(), l.failed.Load())
	if l.failed.Load() > 0 {
		t.Errorf("%d requests failed at nodes that ran", l.failed.Load())
	}
}

// A promotion in which a node does not take part leaves everything as it was, and can be made later.
func TestFleet_promotionGivenUp(t *testing.T) {
	f := startFleet(t, 3)
	f.deploy(f.project("shop", map[string]string{"index.js": keptCode, "fortuna.toml": keptConfig}))
	l := f.startLoad(func(n *fleetNode) bool { return n == f.nodes[2] })
	stays := func(i int) bool { return i%3 != 2 }
	l.more(3, stays)
	if err := f.nodes[2].cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	_, trouble, err := f.run("", "node", "promote", "--yes", "n2", "n3")
	if err == nil || !strings.Contains(trouble, "only 1 of 2 nodes were ready") {
		t.Errorf("%v\n%s", err, trouble)
	}
	l.more(3, stays)
	soon(t, func() error {
		for _, name := range []string{"root.key", "store"} {
			if _, err := os.Stat(filepath.Join(f.nodes[1].data, name)); err == nil {
				return fmt.Errorf("n2 keeps %s of what was given up", name)
			}
		}
		return nil
	})
	if err := f.nodes[2].cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	soon(t, func() error {
		_, trouble, err = f.run("", "node", "promote", "--yes", "n2", "n3")
		if err != nil {
			return fmt.Errorf("%v\n%s", err, trouble)
		}
		return nil
	})
	l.more(3, stays)
	l.end()
	if l.failed.Load() > 0 {
		t.Errorf("%d of %d requests failed", l.failed.Load(), l.answered.Load())
	}
}

// A node that dies while it shares its store has it alone when it is back, and can share it then.
func TestFleet_promotionCutShort(t *testing.T) {
	f := startFleet(t, 3)
	f.deploy(f.project("shop", map[string]string{"index.js": keptCode, "fortuna.toml": keptConfig}))
	v := newVisitor()
	if _, body := v.ask(f.nodes[1].asNode(), "/"); body != "1" {
		t.Fatal(body)
	}
	if err := f.nodes[2].cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _, _ = f.run("", "node", "promote", "--yes", "n2", "n3") // the node that is asked dies
	}()
	soon(t, func() error { // one of them waits for the other
		if text := f.nodes[0].log.String(); !strings.Contains(text, "share the store with") {
			return errors.New("nobody is promoted yet")
		}
		return nil
	})
	f.nodes[0].crash()
	<-gone
	if err := f.nodes[2].cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	f.nodes[0].start()
	soon(t, func() error {
		_, trouble, err := f.run("", "node", "promote", "--yes", "n2", "n3")
		if err != nil {
			return fmt.Errorf("%v\n%s", err, trouble)
		}
		return nil
	})
	for i, n := range f.nodes {
		if status, body := v.ask(n.asNode(), "/"); status != 200 || body != fmt.Sprint(i+2) {
			t.Errorf("%s: %d %q", n.name, status, body)
		}
	}
}
