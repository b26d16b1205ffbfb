package upstream

import (
	"bufio"
	"context"
	cryptotls "crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/ws"
)

// tunnel is a WebSocket between a client and another node: a Socket on this side, a connection of its own on the other. It
// carries messages, so each side has its own compression, masks and fragments.
type tunnel struct {
	t    *transit
	peer *peer
	wire *wire
	conn *cryptotls.Conn
	veil veil
	ws   ws.Reader

	taken chan struct{} // the client has taken what the node sent, all but a little

	// Of the socket's loop.
	socket exchange.Socket
	frame  []byte // scratch
	held   bool   // the node has yet to take a message, and no other is asked for
	full   bool   // the client has yet to take some
	parted bool   // we have sent the node a close frame
	over   bool   // the client's side has ended
}

const (
	closeNoCode     = 1005
	closeAbnormal   = 1006
	closeBadGateway = 1014 // what the node breaks is not the client's fault
	partingMax      = 2 * time.Second
)

// opensSocket reports whether a request opens a WebSocket. What only resembles that is answered by the other node as any request.
func opensSocket(q *exchange.Request) bool {
	if q.Method != "GET" || q.Get("Upgrade") == "" {
		return false
	}
	_, err := exchange.CheckUpgrade(q, nil)
	return err == nil
}

// forwardSocket has another node open the WebSocket, after an attempt that ended with last.
func (t *transit) forwardSocket(last error) {
	p := t.choose(last)
	if p == nil {
		t.refuseFor(last)
		return
	}
	if last != nil {
		p.retries.Add(1)
	}
	t.enter(p)
	u := &tunnel{t: t, peer: p, taken: make(chan struct{}, 1), ws: ws.Reader{MessageBytesMax: MessageBytesMax}}
	hop, loop := t.hop(), t.x.Loop()
	go u.run(loop, hop)
}

// run is the goroutine of a tunnel: it opens it and then reads the node.
func (u *tunnel) run(loop exchange.Loop, hop *Hop) {
	r, answer, err := u.open(hop, loop)
	if err != nil {
		if u.wire != nil {
			_ = u.wire.Close()
		}
		loop.Post(func() { u.t.socketFailed(err) })
		return
	}
	defer u.wire.Close()
	u.peer.succeeded()
	p := u.t.pool
	if !p.keep(u) {
		loop.Post(func() { u.t.socketFailed(errLost) })
		return
	}
	defer p.release(u)
	opened := make(chan bool, 1)
	if !loop.Post(func() { opened <- u.answer(answer) }) || !<-opened {
		return
	}
	u.peer.sockets.Add(1)
	defer u.peer.sockets.Add(-1)
	if err := u.read(r, loop); err != nil {
		p.log.Debug("WebSocket of a node ended", "node", u.peer.name, "err", err)
	}
	loop.Post(u.lost)
}

// open connects to the node and asks it.
func (u *tunnel) open(hop *Hop, loop exchange.Loop) (r *bufio.Reader, a *answer, err error) {
	config, node := u.t.pool.config, u.peer.node.Load()
	ctx, cancel := context.WithTimeout(context.Background(), config.DialDeadline)
	defer cancel()
	if u.wire, u.conn, err = connect(ctx, &config, node, "http/1.1"); err != nil {
		return nil, nil, errors.Join(errUnreached, err)
	}
	if err := u.wire.SetDeadline(time.Now().Add(config.HeadDeadline)); err != nil {
		return nil, nil, errors.Join(errLost, err)
	}
	key := newKey()
	if _, err := u.conn.Write(appendHandshake(nil, u.t.q, hop, key)); err != nil {
		return nil, nil, errors.Join(errLost, err)
	}
	r = bufio.NewReaderSize(u.conn, frameBytesMax)
	a, err = readAnswer(r, key)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, nil, errDeadline
	case err != nil:
		return nil, nil, errors.Join(errLost, err)
	}
	if err := u.wire.SetDeadline(time.Time{}); err != nil {
		return nil, nil, errors.Join(errLost, err)
	}
	u.wire.release(nil, func() { loop.Post(u.drained) })
	return r, a, nil
}

