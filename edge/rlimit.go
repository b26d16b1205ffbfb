//go:build linux || darwin

package edge

import "golang.org/x/sys/unix"

// filesReserve are descriptors for everything but connections: files, state, outbound fetches, the moment in which a
// connection that moves to a carrier has two.
const filesReserve = 256

// connectionsMax derives the connections a server may hold from the process's limit on open files, which the Go
// runtime raises to its hard limit when it starts.
func connectionsMax() int {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return 512
	}
	n := int(min(r.Cur, 1<<20))
	return max(n-filesReserve-n/16, n/2)
}
