package tls

import (
	cryptotls "crypto/tls"
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// ErrMore is what Read returns when it needs records that have not come.
var ErrMore error = more{}

// more is temporary: crypto/tls then keeps what it has of a record and goes on when it is asked again.
type more struct{}

func (more) Error() string   { return "tls: more records are needed" }
func (more) Timeout() bool   { return false }
func (more) Temporary() bool { return true }

// Session is the TLS of one connection. Whoever drives the connection gives it the records that came and sends those
// it makes. Its methods never block and belong to one goroutine at a time, until Attach.
type Session struct {
	server *Server
	conn   *cryptotls.Conn
	wire   wire
	client *exchange.Client
}

// Session begins a session with the peer at remote. The handshake calls progress, from a goroutine of its own, whenever Progress has news.
func (s *Server) Session(remote netip.AddrPort, progress func()) *Session {
	n := &Session{server: s}
	n.wire.shake = newHandshake(s.slots, remote, progress)
	n.conn = cryptotls.Server(&n.wire, s.current.Load())
	return n
}

// Feed takes records that came; it may keep p until the next call of a method. During the handshake it copies them.
func (s *Session) Feed(p []byte) {
	switch h := s.wire.shake; {
	case h != nil:
		h.feed(p, s)
	case len(s.wire.in) > 0:
		s.wire.in = append(s.wire.in, p...)
	default:
		s.wire.in = p
	}
}

// Keep makes what Feed was given and Read has not used the session's own.
func (s *Session) Keep() {
	if len(s.wire.in) == 0 {
		s.wire.in = nil
	} else {
		s.wire.in = append([]byte(nil), s.wire.in...)
	}
}

// Progress returns the records that the handshake wants sent, and whether it is over. With an error it has failed, and
// what is to be sent says so to the peer.
func (s *Session) Progress() (out []byte, done bool, err error) {
	h := s.wire.shake
	if h == nil {
		return nil, true, nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	out, h.out = h.out, nil
	if !h.done {
		return out, false, nil
	}
	s.wire.in, s.wire.shake, s.client = h.in, nil, h.client
	return out, true, h.err
}

// Waiting is how many bytes of the peer the handshake has not used.
func (s *Session) Waiting() int {
	h := s.wire.shake
	if h == nil {
		return len(s.wire.in)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.in)
}

// Read opens records into p, after the handshake. The error is ErrMore, io.EOF when the peer said that no more comes,
// or why the peer cannot be trusted.
func (s *Session) Read(p []byte) (int, error) { return s.conn.Read(p) }

// Seal appends p to dst as records, behind those that the session itself wants sent. p may be empty.
func (s *Session) Seal(dst, p []byte) (sealed []byte, err error) {
	s.wire.out = append(dst, s.wire.out...)
	if len(p) > 0 {
		_, err = s.conn.Write(p)
	}
	sealed, s.wire.out = s.wire.out, nil
	return sealed, err
}

// Unsent reports whether the session itself wants records sent.
func (s *Session) Unsent() bool { return len(s.wire.out) > 0 }

// CloseWrite appends to dst the record that says that no more comes (RFC 8446, section 6.1).
func (s *Session) CloseWrite(dst []byte) []byte {
	s.wire.out = append(dst, s.wire.out...)
	_ = s.conn.CloseWrite() // it fails when the session has: then the peer was told
	dst, s.wire.out = s.wire.out, nil
	return dst
}

// Attach makes the session an ordinary connection over nc. It blocks until a handshake that is under way is over, or a
// deadline of nc. What was fed and not read is read first. The session must not be used afterwards.
func (s *Session) Attach(nc net.Conn) (net.Conn, error) {
	if h := s.wire.shake; h != nil {
		h.attach(nc, s)
		<-h.over
	}
	if _, _, err := s.Progress(); err != nil {
		return nil, err
	}
	s.Keep()
	s.wire.nc = nc
	return s.conn, nil
}

// Close frees a handshake that is under way. The driver is done with the session.
func (s *Session) Close() {
	if h := s.wire.shake; h != nil {
		h.close()
	}
}

// Protocol is what was agreed on by ALPN, or "".
func (s *Session) Protocol() string { return s.conn.ConnectionState().NegotiatedProtocol }

// Client is what the client showed of itself, or nil.
func (s *Session) Client() *exchange.Client { return s.client }

// wire is what a session's crypto/tls believes to be its socket.
type wire struct {
	in, out []byte
	shake   *handshake // nil after the handshake
	nc      net.Conn   // nil until Attach
}

func (w *wire) Read(p []byte) (int, error) {
	switch {
	case w.shake != nil:
		return w.shake.read(p)
	case len(w.in) > 0:
		n := copy(p, w.in)
		w.in = w.in[n:]
		return n, nil
	case w.nc != nil:
		w.in = nil
		return w.nc.Read(p)
	default:
		return 0, ErrMore
	}
}

func (w *wire) Write(p []byte) (int, error) {
	switch {
	case w.shake != nil:
		return w.shake.write(p)
	case w.nc != nil:
		return w.nc.Write(p)
	default:
		w.out = append(w.out, p...)
		return len(p), nil
	}
}

func (w *wire) Close() error {
	if w.nc != nil {
		return w.nc.Close()
	}
	return nil
}

var errDetached = errors.New("tls: the session has no socket")

// LocalAddr is nowhere while the session has no socket; crypto/tls does not ask.
func (w *wire) LocalAddr() net.Addr {
	if w.nc != nil {
		return w.nc.LocalAddr()
	}
	return &net.TCPAddr{}
}

// RemoteAddr is known during the handshake, when a Source may ask.
func (w *wire) RemoteAddr() net.Addr {
	switch {
	case w.shake != nil:
		return net.TCPAddrFromAddrPort(w.shake.remote)
	case w.nc != nil:
		return w.nc.RemoteAddr()
	default:
		return &net.TCPAddr{}
	}
}

func (w *wire) SetDeadline(t time.Time) error {
	if w.nc == nil {
		return errDetached
	}
	return w.nc.SetDeadline(t)
}

func (w *wire) SetReadDeadline(t time.Time) error {
	if w.nc == nil {
		return errDetached
	}
	return w.nc.SetReadDeadline(t)
}

func (w *wire) SetWriteDeadline(t time.Time) error {
	if w.nc == nil {
		return nil // crypto/tls sets one around an alert; into memory none is needed
	}
	return w.nc.SetWriteDeadline(t)
}
