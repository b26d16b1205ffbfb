package runtime

import (
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// windows lets came requests come and taken be taken in each of n windows, and returns whether the last one is let in.
func (l *load) windows(t *int64, n, came, taken, queued int) (admitted bool) {
	for range n {
		for range came - 1 {
			l.admits(queued, 2, *t)
		}
		l.taken.Add(int64(taken))
		*t += int64(loadWindow)
		admitted = l.admits(queued, 2, *t)
	}
	return admitted
}

func TestLoad(t *testing.T) {
	var l load
	var clock int64
	clock = int64(loadWindow)
	l.admits(0, 2, clock)
	if !l.windows(&clock, 20, 50, 50, 60) {
		t.Error("a long queue that does not grow is no overload")
	}
	if !l.windows(&clock, loadGrown-1, 500, 50, 100) || !l.windows(&clock, 5, 50, 50, 400) {
		t.Error("a burst is no overload")
	}
	if l.windows(&clock, loadGrown, 500, 50, 400) {
		t.Error("ten times what can be done is let in")
	}
	if !l.admits(1, 2, clock) {
		t.Error("a request is refused while a worker is about to be free")
	}
	if l.windows(&clock, 5, 500, 50, 2) {
		t.Error("overload ends although as much comes as before")
	}
	if !l.windows(&clock, 1, 40, 50, 2) {
		t.Error("overload does not end with the load")
	}
	l.windows(&clock, loadGrown, 500, 50, 400)
	clock += 10 * int64(loadWindow)
	if l.admits(0, 2, clock); !l.admits(2, 2, clock) {
		t.Error("overload does not end in a pause")
	}
}

func TestLane_overload(t *testing.T) {
	rt := New(Config{Loops: 1})
	if _, err := rt.Deploy(build(t, `export default () => new Response()`)); err != nil {
		t.Fatal(err)
	}
	d := rt.current.Load()
	l := &lane{dep: d, workers: 2, load: &load{since: now() + int64(time.Hour)}, queue: make(chan *invocation, 8)} // nobody serves it
	var came []*benchExchange
	offer := func() {
		x := &benchExchange{request: &exchange.Request{Method: "GET", Path: "/"}}
		came = append(came, x)
		if !d.acquire() {
			t.Fatal("the deployment has drained")
		}
		if refusal := l.offer(&invocation{x: x, home: x.loop, request: x.request, dep: d, began: now()}); refusal != nil {
			t.Fatal(refusal)
		}
	}
	for range 5 {
		offer()
	}
	if len(l.queue) != 5 {
		t.Fatalf("without overload 5 requests wait, got %d", len(l.queue))
	}
	l.load.over.Store(true)
	offer()
	offer()
	for i, x := range came {
		if refused := x.status == 503; refused != (i < 5) {
			t.Errorf("request %d of 7, of which the last 2 may wait, was answered %d", i+1, x.status)
		}
	}
	for len(l.queue) > 0 {
		(<-l.queue).shed()
	}
	if err := rt.Close(t.Context()); err != nil { // which waits for whom nobody has counted out
		t.Fatal(err)
	}
}
