package upstream_test

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/upstream"
)

func TestParsePolicy(t *testing.T) {
	for _, text := range []string{"p2c", "round_robin", "least_conn", "weighted", "ip_hash", "uri_hash", "header:X-Tenant", "cookie:sid", "session"} {
		p, err := upstream.ParsePolicy(text)
		if err != nil || p.String() != text {
			t.Errorf("%s: got %v, %v", text, p, err)
		}
	}
	for text, want := range map[string]string{
		"":            upstream.Policies,
		"fastest":     `"fastest"`,
		"P2C":         upstream.Policies,
		"header":      "header:<name>",
		"header:":     "header:<name>",
		"header:a b":  "header:<name>",
		"cookie:":     "cookie:<name>",
		"p2c:x":       "takes no name",
		"session:sid": "takes no name",
	} {
		if _, err := upstream.ParsePolicy(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q in it", text, err, want)
		}
	}
	if p, err := upstream.ParsePolicy("p2c"); err != nil || p != (upstream.Policy{}) {
		t.Errorf("the zero value is %v", upstream.Policy{})
	}
}

// clock is time that tests move.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()) }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

// pool has nodes that have been there for long, as of the clock; nobody connects to them.
func pool(t testing.TB, policy string, c *clock, nodes ...upstream.Node) *upstream.Pool {
	t.Helper()
	chosen, err := upstream.ParsePolicy(policy)
	if err != nil {
		t.Fatal(err)
	}
	p, err := upstream.Open(upstream.Config{TLS: &tls.Config{}, Policy: chosen, Now: c.now, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	for range 5 { // longer than the slow start, without a gap
		beat(t, p, nodes...)
		c.advance(4 * time.Second)
	}
	beat(t, p, nodes...)
	return p
}

func beat(t testing.TB, p *upstream.Pool, nodes ...upstream.Node) {
	t.Helper()
	for _, n := range nodes {
		if n.Address == "" {
			n.Address = "127.0.0.1:1"
		}
		if err := p.Update(n); err != nil {
			t.Fatal(err)
		}
	}
}

func named(names ...string) (nodes []upstream.Node) {
	for _, name := range names {
		nodes = append(nodes, upstream.Node{Name: name})
	}
	return nodes
}

// counts is how often each node is picked for n requests that q makes.
func counts(p *upstream.Pool, n int, q func(i int) *exchange.Request) map[string]int {
	got := map[string]int{}
	for i := range n {
		if node, ok := p.Pick(q(i), "shop", ""); ok {
			got[node.Name]++
		}
	}
	return got
}

func anything(int) *exchange.Request { return &exchange.Request{Method: "GET", Path: "/"} }

func TestPick_load(t *testing.T) {
	for _, policy := range []string{"p2c", "least_conn"} {
		p := pool(t, policy, newClock(),
			upstream.Node{Name: "busy", Load: upstream.Load{Inflight: 10}},
			upstream.Node{Name: "idle", Load: upstream.Load{Inflight: 2}})
		if got := counts(p, 100, anything); got["idle"] != 100 {
			t.Errorf("%s: got %v", policy, got)
		}
	}
	p := pool(t, "p2c", newClock(),
		upstream.Node{Name: "computing", Load: upstream.Load{Inflight: 10, CPU: 1}},
		upstream.Node{Name: "waiting", Load: upstream.Load{Inflight: 15, CPU: 0.1}})
	if got := counts(p, 100, anything); got["waiting"] != 100 {
		t.Errorf("a node whose cores are busy counts more than its requests: got %v", got)
	}
	p = pool(t, "p2c", newClock(),
		upstream.Node{Name: "large", Weight: 4, Load: upstream.Load{Inflight: 10}},
		upstream.Node{Name: "small", Weight: 1, Load: upstream.Load{Inflight: 5}})
	if got := counts(p, 100, anything); got["large"] != 100 {
		t.Errorf("a large node can take more: got %v", got)
	}
}

// The busiest of three is chosen only when it meets itself, which it never does.
func TestPick_p2c(t *testing.T) {
	p := pool(t, "p2c", newClock(),
		upstream.Node{Name: "a"}, upstream.Node{Name: "b"}, upstream.Node{Name: "c", Load: upstream.Load{Inflight: 5}})
	got := counts(p, 3000, anything)
	if got["c"] != 0 || got["a"] < 1000 || got["b"] < 1000 {
		t.Errorf("got %v", got)
	}
}

func TestPick_turns(t *testing.T) {
	p := pool(t, "round_robin", newClock(), named("a", "b", "c")...)
	if got := counts(p, 300, anything); got["a"] != 100 || got["b"] != 100 || got["c"] != 100 {
		t.Errorf("round_robin: got %v", got)
	}
	p = pool(t, "weighted", newClock(), upstream.Node{Name: "a", Weight: 1}, upstream.Node{Name: "b", Weight: 3}, upstream.Node{Name: "c", Weight: 6})
	got := counts(p, 10000, anything)
	for name, want := range map[string]int{"a": 1000, "b": 3000, "c": 6000} {
		if d := got[name] - want; d < -10 || d > 10 {
			t.Errorf("weighted: got %v", got)
		}
	}
	p = pool(t, "random", newClock(), upstream.Node{Name: "a", Weight: 1}, upstream.Node{Name: "b", Weight: 4}, upstream.Node{Name: "c", Load: upstream.Load{Inflight: 100}, Weight: 5})
	got = counts(p, 10000, anything)
	for name, want := range map[string]int{"a": 1000, "b": 4000, "c": 5000} { // 300 is six times what chance deviates by
		if d := got[name] - want; d < -300 || d > 300 {
			t.Errorf("random: got %v", got)
		}
	}
}

// What a node does for itself does not keep requests from it.
func TestPick_quiet(t *testing.T) {
	p := pool(t, "p2c", newClock(),
		upstream.Node{Name: "a", Load: upstream.Load{CPU: 0.09}}, upstream.Node{Name: "b"}, upstream.Node{Name: "c", Load: upstream.Load{CPU: 0.01}})
	got := counts(p, 3000, anything)
	if got["a"] < 800 || got["b"] < 800 || got["c"] < 800 {
		t.Errorf("got %v", got)
	}
}

func TestPick_hash(t *testing.T) {
	field := func(name, value string) *exchange.Request {
		return &exchange.Request{Header: []exchange.Field{{Name: name, Value: value}}}
	}
	for policy, q := range map[string]func(i int) *exchange.Request{
		"ip_hash": func(i int) *exchange.Request {
			return &exchange.Request{Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), uint16(1000+i))}
		},
		"uri_hash":        func(i int) *exchange.Request { return &exchange.Request{Path: fmt.Sprint("/", i)} },
		"header:X-Tenant": func(i int) *exchange.Request { return field("x-tenant", fmt.Sprint(i)) },
		"cookie:sid":      func(i int) *exchange.Request { return field("Cookie", fmt.Sprintf("a=b; sid=%d; c=d", i)) },
	} {
		t.Run(policy, func(t *testing.T) {
			const keys = 2000
			p := pool(t, policy, newClock(), named("a", "b", "c", "d", "e")...)
			where := func() (at [keys]string) {
				for i := range keys {
					n, ok := p.Pick(q(i), "shop", "")
					if !ok {
						t.Fatal("no node")
					}
					at[i] = n.Name
				}
				return at
			}
			before := where()
			if before != where() {
				t.Error("the same keys went elsewhere")
			}
			of := map[string]int{}
			for _, name := range before {
				of[name]++
			}
			for name, n := range of {
				if n < keys/5*8/10 || n > keys/5*12/10 {
					t.Errorf("%s has %d of %d keys", name, n, keys)
				}
			}
			p.Remove("c")
			for i, name := range where() {
				if before[i] != "c" && name != before[i] {
					t.Fatalf("key %d moved from %s to %s, though both are there", i, before[i], name)
				}
			}
		})
	}
}

