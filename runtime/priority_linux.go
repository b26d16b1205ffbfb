package runtime

import "golang.org/x/sys/unix"

// yieldCPU lets the threads of the event loops go before this one when cores are short. On Linux priority belongs to
// the thread, which the caller has locked; lowering it needs no right, and failing to costs nothing but latency.
func yieldCPU(nice int) {
	_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), nice)
}
