//go:build linux || darwin

package edge

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// upgradeRequest is the beginning of a client.
const upgradeRequest = "GET /socket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

// masked is one frame of a client.
func masked(first byte, payload string) string {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	b = append(b, 1, 2, 3, 4)
	for i := range len(payload) {
		b = append(b, payload[i]^byte(i%4+1))
	}
	return string(b)
}

const (
	textFrame   = 0x81
	binaryFrame = 0x82
	closeFrame  = 0x88
	pingFrame   = 0x89
	pongFrame   = 0x8a
)

// upgrade opens a WebSocket.
func (c *client) upgrade() {
	c.t.Helper()
	c.send(upgradeRequest)
	c.upgraded()
}

func (c *client) upgraded() {
	c.t.Helper()
	line, err := c.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 101 ") {
		c.t.Fatalf("got %q, %v", line, err)
	}
	for line != "\r\n" {
		if line, err = c.ReadString('\n'); err != nil {
			c.t.Fatal(err)
		}
	}
}

// readFrame reads one frame of the server.
func readFrame(r io.Reader) (first byte, payload string, err error) {
	var head [10]byte
	if _, err := io.ReadFull(r, head[:2]); err != nil {
		return 0, "", err
	}
	n := uint64(head[1])
	switch n {
	case 126:
		_, err = io.ReadFull(r, head[2:4])
		n = uint64(binary.BigEndian.Uint16(head[2:]))
	case 127:
		_, err = io.ReadFull(r, head[2:10])
		n = binary.BigEndian.Uint64(head[2:])
	}
	if err != nil {
		return 0, "", err
	}
	p := make([]byte, n)
	_, err = io.ReadFull(r, p)
	return head[0], string(p), err
}

func (c *client) frame(first byte, payload string) {
	c.t.Helper()
	f, p, err := readFrame(c)
	if err != nil || f != first || p != payload {
		if len(p) > 100 {
			p = p[:100]
		}
		c.t.Fatalf("got frame %#x %q, %v", f, p, err)
	}
}

func closeOf(code uint16, reason string) string {
	return string(binary.BigEndian.AppendUint16(nil, code)) + reason
}

// mirror is a socket that sends back what it gets, and tells its end.
type mirror struct {
	exchange.Socket
	ended chan string
}

func (e *mirror) Message(text bool, p []byte) {
	if string(p) == "close" {
		e.Close(4000, "as you wish")
	} else if err := e.Send(text, p); err != nil {
		e.Terminate()
	}
	e.Next()
}

func (e *mirror) Drained() {}

func (e *mirror) Closed(code int, reason string, clean bool) {
	e.ended <- fmt.Sprintf("%d %s %v", code, reason, clean)
}

// echoing upgrades every request to an echo, at once, or in a later job for "/later".
func echoing(ended chan string) exchange.Handler {
	return exchange.HandlerFunc(func(x exchange.Exchange) {
		upgrade := func() {
			e := &mirror{ended: ended}
			var err error
			if e.Socket, err = x.Upgrade(nil, e); err != nil {
				var refused *exchange.HandshakeError
				if !errors.As(err, &refused) {
					return
				}
				x.Head(refused.Status, append(refused.Header, text...))
				_ = x.Write([]byte(refused.Message)) // fails only when the client is gone
				x.End()
				return
			}
			e.Next()
		}
		if x.Request().Path == "/later" {
			x.Loop().Post(upgrade)
		} else {
			upgrade()
		}
	})
}

