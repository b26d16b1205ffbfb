//go:build linux || darwin

package edge

import (
	"time"

	"github.com/tidwall/evio"
)

// expire ends the connection when its deadline has passed. From the sweep.
func (c *conn) expire(now time.Duration) {
	defer c.guard()
	m, age := &c.loop.s.limits, now-c.since
	switch {
	case c.act != evio.None: // evio detaches when a third of the kernel's buffer is free
		if over(age, m.WriteDeadline) {
			left, ok := unacknowledged(uintptr(c.fd))
			if !ok || m.slowReader(int(c.seen)-left) {
				c.cut()
			}
			c.since, c.seen = now, int64(left)
		}
	case c.mode == shaking && over(age, m.HandshakeDeadline):
		c.cut()
	case c.mode == idle && over(age, m.IdleDeadline):
		c.part()
		c.cut()
	case c.mode == inHead && over(age, m.HeadDeadline):
		c.refuse(refuseHead)
		c.keep(nil)
		c.settle(true)
		c.tell()
	case c.mode == inBody && c.slow(now):
		c.refuse(refuseBody)
		c.keep(nil)
		c.settle(true)
		c.tell()
	case c.mode == upgraded:
		c.socket.tick(now)
	case c.mode == lingering && over(age, m.LingerMax):
		c.cut()
	}
}

// slow reports whether the body that is being read has lost its right to more time.
func (c *conn) slow(now time.Duration) bool {
	if n := c.parser.BodyBytes(); n != c.seen {
		c.seen, c.moved = n, now
	}
	return c.loop.s.limits.slowBody(now-c.since, now-c.moved, c.seen)
}

// expire looks at the deadline and reports whether the connection goes on.
func (k *carrier) expire(now time.Time) bool {
	m, age := &k.s.limits, now.Sub(k.since)
	switch k.mode {
	case idle:
		return !over(age, m.IdleDeadline)
	case inHead:
		if over(age, m.HeadDeadline) {
			k.refuse(refuseHead)
		}
	case inBody:
		if n := k.parser.BodyBytes(); n != k.seen {
			k.seen, k.moved = n, now
		}
		if m.slowBody(age, now.Sub(k.moved), k.seen) {
			k.refuse(refuseBody)
		}
	case busy:
		b := k.x.incoming
		if b == nil || b.ended {
			break
		}
		n := k.parser.BodyBytes()
		if n != k.seen {
			k.seen, k.moved = n, now
		}
		if k.full(b) { // the handler is the slow one
			k.since, k.moved, b.before = now, now, n
		}
		if m.slowBody(now.Sub(k.since), now.Sub(k.moved), n-b.before) {
			k.spoil(refuseBody)
		}
	}
	return true
}
