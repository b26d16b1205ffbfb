//go:build linux || darwin

package edge

import (
	"bytes"
	"net/netip"
	"runtime/debug"
	"slices"
	"time"

	"github.com/fortunadws/fortuna/edge/h2"
	"github.com/fortunadws/fortuna/edge/http1"
	"github.com/fortunadws/fortuna/edge/tls"
	"github.com/tidwall/evio"
)

// outBytesMax is how much of pipelined answers is gathered before a write.
const outBytesMax = 64 << 10

// h2Marker is how a connection begins on which HTTP/2 is spoken.
var h2Marker = []byte(h2.Marker)

// mode is where a connection is in the life of a request.
type mode uint8

const (
	idle      mode = iota // nothing of a request has come
	inHead                // part of a head has
	inBody                // part of a body has
	busy                  // a handler has the request, or others on the loop have their turn
	shaking               // TLS is being agreed on; nothing of a request can have come
	upgraded              // it is a WebSocket
	closing               // the last answer is complete; close when it is sent
	lingering             // our side is closed; discarding until the peer closes its own
	dead                  // shut down; evio will say closed
)

// conn is a connection driven by its loop. Every method runs there. While idle it holds neither buffer nor parser.
type conn struct {
	loop    *loop
	evio    evio.Conn
	x       *answer       // being parsed or answered
	parser  *http1.Parser // lent by the loop while inHead or inBody
	in      []byte        // read and not yet parsed
	rest    [][]byte      // unsent; not empty only on the way to a carrier
	socket  *websocket    // while upgraded
	secure  *tls.Session  // nil without TLS, and until the first byte
	act     evio.Action   // what evio is told after every callback (E2)
	remote  netip.AddrPort
	since   time.Duration // when mode began, on the loop's clock
	moved   time.Duration // when the body last grew
	seen    int64         // its bytes then
	served  int32         // requests
	index   int32         // in loop.conns
	fd      int32
	mode    mode
	refused bool // at the door
	sealed  bool // the first piece of rest is records
	unnamed bool // a proxy has yet to say whose connection it is
	woken   bool // Wake was called and Data(nil) has not come
	streams bool // the peer speaks HTTP/2, which is spoken off the loop
}

// received takes what evio read.
func (c *conn) received(in []byte) {
	if c.unnamed && c.mode <= shaking {
		if in = c.introduce(in); len(in) == 0 {
			return
		}
	}
	if c.secure != nil || c.mode == shaking {
		c.records(in)
	} else {
		c.data(in)
	}
}

// data is the trip: bytes come in, requests are parsed and served, answers leave in one write.
func (c *conn) data(in []byte) {
	switch {
	case c.mode == busy:
		c.in = append(c.in, in...)
		if over(len(c.in), c.loop.s.limits.AheadBytesMax) {
			c.leave() // a carrier can stop reading; evio cannot (E5)
		}
	case c.mode == upgraded:
		c.socket.received(in)
	case c.mode <= inBody:
		if len(c.in) > 0 {
			c.in = append(c.in, in...)
			in = c.in
		}
		if c.served == 0 && c.mode <= inHead && c.loop.s.h2c && bytes.HasPrefix(in, h2Marker) {
			c.streams, c.mode, c.x = true, busy, nil
			c.in = append([]byte(nil), in...)
			c.leave()
			return
		}
		c.trips(in)
	}
}

// trips serves the requests in buf, one after the other, as long as their answers are complete at once.
func (c *conn) trips(buf []byte) {
	served := 0
	for len(buf) > 0 && c.mode <= inBody && c.act == evio.None {
		if served == c.loop.s.limits.PipelinedMax {
			c.mode = busy
			c.loop.Post(c.resume)
			break
		}
		n, done := c.parse(buf)
		buf = buf[n:]
		if !done {
			break
		}
		served++
		c.loop.s.serveExchange(c.x)
		c.reply(c.x)
	}
	c.keep(buf)
	c.settle(served > 0)
	c.handOver()
}