func TestWebsocket(t *testing.T) {
	ended, server := make(chan string, 1), testTLS(t)
	for name, c := range map[string]struct {
		talk func(c *client)
		want string
	}{
		"client closes": {func(c *client) {
			c.upgrade()
			c.send(masked(textFrame, "hello") + masked(binaryFrame, "\x00\xff"))
			c.frame(textFrame, "hello")
			c.frame(binaryFrame, "\x00\xff")
			c.send(masked(closeFrame, closeOf(1000, "bye")))
			c.frame(closeFrame, closeOf(1000, ""))
			c.end()
		}, "1000 bye true"},
		"server closes": {func(c *client) {
			c.upgrade()
			c.send(masked(textFrame, "close") + masked(textFrame, "too late"))
			c.frame(closeFrame, closeOf(4000, "as you wish"))
			c.send(masked(closeFrame, closeOf(4000, "")))
			c.end()
		}, "4000 as you wish true"},
		"empty close": {func(c *client) {
			c.upgrade()
			c.send(masked(closeFrame, ""))
			c.frame(closeFrame, "")
			c.end()
		}, "1005  true"},
		"frames behind the handshake": {func(c *client) {
			c.send(upgradeRequest + masked(textFrame, "early") + masked(closeFrame, ""))
			c.upgraded()
			c.frame(textFrame, "early")
			c.frame(closeFrame, "")
			c.end()
		}, "1005  true"},
		"upgraded later": {func(c *client) {
			c.send(strings.Replace(upgradeRequest, "/socket", "/later", 1) + masked(textFrame, "early"))
			c.upgraded()
			c.frame(textFrame, "early")
			c.send(masked(closeFrame, ""))
			c.frame(closeFrame, "")
			c.end()
		}, "1005  true"},
		"ping": {func(c *client) {
			c.upgrade()
			c.send(masked(pingFrame, "are you there") + masked(0x01, "frag") + masked(pingFrame, "") + masked(0x80, "ment") + masked(pongFrame, "unasked"))
			c.frame(pongFrame, "are you there")
			c.frame(pongFrame, "")
			c.frame(textFrame, "fragment")
			c.send(masked(closeFrame, ""))
			c.frame(closeFrame, "")
			c.end()
		}, "1005  true"},
		"large": {func(c *client) {
			c.upgrade()
			large := strings.Repeat("0123456789abcdef", 1<<16)
			c.send(masked(binaryFrame, large))
			c.frame(binaryFrame, large)
			c.send(masked(closeFrame, ""))
			c.frame(closeFrame, "")
			c.end()
		}, "1005  true"},
		"too large": {func(c *client) {
			c.upgrade()
			c.send("\x82\xff\x00\x00\x00\x00\x00\x10\x00\x01\x01\x02\x03\x04")
			c.frame(closeFrame, closeOf(1009, "a message has at most 1048576 bytes"))
			c.end()
		}, "1009 a message has at most 1048576 bytes false"},
		"not masked": {func(c *client) {
			c.upgrade()
			c.send("\x81\x01a")
			c.frame(closeFrame, closeOf(1002, "frames from client to server must be masked"))
			c.end()
		}, "1002 frames from client to server must be masked false"},
		"not UTF-8": {func(c *client) {
			c.upgrade()
			c.send(masked(textFrame, "\xff"))
			c.frame(closeFrame, closeOf(1007, "a text message is not UTF-8"))
			c.end()
		}, "1007 a text message is not UTF-8 false"},
		"client leaves": {func(c *client) {
			c.upgrade()
			c.send(masked(0x01, "half a mess"))
			_ = c.Conn.Close() // it may be closed already
		}, "1006  false"},
		"refused, then another": {func(c *client) {
			c.send(get)
			if r, body := c.answer("GET"); r.StatusCode != 426 || r.Header.Get("Upgrade") != "websocket" || !strings.Contains(body, "upgrade") {
				c.t.Errorf("got %d %v %q", r.StatusCode, r.Header, body)
			}
			c.upgrade()
			c.send(masked(closeFrame, ""))
			c.frame(closeFrame, "")
			c.end()
		}, "1005  true"},
	} {
		t.Run(name, func(t *testing.T) {
			test := func(t *testing.T, cl *client) {
				cl.t = t
				c.talk(cl)
				if got := <-ended; got != c.want {
					t.Errorf("ended with %q, want %q", got, c.want)
				}
			}
			t.Run("plain", func(t *testing.T) { drivers(t, echoing(ended), Limits{}, test) })
			t.Run("secured", func(t *testing.T) { secureDrivers(t, server, echoing(ended), test) })
		})
	}
}

