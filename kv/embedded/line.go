package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// Line is a source of connections whose server can be replaced by another one: they go there by themselves, and what was asked
// of the former one and not answered is asked again. Its methods may be called from any goroutine.
type Line struct {
	Inbox string // what the subjects of answers begin with; "" leaves it to the connection
	Log   *slog.Logger

	mu     sync.Mutex
	target *Target
	conns  map[*led]struct{}
}

// Target is a server that a Line can lead to.
type Target struct {
	open     func(ctx context.Context) (net.Conn, error)
	pass     string
	replicas int
	full     func(n int) bool
}

// opensWithin is how long a connection may take.
const opensWithin = 5 * time.Second

// Away is the server of another node. open gives a connection that is carried to it (Server.Admit). Its buckets are others'
// to make.
func Away(open func(ctx context.Context) (net.Conn, error)) *Target { return &Target{open: open} }

// Target is the server as one that a Line in the same process leads to.
func (s *Server) Target() *Target {
	return &Target{
		open: func(context.Context) (net.Conn, error) { return s.nats.InProcessConn() },
		pass: s.access.own, replicas: s.replicas, full: s.Full,
	}
}

// Lead has the line lead to another server, or to none for now: nil. What is connected to the former one is cut off.
func (l *Line) Lead(t *Target) {
	l.mu.Lock()
	former := l.conns
	l.target, l.conns = t, nil
	l.mu.Unlock()
	for c := range former {
		c.Close()
	}
}

func (l *Line) now() *Target {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.target
}

// errNowhere is a line that leads to no server now.
var errNowhere = errors.New("the state store is being replaced")

// Dial opens a connection; nats.go asks for it.
func (l *Line) Dial(string, string) (net.Conn, error) {
	t := l.now()
	if t == nil {
		return nil, errNowhere
	}
	ctx, cancel := context.WithTimeout(context.Background(), opensWithin)
	defer cancel()
	c, err := t.open(ctx)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.target != t {
		c.Close()
		return nil, errNowhere
	}
	if l.conns == nil {
		l.conns = map[*led]struct{}{}
	}
	k := &led{c, l}
	l.conns[k] = struct{}{}
	return k, nil
}

// led is a connection of a line.
type led struct {
	net.Conn
	line *Line
}

func (c *led) Close() error {
	c.line.mu.Lock()
	delete(c.line.conns, c)
	c.line.mu.Unlock()
	return c.Conn.Close()
}

// Connect gives a connection that reconnects for ever. It is given also while no server can be reached.
func (l *Line) Connect(name string, more ...nats.Option) (*nats.Conn, error) {
	options := append([]nats.Option{
		nats.SetCustomDialer(l), nats.Name(name), nats.MaxReconnects(-1), nats.ReconnectWait(100 * time.Millisecond),
		nats.ReconnectJitter(50*time.Millisecond, 0), nats.RetryOnFailedConnect(true), nats.IgnoreDiscoveredServers(),
		nats.SkipHostLookup(), // the name is nobody's, and a resolver may take 5 s to say so
		nats.TokenHandler(func() string {
			if t := l.now(); t != nil {
				return t.pass
			}
			return ""
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			l.Log.Warn("connection to the state of the cluster", "err", err)
		}),
	}, more...)
	if l.Inbox != "" {
		options = append(options, nats.CustomInboxPrefix(l.Inbox))
	}
	nc, err := nats.Connect("nats://node", options...)
	if err != nil {
		return nil, fmt.Errorf("connect %q to the state store: %w", name, err)
	}
	return nc, nil
}

// Replicas is how many copies of each bucket the server's cluster keeps; 0: others make its buckets.
func (l *Line) Replicas() int {
	if t := l.now(); t != nil {
		return t.replicas
	}
	return 0
}

// Memory says that nothing is known to be in memory only.
func (*Line) Memory() bool { return false }

// Full reports whether n more bytes have no room.
func (l *Line) Full(n int) bool {
	t := l.now()
	return t != nil && t.full != nil && t.full(n)
}