// parse feeds buf to the parser and reports how much it took and whether c.x is whole.
func (c *conn) parse(buf []byte) (n int, done bool) {
	s := c.loop.s
	if c.parser == nil {
		c.parser = c.loop.parser()
	}
	if c.x == nil {
		c.x = newAnswer(s, c.loop, c, c.remote, c.secure)
	}
	n, done, err := c.parser.Parse(buf, &c.x.req)
	switch {
	case err != nil:
		c.refuse(refusalOf(err))
		return len(buf), false
	case !done:
		c.become(modeOf(c.parser.Phase(), len(buf)-n))
		if c.mode == inBody && s.limits.streams(&c.x.req) {
			c.leave() // a carrier serves it while the body comes
		} else if c.parser.WantContinue() {
			c.loop.out = http1.AppendContinue(c.loop.out)
		}
		return n, false
	}
	c.served++
	c.mode = idle
	c.x.begin(c.parser.KeepAlive() && !over(int(c.served)+1, s.limits.RequestsMax))
	return n, true
}

// refuse answers the request that is being read, which is the last one of the connection.
func (c *conn) refuse(e *http1.Error) {
	if c.x == nil {
		c.x = newAnswer(c.loop.s, c.loop, c, c.remote, c.secure)
	}
	c.x.refuse(e)
	c.reply(c.x)
}

// reply frames what x has and decides what becomes of the connection.
func (c *conn) reply(x *answer) {
	l := c.loop
	var body [][]byte
	if x.ready() {
		l.out, body = x.frame(l.out, l.date)
	}
	if x.stage == sealed {
		c.x, c.mode = nil, idle
		switch {
		case x.socket != nil:
			c.upgrade(x.socket)
		case x.close:
			c.mode = closing
		}
		x.complete()
	} else {
		c.mode = busy
		x.wait()
	}
	if len(body) > 0 || len(l.out) >= outBytesMax || x.broken {
		c.send(body)
	}
	if x.broken {
		c.cut()
	}
}

// flush sends what a job gave to x, and goes on with the requests behind it. From a job.
func (c *conn) flush(x *answer) {
	defer c.guard()
	if c.x != x || c.mode != busy {
		return
	}
	c.reply(x)
	if c.mode == idle && len(c.in) > 0 {
		c.trips(c.in)
	} else {
		c.settle(true)
		c.handOver()
	}
	c.tell()
}

// resume goes on after others had their turn. From a job.
func (c *conn) resume() {
	defer c.guard()
	if c.mode == busy && c.x == nil && c.act == evio.None {
		c.mode = idle
		c.trips(c.in)
		c.tell()
	}
}

// keep holds what is left of the input, which may be evio's buffer or the end of c.in itself.
func (c *conn) keep(buf []byte) {
	if len(buf) == 0 || c.mode >= closing {
		c.in = nil
	} else {
		c.in = append(c.in[:0], buf...)
	}
}

// settle ends a turn: what was gathered is written, and what the connection no longer needs is returned.
func (c *conn) settle(progress bool) {
	c.send(nil)
	if c.x != nil && len(c.rest) == 0 {
		if job := c.x.takeDrained(); job != nil {
			c.loop.Post(job)
		}
	}
	if progress {
		c.since = c.loop.now
	}
	if c.parser != nil && c.mode != inHead && c.mode != inBody {
		c.loop.giveBack(c.parser)
		c.parser = nil
	}
	if c.mode == closing && c.act == evio.None {
		c.part()
		c.become(lingering)
		shutdownWrite(int(c.fd))
	}
}

func (c *conn) become(m mode) {
	if c.mode != m {
		c.mode, c.since = m, c.loop.now
		c.moved, c.seen = c.since, 0
	}
}

