package web

import (
	"container/heap"
	"context"
	"math"
	"sync"
	"time"

	"github.com/dop251/goja"
)

const durationMax = time.Duration(math.MaxInt64)

// intervalMin keeps setInterval(f, 0) from taking every turn of its VM.
const intervalMin = time.Millisecond

// timers are the timers of one VM that have not fired, earliest first. One Go timer serves them all, so that those
// due at the same moment fire in the order they were set.
type timers struct {
	mu     sync.Mutex
	queue  timerQueue
	byID   map[int32]*timer
	lastID int32
	serial uint64
	clock  *time.Timer
	firing bool // fire is handing jobs over, and will set the clock afterwards
}

// timer is one setTimeout, setInterval or AbortSignal.timeout. Its ticket is settled when it fires, released when it
// is cleared or its invocation ends: whoever takes it out of the queue does so.
type timer struct {
	id      int32
	at      time.Time
	serial  uint64 // order among those of the same moment
	index   int    // in the queue, or -1
	ticket  Ticket
	run     func() error
	period  time.Duration // of an interval, else 0
	cleared bool
	unwatch func() bool
}

func init() {
	for name, repeat := range map[string]bool{"setTimeout": false, "setInterval": true} {
		exposeFunction(name, 1, func(r *Realm, c goja.FunctionCall) goja.Value {
			f, ok := goja.AssertFunction(c.Argument(0))
			if !ok {
				panic(r.TypeError("%s: the handler must be a function, got %s; code in strings is not run", name, kind(c.Argument(0))))
			}
			delay := max(time.Duration(toInt32(c.Argument(1)))*time.Millisecond, 0)
			var args []goja.Value
			if len(c.Arguments) > 2 {
				args = append(args, c.Arguments[2:]...)
			}
			t := &timer{run: func() error {
				_, err := f(r.VM.GlobalObject(), args...)
				return r.uncaught(err)
			}}
			if repeat {
				t.period = max(delay, intervalMin)
			}
			r.start(name, t, delay)
			return r.VM.ToValue(t.id)
		})
	}
	for _, name := range []string{"clearTimeout", "clearInterval"} {
		exposeFunction(name, 0, func(r *Realm, c goja.FunctionCall) goja.Value {
			r.timers.clear(toInt32(c.Argument(0)))
			return goja.Undefined()
		})
	}
}

// toInt32 converts v to a long (Web IDL 3.2.4.5).
func toInt32(v goja.Value) int32 {
	f := v.ToNumber().ToFloat()
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return int32(uint32(int64(math.Mod(math.Trunc(f), 1<<32))))
}

// after has run called on the VM's goroutine when delay has passed, unless the invocation ends before. what names
// the operation when the host refuses it, which throws.
func (r *Realm) after(what string, delay time.Duration, run func() error) {
	r.start(what, &timer{run: run}, delay)
}

func (r *Realm) start(what string, t *timer, delay time.Duration) {
	ticket, err := r.host.Begin(what)
	if err != nil {
		panic(r.TypeError("%v", err))
	}
	t.ticket, t.at = ticket, time.Now().Add(delay)
	r.timers.mu.Lock()
	defer r.timers.mu.Unlock()
	if r.timers.byID == nil {
		r.timers.byID = map[int32]*timer{}
	}
	for t.id == 0 || r.timers.byID[t.id] != nil {
		r.timers.lastID = max(r.timers.lastID+1, 1)
		t.id = r.timers.lastID
	}
	r.timers.byID[t.id] = t
	r.timers.add(r, t)
}

// add queues t, which has its ticket and its time. mu is held.
func (s *timers) add(r *Realm, t *timer) {
	s.serial++
	t.serial = s.serial
	heap.Push(&s.queue, t)
	t.unwatch = context.AfterFunc(t.ticket.Context(), func() { s.forget(t) })
	s.wind(r)
}

// wind sets the clock to the earliest timer. mu is held.
func (s *timers) wind(r *Realm) {
	switch {
	case s.firing || len(s.queue) == 0:
		return
	case s.clock == nil:
		s.clock = time.AfterFunc(time.Until(s.queue[0].at), func() { s.fire(r) })
	default:
		s.clock.Reset(time.Until(s.queue[0].at))
	}
}

// fire settles the timers that are due, in order. It runs on a goroutine of its own, one at a time.
func (s *timers) fire(r *Realm) {
	s.mu.Lock()
	if s.firing {
		s.mu.Unlock()
		return
	}
	s.firing = true
	var due []*timer
	for now := time.Now(); len(s.queue) > 0 && !s.queue[0].at.After(now); {
		due = append(due, heap.Pop(&s.queue).(*timer))
	}
	s.mu.Unlock()
	// Settle may wait for the VM's goroutine, which may be waiting for mu.
	for _, t := range due {
		t.ticket.Settle(func() error { return r.expire(t) })
	}
	s.mu.Lock()
	s.firing = false
	s.wind(r)
	s.mu.Unlock()
}

// expire runs a timer that is due, on the VM's goroutine.
func (r *Realm) expire(t *timer) error {
	s := &r.timers
	if t.period == 0 {
		s.forget(t)
	}
	if t.cleared {
		return nil
	}
	err := t.run()
	if t.period == 0 || t.cleared || err != nil {
		s.forget(t)
		return err
	}
	ticket, err := r.host.Begin("setInterval")
	if err != nil {
		s.forget(t)
		if t.ticket.Context().Err() == nil { // or the invocation has ended, and its interval with it
			r.Report(r.TypeError("%v", err))
		}
		return nil
	}
	// The next time is counted from the last, so that an interval does not drift; what was missed is left out.
	if t.at = t.at.Add(t.period); t.at.Before(time.Now()) {
		t.at = time.Now()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t.unwatch()
	t.ticket = ticket
	s.add(r, t)
	return nil
}

// clear ends the timer called id; any other number does nothing.
func (s *timers) clear(id int32) {
	s.mu.Lock()
	t := s.byID[id]
	s.mu.Unlock()
	if t != nil {
		t.cleared = true
		s.forget(t)
	}
}

// forget ends t: nobody can clear it any more, and its ticket is given back unless it has been settled. It may be
// called from any goroutine, and twice.
func (s *timers) forget(t *timer) {
	s.mu.Lock()
	if s.byID[t.id] == t {
		delete(s.byID, t.id)
		t.unwatch()
	}
	queued := t.index >= 0
	if queued {
		heap.Remove(&s.queue, t.index)
		if len(s.queue) == 0 {
			s.clock.Stop() // or it would keep the VM in memory for as long as the timer was meant to run
		}
	}
	s.mu.Unlock()
	if queued {
		t.ticket.Release()
	}
}

// timerQueue is a heap by time, then by the order of setting.
type timerQueue []*timer

func (q timerQueue) Len() int { return len(q) }

func (q timerQueue) Less(i, j int) bool {
	if c := q[i].at.Compare(q[j].at); c != 0 {
		return c < 0
	}
	return q[i].serial < q[j].serial
}

func (q timerQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push is for container/heap.
func (q *timerQueue) Push(x any) {
	t := x.(*timer)
	t.index = len(*q)
	*q = append(*q, t)
}

// Pop is for container/heap.
func (q *timerQueue) Pop() any {
	last := len(*q) - 1
	t := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	t.index = -1
	return t
}
