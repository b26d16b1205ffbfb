//go:build !linux

package runtime

import (
	"runtime"
	"time"
)

// ownThread locks the caller's goroutine to its thread. The thread has no name that cpuOf would know.
func ownThread() int32 {
	runtime.LockOSThread()
	return 0
}

// cpuOf is the CPU time of the whole process.
func cpuOf(int32) time.Duration { return processCPU() }

// yieldCPU does nothing where priority belongs to the process.
func yieldCPU(int) {}

// threadCPU is wall time where a thread has no clock of its own to ask.
func threadCPU() int64 { return now() }
