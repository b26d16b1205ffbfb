package edge

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// tuneKeepalive leaves the system's own keepalive times.
func tuneKeepalive(int) {}

// unacknowledged returns how many bytes the peer has not taken yet.
func unacknowledged(fd uintptr) (int, bool) {
	n, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_NWRITE)
	return n, err == nil
}

// writeNow is write(2).
func writeNow(fd int, p []byte) (int, error) { return syscall.Write(fd, p) }
