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

// slowWriter writes to a peer that may read slowly, but not too slowly.
type slowWriter struct {
	nc     net.Conn
	limits *Limits
}

// write writes p as long as the peer takes enough of it.
func (w slowWriter) write(p []byte) error {
	for len(p) > 0 {
		before, _ := w.unacknowledged()
		if d := w.limits.WriteDeadline; d >= 0 {
			if err := w.nc.SetWriteDeadline(time.Now().Add(d)); err != nil {
				return err
			}
		}
		n, err := w.nc.Write(p[:min(len(p), writeBytes)])
		p = p[n:]
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
			return err
		}
	}
	return nil
}

// unacknowledged is how much the kernel holds that the peer has not acknowledged.
func (w slowWriter) unacknowledged() (n int, ok bool) {
	sc, is := w.nc.(syscall.Conn)
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