// send writes the loop's out and body. What the kernel does not take leaves the loop with the connection.
func (c *conn) send(body [][]byte) {
	l := c.loop
	out := l.out
	if l.out = out[:0]; cap(out) > outBytesKept {
		l.out = nil
	}
	if c.mode == dead || len(out) == 0 && len(body) == 0 && (c.secure == nil || !c.secure.Unsent()) {
		return
	}
	sent := 0
	if len(c.rest) > 0 && over(bytesOf(c.rest), l.s.limits.UnsentBytesMax) {
		c.cut()
		return
	}
	switch {
	case len(c.rest) > 0:
	case c.secure != nil:
		if err := c.sendRecords(out, body); err != nil {
			c.cut()
			return
		}
		out, body = nil, nil
	default:
		var err error
		if sent, err = writeSocketAll(int(c.fd), out, body); err != nil {
			c.cut()
			return
		}
	}
	if sent < len(out) {
		c.rest = append(c.rest, slices.Clone(out[sent:]))
	}
	sent = max(0, sent-len(out))
	for _, p := range body {
		n := min(sent, len(p))
		sent -= n
		if n < len(p) {
			c.rest = append(c.rest, p[n:])
		}
	}
	if len(c.rest) > 0 {
		c.leave()
	}
}

func bytesOf(pieces [][]byte) (n int) {
	for _, p := range pieces {
		n += len(p)
	}
	return n
}

// leave asks evio to detach the connection. evio does so when the socket is next writable or readable, so a caller
// outside of data must tell.
func (c *conn) leave() {
	if c.act == evio.None {
		c.act, c.since = evio.Detach, c.loop.now
		left, _ := unacknowledged(uintptr(c.fd)) // not told: 0, and the deadline is strict
		c.seen = int64(left)
	}
}

// tell hands act to evio from a job.
func (c *conn) tell() {
	if c.act != evio.None && !c.woken {
		c.woken = true
		c.loop.woken++
		c.evio.Wake()
	}
}

// awake is evio asking for act.
func (c *conn) awake() {
	if c.woken {
		c.woken = false
		c.loop.woken--
	}
}

// cut ends the connection now. evio reads the end and says closed, also when the peer's window is zero.
func (c *conn) cut() {
	if c.mode != dead { // the descriptor may be another's by now
		c.mode = dead
		shutdownSocket(int(c.fd))
	}
}

// guard keeps a fault of ours in a job to the connection it happened on.
func (c *conn) guard() {
	if v := recover(); v != nil {
		c.loop.s.log.Error("panic on the event loop", "loop", c.loop.index, "err", v, "stack", string(debug.Stack()))
		c.loop.out = c.loop.out[:0]
		c.cut()
	}
}

// closed is evio having closed the connection: the peer did, or we.
func (c *conn) closed() {
	c.awake()
	c.loop.remove(c)
	c.mode = dead
	if c.parser != nil {
		c.loop.giveBack(c.parser)
		c.parser = nil
	}
	if x := c.x; x != nil {
		c.x = nil
		x.abandon()
	}
	if w := c.socket; w != nil {
		c.socket = nil
		w.lost()
	}
	if c.secure != nil {
		c.secure.Close()
	}
	if c.refused {
		c.loop.s.leaveRefused()
	} else {
		c.loop.s.leave(c.remote.Addr())
	}
}

// detached is evio having let go of the descriptor, which a carrier now owns.
func (c *conn) detached() {
	c.awake()
	c.loop.remove(c)
	carry(c)
	c.mode, c.x, c.socket, c.parser, c.in, c.rest, c.secure = dead, nil, nil, nil, nil, nil, nil
}

// modeOf is the mode while a request is read: idle after the empty lines that may precede one, if nothing is left.
func modeOf(p http1.Phase, left int) mode {
	switch {
	case p == http1.PhaseBody:
		return inBody
	case p == http1.PhaseIdle && left == 0:
		return idle
	default:
		return inHead
	}
}
