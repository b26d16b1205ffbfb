package runtime

import (
	"strings"
	"testing"
	"time"
)

func TestInvocation_clientLeftTheQueue(t *testing.T) {
	h := start(t, Config{}, `export default { fetch(): Response { console.log("served"); return new Response() } }`)
	x := h.unsent("GET", "/", "")
	close(x.gone)
	h.loop.Post(func() { h.rt.Serve(x) })
	h.get("/other") // queued behind it
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.lines) != 1 {
		t.Errorf("the handler ran %d times, once for nobody", len(h.lines))
	}
}

func TestInvocation_deadlineInTheQueue(t *testing.T) {
	limits := DefaultLimits()
	limits.Wall, limits.CPU = 20*time.Millisecond, 200*time.Millisecond
	h := start(t, Config{Limits: limits, Workers: 1}, `export default { fetch() { for (;;); } }`)
	h.begin("GET", "/", "")
	x := h.begin("GET", "/", "").wait(t)
	if want := "queue_deadline: the request has waited 20 ms for a VM: limits.wall_ms = 20\n"; x.status != 503 || string(x.body) != want {
		t.Errorf("got %d %s", x.status, x.body)
	}
}

// What an invocation has given to waitUntil cannot go on when its budget is spent: it does not hold the VM.
func TestInvocation_stoppedTurnWaitsForNothing(t *testing.T) {
	h := start(t, Config{}, `export default { fetch(request: Request, env: any, ctx: any) { ctx.waitUntil(new Promise(() => {})); for (;;); } }`)
	if x := h.begin("GET", "/", "").wait(t); x.status != 503 {
		t.Errorf("got %d", x.status)
	}
	// The harness fails if an invocation is left.
}

// A handler that takes no arguments is given no Request, so there is no signal to abort.
func TestInvocation_deadlineWithoutRequest(t *testing.T) {
	limits := DefaultLimits()
	limits.Wall = 20 * time.Millisecond
	h := start(t, Config{Limits: limits}, `export default { async fetch() { await new Promise(() => {}) } }`)
	if x := h.begin("GET", "/", "").wait(t); x.status != 504 {
		t.Errorf("got %d", x.status)
	}
	if f := h.lastFailure(); f.Code != "deadline" {
		t.Errorf("got %v", f)
	}
}

// A route that never ends well gets a tenth of a core, and the requests that cannot be tried in time hear so at once.
func TestInvocation_paced(t *testing.T) {
	limits := DefaultLimits()
	limits.CPU, limits.Wall = 10*time.Millisecond, 150*time.Millisecond
	h := start(t, Config{Limits: limits, Workers: 1}, `export default { routes: {
		"/bad": r => { for (;;); }, "/good": r => new Response("good") } }`)
	for range stopsMax {
		h.get("/bad")
	}
	var held [3]*testExchange
	for i := range held {
		held[i] = h.unsent("GET", "/bad", "")
	}
	h.loop.Post(func() {
		for _, x := range held {
			h.rt.Serve(x)
		}
	})
	if got := string(held[2].wait(t).body); !strings.HasPrefix(got, "paced: the last 3 or more requests like this one were stopped") {
		t.Errorf("the third is answered %q", got)
	}
	for _, x := range held[:2] {
		if x.wait(t).status != 503 {
			t.Errorf("got %d", x.status)
		}
	}
	if got := h.get("/good"); got != "good" {
		t.Errorf("the other route: %q", got)
	}
}
