package edge

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// tuneKeepalive finds a peer that vanished without a word: idle within about two minutes, with unacknowledged data
// within 45 seconds.
func tuneKeepalive(fd int) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 60)          // seconds
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15)         // seconds
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 45*1000) // milliseconds
}

// unacknowledged returns how many bytes the peer has not taken yet.
func unacknowledged(fd uintptr) (int, bool) {
	n, err := unix.IoctlGetInt(int(fd), unix.TIOCOUTQ)
	return n, err == nil
}

// writeNow is write(2) without a word to Go's scheduler. None is needed where write never waits, and one that is told looks
// every 20 us whether to take the core from a loop whose write takes long.
func writeNow(fd int, p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, _, err := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
	if err != 0 {
		return 0, err
	}
	return int(n), nil
}
