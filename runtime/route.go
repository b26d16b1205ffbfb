package runtime

import (
	"sync"
	"sync/atomic"
	"time"
)

// A route earns its inline place. Running a handler on the event loop is two to three times faster than a hop to a
// worker, but a slow one stalls every connection of its loop. So a route begins on the workers, moves to the loop when
// the turns of a window were fast, and goes back when they are not, each time for longer.
//
// A turn also looks slow when its thread had to wait for a core. So only CPU time sends a route back; on the loop, where
// asking for it at every turn would be dear, it is asked for a while after a turn that looked slow.
const (
	inlineWindow     = 32                     // turns that are judged together
	inlineSlowMax    = 3                      // of them may be slow, for the window to count as fast
	inlineTurn       = 200 * time.Microsecond // what fast means on a worker
	inlineTurnLimit  = time.Millisecond       // what slow means on the loop
	inlineTurnMax    = 5 * time.Millisecond   // one turn over this sends the route back
	suspectTurns     = 8 * inlineWindow       // measured in CPU time after one that looked slow
	penaltyFirst     = 100 * time.Millisecond
	penaltyMax       = 10 * time.Second
	penaltyForgiven  = 10 * time.Second      // on the loop: the next penalty is the first again
	slowTurn         = 10 * time.Millisecond // routes with such turns share a lane of their own
	slowLaneForgiven = inlineWindow          // turns under it in a row, to leave that lane
	stopsMax         = 3                     // invocations stopped in a row, none ended well between: then the route is paced
	pacedBudgets     = 10                    // one of its invocations may begin in as many CPU budgets
)

// route is what is known of one route's turns. It is shared by all VMs.
type route struct {
	inline  atomic.Bool
	slow    atomic.Bool
	turns   atomic.Int32 // in this window
	slows   atomic.Int32 // slow ones among them
	quick   atomic.Int32 // turns under slowTurn in a row
	until   atomic.Int64 // not inline before this point of the process clock
	since   atomic.Int64 // inline since
	penalty atomic.Int64 // the next one, in nanoseconds
	suspect atomic.Int32 // turns on the loop still to be measured in CPU time
	stops   atomic.Int32 // invocations stopped in a row
	next    atomic.Int64 // paced: where on the process clock the next invocation may begin
}

// stopped learns from an invocation that the watchdog has stopped.
func (r *route) stopped() {
	r.stops.Add(1)
	r.demote()
}

// endedWell learns from one that it has not.
func (r *route) endedWell() {
	if r.stops.Load() > 0 {
		r.stops.Store(0)
	}
}

// pace returns how long the next invocation has to wait. A route that has only been stopped of late computes to no end,
// and would take a core from all others for as long as anybody asks for it. One that ends well sets the route free.
func (r *route) pace(budget time.Duration) time.Duration {
	if r.stops.Load() < stopsMax {
		return 0
	}
	t := now()
	for {
		next := r.next.Load()
		begin := max(next, t)
		if r.next.CompareAndSwap(next, begin+int64(pacedBudgets*budget)) {
			return time.Duration(begin - t)
		}
	}
}

// observeOnWorker learns from a turn on a worker, measured in CPU time.
func (r *route) observeOnWorker(spent time.Duration) {
	if spent >= slowTurn {
		r.slow.Store(true)
		r.quick.Store(0)
	} else if r.slow.Load() && r.quick.Add(1) >= slowLaneForgiven {
		r.slow.Store(false)
	}
	if fast, whole := r.count(spent > inlineTurn); !whole || !fast || r.inline.Load() {
		return
	}
	if t := now(); t >= r.until.Load() {
		r.since.Store(t)
		r.inline.Store(true)
	}
}

// observeOnLoop learns from a turn on an event loop, measured in wall time because that is cheap. A slow one may only
// have waited for a core, so it raises a suspicion: the next turns are measured in CPU time.
func (r *route) observeOnLoop(spent time.Duration) {
	if spent > inlineTurnLimit {
		r.suspect.Store(suspectTurns)
	}
}

// observeSuspect learns from a turn of a suspect on an event loop, measured in CPU time.
func (r *route) observeSuspect(spent time.Duration) {
	r.suspect.Add(-1)
	if spent > inlineTurnMax {
		r.demote()
	} else if fast, whole := r.count(spent > inlineTurnLimit); whole && !fast {
		r.demote()
	}
}

// count adds a turn to the window, and says whether it is whole now and was fast. Loops and workers may race here; a turn
// counted twice or lost does not matter.
func (r *route) count(slow bool) (fast, whole bool) {
	if slow {
		r.slows.Add(1)
	}
	if r.turns.Add(1) < inlineWindow {
		return false, false
	}
	fast = r.slows.Load() <= inlineSlowMax
	r.turns.Store(0)
	r.slows.Store(0)
	return fast, true
}

func (r *route) demote() {
	t := now()
	penalty := time.Duration(r.penalty.Load())
	if penalty == 0 || time.Duration(t-r.since.Load()) > penaltyForgiven {
		penalty = penaltyFirst
	}
	r.until.Store(t + int64(penalty))
	r.penalty.Store(int64(min(2*penalty, penaltyMax)))
	r.turns.Store(0)
	r.slows.Store(0)
	r.inline.Store(false)
}

// shapesMax bounds how many shapes of paths are told apart; beyond it they share one route, which stays on the workers
// unless all of them are fast.
const shapesMax = 4096

// shapes keeps a route for each shape of request that one fetch handler sees. An app that routes by itself is one
// handler to us, but its paths differ in cost as much as routes do.
type shapes struct {
	mu    sync.RWMutex
	known map[string]*route
	rest  route
}

// of returns the route for a request.
func (s *shapes) of(method, path string) *route {
	var buffer [128]byte
	shape := appendShape(append(buffer[:0], method...), path)
	s.mu.RLock()
	r := s.known[string(shape)]
	s.mu.RUnlock()
	if r != nil {
		return r
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.known[string(shape)]; r != nil {
		return r
	}
	if len(s.known) >= shapesMax {
		return &s.rest
	}
	if s.known == nil {
		s.known = map[string]*route{}
	}
	r = &route{}
	s.known[string(shape)] = r
	return r
}

// appendShape appends path with every segment that looks like a value (it has a digit, or is long) replaced by "*", and
// cut after eight segments.
func appendShape(dst []byte, path string) []byte {
	const segmentMax, segments = 24, 8
	for n := 0; len(path) > 0 && n < segments; n++ {
		end, digit := 1, false
		for end < len(path) && path[end] != '/' {
			digit = digit || '0' <= path[end] && path[end] <= '9'
			end++
		}
		if digit || end > segmentMax {
			dst = append(dst, '/', '*')
		} else {
			dst = append(dst, path[:end]...)
		}
		path = path[end:]
	}
	return dst
}
