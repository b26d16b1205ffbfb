//go:build linux || darwin

package upstream_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/upstream"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// echo sends back what comes, and tells what it closed with.
type echo struct {
	socket exchange.Socket
	closed chan string
	opened func(s exchange.Socket)
}

func (e *echo) Serve(x exchange.Exchange) {
	q := x.Request()
	if q.Path == "/refused" {
		x.Head(403, []exchange.Field{{Name: "X-Why", Value: "no"}})
		_ = x.Write([]byte("not "))
		x.Loop().Post(func() { // in chunks, perhaps
			_ = x.Write([]byte("you"))
			x.End()
		})
		return
	}
	var header []exchange.Field
	if q.Get("Sec-WebSocket-Protocol") != "" {
		header = append(header, exchange.Field{Name: "Sec-WebSocket-Protocol", Value: "chat"})
	}
	s := &echo{closed: e.closed}
	var err error
	if s.socket, err = x.Upgrade(header, s); err != nil {
		refusing(x, err)
		return
	}
	if e.opened != nil {
		e.opened(s.socket)
	}
	s.socket.Next()
}

func refusing(x exchange.Exchange, err error) {
	x.Head(426, []exchange.Field{{Name: "Upgrade", Value: "websocket"}})
	_ = x.Write([]byte(err.Error()))
	x.End()
}

func (e *echo) Message(text bool, p []byte) {
	switch string(p) {
	case "close":
		e.socket.Close(4001, "as you wish")
	case "terminate":
		e.socket.Terminate()
	case "ping":
		_ = e.socket.Ping([]byte("are you there"))
	default:
		_ = e.socket.Send(text, p)
	}
	e.socket.Next()
}

func (e *echo) Drained() {}

func (e *echo) Closed(code int, reason string, clean bool) {
	e.closed <- fmt.Sprintf("%d %s %v", code, reason, clean)
}

// dialSocket opens a WebSocket at addr.
func dialSocket(t *testing.T, addr string) net.Conn {
	t.Helper()
	nc, r, _, err := ws.Dialer{}.Dial(context.Background(), "ws://"+addr+"/")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	if r != nil { // a server that speaks at once may be heard together with its handshake
		return &ahead{nc, r}
	}
	return nc
}

// ahead is a connection of which something has been read already.
type ahead struct {
	net.Conn
	r *bufio.Reader
}

func (a *ahead) Read(p []byte) (int, error) { return a.r.Read(p) }

func sockets(t *testing.T, opened func(s exchange.Socket)) (e *echo, n *node, p *upstream.Pool, addr string) {
	a := newAuthority(t)
	e = &echo{closed: make(chan string, 10), opened: opened}
	n = a.startNode(t, "one", e)
	p, addr = a.front(t, upstream.Config{}, n)
	return e, n, p, addr
}

func send(t *testing.T, nc net.Conn, op ws.OpCode, p []byte) {
	t.Helper()
	if err := wsutil.WriteClientMessage(nc, op, p); err != nil {
		t.Fatal(err)
	}
}

