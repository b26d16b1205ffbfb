//go:build linux || darwin

package edge

import (
	"errors"
	"io"
	"net/netip"
	"time"

	"github.com/fortunadws/fortuna/edge/compress"
	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/http1"
	"github.com/fortunadws/fortuna/edge/tls"
)

// copyBytesMax is the size of a piece of a body up to which copying behind the head is cheaper than a second vector entry.
const copyBytesMax = 16 << 10

var errLength = errors.New("exchange: the answer is longer than it announced")

var errEnded = errors.New("exchange: the answer is already complete")

// home is the loop an exchange lives on, as its answer sees it.
type home interface {
	exchange.Loop
	touched(f flusher) // flush f before the goroutine waits again
}

// flusher is an answer or a socket that has something to send.
type flusher interface {
	flush()
}

// driver sends what an answer has: a conn on its loop, or a carrier.
type driver interface {
	flush(x *answer)
}

// answer is an exchange.Exchange. It is allocated together with its request, once, and never reused: a handler may
// keep either, and a late call on a complete answer harms nobody.
type answer struct {
	req    exchange.Request
	s      *Server
	home   home
	driver driver

	header   []exchange.Field
	body     pieces // what Write gave and prepare has yet to take
	out      pieces // what is sent next, as the peer gets it
	refusal  *http1.Error
	socket   *websocket // what the connection becomes; nil unless that is the answer
	incoming *incoming  // the rest of the body; nil if the request was whole when it was served
	done     chan struct{}
	drained  func()        // to run when the peer has taken what was written
	began    time.Duration // on the server's clock; only with Config.Access
	sent     int64         // body bytes framed
	length   int64         // of the body as announced; -1: it was not
	written  int64         // bytes of it
	status   int
	encoder  *compress.Encoder // nil: the body is sent as it is, or encoded aside
	stage    stage

	close   bool // the connection ends with this answer
	waiting bool // Serve returned before End
	serving bool // Serve is running: the driver flushes by itself when it returns
	dirty   bool // in home's list of touched answers
	framed  bool // the head was sent
	chunked bool
	broken  bool // it failed after its head was sent
	gone    bool
}

func newAnswer(s *Server, h home, d driver, remote netip.AddrPort, secure *tls.Session) *answer {
	x := &answer{req: exchange.Request{Remote: remote}, s: s, home: h, driver: d, length: -1}
	if secure != nil {
		x.req.TLS, x.req.Client = true, secure.Client()
	}
	return x
}

// begin is the request being whole.
func (x *answer) begin(keepAlive bool) {
	x.close = !keepAlive || x.s.draining.Load()
	x.s.proxies.Apply(&x.req)
	if x.s.access != nil {
		x.began = x.s.clock()
	}
}

// wait counts an answer whose handler returned before it was complete.
func (x *answer) wait() {
	if !x.waiting {
		x.waiting = true
		x.s.inflight.Add(1)
	}
}

// complete is the whole answer having been framed.
func (x *answer) complete() {
	x.releaseEncoder()
	if x.waiting {
		x.waiting = false
		x.s.inflight.Add(-1)
	}
	if x.s.access == nil {
		return
	}
	r := Record{Request: &x.req, Status: x.status, BodyBytes: x.sent, Gone: x.gone, Loop: -1}
	if c, ok := x.driver.(*conn); ok {
		r.Loop = c.loop.index
	}
	if x.began > 0 {
		r.Duration = x.s.clock() - x.began
	}
	switch {
	case x.refusal != nil:
		r.Refusal = x.refusal.Code
	case x.broken:
		r.Refusal = refuseHandler.Code
	}
	x.s.record(r)
}

// abandon is the peer having left while the request was read or answered.
func (x *answer) abandon() {
	if x.waiting && !x.gone {
		x.leave()
		x.complete()
		if w := x.socket; w != nil && w.line == nil {
			w.lost()
		}
	}
}

func (x *answer) Request() *exchange.Request { return &x.req }
func (x *answer) Loop() exchange.Loop        { return x.home }

func (x *answer) Done() <-chan struct{} {
	if x.done == nil {
		x.done = make(chan struct{})
		if x.gone {
			close(x.done)
		}
	}
	return x.done
}

func (x *answer) Head(status int, header []exchange.Field) {
	if x.status == 0 && x.stage < given {
		x.status, x.header = status, header
		x.touch()
	}
}

func (x *answer) Length(n int64) {
	if !x.framed && x.stage < given && n >= 0 {
		x.length = n
	}
}

func (x *answer) Write(p []byte) error {
	if x.gone {
		return exchange.ErrGone
	}
	x.written += int64(len(p))
	switch {
	case x.stage >= given:
		return errEnded
	case x.length >= 0 && x.written > x.length:
		x.Abort()
		return errLength
	case x.stage.aside() && over(x.body.n, x.s.limits.UnsentBytesMax):
		x.Abort()
		return errBehind
	case len(p) > 0:
		x.body.add(p)
		x.touch()
	}
	return nil
}

