//go:build linux || darwin

package cli

import (
	"fmt"
	"os"
	"runtime/metrics"
	"time"

	"golang.org/x/sys/unix"
)

// exitMemory is what a process leaves with that has taken too much memory.
const exitMemory exitCode = 5

// boundCPU ends the process after so many seconds of computing.
func boundCPU(seconds uint64) error {
	if err := unix.Setrlimit(unix.RLIMIT_CPU, &unix.Rlimit{Cur: seconds, Max: seconds}); err != nil {
		return fmt.Errorf("bound the time to compute: %w", err)
	}
	return nil
}

// boundMemory ends the process when it has more than so many bytes. An address space cannot be bounded: Go reserves what it
// never uses.
func boundMemory(bytes uint64) {
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	for range time.Tick(5 * time.Millisecond) {
		metrics.Read(sample)
		if sample[0].Value.Uint64()-sample[1].Value.Uint64() > bytes {
			os.Exit(int(exitMemory))
		}
	}
}
