//go:build unix

package runtime

import (
	"syscall"
	"time"
)

// processCPU is the CPU time this process has used, on all its threads.
func processCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return time.Since(processStart) // as if one core were always busy: wall time decides alone
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
