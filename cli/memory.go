package cli

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
)

const (
	// heapFloorBytes is the heap below which collecting is not worth its CPU. An app's live heap is a few megabytes,
	// and at GOGC=100 a collection every few megabytes of garbage costs up to half of the time.
	heapFloorBytes = 24 << 20

	// gcPercentMax bounds how far the floor may stretch a tiny heap. The runtime never collects below 4 MiB times this.
	gcPercentMax = 600
)

// tuneMemory makes collections rare while the heap is small, ordinary when it is large, and frequent near the memory
// the process may have. GOGC and GOMEMLIMIT in the environment win over either. No allocation is
// sampled: see sampleMemory.
func tuneMemory(getenv func(string) string) {
	runtime.MemProfileRate = 0
	if getenv("GOMEMLIMIT") == "" {
		if limit := memoryMax(os.ReadFile); limit > 0 {
			debug.SetMemoryLimit(limit / 10 * 9) // the rest is stacks, and memory that is not the heap's
		}
	}
	if getenv("GOGC") == "" {
		retuneGC()
	}
}

// sampleMemory lets profiles tell what allocates, from now on. A sample walks the stack of a handler, and one each half
// megabyte costs a hundredth of what a small answer does.
func sampleMemory() { runtime.MemProfileRate = sampleBytes }

var sampleBytes = runtime.MemProfileRate // Go's own choice

// retuneGC sets the next collection's goal from what is live after the last, and does so again after the next: the
// sentinel is garbage at once, so its cleanup runs once a cycle.
func retuneGC() {
	if p := gcPercent(liveBytes()); p != gcPercentNow {
		gcPercentNow = p
		debug.SetGCPercent(p)
	}
	sentinel := new([16]byte) // smaller objects share a block that something else may keep
	runtime.AddCleanup(sentinel, func(struct{}) { retuneGC() }, struct{}{})
}

// gcPercentNow belongs to the goroutine of cleanups, after tuneMemory.
var gcPercentNow = 100

// gcPercent is the GOGC with which a heap of that many live bytes grows to at least the floor.
func gcPercent(live int64) int {
	if live <= 0 {
		return gcPercentMax
	}
	p := int((heapFloorBytes - live) * 100 / live)
	return min(max(p/25*25, 100), gcPercentMax) // in steps, because changing it stops the world
}

// liveBytes is what the last collection found to be alive.
func liveBytes() int64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	if s[0].Value.Kind() != metrics.KindUint64 {
		return heapFloorBytes // unknown: ordinary collections
	}
	return int64(min(s[0].Value.Uint64(), math.MaxInt64))
}

// memoryMax is how many bytes the cgroup, or else the machine, lets this process have; 0 when nothing says.
func memoryMax(read func(string) ([]byte, error)) int64 {
	limit := int64(0)
	files := []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}
	if data, err := read("/proc/self/cgroup"); err == nil {
		if group, ok := strings.CutPrefix(strings.TrimSpace(string(data)), "0::/"); ok {
			files = append(files, "/sys/fs/cgroup/"+group+"/memory.max")
		}
	}
	for _, file := range files {
		if data, err := read(file); err == nil {
			n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
			if err == nil && n > 0 && (limit == 0 || n < limit) {
				limit = n
			}
		}
	}
	machine := int64(0)
	if data, err := read("/proc/meminfo"); err == nil {
		for line := range strings.Lines(string(data)) {
			if f := strings.Fields(line); len(f) >= 2 && f[0] == "MemTotal:" {
				if kB, err := strconv.ParseInt(f[1], 10, 64); err == nil {
					machine = kB << 10
				}
			}
		}
	}
	if limit == 0 || machine > 0 && machine < limit {
		return machine
	}
	return limit
}
