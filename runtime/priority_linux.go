package runtime

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// yieldCPU lets the threads of the event loops go before this one when cores are short. On Linux priority belongs to
// the thread, which the caller has locked; lowering it needs no right, and failing to costs nothing but latency.
func yieldCPU(nice int) {
	_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), nice)
}

// ownThread locks the caller's goroutine to its thread and returns what cpuOf knows it by.
func ownThread() int32 {
	runtime.LockOSThread()
	return int32(unix.Gettid())
}

// cpuOf is the CPU time a thread of this process has used; of the whole process for thread 0 or one that is gone.
func cpuOf(thread int32) time.Duration {
	if thread != 0 {
		const perThread, scheduler = 4, 2 // the kernel's MAKE_THREAD_CPUCLOCK
		var t unix.Timespec
		if unix.ClockGettime(^thread<<3|perThread|scheduler, &t) == nil {
			return time.Duration(t.Nano())
		}
	}
	return processCPU()
}

// threadCPU is the CPU time the caller's thread has used, in nanoseconds. It is a system call: too dear for the loop,
// right for a worker, whose thread is preempted by design.
func threadCPU() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return now()
	}
	return t.Nano()
}