// next is the next frame from the server.
func next(t *testing.T, nc net.Conn) ws.Frame {
	t.Helper()
	h, err := ws.ReadHeader(nc)
	if err != nil {
		t.Fatal(err)
	}
	if h.Length > 2<<20 {
		t.Fatalf("a frame of %d bytes", h.Length)
	}
	f := ws.Frame{Header: h, Payload: make([]byte, h.Length)}
	if _, err := io.ReadFull(nc, f.Payload); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestSocket_messages(t *testing.T) {
	_, _, p, addr := sockets(t, nil)
	nc := dialSocket(t, addr)
	for _, size := range []int{0, 1, 125, 126, 65535, 65536, 1 << 20} {
		sent := bytes.Repeat([]byte("é!"), size/3+1)[:size]
		op := ws.OpBinary
		if size%3 == 0 {
			op = ws.OpText
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			send(t, nc, op, sent)
		}()
		if f := next(t, nc); f.Header.OpCode != op || !bytes.Equal(f.Payload, sent) {
			t.Errorf("%d bytes came back as %v, %d bytes", size, f.Header.OpCode, len(f.Payload))
		}
		<-done
	}
	go func() {
		for i := range 1000 {
			send(t, nc, ws.OpText, fmt.Append(nil, i))
		}
	}()
	for i := range 1000 {
		if f := next(t, nc); string(f.Payload) != fmt.Sprint(i) {
			t.Fatalf("got %s instead of %d", f.Payload, i)
		}
	}
	if nodes, _ := p.Stats(); nodes[0].Sockets != 1 || nodes[0].Inflight != 0 {
		t.Errorf("got %+v", nodes)
	}
	send(t, nc, ws.OpText, []byte("ping"))
	if f := next(t, nc); f.Header.OpCode != ws.OpPing || string(f.Payload) != "are you there" {
		t.Errorf("got %v %s", f.Header.OpCode, f.Payload)
	}
}

// Whoever ends a WebSocket, the other side hears the same.
func TestSocket_close(t *testing.T) {
	e, _, _, addr := sockets(t, nil)
	closing := func(code int, reason string) []byte {
		if code == 0 {
			return nil
		}
		return ws.NewCloseFrameBody(ws.StatusCode(code), reason)
	}
	for _, tt := range []struct {
		code   int
		reason string
		want   string
	}{
		{1000, "bye", "1000 bye true"}, {4321, "", "4321  true"}, {1001, "going", "1001 going true"}, {0, "", "1005  true"},
	} {
		nc := dialSocket(t, addr)
		send(t, nc, ws.OpClose, closing(tt.code, tt.reason))
		if f := next(t, nc); f.Header.OpCode != ws.OpClose {
			t.Errorf("got %v", f.Header.OpCode)
		}
		if got := <-e.closed; got != tt.want {
			t.Errorf("the node heard %q instead of %q", got, tt.want)
		}
	}
	nc := dialSocket(t, addr)
	send(t, nc, ws.OpText, []byte("close"))
	f := next(t, nc)
	if code, reason := ws.ParseCloseFrameData(f.Payload); code != 4001 || reason != "as you wish" {
		t.Errorf("got %v %q", code, reason)
	}
	send(t, nc, ws.OpClose, f.Payload)
	if got := <-e.closed; got != "4001 as you wish true" {
		t.Errorf("the node heard %q", got)
	}
	nc = dialSocket(t, addr)
	_ = nc.Close()
	if got := <-e.closed; !strings.HasPrefix(got, "1006") {
		t.Errorf("the node heard %q", got)
	}
	for _, word := range []string{"terminate", "the server"} {
		e, n, _, addr := sockets(t, nil)
		nc := dialSocket(t, addr)
		if word == "terminate" {
			send(t, nc, ws.OpText, []byte(word))
		} else {
			send(t, nc, ws.OpText, []byte("hello"))
			next(t, nc)
			_ = n.Close()
		}
		if code, _ := ws.ParseCloseFrameData(next(t, nc).Payload); code != 1014 {
			t.Errorf("%s: got %v", word, code)
		}
		<-e.closed
	}
}

// A node may refuse, in its own words, and choose a subprotocol.
func TestSocket_handshake(t *testing.T) {
	_, _, _, addr := sockets(t, nil)
	const upgrade = "Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	r, body := ask(t, addr, "GET /refused HTTP/1.1\r\n"+upgrade+"\r\n")
	if r.StatusCode != 403 || body != "not you" || r.Header.Get("X-Why") != "no" {
		t.Errorf("got %d %s %v", r.StatusCode, body, r.Header)
	}
	r, body = ask(t, addr, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if r.StatusCode != 426 || r.Header.Get("Upgrade") != "" && r.Header.Get("Upgrade") != "websocket" {
		t.Errorf("got %d %s %v", r.StatusCode, body, r.Header)
	}
	nc, _, hs, err := ws.Dialer{Protocols: []string{"other", "chat"}}.Dial(context.Background(), "ws://"+addr+"/")
	if err != nil || hs.Protocol != "chat" {
		t.Fatalf("got %+v, %v", hs, err)
	}
	_ = nc.Close()
	a := newAuthority(t)
	dead := a.startNode(t, "dead", answering("hello"))
	_ = dead.Close()
	_, addr = a.front(t, upstream.Config{}, dead)
	if r, body := ask(t, addr, "GET / HTTP/1.1\r\n"+upgrade+"\r\n"); r.StatusCode != 502 {
		t.Errorf("got %d %s", r.StatusCode, body)
	}
	_, addr = a.front(t, upstream.Config{}, dead, a.startNode(t, "well", &echo{closed: make(chan string, 10)}))
	for range 5 {
		_ = dialSocket(t, addr).Close()
	}
	two := a.startNode(t, "two", answering("hello"))
	_, addr = a.front(t, upstream.Config{}, two)
	if r, body := ask(t, addr, "GET / HTTP/1.1\r\n"+upgrade+"\r\n"); r.StatusCode != 200 || body != "hello" {
		t.Errorf("got %d %s", r.StatusCode, body)
	}
}

// flood sends for ever, as fast as its socket takes it.
type flood struct {
	echo
	sent atomic.Int64
}

const messages, messageBytes = 2000, 32 << 10

func (f *flood) Serve(x exchange.Exchange) {
	var err error
	if f.socket, err = x.Upgrade(nil, f); err == nil {
		f.Drained()
		x.Loop().Post(f.step)
	}
}

func (f *flood) Drained() {}

func (f *flood) step() {
	if f.sent.Load() == messages {
		return
	}
	if f.socket.Buffered() < messageBytes {
		if f.socket.Send(false, make([]byte, messageBytes)) != nil {
			return
		}
		f.sent.Add(1)
	}
	go f.socket.Loop().Post(f.step)
}

// A client that reads nothing holds the node up; then nothing is missing.
func TestSocket_backpressure(t *testing.T) {
	a := newAuthority(t)
	f := &flood{echo: echo{closed: make(chan string, 10)}}
	_, addr := a.front(t, upstream.Config{}, a.startNode(t, "one", f))
	nc := dialSocket(t, addr)
	for last := int64(-1); last != f.sent.Load() || last < 2; {
		last = f.sent.Load()
		for range 2000 {
			runtime.Gosched()
		}
	}
	if n := f.sent.Load(); n == messages {
		t.Errorf("all was sent while nobody read")
	}
	for i := range messages {
		if got := next(t, nc); len(got.Payload) != messageBytes {
			t.Fatalf("message %d has %d bytes", i, len(got.Payload))
		}
	}
	_ = nc.Close()
	<-f.closed
}

// slow takes a message only when it is told to.
type slow struct {
	echo
	socket chan exchange.Socket
	got    chan int
}

func (s *slow) Serve(x exchange.Exchange) {
	if socket, err := x.Upgrade(nil, s); err == nil {
		s.socket <- socket
	}
}

func (s *slow) Message(_ bool, p []byte) { s.got <- len(p) }

// A node that takes nothing holds the client up; then nothing is missing.
func TestSocket_slowNode(t *testing.T) {
	a := newAuthority(t)
	s := &slow{echo: echo{closed: make(chan string, 10)}, socket: make(chan exchange.Socket, 1), got: make(chan int)}
	_, addr := a.front(t, upstream.Config{}, a.startNode(t, "one", s))
	nc := dialSocket(t, addr)
	socket := <-s.socket
	var sent atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range messages {
			if wsutil.WriteClientMessage(nc, ws.OpBinary, make([]byte, messageBytes)) != nil {
				return
			}
			sent.Add(1)
		}
	}()
	for last := int64(-1); last != sent.Load() || last < 2; {
		last = sent.Load()
		for range 2000 {
			runtime.Gosched()
		}
	}
	if sent.Load() == messages {
		t.Error("all was sent while nobody took it")
	}
	for i := range messages {
		socket.Loop().Post(socket.Next)
		if n := <-s.got; n != messageBytes {
			t.Fatalf("message %d has %d bytes", i, n)
		}
	}
	<-done
}

// A pool that closes ends its WebSockets.
func TestSocket_poolClose(t *testing.T) {
	e, _, p, addr := sockets(t, nil)
	nc := dialSocket(t, addr)
	send(t, nc, ws.OpText, []byte("hello"))
	next(t, nc)
	p.Close()
	if code, _ := ws.ParseCloseFrameData(next(t, nc).Payload); code != 1014 {
		t.Errorf("got %v", code)
	}
	<-e.closed
}
