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
	w := newWatchdog()
	defer w.close()
	var stopped atomic.Bool
	waiting := w.lease(func() { t.Error("a turn that only waited was stopped") })
	waiting.thread.Store(<-thread)
	w.begin(waiting, time.Millisecond)
	computing := w.lease(func() { stopped.Store(true) })
	computing.thread.Store(ownThread())
	w.begin(computing, 5*time.Millisecond)
	for sum := 0; !stopped.Load(); sum++ { // computes
	}
	w.end(waiting)
	w.end(computing)
}
