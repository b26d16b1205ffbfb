package runtime

import (
	"sync"
	"sync/atomic"
	"time"
)

// A queue that is full of late requests serves nobody: each is answered when its client has given up. So a lane that is
// asked for more than it can do, for a while, keeps its queue as short as its workers are many. Whoever comes then takes the
// place of the one that has waited longest, so what is served has hardly waited.
//
// A long queue alone is no overload: as many clients as wait may be served one after the other for ever. What tells is that
// more requests come than are taken, window after window, which clients that wait for their answers cannot do.
const (
	loadWindow = 50 * time.Millisecond
	loadGrown  = 3 // windows in a row, to be overloaded
	loadExcess = 8 // a window in which an eighth more came than was taken counts
)

// load is what comes to a lane and what is taken from it.
type load struct {
	came  atomic.Int64 // in this window, refused ones too
	taken atomic.Int64
	over  atomic.Bool

	mu    sync.Mutex
	since int64 // when the window began, on the process clock
	grown int   // windows in a row in which more came than was taken
}

// admits reports whether one more request may join a queue of queued others before workers, and nobody has to leave it for
// that; t is on the process clock.
func (l *load) admits(queued, workers int, t int64) bool {
	l.came.Add(1)
	if l.mu.TryLock() { // another is at it
		if t-l.since >= int64(loadWindow) {
			l.judge(queued, t)
		}
		l.mu.Unlock()
	}
	return !l.over.Load() || queued < workers
}

// judge ends a window. Called with mu held.
func (l *load) judge(queued int, t int64) {
	came, taken := l.came.Swap(0), l.taken.Swap(0)
	switch {
	case came <= taken+taken/loadExcess || t-l.since > int64(2*loadWindow):
		l.grown = 0
	case queued == 0 && l.grown < loadGrown: // afterwards the queue is short because it is kept so
		l.grown = 0
	default:
		l.grown++
	}
	l.since = t
	l.over.Store(l.grown >= loadGrown)
}
