package upstream

import (
	"errors"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/http1"
)

// The refusals of Forward: a closed table. The code is stable, the sentence is not.
var (
	refuseNoNode  = &http1.Error{Status: 503, Code: "no_node", Reason: "no node can serve the app now"}
	refuseLoop    = &http1.Error{Status: 503, Code: "loop", Reason: "another node has forwarded the request here, where its app is not served"}
	refuseFailed  = &http1.Error{Status: 502, Code: "upstream_failed", Reason: "the node that should answer failed"}
	refuseTimeout = &http1.Error{Status: 504, Code: "upstream_timeout", Reason: "the node that should answer has not done so in time"}
)

// transit is an exchange on its way to another node and back. It belongs to the exchange's loop.
type transit struct {
	pool    *Pool
	x       exchange.Exchange
	q       *exchange.Request
	app     string
	session string

	peer     *peer
	stream   *stream // the attempt that counts
	first    stream  // the first of them, which mostly is the only one
	tried    [AttemptsMax]*peer
	attempts int

	length   int64 // of the answer as announced; -1: it was not
	written  int64
	status   int
	owed     int  // bytes written that the node has no credit for yet
	asked    int  // of those, that Drained will tell of; 0: it was not asked
	reading  bool // Receive will tell
	consumed bool // a piece of the request's body was received: it cannot be sent again
	framed   bool // Head was called
	over     bool
}

// Forward has another node answer x, whose app it is; session is the visitor's, or "", for the policy of that name. It returns
// at once, and x must not be used afterwards. When no node answers, it is refused: 503 no_node, 503 loop, 502 upstream_failed
// or 504 upstream_timeout. On the loop of x.
func (p *Pool) Forward(x exchange.Exchange, app, session string) {
	if h, ok := HopOf(x); ok && h.Hops >= HopsMax {
		refuse(x, refuseLoop)
		return
	}
	t := &transit{pool: p, x: x, q: x.Request(), app: app, session: session, length: -1}
	p.budget.deposit()
	if opensSocket(t.q) {
		t.forwardSocket(nil)
		return
	}
	t.attempt(nil)
}

// hop is what the next node is told.
func (t *transit) hop() *Hop {
	h := &Hop{Hops: 1, From: t.pool.config.Self, App: t.app, ID: t.q.ID, Remote: t.q.Remote, TLS: t.q.TLS}
	if before, ok := HopOf(t.x); ok {
		h.Hops += before.Hops
	}
	return h
}

// attempt sends the request to a node that has not failed it, after an attempt that ended with last.
func (t *transit) attempt(last error) {
	p := t.choose(last)
	if p == nil {
		t.over = true
		t.refuseFor(last)
		return
	}
	s := &t.first
	if last != nil {
		s = &stream{}
		p.retries.Add(1)
	}
	t.enter(p)
	loop := t.x.Loop()
	s.t, s.loop, s.lane = t, loop, p.lane(loop)
	s.out, s.last = t.q.Body, !t.q.Partial
	s.began = time.Now()
	s.deadline, s.lookAt = s.began.Add(t.pool.config.HeadDeadline), s.began.Add(sweepEvery)
	t.stream = s
	s.lane.place(s)
}

// refuseFor refuses the exchange because there is no node to try, or none any more after an attempt that ended with last.
func (t *transit) refuseFor(last error) {
	if last != nil {
		refuse(t.x, refuseFailed)
	} else {
		refuse(t.x, refuseNoNode)
	}
}

// choose is the next node to try, or nil.
func (t *transit) choose(last error) *peer {
	p := t.pool.pick(t.q, t.app, t.session, t.tried[:t.attempts])
	if p == nil && last != nil && !errors.Is(last, errUnreached) { // its other connections may be well
		p = t.pool.pick(t.q, t.app, t.session, nil)
	}
	return p
}

// enter counts a request for p.
func (t *transit) enter(p *peer) {
	t.peer = p
	t.tried[t.attempts] = p
	t.attempts++
	p.requests.Add(1)
	p.inflight.Add(1)
}

// lane is where requests of a loop for p go. A loop of its own connection shares with others.
func (p *peer) lane(loop exchange.Loop) *lane {
	i := uint(loop.Index())
	if loop.Index() < 0 {
		i = uint(p.requests.Load())
	}
	return p.lanes[i%uint(len(p.lanes))]
}

