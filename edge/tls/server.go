// Package tls keeps certificates and turns records into bytes and back, for connections that somebody else reads and
// writes. It knows neither sockets nor HTTP.
//
// A Server is what all connections of a listener share: certificates, reloaded when their files change, ticket keys
// and the cap on handshakes. A Session is one connection: its handshake runs on a goroutine, and from then on records
// are opened and sealed by calls that never block.
package tls

import (
	cryptotls "crypto/tls"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// pollEvery is how often files are looked at: a person who replaced one waits no longer than to look at the log.
const pollEvery = 5 * time.Second

// Config says which certificates a server shows and what it asks of clients.
type Config struct {
	Certificates  []Files       // the first answers clients that name no known host
	Source        Source        // asked before them; nil when there are certificates
	ClientCA      string        // PEM file of the authorities whose client certificates count; needed to ask for one
	ClientAuth    ClientAuth    // whether clients are asked for a certificate
	Protocols     []string      // ALPN, in order of preference; nil: http/1.1
	HandshakesMax int           // handshakes that compute at the same time; 0: two per core
	PollEvery     time.Duration // between two looks at the files; 0: 5 s
	Log           *slog.Logger  // nil: slog.Default()
}

// Source has certificates that come from elsewhere than files. It is called in handshakes, by many goroutines, and an
// error means that it has none for that client.
type Source func(hello *cryptotls.ClientHelloInfo) (*cryptotls.Certificate, error)

// Server is what the sessions of a listener share. Its methods may be called from anywhere.
type Server struct {
	config  Config
	current atomic.Pointer[cryptotls.Config]
	slots   chan struct{} // handshakes that compute
	quit    chan struct{}
	ended   chan struct{}
	closed  sync.Once

	mu      sync.Mutex
	tickets tickets
	given   bool // SetTicketKeys was called: whoever called it rotates
}

// Open loads every file of the configuration and looks after them until Close. The error says what is wrong with the
// first that cannot be used.
func Open(c Config) (*Server, error) {
	if len(c.Certificates) == 0 && c.Source == nil {
		return nil, errors.New("tls: no certificate is configured: give a certificate and its key")
	}
	if c.ClientAuth != NoClientAuth && c.ClientCA == "" {
		return nil, errors.New("tls: client certificates are asked for without an authority to check them: give the client CA")
	}
	if c.HandshakesMax <= 0 {
		c.HandshakesMax = 2 * runtime.GOMAXPROCS(0)
	}
	if c.PollEvery <= 0 {
		c.PollEvery = pollEvery
	}
	if c.Protocols == nil {
		c.Protocols = []string{"http/1.1"}
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	s := &Server{
		config: c, slots: make(chan struct{}, c.HandshakesMax),
		quit: make(chan struct{}), ended: make(chan struct{}), tickets: newTickets(time.Now()),
	}
	seen := s.look() // before the files are read: what changes meanwhile is read again
	if err := s.load(); err != nil {
		return nil, err
	}
	go s.watch(seen)
	return s, nil
}

// Close stops looking at the files. Sessions go on.
func (s *Server) Close() {
	s.closed.Do(func() { close(s.quit) })
	<-s.ended
}

// SetTicketKeys makes keys those of session tickets, the first for new ones, instead of the server's own: a client then
// resumes its session with every server that has them. Who calls it also rotates them.
func (s *Server) SetTicketKeys(keys [][32]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.given, s.tickets.keys = true, keys
	s.current.Load().SetSessionTicketKeys(keys)
}

// load reads all files and makes them current, or changes nothing.
func (s *Server) load() error {
	names, err := loadNames(s.config.Certificates, time.Now())
	if err != nil {
		return err
	}
	names.source = s.config.Source
	c := &cryptotls.Config{
		GetCertificate: names.choose,
		MinVersion:     cryptotls.VersionTLS12,
		NextProtos:     s.config.Protocols,
		// A record per packet at the start of each answer costs more than it saves: nginx's records are 16 kB too.
		DynamicRecordSizingDisabled: true,
	}
	if s.config.ClientAuth != NoClientAuth {
		roots, err := loadAuthorities(s.config.ClientCA)
		if err != nil {
			return err
		}
		ask(c, s.config.ClientAuth, roots)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c.SetSessionTicketKeys(s.tickets.keys)
	s.current.Store(c)
	return nil
}

// watch reloads files that change and rotates ticket keys, until Close.
func (s *Server) watch(seen []stamp) {
	defer close(s.ended)
	tick := time.NewTicker(s.config.PollEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.quit:
			return
		case <-tick.C:
		}
		s.rotate(time.Now())
		now := s.look()
		if same(seen, now) {
			continue
		}
		seen = now
		if err := s.load(); err != nil {
			s.config.Log.Error("certificates changed and are not used: the former ones stay", "err", err)
		} else {
			s.config.Log.Info("certificates reloaded")
		}
	}
}

// rotate makes a new ticket key when the newest is old.
func (s *Server) rotate(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.given && s.tickets.rotate(now) {
		s.current.Load().SetSessionTicketKeys(s.tickets.keys)
	}
}
