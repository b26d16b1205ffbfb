package upstream

import (
	"fmt"
	"testing"
	"time"
)

func TestEjection(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var e ejection
	e.begin(now.Add(-time.Hour))
	e.failed(now)
	e.failed(now)
	e.succeeded()
	for range failuresMax - 1 {
		if e.failed(now) || e.ejected(now) {
			t.Error("ejected after failures that were not in a row")
		}
	}
	if !e.failed(now) || !e.ejected(now) {
		t.Error("not ejected")
	}
	var spans []time.Duration
	for range 8 {
		span := time.Duration(e.span.Load())
		spans = append(spans, span)
		if !e.ejected(now.Add(span-1)) || e.ejected(now.Add(span)) {
			t.Errorf("not ejected for %v", span)
		}
		now = now.Add(span)
		if s := e.share(now); s != slowStartMin {
			t.Errorf("comes back with a share of %v", s)
		}
		if !e.failed(now) {
			t.Error("the first failure after an ejection is enough")
		}
	}
	if got := fmt.Sprint(spans); got != "[1s 2s 4s 8s 16s 30s 30s 30s]" {
		t.Errorf("ejected for %s", got)
	}
	now = now.Add(2 * ejectionMax)
	e.succeeded()
	for range failuresMax {
		e.failed(now)
	}
	if span := time.Duration(e.span.Load()); span != ejectionMin {
		t.Errorf("what is long over counts: %v", span)
	}
}

func TestBudget(t *testing.T) {
	var b budget
	b.init()
	retries := func() (n int) {
		for b.withdraw() {
			n++
		}
		return n
	}
	if n := retries(); n != retriesAtFirst {
		t.Errorf("%d at first", n)
	}
	for range 100 {
		b.deposit()
	}
	if n := retries(); n != 20 {
		t.Errorf("%d retries for 100 requests", n)
	}
	for range 100000 {
		b.deposit()
	}
	if n := retries(); n != retriesKept {
		t.Errorf("%d were saved up", n)
	}
}

// A node has at most its part of the load and a quarter, whatever the key.
func TestRendezvous_bounded(t *testing.T) {
	var all []*peer
	for i := range 4 {
		c := &peer{name: fmt.Sprint(i), seed: hash(fmt.Sprint(i))}
		c.node.Store(&Node{Name: c.name})
		all = append(all, c)
	}
	now := time.Now()
	for range 1000 {
		rendezvous(all, hash("the key that everybody asks for"), now).inflight.Add(1)
	}
	for _, c := range all {
		if n := c.inflight.Load(); n > 314 { // 1.25 * 1001 / 4, rounded up, and the one that comes
			t.Errorf("node %s has %d of 1000", c.name, n)
		}
	}
}
