//go:build linux || darwin

package edge

import (
	"slices"
	"sync"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/ws"
)

// websocket is an exchange.Socket: what is left of a connection that has been upgraded. While nothing comes it is this
// struct and the connection's; it stays on its loop when a carrier takes the connection over.
type websocket struct {
	s       *Server
	home    home
	line    line // nil until the answer 101 is on its way
	h       exchange.SocketHandler
	reader  *ws.Reader // lent while part of a message or frame has come
	terms   ws.Terms
	in      []byte    // read and not yet decoded
	ready   *ws.Event // a message that nobody has asked for yet
	out     [][]byte  // framed and not yet handed to line
	reason  string    // of the close frame
	code    int
	heard   time.Duration // when the peer last sent something, on the server's clock
	begun   time.Duration // when the message that comes began
	ended   time.Duration // when we sent our close frame
	deflate bool
	small   bool // the last piece of out is ours and takes more
	want    bool // the handler asks for a message
	decodes bool // decode is running
	resumes bool // resume is posted
	dirty   bool // in home's list of touched
	pinged  bool // since heard
	closing bool // we have sent our close frame
	severed bool // Terminate was called
	over    bool // Closed was called
}

// line carries a socket's bytes: a conn on the socket's loop, or a carrier.
type line interface {
	transmit(out [][]byte, last bool) // on the socket's loop; after the last the connection closes
	unsent() int
	more() // everything was decoded that came
	hold() // too much waits to be decoded
	cut()
}

// readers are lent to sockets while a message comes.
var readers = sync.Pool{New: func() any { return new(ws.Reader) }}

// Upgrade agrees on a WebSocket. What is sent before the answer is framed follows it.
func (x *answer) Upgrade(header []exchange.Field, h exchange.SocketHandler) (exchange.Socket, error) {
	switch {
	case x.gone:
		return nil, exchange.ErrGone
	case x.stage >= given || x.status != 0:
		return nil, errEnded
	case x.s.draining.Load():
		return nil, &exchange.HandshakeError{Status: 503, Message: "the server is shutting down"}
	}
	if _, multiplexed := x.driver.(*stream); multiplexed {
		return nil, &exchange.HandshakeError{Status: 400, Message: "a stream of HTTP/2 cannot be upgraded: connect by HTTP/1.1, as browsers do"}
	}
	terms, err := ws.Agree(&x.req, header, x.s.deflate)
	if err != nil {
		return nil, err
	}
	x.socket = &websocket{s: x.s, home: x.home, h: h, terms: terms}
	x.status, x.header = 101, slices.DeleteFunc(slices.Clone(header), ws.Decides)
	x.pass(restReady)
	x.forget()
	x.touch()
	return x.socket, nil
}

// open is the answer 101 being on its way.
func (w *websocket) open(l line) {
	w.line, w.heard = l, w.s.clock()
	w.deflate = w.terms.Deflate
	w.s.sockets.Add(1)
	if len(w.out) > 0 {
		w.touch()
	}
	if w.severed {
		l.cut()
	}
}

func (s *Server) clock() time.Duration { return time.Since(s.started) }

func (w *websocket) Loop() exchange.Loop { return w.home }
func (w *websocket) Protocol() string    { return w.terms.Protocol }

func (w *websocket) Next() {
	w.want = true
	w.release()
}

// release has what was held up decoded, soon.
func (w *websocket) release() {
	if (w.ready != nil || len(w.in) > 0) && !w.decodes && !w.resumes && !w.over {
		w.resumes = true
		w.home.Post(w.resume)
	}
}

// resume goes on with what was held up. From a job.
func (w *websocket) resume() {
	w.resumes = false
	w.heard, w.pinged = w.s.clock(), false // the peer could not help the time it was held up
	w.begun = w.heard
	if e := w.ready; e != nil && (w.want || w.closing) && !w.over {
		w.ready = nil
		w.event(*e)
	}
	w.decode(nil)
}

// received takes what was read, which is borrowed.
func (w *websocket) received(p []byte) {
	if w.heard, w.pinged = w.s.clock(), false; !w.over {
		w.decode(p)
	}
}

// decode makes events of what is held and of p, as long as the handler takes them, and holds the rest.
func (w *websocket) decode(p []byte) {
	if len(w.in) > 0 {
		w.in = append(w.in, p...)
		p = w.in
	}
	if w.reader == nil && len(p) > 0 {
		w.reader = readers.Get().(*ws.Reader)
		*w.reader = ws.Reader{MessageBytesMax: w.s.limits.MessageBytesMax, Deflate: w.deflate}
		w.begun = w.heard
	}
	w.decodes = true
	for len(p) > 0 && w.ready == nil && !w.over {
		n, e, err := w.reader.Next(p)
		p = p[n:]
		if err != nil {
			w.fail(err)
			break
		}
		if e.Kind == ws.Text || e.Kind == ws.Binary {
			w.begun = w.heard
		}
		w.event(e)
	}
	w.decodes = false
	if len(p) == 0 || w.over {
		w.in = nil
	} else {
		w.in = append(w.in[:0], p...)
	}
	if w.reader != nil {
		if _, busy := w.reader.Pending(); len(w.in) == 0 && (w.over || !busy) {
			readers.Put(w.reader)
			w.reader = nil
		}
	}
	switch {
	case len(w.in) == 0:
		w.line.more()
	case over(len(w.in), w.s.limits.AheadBytesMax):
		w.line.hold()
	}
}

