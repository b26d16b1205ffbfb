package upstream

import (
	"bufio"
	"bytes"
	"context"
	cryptotls "crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// link is one connection to a node by HTTP/2. Its lane's lock guards it, but for what the reading goroutine has.
type link struct {
	lane *lane
	wire *wire
	conn *cryptotls.Conn

	framer *http2.Framer // of the reading goroutine

	streams   map[uint32]*stream
	next      uint32 // the next stream's number
	max       uint32 // streams at once that the node takes
	initial   int64  // bytes of a body that it takes at first
	window    int64  // bytes of all bodies that it takes
	inWindow  int64  // bytes of all bodies that we take
	consumed  int64  // of those, that we have yet to return
	blocked   []*stream
	leaving   bool  // no more requests: the node said so, or was removed
	dead      error // it has ended, or is about to
	pinged    time.Time
	controls  int // frames that carry nothing, since
	since     time.Time
	out       []byte // frames that wait for flush
	spare     []byte
	scheduled bool // flush is on its way to a loop
	writing   bool // flush runs
	job       func()
	heads     *hpack.Encoder
	block     bytes.Buffer      // what heads writes to
	text      []byte            // scratch
	lower     map[string]string // names of fields as HTTP/2 has them
}

// lowerMax bounds lower: names come from clients.
const lowerMax = 256

// Error codes (RFC 9113, section 7).
const (
	codeNone    = uint32(http2.ErrCodeNo)
	codeBroken  = uint32(http2.ErrCodeProtocol)
	codeWindow  = uint32(http2.ErrCodeFlowControl)
	codeCancel  = uint32(http2.ErrCodeCancel)
	codeTooMuch = uint32(http2.ErrCodeEnhanceYourCalm)
)

// dial connects, and returns when the node has said what it takes.
func (n *lane) dial() (*link, error) {
	config, node := n.pool.config, n.peer.node.Load()
	ctx, cancel := context.WithTimeout(context.Background(), config.DialDeadline)
	defer cancel()
	w, conn, err := connect(ctx, &config, node, http2.NextProtoTLS)
	if err != nil {
		return nil, err
	}
	l := &link{
		lane: n, wire: w, conn: conn,
		framer:  http2.NewFramer(nil, bufio.NewReaderSize(conn, frameBytesMax)),
		streams: map[uint32]*stream{}, next: 1, max: 100, initial: 65535, window: 65535, inWindow: windowAllBytes, lower: map[string]string{},
	}
	l.job = l.flush
	l.heads = hpack.NewEncoder(&l.block)
	l.heads.SetMaxDynamicTableSizeLimit(tableBytesMax)
	l.framer.ReadMetaHeaders = hpack.NewDecoder(tableBytesMax, nil)
	l.framer.MaxHeaderListSize = HeaderBytesMax
	l.framer.SetMaxReadFrameSize(frameBytesMax)
	l.framer.SetReuseFrames()
	if err := l.greet(); err != nil {
		_ = w.Close()
		return nil, fmt.Errorf("greet node %q at %s: %w", node.Name, node.Address, err)
	}
	if err := w.SetDeadline(time.Time{}); err != nil {
		_ = w.Close()
		return nil, err
	}
	w.release(l.idle, l.flush)
	return l, nil
}

// connect opens a connection to a node that speaks protocol, with certificates of both sides.
func connect(ctx context.Context, config *Config, node *Node, protocol string) (*wire, *cryptotls.Conn, error) {
	dialer := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3}}
	nc, err := dialer.DialContext(ctx, "tcp", node.Address)
	if err != nil {
		return nil, nil, err
	}
	w, err := newWire(nc, config.WriteDeadline)
	if err != nil {
		_ = nc.Close()
		return nil, nil, err
	}
	secure := config.TLS.Clone()
	secure.ServerName, secure.NextProtos, secure.DynamicRecordSizingDisabled = node.Name, []string{protocol}, true
	conn := cryptotls.Client(w, secure)
	deadline, _ := ctx.Deadline()
	err = nc.SetDeadline(deadline)
	if err == nil {
		err = conn.HandshakeContext(ctx)
	}
	if got := conn.ConnectionState().NegotiatedProtocol; err == nil && got != protocol {
		err = fmt.Errorf("it speaks %q instead of %s: its listener for nodes offers h2 and http/1.1", got, protocol)
	}
	if err != nil {
		_ = nc.Close()
		return nil, nil, fmt.Errorf("shake hands with node %q at %s: %w", node.Name, node.Address, err)
	}
	return w, conn, nil
}