// progress does what a notice of s asks for.
func (t *transit) progress(s *stream, n notice) {
	if t.over || t.stream != s {
		return
	}
	if n.look && t.left() {
		t.leave()
		return
	}
	if n.unserved && t.elsewhere() {
		return
	}
	if n.status != 0 {
		t.framed, t.status, t.length = true, n.status, n.length
		t.x.Head(n.status, n.header)
		if n.length >= 0 {
			t.x.Length(n.length)
		}
	}
	for _, p := range n.body {
		t.written += int64(len(p))
		t.owed += len(p)
		if t.length >= 0 && t.written > t.length {
			t.abort()
			return
		}
		if err := t.x.Write(p); err != nil {
			t.leave()
			return
		}
	}
	switch {
	case n.err != nil:
		t.failed(n.err)
	case n.ended:
		t.end()
	default:
		t.ask()
		if n.wants && !t.reading {
			t.reading, t.consumed = true, true
			t.x.Receive(t.received)
		}
	}
}

// ask wants to know when the client has taken what was written, if that is much.
func (t *transit) ask() {
	if t.owed >= WindowBytes/2 && t.asked == 0 {
		t.asked = t.owed
		t.x.Drained(t.drained)
	}
}

// drained is the client having taken it: the node may send as much again.
func (t *transit) drained() {
	n := t.asked
	t.owed, t.asked = t.owed-n, 0
	if !t.over {
		t.stream.credit(n)
		t.ask()
	}
}

// received is a piece of the request's body.
func (t *transit) received(piece []byte, err error) {
	t.reading = false
	switch {
	case t.over:
	case err == nil:
		t.stream.more(piece, false)
	case errors.Is(err, exchange.ErrGone):
		t.leave()
	default: // io.EOF
		t.stream.more(nil, true)
	}
}

// elsewhere gives a request to another node that this one has no room for, if there is one, and reports whether it did. It has a
// budget: when all nodes have too much to do, asking each of them would be more of it.
func (t *transit) elsewhere() bool {
	p := t.pool
	if t.consumed || t.attempts == AttemptsMax || p.pick(t.q, t.app, t.session, t.tried[:t.attempts]) == nil {
		return false
	}
	if !p.budget.withdraw() {
		p.denied.Add(1)
		return false
	}
	t.stream.cancel()
	t.peer.inflight.Add(-1)
	t.attempt(errShed)
	return true
}

// left reports whether the client is gone.
func (t *transit) left() bool {
	select {
	case <-t.x.Done():
		return true
	default:
		return false
	}
}

// leave is the client being gone.
func (t *transit) leave() {
	t.done()
	t.stream.cancel()
}

// end is the answer being whole.
func (t *transit) end() {
	if t.length >= 0 && t.written != t.length && http1.BodyAllowed(t.q.Method, t.status) {
		t.abort()
		return
	}
	t.done()
	t.x.End()
}

// abort is the answer not being what it announced.
func (t *transit) abort() {
	t.peer.failures.Add(1)
	t.done()
	t.stream.cancel()
	t.x.Abort()
}

func (t *transit) done() {
	t.over = true
	t.peer.inflight.Add(-1)
}

// failed is an attempt having failed. Nobody sees it if the request can be sent again: nothing of an answer has come, all of
// the request is still here, and it was not served, or may be served twice. Those that may have been served have a budget.
func (t *transit) failed(err error) {
	t.peer.failures.Add(1)
	p := t.pool
	if errors.Is(err, errDeadline) && t.peer.failed(p.now()) {
		p.log.Warn("node does not answer", "node", t.peer.name, "ejected", true)
	}
	unserved := errors.Is(err, errUnsent) || errors.Is(err, errUnreached)
	switch {
	case t.framed:
		t.done()
		t.x.Abort()
		return
	case errors.Is(err, errDeadline):
		t.done()
		refuse(t.x, refuseTimeout)
		return
	case t.consumed, t.attempts == AttemptsMax, !unserved && !idempotent(t.q.Method):
	case !unserved && !p.budget.withdraw():
		p.denied.Add(1)
	default:
		t.peer.inflight.Add(-1)
		t.attempt(err)
		return
	}
	t.done()
	refuse(t.x, refuseFailed)
}

// idempotent reports whether a request may be served twice (RFC 9110, section 9.2.2).
func idempotent(method string) bool {
	switch method {
	case "GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE":
		return true
	}
	return false
}
