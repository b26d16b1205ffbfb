//go:build linux || darwin

package edge

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/fortunadws/fortuna/edge/http1"
)

// listenInherited serves what comes to sockets that somebody else has opened. evio opens its own, so these connections are
// carried from the beginning: the price of sockets that outlive the process.
func (s *Server) listenInherited(listeners []net.Listener) error {
	if s.proxies != nil && s.proxies.Protocol {
		return errors.New("listen: connections of inherited sockets cannot begin with the PROXY protocol")
	}
	addr, ok := listeners[0].Addr().(*net.TCPAddr)
	if !ok {
		return fmt.Errorf("listen: an inherited socket must be of TCP, got %s", listeners[0].Addr().Network())
	}
	s.addr, s.claim, s.inherited = addr, -1, listeners
	for _, l := range listeners {
		s.takers.Go(func() { s.take(l) })
	}
	return nil
}

// take accepts connections until the listener is closed.
func (s *Server) take(l net.Listener) {
	const first = 10 * time.Millisecond
	for backoff := first; ; {
		nc, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			s.log.Error("accept", "err", err, "dur", backoff) // mostly for want of descriptors
			select {
			case <-time.After(backoff):
			case <-s.closing:
				return
			}
			backoff = min(2*backoff, time.Second)
		default:
			backoff = first
			s.taken(nc)
		}
	}
}

// taken enters a connection or refuses it.
func (s *Server) taken(nc net.Conn) {
	s.accepted.Add(1)
	var remote netip.AddrPort
	if a, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		ap := a.AddrPort()
		remote = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	if refusal := s.enter(remote.Addr()); refusal != nil {
		s.refused.Add(1)
		s.refusing.Add(1)
		if s.tls == nil && nc.SetWriteDeadline(time.Now().Add(time.Second)) == nil {
			_, _ = nc.Write(http1.AppendRefusal(nil, refusal, s.appendDate(nil, time.Now()))) // it is small; the peer may have left
		}
		_ = nc.Close() // whatever comes of it, it is over
		s.leaveRefused()
		return
	}
	now := time.Now()
	k := &carrier{
		s: s, remote: remote, bell: make(chan struct{}, 1), input: make(chan []byte), quit: make(chan struct{}), since: now, moved: now,
	}
	k.parser.Limits, k.nc = s.limits.HTTP, nc
	if s.tls != nil {
		k.secure = s.tls.Session(remote, func() {})
	}
	k.start(func() (net.Conn, error) { return nc, k.hello(nc) })
}

// hello reads how a client begins TLS, and gives it to the handshake.
func (k *carrier) hello(nc net.Conn) error {
	if k.secure == nil {
		return nil
	}
	if d := k.s.limits.HandshakeDeadline; d >= 0 {
		if err := nc.SetReadDeadline(time.Now().Add(d)); err != nil {
			return err
		}
	}
	p := make([]byte, readBytes)
	n, err := nc.Read(p)
	k.secure.Feed(p[:n])
	return err
}
