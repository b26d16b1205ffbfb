package upstream

import (
	"sync/atomic"
	"time"
)

// ejection is a node's standing by what happened to requests: one that fails is left alone for a while, and one that is
// new or back gets little at first, since its caches are cold and its connections few.
type ejection struct {
	consecutive atomic.Int32 // failures since the last success
	until       atomic.Int64 // Unix nanoseconds of the end of the ejection; 0: never ejected
	span        atomic.Int64 // how long that was
	since       atomic.Int64 // Unix nanoseconds of the beginning of its slow start
	ejections   atomic.Uint64
}

func (e *ejection) ejected(now time.Time) bool { return now.UnixNano() < e.until.Load() }

// succeeded is a head having come.
func (e *ejection) succeeded() {
	if e.consecutive.Load() != 0 {
		e.consecutive.Store(0)
	}
}

// failed is a connection, or a request on its way, having failed. It reports whether the node was ejected for it. The
// last node is never lost by that: Pick falls back on those that are ejected.
func (e *ejection) failed(now time.Time) bool {
	if e.consecutive.Add(1) < failuresMax || e.ejected(now) {
		return false
	}
	// Who comes back and fails at once is believed less each time; what is long over does not count.
	last, until := time.Duration(e.span.Load()), e.until.Load()
	span := ejectionMin
	if until != 0 && now.UnixNano()-until < int64(ejectionMax) {
		span = min(2*last, ejectionMax)
	}
	end := now.Add(span).UnixNano()
	if !e.until.CompareAndSwap(until, end) {
		return false // another goroutine saw the same failures
	}
	e.span.Store(int64(span))
	e.since.Store(end)
	e.ejections.Add(1)
	e.consecutive.Store(failuresMax - 1) // the first failure after it is enough
	return true
}

// begin is the node being new, or back.
func (e *ejection) begin(now time.Time) { e.since.Store(now.UnixNano()) }

// share is how much of its weight counts: it grows from slowStartMin to 1 in slowStart.
func (e *ejection) share(now time.Time) float64 {
	age := now.UnixNano() - e.since.Load()
	switch {
	case age >= int64(slowStart):
		return 1
	case age <= 0:
		return slowStartMin
	}
	return slowStartMin + (1-slowStartMin)*float64(age)/float64(slowStart)
}
