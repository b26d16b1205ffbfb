//go:build linux || darwin

package edge

import (
	"errors"
	"io"
	"net"
	"slices"
	"time"

	"github.com/fortunadws/fortuna/edge/h2"
	"github.com/fortunadws/fortuna/edge/tls"
	"github.com/tidwall/evio"
)

// A secured connection is one like any other whose bytes come and go as records. On the loop they are opened between
// what evio read and data, and sealed between reply and write(2); a carrier has them below an ordinary net.Conn.

// plainBytes is what one record holds at most (RFC 8446, section 5.1).
const plainBytes = 16 << 10

// sealBytes is how much of an answer is sealed before the kernel is asked to take it: what it does not take stays plain.
const sealBytes = 64 << 10

// records takes what evio read of a secured connection.
func (c *conn) records(in []byte) {
	switch {
	case c.mode == shaking:
		c.shake(in)
	case c.mode < closing:
		c.secure.Feed(in)
		c.open()
	}
}

// shake gives the handshake what came; shaken will hear of it.
func (c *conn) shake(in []byte) {
	l := c.loop
	if c.secure == nil {
		c.secure = l.s.tls.Session(c.remote, func() { l.Post(c.shaken) })
	}
	c.secure.Feed(in)
	if over(c.secure.Waiting(), l.s.limits.AheadBytesMax) {
		c.leave() // a carrier can stop reading; evio cannot (E5)
	}
}

// shaken sends what the handshake says and, when it is over, goes on to requests. From a job.
func (c *conn) shaken() {
	defer c.guard()
	if c.mode != shaking || c.act != evio.None { // a carrier will ask
		return
	}
	out, done, err := c.secure.Progress()
	n, werr := writeSocket(int(c.fd), out)
	if werr != nil {
		c.cut()
		return
	}
	if n < len(out) { // a list of client authorities, perhaps
		c.rest, c.sealed = append(c.rest, slices.Clone(out[n:])), true
		c.leave()
		c.tell()
		return
	}
	switch {
	case errors.Is(err, tls.ErrPlain):
		c.secure = nil
		c.become(idle)
		c.refuse(refusePlain)
		c.settle(true)
	case err != nil: // which the peer was told
		c.mode = closing
		c.settle(true)
	case done && c.secure.Protocol() == h2.Protocol:
		c.streams, c.mode = true, busy
		c.leave()
	case done:
		c.become(idle)
		c.open()
	}
	c.tell()
}

// open gives data what the records that came hold.
func (c *conn) open() {
	l := c.loop
	if l.plain == nil {
		l.plain = make([]byte, plainBytes)
	}
	var err error
	for err == nil && c.mode < closing && c.act == evio.None {
		var n int
		if n, err = c.secure.Read(l.plain); n > 0 {
			c.data(l.plain[:n])
		}
	}
	c.secure.Keep()
	if c.secure.Unsent() {
		c.send(nil)
	}
	switch {
	case err == nil, errors.Is(err, tls.ErrMore):
	case err == io.EOF && c.mode == idle:
		c.mode = closing
		c.settle(true)
	default: // as when a peer without TLS closes its side (E6), or a record that is forged
		c.cut()
	}
}

// sendRecords seals out and body and writes the records. What the kernel does not take is left in rest, sealed as far
// as it has been.
func (c *conn) sendRecords(out []byte, body [][]byte) error {
	l := c.loop
	for i, p := range append([][]byte{out}, body...) {
		for first := true; first || len(p) > 0; first = false {
			n := min(len(p), sealBytes)
			sealed, err := c.secure.Seal(l.sealed[:0], p[:n])
			if err != nil {
				return err
			}
			l.sealed, p = sealed, p[n:]
			sent, err := writeSocket(int(c.fd), sealed)
			if err != nil {
				return err
			}
			if sent < len(sealed) {
				c.sealed = true
				if i == 0 {
					p = slices.Clone(p) // the loop's
				}
				c.rest = append(append(c.rest, slices.Clone(sealed[sent:]), p), body[i:]...)
				return nil
			}
		}
	}
	return nil
}

// part says to the peer of a secured connection that no more comes.
func (c *conn) part() {
	if c.secure != nil && c.mode != dead && c.mode != shaking {
		_, _ = writeSocket(int(c.fd), c.secure.CloseWrite(nil)) // a courtesy: it may have left, or not read
	}
}

// attach is the connection that requests come and answers go by: socket, or the session over it. It reports false when
// there is none, because the peer does not complete its handshake.
func (k *carrier) attach(socket slowConn) (stream net.Conn, ok bool) {
	if k.secure == nil {
		return socket, true
	}
	if k.sealed {
		k.mu.Lock()
		p := k.out[0]
		k.out, k.size = k.out[1:], k.size-len(p)
		k.mu.Unlock()
		if _, err := socket.Write(p); err != nil {
			return nil, false
		}
	}
	if d := k.s.limits.HandshakeDeadline; d >= 0 {
		if socket.SetReadDeadline(time.Now().Add(d)) != nil {
			return nil, false
		}
	}
	stream, err := k.secure.Attach(socket)
	return stream, err == nil && socket.SetReadDeadline(time.Time{}) == nil
}

// part says to the peer of a secured connection that no more comes.
func (k *carrier) part(stream net.Conn) {
	if half, ok := stream.(interface{ CloseWrite() error }); ok && k.secure != nil {
		_ = half.CloseWrite() // a courtesy: it may have left
	}
}
