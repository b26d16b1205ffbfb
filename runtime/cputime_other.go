//go:build !unix

package runtime

import "time"

// processCPU counts wall time where the system does not say: then wall time decides alone.
func processCPU() time.Duration { return time.Since(processStart) }
