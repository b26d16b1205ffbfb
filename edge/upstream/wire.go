package upstream

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// wireBytes is how much is read of a socket at a time.
const wireBytes = 64 << 10

// wire is the socket below a connection's TLS. Reading it waits, on the goroutine of the connection. What is written is
// gathered until Flush, which never waits: what the kernel does not take is sent by a goroutine that lives as long as that
// lasts, and whoever has more waits for drained.
type wire struct {
	net.Conn
	raw      syscall.RawConn
	attempt  func(fd uintptr) bool // an attempt at sending now, made once: a closure for each would be garbage
	patience time.Duration

	// Of the reading goroutine.
	in, buf []byte
	idle    func() // all that came was read: called before waiting for more; nil until the handshakes are over

	heard atomic.Int64 // Unix nanoseconds when something last came

	mu      sync.Mutex
	free    bool   // the handshakes are over: Write gathers
	out     []byte // written and not flushed
	now     []byte // that attempt sends
	sent    int    // of now
	fault   error  // of attempt
	busy    bool   // a goroutine sends
	err     error  // the connection is of no use any more
	drained func()
}

func newWire(nc net.Conn, patience time.Duration) (*wire, error) {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return nil, errors.New("upstream: a connection without a socket")
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil, err
	}
	w := &wire{Conn: nc, raw: raw, patience: patience, buf: make([]byte, wireBytes)}
	w.heard.Store(time.Now().UnixNano())
	w.attempt = func(fd uintptr) bool {
		w.sent, w.fault = trySend(fd, w.now)
		return true // never to be called again when the socket takes more
	}
	return w, nil
}

// release ends the time in which writing may wait. drained is called, on any goroutine, when what a Flush left was sent.
func (w *wire) release(idle, drained func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.free, w.drained, w.idle = true, drained, idle
}

// Read is crypto/tls asking for more records.
func (w *wire) Read(p []byte) (int, error) {
	if len(w.in) == 0 {
		if w.idle != nil {
			w.idle()
		}
		n, err := w.Conn.Read(w.buf)
		if n == 0 {
			return 0, err
		}
		w.heard.Store(time.Now().UnixNano())
		w.in = w.buf[:n]
	}
	n := copy(p, w.in)
	w.in = w.in[n:]
	return n, nil
}

// Write is crypto/tls sending records.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.err != nil:
		return 0, w.err
	case !w.free:
		return w.Conn.Write(p)
	}
	w.out = append(w.out, p...)
	return len(p), nil
}

// Flush sends what was written, or has it sent. It reports whether the kernel took all.
func (w *wire) Flush() (all bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.err != nil:
		return false, w.err
	case w.busy:
		return false, nil
	case len(w.out) == 0:
		return true, nil
	}
	w.now, w.sent, w.fault = w.out, 0, nil
	if err := w.raw.Write(w.attempt); err != nil {
		w.fault = err
	}
	w.now = nil
	if w.fault != nil {
		w.err = w.fault
		return false, w.err
	}
	if w.sent == len(w.out) {
		w.out = w.out[:0]
		return true, nil
	}
	w.out = append(w.out[:0], w.out[w.sent:]...)
	w.busy = true
	go w.drain()
	return false, nil
}

// drain sends what the kernel did not take at once.
func (w *wire) drain() {
	w.mu.Lock()
	for len(w.out) > 0 && w.err == nil {
		p := w.out
		w.out = nil
		w.mu.Unlock()
		err := w.SetWriteDeadline(time.Now().Add(w.patience))
		if err == nil {
			_, err = w.Conn.Write(p)
		}
		w.mu.Lock()
		w.err = err
	}
	if w.err == nil {
		w.err = w.SetWriteDeadline(time.Time{}) // it would end what Flush sends, too
	}
	w.busy = false
	failed := w.err != nil
	w.mu.Unlock()
	if failed {
		_ = w.Close() // who reads hears of it
	}
	w.drained()
}

// ready reports whether Flush would send.
func (w *wire) ready() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.busy && w.err == nil
}
