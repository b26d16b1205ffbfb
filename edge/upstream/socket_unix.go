//go:build unix

package upstream

import (
	"errors"
	"syscall"
)

// trySend gives the kernel what it takes now.
func trySend(fd uintptr, p []byte) (sent int, err error) {
	for sent < len(p) {
		n, err := syscall.Write(int(fd), p[sent:])
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			return sent, nil
		case err != nil:
			return sent, err
		default:
			sent += n
		}
	}
	return sent, nil
}
