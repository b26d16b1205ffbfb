//go:build linux || darwin

package edge

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// writeBytes is how much a carrier writes before it sets a new deadline.
const writeBytes = 64 << 10

// slowConn is a socket whose Write has patience with a peer that reads slowly, but not too slowly.
type slowConn struct {
	net.Conn
	limits *Limits
}

// Write writes p as long as the peer takes enough of it.
func (w slowConn) Write(p []byte) (written int, err error) {
	for len(p) > 0 {
		before, _ := w.unacknowledged()
		if d := w.limits.WriteDeadline; d >= 0 {
			if err := w.SetWriteDeadline(time.Now().Add(d)); err != nil {
				return written, err
			}
		}
		n, err := w.Conn.Write(p[:min(len(p), writeBytes)])
		p, written = p[n:], written+n
		if errors.Is(err, os.ErrDeadlineExceeded) {
			// The kernel wakes a writer only when a third of its buffer is free: what the peer acknowledged counts.
			taken := n
			if after, ok := w.unacknowledged(); ok {
				taken += before - after
			}
			if !w.limits.slowReader(taken) {
				continue
			}
		}
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// CloseWrite ends our direction.
func (w slowConn) CloseWrite() error {
	half, ok := w.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}

// unacknowledged is how much the kernel holds that the peer has not acknowledged.
func (w slowConn) unacknowledged() (n int, ok bool) {
	sc, is := w.Conn.(syscall.Conn)
	if !is {
		return 0, false
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return 0, false
	}
	err = rc.Control(func(fd uintptr) { n, ok = unacknowledged(fd) })
	return n, ok && err == nil
}
