//go:build !linux

package runtime

// yieldCPU does nothing where priority belongs to the process.
func yieldCPU(int) {}

// threadCPU is wall time where a thread has no clock of its own to ask.
func threadCPU() int64 { return now() }
