package web

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/edge/exchange"
)

func TestTimers(t *testing.T) {
	expect(t, [][2]string{
		{`const s = []; await new Promise(r => { for (let i = 0; i < 100; i++) setTimeout(() => s.push(i)); setTimeout(r) }); return s.every((v, i) => v === i) && s.length`, "100"},
		{`return await new Promise(r => { setTimeout(() => r('late'), 30); setTimeout(() => r('early'), 1) })`, "early"},
		{`return await new Promise(r => setTimeout((a, b) => r(a + b), 0, 'x', 'y'))`, "xy"},
		{`let n = 0; return await new Promise(r => { const id = setInterval(() => { if (++n === 3) { clearInterval(id); setTimeout(() => r(n), 10) } }, 1) })`, "3"},
		{`let n = 0; const id = setTimeout(() => n++, 1); clearTimeout(id); await new Promise(r => setTimeout(r, 10)); return n`, "0"},
		{`let n = 0, id; await new Promise(r => { setTimeout(() => { clearTimeout(id) }); id = setTimeout(() => n++); setTimeout(r) }); return n`, "0"},
		{`clearTimeout(); clearTimeout(123); clearInterval('x'); return Number.isInteger(setTimeout(() => {})) `, "true"},
		{`return await new Promise(r => setTimeout(r, -5, 'negative'))`, "negative"},
		{`return await new Promise(r => setTimeout(r, 2 ** 32, 'wraps'))`, "wraps"},
		{`return await new Promise(r => setTimeout(function () { r(this === globalThis) }))`, "true"},
		{`setTimeout('code')`, "throws TypeError: setTimeout: the handler must be a function, got a string; code in strings is not run"},
		{`let n = ''; setTimeout(() => n += 'b'); queueMicrotask(() => n += 'a'); await new Promise(r => setTimeout(r)); return n`, "ab"},
		{`queueMicrotask(1)`, "throws TypeError: queueMicrotask: the argument must be a function..."},
	})
}

// endingHost counts open tickets, which end with its context.
type endingHost struct {
	ctx  context.Context
	full bool // Begin refuses
	log  []string
	jobs chan func() error
	open atomic.Int32
}

type endingTicket struct{ h *endingHost }

func (h *endingHost) Begin(what string) (Ticket, error) {
	if h.ctx.Err() != nil {
		return nil, errors.New(what + ": the invocation has ended")
	}
	if h.full {
		return nil, errors.New(what + ": too many")
	}
	h.open.Add(1)
	return endingTicket{h}, nil
}
func (h *endingHost) Scope() *Scope { return nil }

func (h *endingHost) Log(_ Level, line string)  { h.log = append(h.log, line) }
func (t endingTicket) Context() context.Context { return t.h.ctx }
func (t endingTicket) Trace() exchange.Trace    { return exchange.Trace{} }
func (t endingTicket) Release()                 { t.h.open.Add(-1) }
func (t endingTicket) Settle(job func() error) {
	t.h.jobs <- func() error { t.h.open.Add(-1); return job() }
}

func TestTimers_endWithTheirInvocation(t *testing.T) {
	ctx, end := context.WithCancel(context.Background())
	h := &endingHost{ctx: ctx, jobs: make(chan func() error, 10)}
	r := New(goja.New(), h, Options{})
	_, err := r.VM.RunString(`globalThis.n = 0; setInterval(() => n++, 1); setTimeout(() => {}, 1e6); AbortSignal.timeout(1e9); clearTimeout(setTimeout(() => {}, 1e6))`)
	if err != nil || h.open.Load() != 3 {
		t.Fatalf("got %v and %d tickets, want 3", err, h.open.Load())
	}
	job := <-h.jobs
	end()
	if err := job(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); h.open.Load() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d tickets are still open", h.open.Load())
		}
	}
	r.timers.mu.Lock()
	defer r.timers.mu.Unlock()
	if n := r.VM.Get("n").ToInteger(); n != 1 || len(r.timers.byID) != 0 || len(r.timers.queue) != 0 {
		t.Errorf("the interval ran %d times; %d timers are known, %d queued", n, len(r.timers.byID), len(r.timers.queue))
	}
	if _, err := r.VM.RunString(`setTimeout(() => {})`); err == nil {
		t.Error("a timer of no invocation was accepted")
	}
}

func TestTimers_refused(t *testing.T) {
	h := &endingHost{ctx: t.Context(), jobs: make(chan func() error, 10)}
	r := New(goja.New(), h, Options{})
	if _, err := r.VM.RunString(`setInterval(() => {}, 1)`); err != nil {
		t.Fatal(err)
	}
	job := <-h.jobs
	h.full = true
	if err := job(); err != nil {
		t.Fatal(err)
	}
	if len(h.log) != 1 || !strings.Contains(h.log[0], "TypeError: setInterval: too many") {
		t.Errorf("an interval that cannot go on logs %q", h.log)
	}
	if _, err := r.VM.RunString(`setTimeout(() => {})`); err == nil || !strings.Contains(err.Error(), "setTimeout: too many") {
		t.Errorf("got %v", err)
	}
}
