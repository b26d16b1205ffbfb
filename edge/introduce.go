//go:build linux || darwin

package edge

import "github.com/fortunadws/fortuna/edge/forwarded"

// introduce takes the header of the PROXY protocol off what a proxy sends first, and makes the connection that of the
// client it names. It returns what follows, or nil while there is nothing.
func (c *conn) introduce(in []byte) (rest []byte) {
	c.in = append(c.in, in...)
	client, n, err := forwarded.ParseProxy(c.in)
	switch {
	case err != nil: // what it wants is anybody's guess
		c.cut()
		return nil
	case n == 0:
		if c.mode == idle {
			c.become(inHead) // with its deadline; that of a handshake runs already
		}
		return nil
	}
	rest, c.in, c.unnamed = c.in[n:], nil, false
	if c.mode == inHead {
		c.become(idle)
	}
	if client.IsValid() {
		s := c.loop.s
		if over(s.countAddress(client.Addr(), 1), s.limits.PerIPMax) {
			s.countAddress(client.Addr(), -1)
			if s.tls == nil {
				c.refuse(refuseAddress)
				c.settle(true)
			} else { // to say why would take a handshake
				c.cut()
			}
			return nil
		}
		c.remote = client // the proxy itself was not counted
	}
	return rest
}