// An open socket is asked whether it is there, and cut when it does not answer; one that closes waits for its peer only
// so long.
func TestWebsocket_deadlines(t *testing.T) {
	ended := make(chan string, 1)
	limits := Limits{SocketIdleDeadline: 400 * time.Millisecond, SocketCloseDeadline: 100 * time.Millisecond}
	drivers(t, echoing(ended), limits, func(t *testing.T, c *client) {
		c.upgrade()
		for range 3 {
			c.frame(pingFrame, "")
			c.send(masked(pongFrame, ""))
		}
		c.frame(pingFrame, "")
		if _, err := c.Reader.ReadByte(); err == nil {
			t.Error("it goes on")
		}
		if got := <-ended; got != "1006  false" {
			t.Errorf("ended with %q", got)
		}
	})
	drivers(t, echoing(ended), limits, func(t *testing.T, c *client) {
		c.upgrade()
		c.send(masked(textFrame, "close"))
		c.frame(closeFrame, closeOf(4000, "as you wish"))
		if got := <-ended; got != "4000 as you wish false" {
			t.Errorf("ended with %q", got)
		}
	})
}

// A server that drains says so to its sockets, and waits for them.
func TestWebsocket_drain(t *testing.T) {
	ended := make(chan string, 2)
	s := start(t, Config{Handler: detachFirst(echoing(ended))})
	onLoop, carried := dial(t, s), dial(t, s)
	carried.moveToCarrier()
	onLoop.upgrade()
	carried.upgrade()
	if n := s.Stats().Sockets; n != 2 {
		t.Errorf("%d sockets are open", n)
	}
	drained := make(chan error, 1)
	go func() { drained <- s.Drain(t.Context()) }()
	for _, c := range []*client{onLoop, carried} {
		c.frame(closeFrame, closeOf(1001, ""))
		c.send(masked(closeFrame, closeOf(1001, "")))
		c.end()
		if got := <-ended; got != "1001  true" {
			t.Errorf("ended with %q", got)
		}
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
	if n := s.Stats().Sockets; n != 0 {
		t.Errorf("%d sockets are open", n)
	}
}

// pump is a socket that is told what to do by the test.
type pump struct {
	exchange.Socket
	messages chan string
	drained  chan struct{}
	closed   chan struct{}
}

func (p *pump) Message(_ bool, m []byte) { p.messages <- string(m) }
func (p *pump) Closed(int, string, bool) { close(p.closed) }
func (p *pump) Drained() {
	select {
	case p.drained <- struct{}{}:
	default: // it was told
	}
}
func (p *pump) on(job func()) { p.Loop().Post(job) }

// A peer that reads slowly gets everything in order, and the sender can tell; one that reads nothing is dropped from.
func TestWebsocket_slowReader(t *testing.T) {
	p := &pump{messages: make(chan string), drained: make(chan struct{}, 1<<10), closed: make(chan struct{})}
	opened := make(chan struct{})
	s := start(t, Config{Limits: Limits{UnsentBytesMax: 8 << 20}, Handler: exchange.HandlerFunc(func(x exchange.Exchange) {
		var err error
		if p.Socket, err = x.Upgrade(nil, p); err != nil {
			t.Error(err)
		}
		close(opened)
	})})
	c := dial(t, s)
	c.upgrade()
	<-opened
	sent, behind := make(chan int), make(chan int)
	go func() {
		for n, pieces := 0, 0; ; n++ {
			done := make(chan error)
			p.on(func() {
				done <- p.Send(false, bytes.Repeat([]byte{byte(n)}, 100_000))
			})
			switch err := <-done; {
			case errors.Is(err, exchange.ErrBehind):
				sent <- pieces
				behind <- 1
				return
			case err != nil:
				t.Error(err)
				return
			}
			pieces++
		}
	}()
	n := <-sent
	<-behind
	if n < 50 {
		t.Errorf("only %d messages were taken", n)
	}
	for i := range n {
		c.frame(binaryFrame, strings.Repeat(string([]byte{byte(i)}), 100_000))
	}
	<-p.drained
	buffered := make(chan int)
	p.on(func() { buffered <- p.Buffered() })
	if got := <-buffered; got > drainedBytes {
		t.Errorf("%d bytes are unsent", got)
	}
	_ = c.Conn.Close() // the test may have ended
	<-p.closed
}

// What a handler does not ask for is not read, and not lost.
func TestWebsocket_slowHandler(t *testing.T) {
	p := &pump{messages: make(chan string, 1), drained: make(chan struct{}, 1), closed: make(chan struct{})}
	opened := make(chan struct{})
	s := start(t, Config{Handler: exchange.HandlerFunc(func(x exchange.Exchange) {
		var err error
		if p.Socket, err = x.Upgrade(nil, p); err != nil {
			t.Error(err)
		}
		close(opened)
	})})
	c := dial(t, s)
	c.upgrade()
	<-opened
	const messages = 2000
	go func() {
		for i := range messages {
			if _, err := io.WriteString(c.Conn, masked(binaryFrame, fmt.Sprintf("%d %s", i, strings.Repeat("x", 10_000)))); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	eventually(t, "the connection leaves its loop", func() bool { return s.Stats().Carried == 1 })
	for i := range messages {
		p.on(p.Next)
		if m := <-p.messages; !strings.HasPrefix(m, fmt.Sprint(i, " ")) {
			t.Fatalf("message %d is %.20q", i, m)
		}
	}
	p.on(func() { p.Close(1000, "") })
	c.frame(closeFrame, closeOf(1000, ""))
	c.send(masked(closeFrame, closeOf(1000, "")))
	c.end()
	<-p.closed
}

// Whatever the splits, the pauses and the order, a socket gives back what it got.
func TestWebsocket_simulate(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 9))
			ended := make(chan string, 1)
			s := start(t, Config{Handler: detachFirst(echoing(ended)), Deflate: seed%2 == 0, Limits: Limits{AheadBytesMax: 4 << 10}})
			c := dial(t, s)
			if seed%3 == 0 {
				c.moveToCarrier()
			}
			out := upgradeRequest
			type message struct {
				first byte
				p     string
			}
			var want []message
			for range 1 + r.IntN(30) {
				p := strings.Repeat("fortuna ", r.IntN(1<<r.IntN(12)))
				switch r.IntN(4) {
				case 0:
					out += masked(pingFrame, "p")
					want = append(want, message{pongFrame, "p"})
				case 1:
					k := r.IntN(len(p) + 1)
					out += masked(0x02, p[:k]) + masked(0x80, p[k:])
					want = append(want, message{binaryFrame, p})
				default:
					out += masked(textFrame, p)
					want = append(want, message{textFrame, p})
				}
			}
			out += masked(closeFrame, "")
			go func() {
				for out != "" {
					n := min(len(out), 1+r.IntN(1<<r.IntN(16)))
					if _, err := io.WriteString(c.Conn, out[:n]); err != nil {
						t.Error(err)
						return
					}
					out = out[n:]
				}
			}()
			c.upgraded()
			for i, m := range want {
				if f, p, err := readFrame(c); err != nil || f != m.first || p != m.p {
					t.Fatalf("message %d: got %#x of %d bytes, %v, want %#x of %d", i, f, len(p), err, m.first, len(m.p))
				}
			}
			c.frame(closeFrame, "")
			c.end()
			if got := <-ended; got != "1005  true" {
				t.Errorf("ended with %q", got)
			}
		})
	}
}
