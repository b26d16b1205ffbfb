package tls

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// ErrPlain is what a handshake fails with when the peer's first byte begins a line of text instead of a record.
var ErrPlain = errors.New("tls: the peer speaks without TLS")

// ErrHello is what a handshake fails with when the peer's first bytes begin neither.
var ErrHello = errors.New("tls: the peer's first bytes are not those of a handshake")

// The head of a record (RFC 8446, section 5.1).
const (
	recordHeadBytes = 5
	recordHandshake = 22
	recordBytesMax  = 1 << 14 // of the first, which is not encrypted
)

// handshake is the state of a session until both sides agree. crypto/tls cannot be interrupted in it, so it has a
// goroutine, from the first whole record on. While that waits for the peer it holds no slot: slow peers keep nobody
// from computing.
type handshake struct {
	slots    chan struct{}
	remote   netip.AddrPort
	progress func()
	came     chan struct{} // told when in has grown
	quit     chan struct{} // closed by close
	over     chan struct{} // closed when done, for who may block
	held     bool          // the goroutine has a slot; touched by it only
	begun    bool          // it runs; touched by the driver only
	once     sync.Once     // of quit

	mu      sync.Mutex
	in, out []byte
	nc      net.Conn // nil until attach
	done    bool
	err     error
	client  *exchange.Client
}

func newHandshake(slots chan struct{}, remote netip.AddrPort, progress func()) *handshake {
	return &handshake{
		slots: slots, remote: remote, progress: progress,
		came: make(chan struct{}, 1), quit: make(chan struct{}), over: make(chan struct{}),
	}
}

// feed takes what came, and begins once there is a record to begin with. By the driver.
func (h *handshake) feed(p []byte, s *Session) {
	h.mu.Lock()
	h.in = append(h.in, p...)
	whole, err := firstRecord(h.in)
	h.mu.Unlock()
	switch {
	case h.begun:
		select {
		case h.came <- struct{}{}:
		default: // it was told already
		}
	case err != nil:
		h.begun = true
		h.end(nil, err)
	case whole:
		h.begun = true
		go h.run(s)
	}
}

// firstRecord reports whether p holds the first record of a handshake, or why it never will.
func firstRecord(p []byte) (whole bool, err error) {
	switch {
	case len(p) == 0:
		return false, nil
	case 'A' <= p[0] && p[0] <= 'Z':
		return false, ErrPlain
	case p[0] != recordHandshake:
		return false, ErrHello
	case len(p) < recordHeadBytes:
		return false, nil
	}
	n := int(binary.BigEndian.Uint16(p[3:recordHeadBytes]))
	if n > recordBytesMax {
		return false, ErrHello
	}
	return len(p) >= recordHeadBytes+n, nil
}

// run is the goroutine.
func (h *handshake) run(s *Session) {
	var err error
	var client *exchange.Client
	defer func() {
		if v := recover(); v != nil {
			s.server.config.Log.Error("panic in a handshake", "err", v, "stack", string(debug.Stack()))
			err = fmt.Errorf("tls: handshake: %v", v)
		}
		h.leave()
		h.end(client, err)
	}()
	if !h.enter() {
		err = net.ErrClosed
		return
	}
	if err = s.conn.Handshake(); err == nil {
		client = s.server.clientOf(s.conn.ConnectionState())
	}
}

func (h *handshake) end(client *exchange.Client, err error) {
	h.mu.Lock()
	h.done, h.client, h.err = true, client, err
	h.mu.Unlock()
	close(h.over)
	h.progress()
}

// enter takes a slot, or reports false when nobody waits for the handshake any more.
func (h *handshake) enter() bool {
	select {
	case h.slots <- struct{}{}:
		h.held = true
		return true
	case <-h.quit:
		return false
	}
}

func (h *handshake) leave() {
	if h.held {
		h.held = false
		<-h.slots
	}
}

func (h *handshake) read(p []byte) (int, error) {
	for {
		h.mu.Lock()
		n := copy(p, h.in)
		h.in = h.in[n:]
		nc := h.nc
		h.mu.Unlock()
		if n > 0 {
			return n, nil
		}
		h.leave()
		var err error
		if nc != nil {
			n, err = nc.Read(p)
		} else {
			select {
			case <-h.came:
			case <-h.quit:
			}
		}
		if !h.enter() {
			return 0, net.ErrClosed
		}
		if nc != nil {
			return n, err
		}
	}
}

func (h *handshake) write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.nc != nil {
		return h.nc.Write(p)
	}
	h.out = append(h.out, p...)
	h.progress()
	return len(p), nil
}

// attach lets the handshake go on over nc. By the driver.
func (h *handshake) attach(nc net.Conn, s *Session) {
	if !h.begun {
		h.begun = true
		go h.run(s)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.nc = nc
	_, _ = nc.Write(h.out) // if it fails, so does what comes next
	h.out = nil
	select {
	case h.came <- struct{}{}:
	default: // it was told already
	}
}

func (h *handshake) close() { h.once.Do(func() { close(h.quit) }) }
