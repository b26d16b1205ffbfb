//go:build linux || darwin

package edge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/forwarded"
	"github.com/fortunadws/fortuna/edge/h2"
	"github.com/fortunadws/fortuna/edge/http1"
	"github.com/fortunadws/fortuna/edge/tls"
)

// Server is a listening address, its loops and their connections. Its methods may be called from anywhere.
type Server struct {
	handler    exchange.Handler
	tls        *tls.Server
	hsts       string // the value of the field that every answer has, or ""
	proxies    *forwarded.Trust
	limits     Limits
	h2         *h2.Server
	h2c        bool
	deflate    bool
	compress   bool
	access     func(Record)
	log        *slog.Logger
	addr       *net.TCPAddr
	claim      int // keeps the port ours
	loops      []*loop
	started    time.Time
	sweepEvery time.Duration

	open      atomic.Int64
	carried   atomic.Int64
	sockets   atomic.Int64
	encoding  atomic.Int64 // encoders that are lent
	refusing  atomic.Int64 // refused connections that linger
	inflight  atomic.Int64
	accepted  atomic.Uint64
	refused   atomic.Uint64
	draining  atomic.Bool
	empty     chan struct{} // told when open falls to 0
	closing   chan struct{} // closed by Close
	closed    sync.Once
	carriers  sync.WaitGroup
	inherited []net.Listener
	takers    sync.WaitGroup

	mu       sync.Mutex
	perIP    map[netip.Addr]int
	carrying map[*carrier]struct{}
}

// Listen binds cfg.Addr and starts the loops; connections are accepted when it returns. An address in use is an error
// that wraps syscall.EADDRINUSE.
func Listen(cfg Config) (*Server, error) {
	if cfg.Handler == nil {
		return nil, errors.New("edge: listen: Config.Handler is nil: give a handler that answers")
	}
	s := &Server{
		handler: cfg.Handler, tls: cfg.TLS, proxies: cfg.Proxies, limits: cfg.Limits.withDefaults(), access: cfg.Access, log: cfg.Log,
		started: time.Now(), empty: make(chan struct{}, 1), closing: make(chan struct{}),
		perIP: map[netip.Addr]int{}, carrying: map[*carrier]struct{}{},
	}
	if cfg.TLS != nil && cfg.HSTS > 0 {
		s.hsts = fmt.Sprintf("max-age=%d", int64(cfg.HSTS.Seconds()))
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	s.h2, s.h2c, s.deflate, s.compress = h2.New(s.limits.h2(), s.log), cfg.H2C, cfg.Deflate, cfg.Compress
	s.sweepEvery = s.limits.sweepEvery()
	if len(cfg.Inherited) > 0 {
		if err := s.listenInherited(cfg.Inherited); err != nil {
			s.h2.Close()
			return nil, err
		}
		return s, nil
	}
	if err := s.bind(cfg.Addr); err != nil {
		s.h2.Close()
		return nil, fmt.Errorf("listen on %q: %w", cfg.Addr, err)
	}
	n := cfg.Loops
	if n <= 0 {
		n = runtime.GOMAXPROCS(0)
	}
	for i := range n {
		l := newLoop(s, i)
		s.loops = append(s.loops, l)
		go l.run(s.addr.String())
	}
	var err error
	for _, l := range s.loops {
		err = errors.Join(err, <-l.ready)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen on %q: %w", cfg.Addr, err), s.Close())
	}
	return s, nil
}

// bind finds out whether the address is free, which SO_REUSEPORT would not tell, and claims it.
func (s *Server) bind(addr string) error {
	for attempt := 1; ; attempt++ {
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			return err
		}
		free := ln.Addr().(*net.TCPAddr)
		if err := ln.Close(); err != nil {
			return err
		}
		s.claim, s.addr, err = claim(free)
		// A port the system picked may be taken in between; the next one will not always be.
		_, port, _ := net.SplitHostPort(addr) // net.Listen has parsed it
		if err == nil || port != "0" || attempt == 8 {
			return err
		}
	}
}

// hstsField is from RFC 6797 section 6.1.
const hstsField = "Strict-Transport-Security"

// appendDate appends the lines that every answer has.
func (s *Server) appendDate(dst []byte, now time.Time) []byte {
	dst = http1.AppendDate(dst, now)
	if s.hsts != "" {
		dst = append(append(append(dst, hstsField+": "...), s.hsts...), "\r\n"...)
	}
	return dst
}

// Addr returns the address the server listens on, with its real port.
func (s *Server) Addr() net.Addr { return s.addr }

// Stats returns the server's counters.
func (s *Server) Stats() Stats {
	return Stats{
		Open: s.open.Load(), Carried: s.carried.Load(), Inflight: s.inflight.Load(), Sockets: s.sockets.Load(),
		Accepted: s.accepted.Load(), Refused: s.refused.Load(),
	}
}

// Respond returns when every event loop has run a job, or with an error that names one that has not when ctx ends.
func (s *Server) Respond(ctx context.Context) error {
	for _, l := range s.loops {
		ran := make(chan struct{})
		if !l.Post(func() { close(ran) }) {
			return fmt.Errorf("event loop %d has ended", l.index)
		}
		select {
		case <-ran:
		case <-ctx.Done():
			return fmt.Errorf("event loop %d has not responded: %w", l.index, ctx.Err())
		}
	}
	return nil
}

// Drain refuses new connections, closes idle ones and lets exchanges in flight finish, until ctx ends: then the error
// says how many connections are left. The loops run on, for what handlers have still to do on them; Close ends them.
func (s *Server) Drain(ctx context.Context) error {
	s.draining.Store(true)
	s.closeInherited()
	for _, l := range s.loops {
		l.Post(l.drain)
	}
	s.mu.Lock()
	for k := range s.carrying {
		k.ring()
	}
	s.mu.Unlock()
	s.h2.Drain()
	for s.open.Load() > 0 {
		select {
		case <-s.empty:
		case <-ctx.Done():
			return fmt.Errorf("drain: %d connections left: %w", s.open.Load(), ctx.Err())
		}
	}
	return nil
}

// Close closes the listeners and every connection, and returns when no loop runs any more.
func (s *Server) Close() error {
	s.closed.Do(func() {
		close(s.closing)
		s.closeInherited()
		s.takers.Wait()
		for _, l := range s.loops {
			l.halt()
		}
		for _, l := range s.loops {
			<-l.done
		}
		s.mu.Lock()
		for k := range s.carrying {
			k.cut()
		}
		s.mu.Unlock()
		s.h2.Close()
		s.carriers.Wait()
		if s.claim >= 0 {
			closeSocket(s.claim)
		}
	})
	return nil
}

// closeInherited accepts no more from sockets that others opened: who opened them keeps what comes.
func (s *Server) closeInherited() {
	for _, l := range s.inherited {
		_ = l.Close() // it may be closed already
	}
}
