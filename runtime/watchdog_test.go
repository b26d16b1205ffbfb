package runtime

import (
	"sync/atomic"
	"testing"
	"time"
)

// A turn that waits for a core is not charged; one that computes is.
func TestWatchdog_chargesComputingOnly(t *testing.T) {
	thread := make(chan int32)
	done := make(chan struct{})
	defer close(done)
	go func() {
		thread <- ownThread()
		<-done // waits, as a preempted turn does
	}()
	w := newWatchdog(1 << 30)
	defer w.close()
	var stopped atomic.Bool
	waiting := w.lease(func(overrun) { t.Error("a turn that only waited was stopped") })
	waiting.thread.Store(<-thread)
	w.begin(waiting, time.Millisecond)
	computing := w.lease(func(overrun) { stopped.Store(true) })
	computing.thread.Store(ownThread())
	w.begin(computing, 5*time.Millisecond)
	for sum := 0; !stopped.Load(); sum++ { // computes
	}
	w.end(waiting)
	w.end(computing)
}

// What goja's operators make is bounded by nothing but the heap's growth.
func TestWatchdog_memory(t *testing.T) {
	limits := DefaultLimits()
	limits.TurnBytesMax, limits.CPU = 32<<20, 20*time.Second
	for name, code := range map[string]string{
		"doubling": `let s = "0123456789"; for (;;) s += s;`,
		"pushing":  `const a: any[] = []; for (;;) a.push({ a });`,
	} {
		t.Run(name, func(t *testing.T) {
			h := start(t, Config{Limits: limits}, `export default { fetch() { `+code+` } }`)
			x := h.begin("GET", "/", "").wait(t)
			if f := h.lastFailure(); x.status != 503 || f.Code != "memory" || f.Position.Line != 1 {
				t.Errorf("got %d, %v", x.status, f)
			}
		})
	}
}

// Who awaits in a VM where another's turn is stopped goes on, or learns at once that it cannot.
func TestWatchdog_bystanders(t *testing.T) {
	for spin, status := range map[string]int{"fetch": 200, "async fetch": 500} {
		t.Run(spin, func(t *testing.T) {
			h := start(t, Config{Workers: 1}, `export default { `+spin+`(request: Request) {
				if (new URL(request.url).pathname === "/spin") for (;;);
				return new Promise(resolve => setTimeout(() => resolve(new Response("ok")), 200))
			} }`)
			x := h.begin("GET", "/", "")
			if f := h.begin("GET", "/spin", "").wait(t); f.status != 503 {
				t.Errorf("the endless one got %d", f.status)
			}
			if x.wait(t).status != status {
				t.Errorf("the other got %d, want %d", x.status, status)
			}
		})
	}
}
