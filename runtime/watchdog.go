package runtime

import (
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"
)

// watchdogPeriod is how often turns are checked: a turn is stopped at most this much after its budget is spent.
const watchdogPeriod = 10 * time.Millisecond

// watchdog interrupts turns that have spent their budget. One goroutine watches all VMs, because a timer for each turn
// would cost more than most turns; it sleeps when no turn has run for a while.
//
// A turn is over its budget when it has lasted that long and its thread has used as much CPU meanwhile: on a machine that
// is busy with other things a turn is not charged for the time it had to wait.
//
// goja does not count what a turn allocates, so the watchdog looks at the heap of the process: turns during which it has
// grown by more than turnBytes, beyond the garbage that collections leave room for, are stopped. One of them may be
// innocent; a process that ends for lack of memory stops them all.
type watchdog struct {
	turnBytes uint64
	heap      []metrics.Sample

	mu     sync.Mutex
	leases map[*lease]struct{}
	asleep atomic.Bool
	wake   chan struct{}
	stop   chan struct{}
	once   sync.Once

	retired, stoppedCPU, stoppedMemory atomic.Uint64 // see Stats
}

// lease is the time a VM may run for: its current turn's deadline, in nanoseconds of the process clock.
type lease struct {
	deadline  atomic.Int64
	interrupt func(overrun)
	thread    atomic.Int32 // of the owner's goroutine, which is locked to it; 0 until the VM has an owner

	// The watchdog's own: the turn it saw last, by its deadline; what its thread had used and the turn had left then; and how
	// large the heap may become.
	seen     int64
	seenCPU  time.Duration
	seenLeft time.Duration
	heapMax  uint64
}

// overrun is why a turn was interrupted: the value of goja's InterruptedError.
type overrun string

const (
	overCPU    overrun = "CPU budget spent"
	overMemory overrun = "memory bound passed"
)

// States of a lease's deadline besides a point in time.
const (
	resting      = 0  // no turn runs
	interrupting = -1 // the watchdog is calling interrupt
	interrupted  = -2 // it has called it
)

var processStart = time.Now()

// now is the process clock: nanoseconds, monotonic, never 0.
func now() int64 { return int64(time.Since(processStart)) + 1 }

func newWatchdog(turnBytes int) *watchdog {
	w := &watchdog{
		turnBytes: uint64(turnBytes),
		heap:      []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"}},
		leases:    map[*lease]struct{}{}, wake: make(chan struct{}, 1), stop: make(chan struct{}),
	}
	go w.run()
	return w
}

// lease registers a VM; interrupt is called from the watchdog's goroutine.
func (w *watchdog) lease(interrupt func(overrun)) *lease {
	l := &lease{interrupt: interrupt}
	w.mu.Lock()
	w.leases[l] = struct{}{}
	w.mu.Unlock()
	return l
}

func (w *watchdog) forget(l *lease) {
	w.mu.Lock()
	delete(w.leases, l)
	w.mu.Unlock()
}

// begin starts a turn that may run for budget, and returns when, on the process clock.
func (w *watchdog) begin(l *lease, budget time.Duration) (t int64) {
	t = now()
	l.deadline.Store(t + int64(max(budget, time.Millisecond)))
	if w.asleep.Load() && w.asleep.CompareAndSwap(true, false) {
		w.wake <- struct{}{}
	}
	return t
}

// end ends the turn. It reports whether the watchdog has interrupted it: the caller must then clear the interrupt, so
// that a late one never hits the next turn.
func (w *watchdog) end(l *lease) (wasInterrupted bool) {
	for {
		d := l.deadline.Load()
		if d == interrupting {
			continue // it is inside interrupt(), a matter of nanoseconds
		}
		if l.deadline.CompareAndSwap(d, resting) {
			return d == interrupted
		}
	}
}

func (w *watchdog) run() {
	tick := time.NewTicker(watchdogPeriod)
	defer tick.Stop()
	idle := 0
	for {
		select {
		case <-w.stop:
			return
		case <-tick.C:
		}
		if w.check(now()) {
			idle = 0
			continue
		}
		if idle++; idle < 100 {
			continue
		}
		tick.Stop()
		w.asleep.Store(true)
		// A turn may have begun between the check and the line above, and not have seen us asleep.
		if !w.check(now()) {
			select {
			case <-w.wake:
			case <-w.stop:
				return
			}
		} else if !w.asleep.CompareAndSwap(true, false) {
			<-w.wake
		}
		idle = 0
		tick.Reset(watchdogPeriod)
	}
}

// check interrupts what is over its budget, and reports whether any turn is running.
func (w *watchdog) check(t int64) (busy bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var heap, room uint64
	for l := range w.leases {
		d := l.deadline.Load()
		if d == resting {
			continue
		}
		if !busy {
			busy = true
			heap, room = w.heapBytes()
		}
		cpu := cpuOf(l.thread.Load())
		if d != l.seen {
			// Met late, when the watchdog itself had to wait for a core, a turn gets the benefit of the doubt.
			l.seen, l.seenCPU, l.seenLeft, l.heapMax = d, cpu, max(time.Duration(d-t), watchdogPeriod/2), heap+room
		}
		switch {
		case d <= 0:
		case t > d && cpu-l.seenCPU >= l.seenLeft:
			if l.stop(d, overCPU) {
				w.stoppedCPU.Add(1)
			}
		case heap > l.heapMax:
			if l.stop(d, overMemory) {
				w.stoppedMemory.Add(1)
			}
		}
	}
	return busy
}

// stop interrupts the turn with the deadline d. It reports false when that has just ended.
func (l *lease) stop(d int64, why overrun) bool {
	if !l.deadline.CompareAndSwap(d, interrupting) {
		return false
	}
	l.interrupt(why)
	l.deadline.Store(interrupted)
	return true
}

// heapBytes is what objects on the heap occupy, garbage that has not been collected yet included, and by how much a turn
// may let it grow.
func (w *watchdog) heapBytes() (now, room uint64) {
	metrics.Read(w.heap)
	return w.heap[0].Value.Uint64(), w.heap[1].Value.Uint64() + w.turnBytes
}

func (w *watchdog) close() { w.once.Do(func() { close(w.stop) }) }