// socketFailed is the node not having answered. To ask for a WebSocket is a GET: another may be asked.
func (t *transit) socketFailed(err error) {
	p := t.peer
	p.failures.Add(1)
	p.inflight.Add(-1)
	ejected := p.failed(t.pool.now())
	t.pool.log.Warn("node opens no WebSocket", "node", p.name, "ejected", ejected, "err", err)
	switch {
	case errors.Is(err, errDeadline):
		refuse(t.x, refuseTimeout)
	case t.left():
	case t.attempts == AttemptsMax:
		refuse(t.x, refuseFailed)
	case !errors.Is(err, errUnreached) && !t.pool.budget.withdraw():
		t.pool.denied.Add(1)
		refuse(t.x, refuseFailed)
	default:
		t.forwardSocket(err)
	}
}

// answer gives the client what the node has answered. It reports whether that is a WebSocket. On the loop.
func (u *tunnel) answer(a *answer) bool {
	x := u.t.x
	u.peer.inflight.Add(-1)
	if a.status != statusSwitching {
		x.Head(a.status, a.header)
		_ = x.Write(a.body) // the client may have left
		x.End()
		return false
	}
	socket, err := x.Upgrade(a.header, u)
	var refusal *exchange.HandshakeError
	switch {
	case errors.As(err, &refusal):
		x.Head(refusal.Status, refusal.Header)
		_ = x.Write([]byte(refusal.Message + "\n"))
		x.End()
		return false
	case err != nil: // the client has left
		return false
	}
	u.socket = socket
	socket.Next()
	return true
}

// read gives the client what the node sends, until it ends. At most what one read holds is on its way to the client's loop.
func (u *tunnel) read(r io.Reader, loop exchange.Loop) error {
	buf := make([]byte, frameBytesMax)
	var frames []byte
	for {
		n, err := r.Read(buf)
		var events []ws.Event
		if n > 0 {
			var fault error
			if frames, fault = u.veil.feed(frames[:0], buf[:n]); fault != nil {
				return fault
			}
			if events, fault = u.decode(frames); fault != nil {
				return fault
			}
		}
		if len(events) > 0 {
			if !loop.Post(func() { u.give(events) }) {
				return net.ErrClosed
			}
			<-u.taken // give sends, or Drained, or Closed
		}
		if err != nil {
			return err
		}
	}
}

func (u *tunnel) decode(p []byte) (events []ws.Event, fault error) {
	for len(p) > 0 {
		n, e, err := u.ws.Next(p)
		if err != nil {
			return nil, err
		}
		if p = p[n:]; e.Kind != ws.Nothing {
			events = append(events, e)
		}
	}
	return events, nil
}

// give sends the client what the node sent. On the loop.
func (u *tunnel) give(events []ws.Event) {
	for _, e := range events {
		if u.over {
			u.said(e)
			continue
		}
		var err error
		switch e.Kind {
		case ws.Text, ws.Binary:
			err = u.socket.Send(e.Kind == ws.Text, e.Payload)
		case ws.Ping: // the client's pong is its loop's, so we answer for it
			err = u.socket.Ping(e.Payload)
			u.control(ws.AppendControl(u.frame[:0], ws.Pong, e.Payload))
		case ws.Close:
			u.said(e)
			if e.Code == closeNoCode {
				e.Code = 0
			}
			u.socket.Close(e.Code, e.Reason)
		}
		if errors.Is(err, exchange.ErrBehind) { // a message is not to be lost unnoticed
			u.socket.Terminate()
		}
	}
	u.socket.Loop().Post(u.settle) // when this turn's messages have left
}

// said answers the node's close frame with ours, unless it is the answer.
func (u *tunnel) said(e ws.Event) {
	if e.Kind == ws.Close {
		u.part(e.Code, "")
	}
}

// settle lets the node be read on, or waits until the client has taken more.
func (u *tunnel) settle() {
	if !u.over && u.socket.Buffered() > socketAheadBytes {
		u.full = true
		return
	}
	u.proceed()
}

func (u *tunnel) proceed() {
	u.full = false
	select {
	case u.taken <- struct{}{}:
	default: // it is on its way
	}
}

