package upstream

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// lane is the connections to one node that one event loop uses, the requests on them, and those that wait for one. Its lock
// guards all of that: mostly one loop and one reading goroutine meet there.
type lane struct {
	pool *Pool
	peer *peer

	mu      sync.Mutex
	links   []*link
	waiting []*stream
	opening bool      // a connection
	retired bool      // the node was removed
	news    []*stream // that have something to tell their loops
	turns   []*turn
}

// turn has what a lane has to tell one loop.
type turn struct {
	lane   *lane
	loop   exchange.Loop
	job    func() // run, made once
	news   []*stream
	spare  []*stream
	posted bool
}

// What a stream fails with.
var (
	errUnsent    = errors.New("upstream: the node has not looked at the request") // it may be sent again, whatever it is
	errUnreached = errors.New("upstream: the node cannot be reached")             // so may this, to another
	errShed      = errors.New("upstream: the node has no room for the request")   // and this
	errLost      = errors.New("upstream: the connection to the node has ended")   // it may have been served
	errReset     = errors.New("upstream: the node broke the answer off")          // so may this
	errBroken    = errors.New("upstream: the node's answer breaks the rules")     // and this
	errDeadline  = errors.New("upstream: the node has not answered in time")      // and this
)

// place gives a stream to a connection, or lets it wait for one. On its loop.
func (n *lane) place(s *stream) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.retired || len(n.waiting) >= WaitingMax {
		s.fail(errUnreached)
		n.deliver()
		return
	}
	if len(n.waiting) > 0 || !n.begin(s) {
		n.waiting = append(n.waiting, s)
		n.open()
	}
}

// begin reports whether there was a connection for s. Called with mu held.
func (n *lane) begin(s *stream) bool {
	for _, l := range n.links {
		if l.takes() {
			l.begin(s)
			l.schedule(s.loop)
			return true
		}
	}
	return false
}

// fill gives connections to those who wait. Called with mu held.
func (n *lane) fill() {
	for len(n.waiting) > 0 && n.begin(n.waiting[0]) {
		n.waiting[0] = nil
		n.waiting = n.waiting[1:]
	}
	if len(n.waiting) == 0 {
		n.waiting = nil
	}
	n.open()
}

// open begins a connection if somebody waits for one. Called with mu held.
func (n *lane) open() {
	if len(n.waiting) > 0 && !n.opening && len(n.links) < LinksMax && !n.retired {
		n.opening = true
		go n.connect()
	}
}

// connect is the goroutine of a connection.
func (n *lane) connect() {
	l, err := n.dial()
	now := n.pool.now()
	n.mu.Lock()
	n.opening = false
	if err != nil {
		ejected := n.peer.failed(now)
		for _, s := range n.waiting {
			s.fail(errUnreached)
		}
		n.waiting = nil
		n.deliver()
		n.mu.Unlock()
		n.pool.log.Warn("node cannot be reached", "node", n.peer.name, "ejected", ejected, "err", err)
		return
	}
	n.links = append(n.links, l)
	l.leaving = n.retired
	n.fill()
	l.endIfLeft()
	n.mu.Unlock()
	err = l.read()
	n.lost(l, err)
}

// lost is a connection having ended.
func (n *lane) lost(l *link, err error) {
	_ = l.wire.Close() // it may be closed already
	n.mu.Lock()
	defer n.mu.Unlock()
	if l.dead == nil {
		l.dead = err
	}
	n.links = slices.DeleteFunc(n.links, func(m *link) bool { return m == l })
	if len(l.streams) > 0 {
		ejected := n.peer.failed(n.pool.now())
		n.pool.log.Warn("connection to a node ended", "node", n.peer.name, "requests", len(l.streams), "ejected", ejected, "err", l.dead)
	}
	for _, s := range l.streams {
		s.fail(errLost)
	}
	clear(l.streams)
	l.blocked = nil
	n.fill()
	n.deliver()
}

// deliver tells the loops. Called with mu held.
func (n *lane) deliver() {
	for i, s := range n.news {
		n.news[i] = nil
		if s.loop.Index() < 0 {
			s.loop.Post(s.run) // a loop that has ended has nobody to tell
			continue
		}
		t := n.turnOf(s.loop)
		t.news = append(t.news, s)
		if !t.posted {
			t.posted = true
			s.loop.Post(t.job)
		}
	}
	n.news = n.news[:0]
}

func (n *lane) turnOf(loop exchange.Loop) *turn {
	for _, t := range n.turns {
		if t.loop == loop {
			return t
		}
	}
	t := &turn{lane: n, loop: loop}
	t.job = t.run
	n.turns = append(n.turns, t)
	return t
}

// run tells each exchange what happened to it. On the loop.
func (t *turn) run() {
	t.lane.mu.Lock()
	news := t.news
	t.news, t.posted = t.spare, false
	t.lane.mu.Unlock()
	for i, s := range news {
		news[i] = nil
		s.run()
	}
	t.lane.mu.Lock()
	t.spare = news[:0]
	t.lane.mu.Unlock()
}

// retire ends the lane when its last request is answered.
func (n *lane) retire() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.retired = true
	for _, s := range n.waiting {
		s.fail(errUnreached)
	}
	n.waiting = nil
	for _, l := range n.links {
		l.leaving = true
		l.endIfLeft()
	}
	n.deliver()
}

// close ends the lane.
func (n *lane) close() {
	n.retire()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range n.links {
		l.cut(errLost)
	}
}

func (n *lane) connected() bool { return n.count() > 0 }

func (n *lane) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.links)
}

// sweep looks at deadlines.
func (n *lane) sweep(now time.Time) {
	n.mu.Lock()
	var links []*link
	for _, l := range n.links {
		for _, s := range l.streams {
			if s.due(now) {
				l.reset(s, codeCancel)
				s.fail(errDeadline)
			}
		}
		l.probe(now)
		links = append(links, l)
	}
	n.waiting = slices.DeleteFunc(n.waiting, func(s *stream) bool {
		if !s.due(now) {
			return false
		}
		s.fail(errDeadline)
		return true
	})
	n.fill()
	n.deliver()
	n.mu.Unlock()
	for _, l := range links {
		l.flush()
	}
}
