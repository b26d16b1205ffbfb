package edge

import "golang.org/x/sys/unix"

// tuneKeepalive leaves the system's own keepalive times.
func tuneKeepalive(int) {}

// unacknowledged returns how many bytes the peer has not taken yet.
func unacknowledged(fd uintptr) (int, bool) {
	n, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_NWRITE)
	return n, err == nil
}