// Drained is the client having taken what was unsent.
func (u *tunnel) Drained() {
	if u.full {
		u.proceed()
	}
}

// Message is one from the client. The next is asked for when the kernel has this one, or the node has taken so much that it has.
func (u *tunnel) Message(text bool, p []byte) {
	kind := ws.Binary
	if text {
		kind = ws.Text
	}
	var head [16]byte
	u.frame = appendMasked(u.frame[:0], ws.AppendHead(head[:0], kind, len(p), false), p)
	if u.send(u.frame) {
		u.socket.Next()
	} else {
		u.held = true
	}
	if cap(u.frame) > frameBytesMax {
		u.frame = nil
	}
}

// drained is the kernel having taken what it had not.
func (u *tunnel) drained() {
	if u.held {
		u.held = false
		u.socket.Next()
	}
}

// control sends the node a control frame, which is all that framed holds.
func (u *tunnel) control(framed []byte) {
	const headBytes = 2
	u.send(appendMasked(nil, framed[:headBytes], framed[headBytes:]))
}

// send sends the node a frame, and reports whether the kernel took it. A connection that has failed is read, which tells.
func (u *tunnel) send(p []byte) bool {
	if _, err := u.conn.Write(p); err != nil {
		return false
	}
	all, err := u.wire.Flush()
	return all && err == nil
}

// part sends the node a close frame, once, and gives it the time to answer.
func (u *tunnel) part(code int, reason string) {
	if u.parted {
		return
	}
	u.parted = true
	u.control(ws.AppendClose(nil, code, reason))
	_ = u.wire.SetReadDeadline(time.Now().Add(partingMax)) // a connection that is closed needs none
}

// Closed is the end of the client's side.
func (u *tunnel) Closed(code int, reason string, _ bool) {
	u.over = true
	if code == closeAbnormal {
		_ = u.wire.Close() // so that the node sees the same
	} else {
		u.part(code, reason)
	}
	u.proceed()
}

// lost is the end of the node's side.
func (u *tunnel) lost() {
	if !u.over {
		u.socket.Close(closeBadGateway, "the node that answered is gone")
	}
}

// keep enters a tunnel, so that Close ends it, or reports false when the pool is closed.
func (p *Pool) keep(u *tunnel) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	if p.tunnels == nil {
		p.tunnels = map[*tunnel]struct{}{}
	}
	p.tunnels[u] = struct{}{}
	return true
}

func (p *Pool) release(u *tunnel) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.tunnels, u)
}

// veil gives a reader of clients' frames those of a node: with the mask that they lack, of zeros. So there is one reader,
// with one set of rules.
type veil struct {
	head [10]byte // at most (RFC 6455, section 5.2)
	have int
	left uint64 // of the frame's payload
}

// feed appends the veiled bytes of p.
func (v *veil) feed(dst, p []byte) ([]byte, error) {
	for len(p) > 0 {
		if v.left > 0 {
			n := int(min(v.left, uint64(len(p))))
			dst = append(dst, p[:n]...)
			v.left -= uint64(n)
			p = p[n:]
			continue
		}
		n := copy(v.head[v.have:v.need()], p)
		v.have += n
		p = p[n:]
		if v.have < v.need() {
			continue
		}
		if v.head[1]&maskBit != 0 {
			return dst, fmt.Errorf("upstream: a frame of a node has a mask")
		}
		v.left = uint64(v.head[1])
		if v.have > 2 {
			v.left = 0
			for _, b := range v.head[2:v.have] {
				v.left = v.left<<8 | uint64(b)
			}
		}
		v.head[1] |= maskBit
		dst = append(append(dst, v.head[:v.have]...), 0, 0, 0, 0)
		v.have = 0
	}
	return dst, nil
}

const maskBit = 0x80

// need is how many bytes the frame's head has, as far as is known.
func (v *veil) need() int {
	switch {
	case v.have < 2:
		return 2
	case v.head[1]&^maskBit == 126:
		return 4
	case v.head[1]&^maskBit == 127:
		return 10
	}
	return 2
}
