package cli

import (
	"runtime"
	"sync"
)

// eventLoops is how many loops a server here runs: one for each core this process may use.
//
// The first call also lets one more goroutine run than there are cores. A handler that computes for long holds its
// place until the scheduler takes it away, up to 10 ms; with a place to spare the event loops need not wait for that,
// and it is the system that shares out the cores, by the priority of threads. GOMAXPROCS in the environment wins.
func eventLoops(getenv func(string) string) int {
	cores.once.Do(func() {
		cores.n = runtime.GOMAXPROCS(0)
		if getenv("GOMAXPROCS") == "" {
			runtime.GOMAXPROCS(cores.n + 1)
		}
	})
	return cores.n
}

var cores struct {
	once sync.Once
	n    int
}
