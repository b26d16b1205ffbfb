//go:build unix

package edge

import (
	"net"
	"net/netip"

	"github.com/fortunadws/fortuna/edge/http1"
	"github.com/tidwall/evio"
)

// refusedMax is how many refused connections may linger at once, so that their peers can read why.
const refusedMax = 128

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
		return evio.None
	}
	s.refused.Add(1)
	c.refuse(refusal)
	c.settle(true)
	if s.open.Load() > int64(s.limits.ConnectionsMax)+refusedMax {
		c.act = evio.Close
	}
	return c.act
}

// enter counts a connection from ip, and says why it must go.
func (s *Server) enter(ip netip.Addr) *http1.Error {
	open := s.open.Add(1)
	n := s.countAddress(ip, 1)
	switch {
	case s.draining.Load():
		return refuseDraining
	case over(int(open), s.limits.ConnectionsMax):
		return refuseCapacity
	case over(n, s.limits.PerIPMax):
		return refuseAddress
	}
	return nil
}

// release takes back what enter counted.
func (s *Server) release(remote netip.AddrPort) {
	s.countAddress(remote.Addr(), -1)
	if s.open.Add(-1) == 0 {
		select {
		case s.empty <- struct{}{}:
		default:
		}
	}
}

// countAddress adds d to the connections of ip and returns them. Loopback is not counted: it is the operator's own
// tools, and a proxy in front, which has its own limits.
func (s *Server) countAddress(ip netip.Addr, d int) int {
	if s.limits.PerIPMax < 0 || !ip.IsValid() || ip.IsLoopback() {
		return 0
	}
	if ip.Is6() {
		p, err := ip.Prefix(64) // what one subscriber holds
		if err == nil {
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