// greet sends what a connection begins with and reads what the node begins with (RFC 9113, section 3.4).
func (l *link) greet() error {
	p := append(l.out, http2.ClientPreface...)
	p = appendSettings(p, http2.Setting{ID: http2.SettingEnablePush, Val: 0}, http2.Setting{ID: http2.SettingInitialWindowSize, Val: WindowBytes},
		http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: HeaderBytesMax})
	p = appendWindow(p, 0, windowAllBytes-65535)
	if _, err := l.conn.Write(p); err != nil {
		return err
	}
	f, err := l.framer.ReadFrame()
	if err != nil {
		return err
	}
	settings, ok := f.(*http2.SettingsFrame)
	if !ok || settings.IsAck() {
		return errors.New("its first frame is not SETTINGS")
	}
	l.lane.mu.Lock()
	defer l.lane.mu.Unlock()
	return l.settings(settings)
}

// takes reports whether the connection has room for a stream.
func (l *link) takes() bool {
	return l.dead == nil && !l.leaving && uint32(len(l.streams)) < l.max && l.next < 1<<31-1
}

// begin sends the head of a request, and its body as far as the node takes it.
func (l *link) begin(s *stream) {
	s.link, s.id, s.outWindow, s.inWindow = l, l.next, l.initial, WindowBytes
	l.next += 2
	l.streams[s.id] = s
	l.writeHead(s)
	if !s.sent {
		l.pump(s)
	}
}

// pump frames what there is of a body, as far as the node takes it; the rest waits for windows, and for what is unsent to
// leave. It tells the loop when it can have more.
func (l *link) pump(s *stream) {
	for len(s.out) > 0 {
		n := int(min(int64(len(s.out)), frameBytesMax, s.outWindow, l.window))
		if n <= 0 || len(l.out) >= OutBytesMax {
			if !s.blocked {
				s.blocked = true
				l.blocked = append(l.blocked, s)
			}
			return
		}
		s.sent = s.last && n == len(s.out)
		l.out = appendData(l.out, s.id, s.out[:n], s.sent)
		s.out = s.out[n:]
		s.outWindow -= int64(n)
		l.window -= int64(n)
	}
	switch {
	case s.sent:
	case s.last:
		s.sent = true
		l.out = appendData(l.out, s.id, nil, true)
	default:
		s.wants = true
		s.tell()
	}
	s.out = nil
}

// unblock goes on with the bodies that wait, each in its turn.
func (l *link) unblock() {
	waiting := l.blocked
	l.blocked = nil
	for _, s := range waiting {
		if s.blocked = false; s.link == l {
			l.pump(s)
		}
	}
}

// finish takes a stream off the connection. Its node is done with it, or will hear so.
func (l *link) finish(s *stream) {
	delete(l.streams, s.id)
	s.link, s.out = nil, nil
	l.endIfLeft()
}

// endIfLeft closes a connection that gets no more requests when the last was answered.
func (l *link) endIfLeft() {
	if l.leaving && len(l.streams) == 0 {
		l.cut(nil)
	}
}

// reset ends a stream before its time.
func (l *link) reset(s *stream, code uint32) {
	l.out = appendReset(l.out, s.id, code)
	l.finish(s)
}

// cut ends the connection; the reading goroutine does the rest.
func (l *link) cut(err error) {
	if l.dead == nil {
		if l.dead = err; err == nil {
			l.dead = net.ErrClosed
		}
		_ = l.wire.Close() // it may be closed already
	}
}

// schedule has what is to be sent leave when the loop's turn is over. Called with the lane's lock held.
func (l *link) schedule(loop exchange.Loop) {
	if !l.scheduled && len(l.out) > 0 {
		l.scheduled = true
		if !loop.Post(l.job) {
			go l.flush()
		}
	}
}

// flush sends what there is, without waiting. From anywhere, without the lane's lock.
func (l *link) flush() {
	n := l.lane
	n.mu.Lock()
	defer n.mu.Unlock()
	l.scheduled = false
	if l.writing {
		return
	}
	l.writing = true
	for l.dead == nil && len(l.out) > 0 && l.wire.ready() {
		p := l.out
		l.out, l.spare = l.spare[:0], nil
		n.mu.Unlock()
		_, err := l.conn.Write(p)
		if err == nil {
			_, err = l.wire.Flush()
		}
		n.mu.Lock()
		l.spare = p[:0]
		if err != nil {
			l.cut(err)
		}
		l.unblock()
	}
	l.writing = false
	n.deliver()
}

// idle is all that came having been read.
func (l *link) idle() {
	l.lane.mu.Lock()
	l.lane.deliver()
	l.lane.mu.Unlock()
	l.flush()
}

// probe asks a silent node for a sign of life, and gives it up when none comes.
func (l *link) probe(now time.Time) {
	config := &l.lane.pool.config
	silent := now.Sub(time.Unix(0, l.wire.heard.Load()))
	switch {
	case silent < config.PingAfter:
		l.pinged = time.Time{}
	case l.pinged.IsZero():
		l.pinged = now
		l.out = appendPing(l.out, [8]byte{}, false)
	case now.Sub(l.pinged) > config.PingDeadline:
		l.cut(fmt.Errorf("nothing came for %v", silent.Round(time.Millisecond)))
	}
}
