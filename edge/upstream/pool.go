// Package upstream chooses another node for an exchange and carries it there and back. It knows neither who tells it about
// nodes nor what they serve.
//
// A Pool has the nodes, as their heartbeats describe them. Pick chooses one by a Policy; Forward sends a request there and
// gives its answer to the client, both piece by piece, no faster than the slower side takes them. On the other node Receiver
// makes of it the request that it was.
//
// Requests travel by HTTP/2 with certificates of both sides. Each event loop has connections of its own to each node, a lane, so
// loops do not wait for each other. A connection (link.go) is a Framer of x/net and its HPACK over crypto/tls over a socket that
// is written without waiting (wire.go): the client of net/http has two goroutines and several channel operations for a request,
// this has none. Requests append their frames to what the connection sends, which leaves as one record and one write(2)
// when the loop's turn is over. One goroutine a connection reads, decodes all that the socket had, and then posts one
// job to each loop that has news. What touches an Exchange runs on its loop; what touches a stream holds its lane's lock.
//
// A WebSocket (tunnel.go) has a connection of its own, by HTTP/1.1, and one goroutine that reads it.
package upstream

import (
	"cmp"
	cryptotls "crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Config says how nodes are asked. Zero durations mean the defaults of limits.go.
type Config struct {
	Self   string            // this node's name, which others are told
	TLS    *cryptotls.Config // required: our certificate and the authorities of the cluster; a node's certificate must be for its name
	Policy Policy

	HeadDeadline  time.Duration // from Forward to the head of the answer; then it is 504
	DialDeadline  time.Duration // to connect, with both handshakes
	PingAfter     time.Duration // silence after which a connection is asked for a sign of life
	PingDeadline  time.Duration // for that sign
	WriteDeadline time.Duration // for a node to take anything

	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil: slog.Default()
}

// Pool is the set of nodes. Its methods may be called from anywhere, unless they say otherwise.
type Pool struct {
	config Config
	now    func() time.Time
	log    *slog.Logger
	lanes  int // of each node
	turns  atomic.Uint64
	budget budget
	peers  atomic.Pointer[[]*peer] // sorted by name; replaced, never changed

	denied atomic.Uint64 // retries that the budget did not allow

	mu      sync.Mutex
	leaving []*peer // removed, with requests in flight
	tunnels map[*tunnel]struct{}
	closed  bool
	quit    chan struct{}
	ended   chan struct{}
}

// Open returns a pool without nodes. Close ends it.
func Open(c Config) (*Pool, error) {
	if c.TLS == nil {
		return nil, errors.New("upstream: Config.TLS is nil: give this node's certificate and the authorities of the cluster")
	}
	for _, d := range []struct {
		have *time.Duration
		want time.Duration
	}{
		{&c.HeadDeadline, headDeadline}, {&c.DialDeadline, dialDeadline}, {&c.PingAfter, pingAfter},
		{&c.PingDeadline, pingDeadline}, {&c.WriteDeadline, writeDeadline},
	} {
		if *d.have == 0 {
			*d.have = d.want
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	p := &Pool{
		config: c, now: c.Now, log: c.Log, lanes: max(1, runtime.GOMAXPROCS(0)),
		quit: make(chan struct{}), ended: make(chan struct{}),
	}
	p.peers.Store(new([]*peer))
	p.budget.init()
	go p.sweep()
	return p, nil
}

// Update enters a node, or what its heartbeat says. The error says what is wrong with it; then it is not entered.
func (p *Pool) Update(n Node) error {
	if n.Name == "" {
		return errors.New("a node has no name")
	}
	if _, _, err := net.SplitHostPort(n.Address); err != nil {
		return fmt.Errorf("node %q has the address %q: it must be host:port", n.Name, n.Address)
	}
	now := p.now()
	if n.Seen.IsZero() {
		n.Seen = now
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return net.ErrClosed
	}
	peers := *p.peers.Load()
	i, found := slices.BinarySearchFunc(peers, n.Name, func(c *peer, name string) int { return cmp.Compare(c.name, name) })
	if found {
		c := peers[i]
		last := c.node.Load()
		if last.Draining && !n.Draining || n.Seen.Sub(last.Seen) > outAfter || last.Address != n.Address {
			c.begin(now)
		}
		c.node.Store(&n)
		return nil
	}
	c := &peer{name: n.Name, seed: hash(n.Name)}
	c.node.Store(&n)
	c.begin(now)
	for range p.lanes {
		c.lanes = append(c.lanes, &lane{pool: p, peer: c})
	}
	all := slices.Insert(slices.Clone(peers), i, c)
	p.peers.Store(&all)
	return nil
}

// Remove forgets a node. Requests in flight on it go on.
func (p *Pool) Remove(name string) {
	p.mu.Lock()
	peers := *p.peers.Load()
	i := slices.IndexFunc(peers, func(c *peer) bool { return c.name == name })
	if i < 0 {
		p.mu.Unlock()
		return
	}
	gone := peers[i]
	all := slices.Delete(slices.Clone(peers), i, i+1)
	p.peers.Store(&all)
	p.leaving = append(p.leaving, gone)
	p.mu.Unlock()
	for _, l := range gone.lanes {
		l.retire()
	}
}

// Close ends every connection. Requests in flight fail.
func (p *Pool) Close() {
	p.mu.Lock()
	again := p.closed
	p.closed = true
	for u := range p.tunnels {
		_ = u.wire.Close() // who reads it hears of that
	}
	p.mu.Unlock()
	if !again {
		close(p.quit)
	}
	<-p.ended
}

// sweep looks at deadlines until Close.
func (p *Pool) sweep() {
	defer close(p.ended)
	every := sweepEvery
	for _, d := range []time.Duration{p.config.HeadDeadline, p.config.PingAfter, p.config.PingDeadline} {
		every = min(every, max(d/4, time.Millisecond))
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-p.quit:
			for _, c := range p.everybody() {
				for _, l := range c.lanes {
					l.close()
				}
			}
			return
		case now := <-tick.C:
			for _, c := range p.everybody() {
				for _, l := range c.lanes {
					l.sweep(now)
				}
			}
		}
	}
}

// everybody is all nodes, those included that are removed and not yet left alone.
func (p *Pool) everybody() []*peer {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leaving = slices.DeleteFunc(p.leaving, func(c *peer) bool {
		return c.inflight.Load() == 0 && !slices.ContainsFunc(c.lanes, (*lane).connected)
	})
	return slices.Concat(*p.peers.Load(), p.leaving)
}

// Stats is what happened to requests for a node.
type Stats struct {
	Name      string
	Requests  uint64 // given to it, retries included
	Failures  uint64 // that did not get a whole answer from it
	Retries   uint64 // given to it after another node failed
	Ejections uint64
	Ejected   bool  // now
	Inflight  int64 // requests now
	Sockets   int64 // WebSockets now
	Links     int   // connections by HTTP/2 now
}

// Stats returns the counters of every node, by name, and how many retries the budget has not allowed.
func (p *Pool) Stats() (nodes []Stats, retriesDenied uint64) {
	now := p.now()
	for _, c := range *p.peers.Load() {
		s := Stats{
			Name: c.name, Requests: c.requests.Load(), Failures: c.failures.Load(), Retries: c.retries.Load(),
			Ejections: c.ejections.Load(), Ejected: c.ejected(now), Inflight: c.inflight.Load(), Sockets: c.sockets.Load(),
		}
		for _, l := range c.lanes {
			s.Links += l.count()
		}
		nodes = append(nodes, s)
	}
	return nodes, p.denied.Load()
}
