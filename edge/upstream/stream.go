package upstream

import (
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// stream is one attempt at a request: what goes to the node and what has come from it. Its lane's lock guards it.
type stream struct {
	t    *transit
	lane *lane
	loop exchange.Loop

	link      *link // nil while it waits for one, and when it is over
	id        uint32
	out       []byte // of the request's body, yet to be framed
	last      bool   // and that is its end
	sent      bool   // the end was framed
	blocked   bool   // it is in link.blocked
	outWindow int64  // bytes that the node takes
	inWindow  int64  // bytes that we take
	interims  int
	answered  bool // the head has come

	began    time.Time
	deadline time.Time // for the head; zero when it has come
	lookAt   time.Time // when to see whether the client is still there

	told bool // in lane.news, or on its way to the loop
	notice
}

// notice is what happened to a stream since its loop last asked.
type notice struct {
	status   int // 0: no head has come
	header   []exchange.Field
	unserved bool     // no handler has seen the request: the answer says why
	length   int64    // of the body, as announced; -1: it was not
	body     [][]byte // pieces
	ended    bool     // the answer is whole
	wants    bool     // what was given of the request's body is framed
	look     bool     // is the client still there?
	err      error
}

// observe has the node's pace know of the head.
func (s *stream) observe(now time.Time) {
	switch pace := &s.lane.peer.pace; {
	case s.unserved:
		pace.observe(paceShed, now)
	case s.status < 500: // a failure is no sign of strength, however fast
		pace.observe(now.Sub(s.began), now)
	}
}

// tell has the loop look at the notice. Called with the lane's lock held.
func (s *stream) tell() {
	if !s.told {
		s.told = true
		s.lane.news = append(s.lane.news, s)
	}
}

// fail ends the stream. Called with the lane's lock held, by who takes it off its connection.
func (s *stream) fail(err error) {
	s.link, s.out = nil, nil
	if s.err == nil && !s.ended {
		s.err = err
		s.tell()
	}
}

// run is the loop looking.
func (s *stream) run() {
	s.lane.mu.Lock()
	n := s.notice
	s.notice, s.told = notice{}, false
	s.lane.mu.Unlock()
	s.t.progress(s, n)
}

// due reports whether the deadline for the head has passed, and from time to time has the loop see whether the client is
// still there: often at first, then as rarely as the request is old.
func (s *stream) due(now time.Time) bool {
	if !s.deadline.IsZero() && now.After(s.deadline) {
		return true
	}
	if now.After(s.lookAt) {
		s.lookAt = now.Add(min(now.Sub(s.began)/4, lookEveryMax))
		s.look = true
		s.tell()
	}
	return false
}

// lookEveryMax is how long an answer to a client that left may go on unnoticed, when nothing is written.
const lookEveryMax = 5 * time.Second

// more gives the next piece of the request's body. On the loop.
func (s *stream) more(p []byte, last bool) {
	s.lane.mu.Lock()
	defer s.lane.mu.Unlock()
	s.out, s.last = p, last
	if l := s.link; l != nil {
		l.pump(s)
		l.schedule(s.loop)
		s.lane.deliver()
	}
}

// credit lets the node send n more bytes. On the loop.
func (s *stream) credit(n int) {
	s.lane.mu.Lock()
	defer s.lane.mu.Unlock()
	if l := s.link; l != nil {
		s.inWindow += int64(n)
		l.out = appendWindow(l.out, s.id, n)
		l.schedule(s.loop)
	}
}

// cancel ends the stream: nobody waits for the answer. On the loop.
func (s *stream) cancel() {
	n := s.lane
	n.mu.Lock()
	defer n.mu.Unlock()
	if l := s.link; l != nil {
		l.reset(s, codeCancel)
		l.schedule(s.loop)
		n.fill()
		n.deliver()
		return
	}
	for i, w := range n.waiting {
		if w == s {
			n.waiting = append(n.waiting[:i], n.waiting[i+1:]...)
			return
		}
	}
}
