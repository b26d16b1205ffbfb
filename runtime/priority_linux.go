package runtime

import (
	"time"

	"golang.org/x/sys/unix"
)

// yieldCPU lets the threads of the event loops go before this one when cores are short. On Linux priority belongs to
// the thread, which the caller has locked; lowering it needs no right, and failing to costs nothing but latency.
func yieldCPU(nice int) {
	_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), nice)
}

// threadCPU is the CPU time the caller's thread has used, in nanoseconds. It is a system call: too dear for the loop,
// right for a worker, whose thread is preempted by design.
func threadCPU() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return now()
	}
	return int64(time.Duration(t.Nano()))
}
