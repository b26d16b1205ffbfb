//go:build linux || darwin

package edge

import (
	"net"
	"net/netip"
	"sync/atomic"

	"github.com/fortunadws/fortuna/edge/http1"
	"github.com/tidwall/evio"
)

// process counts the connections of all servers of this process, which share its descriptors.
var process atomic.Int64

// descriptorsMax bounds process.
var descriptorsMax = connectionsMax()

// refusedMax is how many refused connections may linger at once, so that their peers can read why.
var refusedMax = int64(min(128, descriptorsMax/8))

// admit enters a connection or refuses it. On the loop.
func (l *loop) admit(ec evio.Conn, fd int) evio.Action {
	s := l.s
	tuneSocket(fd)
	s.accepted.Add(1)
	c := &conn{loop: l, evio: ec, fd: int32(fd)}
	if a, ok := ec.RemoteAddr().(*net.TCPAddr); ok {
		ap := a.AddrPort()
		c.remote = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	ec.SetContext(c)
	l.add(c)
	c.since = l.now
	refusal := s.enter(c.remote.Addr())
	if refusal == nil {
		c.unnamed = s.proxies.Speaks(c.remote.Addr())
		if s.tls != nil {
			c.mode = shaking
		}
		return evio.None
	}
	s.refused.Add(1)
	c.refused = true
	if s.tls == nil {
		c.refuse(refusal)
		c.settle(true)
	}
	if s.refusing.Add(1) > refusedMax || s.tls != nil { // to say why would take a handshake
		c.act = evio.Close
	}
	return c.act
}

// enter counts a connection from ip, or says why it must go.
func (s *Server) enter(ip netip.Addr) (refusal *http1.Error) {
	all, open, n := process.Add(1), s.open.Add(1), s.countAddress(ip, 1)
	switch {
	case s.draining.Load():
		refusal = refuseDraining
	case over(int(open), s.limits.ConnectionsMax), int(all) > descriptorsMax:
		refusal = refuseCapacity
	case over(n, s.limits.PerIPMax):
		refusal = refuseAddress
	default:
		return nil
	}
	s.countAddress(ip, -1)
	s.leftOne()
	return refusal
}

// leave takes back what enter counted for a connection it let in.
func (s *Server) leave(ip netip.Addr) {
	s.countAddress(ip, -1)
	process.Add(-1)
	s.leftOne()
}

// leaveRefused takes back what enter counted for one it did not.
func (s *Server) leaveRefused() {
	process.Add(-1)
	s.refusing.Add(-1)
}

// leftOne counts one connection less and tells Drain about the last.
func (s *Server) leftOne() {
	if s.open.Add(-1) == 0 {
		select {
		case s.empty <- struct{}{}:
		default: // it was told already
		}
	}
}

// countAddress adds d to the connections of ip and returns them. Loopback and trusted proxies are not counted: they are the
// operator's own, and have limits of their own.
func (s *Server) countAddress(ip netip.Addr, d int) int {
	if s.limits.PerIPMax < 0 || !ip.IsValid() || ip.IsLoopback() || s.proxies.Trusts(ip) {
		return 0
	}
	if ip.Is6() {
		if p, err := ip.Prefix(64); err == nil { // what one subscriber holds
			ip = p.Addr()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.perIP[ip] + d
	if n <= 0 {
		delete(s.perIP, ip)
	} else {
		s.perIP[ip] = n
	}
	return n
}