func (w *websocket) event(e ws.Event) {
	switch e.Kind {
	case ws.Text, ws.Binary:
		switch {
		case w.closing || w.severed: // a handler that has ended it hears no more
		case w.want:
			w.want = false
			w.h.Message(e.Kind == ws.Text, e.Payload)
		default:
			w.ready = &e
		}
	case ws.Ping:
		if !w.closing {
			w.control(ws.Pong, e.Payload)
		}
	case ws.Close:
		if !w.closing {
			w.code, w.reason = e.Code, e.Reason
			w.shut(e.Code, "")
		}
		w.finish(true)
	}
}

// fail ends a connection whose peer has broken a rule.
func (w *websocket) fail(err *ws.Error) {
	if !w.closing {
		w.code, w.reason = err.Code, err.Reason
		w.shut(err.Code, err.Reason)
	}
	w.finish(false)
}

// shut sends our close frame.
func (w *websocket) shut(code int, reason string) {
	w.closing, w.ended = true, w.s.clock()
	w.queue(ws.AppendClose(nil, code, reason), nil)
}

// finish is the end of the socket: what is queued is sent, and the connection closes.
func (w *websocket) finish(clean bool) {
	if w.over {
		return
	}
	w.over, w.ready = true, nil
	if w.line != nil {
		w.s.sockets.Add(-1)
	}
	w.touch()
	w.h.Closed(w.code, w.reason, clean)
}

// lost is the connection having ended.
func (w *websocket) lost() {
	if w.over {
		return
	}
	if !w.closing {
		w.code, w.closing = 1006, true
	}
	w.out = nil
	w.finish(false)
}

// drained is the peer having taken what an earlier turn left unsent.
func (w *websocket) drained() {
	if !w.over {
		w.h.Drained()
	}
}

func (w *websocket) Send(text bool, p []byte) error {
	switch {
	case w.closing:
		return exchange.ErrGone
	case over(w.Buffered()+len(p), w.s.limits.UnsentBytesMax):
		return exchange.ErrBehind
	}
	kind, packed := ws.Binary, false
	if text {
		kind = ws.Text
	}
	if w.deflate && len(p) >= ws.DeflateBytesMin {
		if z, ok := ws.Deflate(p); ok {
			p, packed = z, true
		}
	}
	w.queue(ws.AppendHead(nil, kind, len(p), packed), p)
	return nil
}

func (w *websocket) Ping(p []byte) error {
	if w.closing {
		return exchange.ErrGone
	}
	w.control(ws.Ping, p)
	return nil
}

// control queues a ping or pong. A peer that asks for them and takes none is cut off.
func (w *websocket) control(k ws.Kind, p []byte) {
	if over(w.Buffered()+len(p), w.s.limits.UnsentBytesMax) {
		w.Terminate()
		return
	}
	w.queue(ws.AppendControl(nil, k, p), nil)
}

func (w *websocket) Close(code int, reason string) {
	if !w.closing {
		w.code, w.reason = code, reason
		if code == 0 {
			w.code = 1005
		}
		w.shut(code, reason)
		w.release() // the peer's answer may be behind what nobody asks for any more
	}
}

func (w *websocket) Terminate() {
	if w.severed = true; w.line != nil {
		w.line.cut()
	}
}

func (w *websocket) Buffered() int {
	n := bytesOf(w.out)
	if w.line != nil {
		n += w.line.unsent()
	}
	return n
}

// queue frames a message. Small ones that follow each other are one piece.
func (w *websocket) queue(head, p []byte) {
	switch {
	case len(p) > copyBytesMax:
		w.out, w.small = append(w.out, head, p), false
	case w.small && len(w.out) > 0 && len(w.out[len(w.out)-1]) < copyBytesMax:
		last := &w.out[len(w.out)-1]
		*last = append(append(*last, head...), p...)
	default:
		w.out, w.small = append(w.out, append(head, p...)), true
	}
	w.touch()
}

func (w *websocket) touch() {
	if !w.dirty && w.line != nil {
		w.dirty = true
		w.home.touched(w)
	}
}

// flush hands over what was queued.
func (w *websocket) flush() {
	w.dirty = false
	out := w.out
	w.out, w.small = nil, false
	if len(out) > 0 || w.over {
		w.line.transmit(out, w.over)
	}
}

// tick looks at the deadlines. From the sweep.
func (w *websocket) tick(now time.Duration) {
	m, silent := &w.s.limits, now-w.heard
	slow := false
	if w.reader != nil && w.ready == nil && len(w.in) == 0 {
		n, busy := w.reader.Pending()
		slow = busy && m.slowBody(now-w.begun, silent, int64(n))
	}
	switch {
	case w.over:
	case w.closing && over(now-w.ended, m.SocketCloseDeadline), slow:
		w.line.cut()
	case w.ready != nil || len(w.in) > 0: // the handler is the slow one
	case over(silent, m.SocketIdleDeadline):
		w.line.cut()
	case !w.closing && !w.pinged && over(silent, m.SocketIdleDeadline/2):
		w.pinged = true
		w.control(ws.Ping, nil)
	}
}

// A conn carries the bytes of a socket on its own loop.

// upgrade is the answer 101 having been framed.
func (c *conn) upgrade(w *websocket) {
	c.mode, c.socket = upgraded, w
	w.open(c)
}

// handOver gives the socket what its peer has sent behind the handshake.
func (c *conn) handOver() {
	if p := c.in; c.mode == upgraded && len(p) > 0 {
		c.in = nil
		c.socket.received(p)
	}
}

func (c *conn) transmit(out [][]byte, last bool) {
	defer c.guard()
	if c.mode != upgraded {
		return
	}
	if last {
		c.mode = closing
	}
	c.send(out)
	c.settle(true)
	c.tell()
}

func (c *conn) unsent() int { return bytesOf(c.rest) }

func (c *conn) more() {}

// hold lets a carrier have the connection, which can stop reading; evio cannot (E5).
func (c *conn) hold() {
	c.leave()
	c.tell()
}