func TestPick_session(t *testing.T) {
	p := pool(t, "session", newClock(), named("a", "b", "c")...)
	first, _ := p.Pick(anything(0), "shop", "visitor")
	for range 100 {
		if n, _ := p.Pick(anything(0), "shop", "visitor"); n.Name != first.Name {
			t.Fatalf("went from %s to %s", first.Name, n.Name)
		}
	}
	if d := p.Explain(anything(0), "shop", ""); d.Key == "" || len(d.Candidates) != 3 {
		t.Errorf("got %+v", d)
	}
	seen := map[string]bool{}
	for i := range 200 {
		n, _ := p.Pick(anything(0), "shop", fmt.Sprint(i))
		seen[n.Name] = true
	}
	if len(seen) != 3 {
		t.Errorf("got %v", seen)
	}
}

// What heartbeats say decides who may be chosen, and Explain says why.
func TestExplain(t *testing.T) {
	c := newClock()
	p := pool(t, "p2c", c, named("fresh", "draining", "appless", "silent", "dead")...)
	c.advance(4 * time.Second)
	beat(t, p, upstream.Node{Name: "draining", Draining: true}, upstream.Node{Name: "appless", Apps: map[string]string{"blog": "1"}},
		upstream.Node{Name: "fresh", Apps: map[string]string{"shop": "1"}},
		upstream.Node{Name: "dead", Seen: c.now().Add(-6 * time.Second)})
	states := func() map[string]upstream.State {
		got := map[string]upstream.State{}
		for _, k := range p.Explain(anything(0), "shop", "").Candidates {
			got[k.Node.Name] = k.State
			if (k.Why == "") != (k.State == upstream.Ready) || k.Chosen != (k.Node.Name == "fresh") {
				t.Errorf("got %+v", k)
			}
		}
		return got
	}
	want := map[string]upstream.State{
		"fresh": upstream.Ready, "draining": upstream.Draining, "appless": upstream.NoApp, "silent": upstream.Suspect, "dead": upstream.Out,
	}
	if got := states(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := counts(p, 50, anything); got["fresh"] != 50 {
		t.Errorf("got %v", got)
	}
	p.Remove("fresh")
	if got := counts(p, 50, anything); got["silent"] != 50 {
		t.Errorf("a suspect is used when there is no other: got %v", got)
	}
	c.advance(2 * time.Second)
	p.Remove("appless")
	if n, ok := p.Pick(anything(0), "shop", ""); ok {
		t.Errorf("got %v", n)
	}
	// Who has a request that nobody else can answer tries even one that is not heard of: perhaps it is the news that is late.
	for _, k := range p.Explain(anything(0), "shop", "").Candidates {
		if silent := k.Node.Name == "silent" || k.Node.Name == "dead"; k.State == upstream.Out != silent || k.Chosen && !silent {
			t.Errorf("got %+v", k)
		}
	}
}

// A node that is new, or back, begins with a small share.
func TestPick_slowStart(t *testing.T) {
	c := newClock()
	p := pool(t, "weighted", c, named("old")...)
	beat(t, p, upstream.Node{Name: "new"})
	share := func() float64 {
		for _, k := range p.Explain(anything(0), "shop", "").Candidates {
			if k.Node.Name == "new" {
				return k.Share
			}
		}
		return -1
	}
	last := share()
	if last > 0.2 {
		t.Errorf("it begins with %v", last)
	}
	if got := counts(p, 1000, anything); got["new"] < 50 || got["new"] > 150 {
		t.Errorf("got %v", got)
	}
	for range 10 {
		c.advance(time.Second)
		beat(t, p, named("old", "new")...)
		if now := share(); now <= last {
			t.Errorf("%v after %v", now, last)
		} else {
			last = now
		}
	}
	if last != 1 {
		t.Errorf("it ends with %v", last)
	}
	beat(t, p, upstream.Node{Name: "new", Draining: true})
	beat(t, p, upstream.Node{Name: "new"})
	if now := share(); now > 0.2 {
		t.Errorf("after draining it begins with %v", now)
	}
}

func TestUpdate_errors(t *testing.T) {
	p := pool(t, "p2c", newClock())
	for _, n := range []upstream.Node{{Address: "127.0.0.1:1"}, {Name: "a"}, {Name: "a", Address: "127.0.0.1"}} {
		if err := p.Update(n); err == nil {
			t.Errorf("%+v was entered", n)
		}
	}
}

func BenchmarkPick(b *testing.B) {
	for _, policy := range []string{"p2c", "least_conn", "uri_hash"} {
		b.Run(policy, func(b *testing.B) {
			p := pool(b, policy, newClock(), named("a", "b", "c", "d", "e")...)
			q := anything(0)
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := p.Pick(q, "shop", ""); !ok {
					b.Fatal("no node")
				}
			}
		})
	}
}
