package edge

import "golang.org/x/sys/unix"

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