func (x *answer) End() {
	if x.stage >= given || x.gone {
		return
	}
	x.pass(handlerEnds)
	x.forget()
	if x.length >= 0 && x.written != x.length && http1.BodyAllowed(x.req.Method, x.status) {
		x.s.log.Error("answer with another length than it announced", "loop", x.home.Index(), "announced", x.length, "written", x.written)
		x.refuse(refuseHandler)
	}
	if x.status < 200 || x.status > 999 {
		x.s.log.Error("answer without a final status", "loop", x.home.Index(), "status", x.status)
		x.refuse(refuseHandler)
	}
	x.touch()
}

func (x *answer) Receive(job func(piece []byte, err error)) {
	switch {
	case x.gone || x.stage >= given:
		x.home.Post(func() { job(nil, exchange.ErrGone) })
	case x.incoming == nil:
		x.home.Post(func() { job(nil, io.EOF) })
	default: // the carrier, whose goroutine this is, looks for it before it waits again
		x.incoming.want = job
	}
}

func (x *answer) Drained(job func()) {
	if !x.gone && x.stage < given {
		x.drained = job
		x.touch()
	}
}

func (x *answer) Abort() {
	if x.stage < given {
		x.fail()
	}
}

// fail breaks the answer off, unless it is complete.
func (x *answer) fail() {
	if x.stage != sealed && !x.gone {
		x.refuse(refuseHandler)
		x.touch()
	}
}

// takeDrained is the job that Drained was given, once, or nil: what is encoded aside is yet to be sent.
func (x *answer) takeDrained() (job func()) {
	if !x.stage.aside() {
		job, x.drained = x.drained, nil
	}
	return job
}

func (x *answer) touch() {
	if x.serving || x.dirty {
		return
	}
	x.dirty = true
	x.home.touched(x)
}

// flush sends what x has, on its home.
func (x *answer) flush() {
	x.dirty = false
	x.driver.flush(x)
}

// leave tells the handler that nobody waits for its answer any more.
func (x *answer) leave() {
	if !x.gone && x.stage != sealed {
		x.desert()
	}
}

func (x *answer) desert() {
	x.gone = true
	x.body, x.out, x.drained = pieces{}, pieces{}, nil
	x.forget()
	if x.done != nil {
		close(x.done)
	}
}

// forget tells who waits for more of the body that none will come.
func (x *answer) forget() {
	if b := x.incoming; b != nil && b.want != nil {
		want := b.want
		b.want = nil
		x.home.Post(func() { want(nil, exchange.ErrGone) })
	}
}

// refuse makes e the whole answer. It is too late when the head was sent: then the connection just ends, which a
// chunked or counted body lets the peer see.
func (x *answer) refuse(e *http1.Error) {
	x.pass(restReady)
	x.close = true
	if w := x.socket; w != nil {
		x.socket = nil
		w.lost()
	}
	x.body, x.out, x.drained = pieces{}, pieces{}, nil
	if x.framed {
		x.broken = true
		return
	}
	x.refusal, x.status = e, e.Status
}

// frame appends what there is to send to dst and returns it with the body that follows uncopied, if it is large. Called
// when x is ready.
func (x *answer) frame(dst, date []byte) (out []byte, body [][]byte) {
	if x.broken {
		return dst, nil
	}
	if x.refusal != nil {
		return appendRefusal(dst, date, x.refusal, x.req.Method), nil
	}
	if w := x.socket; w != nil {
		head := http1.Head{Status: x.status, Header: x.header, Minor: 1, Date: w.terms.AppendFields(date[:len(date):len(date)])}
		return http1.AppendHead(dst, &head), nil
	}
	p := x.out.take()
	bare := !http1.BodyAllowed(x.req.Method, x.status)
	if !x.framed {
		x.framed = true
		head := http1.Head{
			Status: x.status, Header: x.header, Minor: x.req.Minor, Method: x.req.Method,
			ContentLength: int64(p.n), Date: date,
		}
		switch {
		case x.length >= 0:
			head.ContentLength = x.length
		case x.stage != sealed:
			head.ContentLength = -1
			x.chunked = x.req.Minor > 0 && !bare
			x.close = x.close || x.req.Minor == 0
		}
		head.Close = x.close
		dst = http1.AppendHead(dst, &head)
	}
	if bare {
		return dst, nil
	}
	x.sent += int64(p.n)
	switch {
	case x.chunked:
		for _, b := range p.all() {
			dst = http1.AppendChunk(dst, b)
		}
		if x.stage == sealed {
			dst = http1.AppendLastChunk(dst)
		}
	case p.n <= copyBytesMax*(1+len(p.more)): // on average
		dst = append(dst, p.first...)
		for _, b := range p.more {
			dst = append(dst, b...)
		}
	default:
		body = p.all()
	}
	return dst, body
}
