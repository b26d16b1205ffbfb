//go:build linux || darwin

package edge

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// ears is a socket whose handler does what the test posts, and tells what it hears.
type ears struct {
	exchange.Socket
	heard chan string
	begun func(e *ears) // in the turn of the upgrade
	over  bool
}

func newEars(begun func(e *ears)) *ears {
	return &ears{heard: make(chan string, 1<<10), begun: begun}
}

func (e *ears) Message(_ bool, p []byte) { e.heard <- string(p) }

func (e *ears) Drained() {
	if e.over {
		e.heard <- "drained"
	}
}

func (e *ears) Closed(code int, _ string, clean bool) {
	e.over = true
	e.heard <- fmt.Sprintf("closed %d %v", code, clean)
}

func (e *ears) Serve(x exchange.Exchange) {
	e.over = false
	var err error
	if e.Socket, err = x.Upgrade(nil, e); err == nil {
		e.begun(e)
	}
}

func (e *ears) hears(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-e.heard:
		if got != want {
			t.Fatalf("heard %q, want %q", got, want)
		}
	case <-time.After(15 * time.Second):
		t.Fatalf("heard nothing, want %q", want)
	}
}

// A handler that closes wants no more messages, and what its peer has sent before the answer to that is no obstacle.
func TestWebsocket_closeWhileMessagesWait(t *testing.T) {
	e := newEars(func(e *ears) { e.Next() })
	drivers(t, e, Limits{SocketCloseDeadline: -1}, func(t *testing.T, c *client) {
		c.upgrade()
		c.send(masked(textFrame, "one") + masked(textFrame, "two") + masked(textFrame, "three"))
		e.hears(t, "one")
		e.Loop().Post(func() { e.Close(4000, "") })
		c.frame(closeFrame, closeOf(4000, ""))
		c.send(masked(closeFrame, closeOf(4000, "")))
		c.end()
		e.hears(t, "closed 4000 true")
	})
}

// A peer that was held up gets its time anew: for the rest of a message, and to answer a ping.
func TestWebsocket_deadlinesAfterHold(t *testing.T) {
	e := newEars(func(e *ears) { e.Next() })
	drivers(t, e, Limits{}, func(t *testing.T, c *client) {
		c.upgrade()
		c.send(masked(textFrame, "one") + masked(textFrame, "two") + "\x81\x85\x00\x00\x00\x00th")
		e.hears(t, "one")
		w := e.Socket.(*websocket)
		e.Loop().Post(func() { // an hour later
			w.heard, w.begun = w.heard-time.Hour, w.begun-time.Hour
			e.Next()
		})
		e.hears(t, "two")
		swept := make(chan struct{})
		e.Loop().Post(func() {
			e.Next()
			w.tick(w.s.clock())
			close(swept)
		})
		<-swept
		c.send("ree" + masked(closeFrame, ""))
		e.hears(t, "three")
		c.frame(closeFrame, "")
		e.hears(t, "closed 1005 true")
	})
}

// What a handler does in the turn of its upgrade counts, also to end it.
func TestWebsocket_terminateAtOnce(t *testing.T) {
	e := newEars(func(e *ears) { e.Terminate() })
	drivers(t, e, Limits{}, func(t *testing.T, c *client) {
		c.send(upgradeRequest)
		e.hears(t, "closed 1006 false")
	})
}

// A socket whose connection ends before the answer 101 is on its way is closed like any other.
func TestWebsocket_lostBeforeItOpens(t *testing.T) {
	e := newEars(func(*ears) {})
	served, asked, asking, lost := make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan struct{})
	s := start(t, Config{Limits: Limits{AheadBytesMax: 1}, Handler: exchange.HandlerFunc(func(x exchange.Exchange) {
		close(served)
		go func() {
			<-asked
			x.Loop().Post(func() {
				close(asking)
				<-lost
				e.Serve(x)
			})
		}()
	})})
	c := dial(t, s)
	c.send(upgradeRequest)
	<-served
	c.send(masked(textFrame, "read ahead"))
	eventually(t, "the connection is carried", func() bool { return s.Stats().Carried == 1 })
	close(asked)
	<-asking
	s.mu.Lock()
	for k := range s.carrying {
		k.cut()
	}
	s.mu.Unlock()
	eventually(t, "the connection has ended", func() bool { return s.Stats().Carried == 0 })
	close(lost)
	e.hears(t, "closed 1006 false")
	if n := s.Stats().Sockets; n != 0 {
		t.Errorf("%d sockets are open", n)
	}
}

// A handler that panics behind its upgrade has none: the request is refused, and the socket closed.
func TestWebsocket_panicBehindUpgrade(t *testing.T) {
	e := newEars(func(*ears) { panic("hostile") })
	drivers(t, e, Limits{}, func(t *testing.T, c *client) {
		c.send(upgradeRequest)
		if r, _ := c.answer("GET"); r.StatusCode != 500 {
			t.Errorf("got %d", r.StatusCode)
		}
		e.hears(t, "closed 1006 false")
	})
}

// Nothing follows Closed, and no message Terminate.
func TestWebsocket_lastCall(t *testing.T) {
	e := newEars(func(e *ears) { e.Next() })
	s := start(t, Config{Handler: detachFirst(e)})
	c := dial(t, s)
	c.moveToCarrier()
	c.upgrade()
	c.send(masked(closeFrame, ""))
	c.frame(closeFrame, "")
	c.end()
	e.hears(t, "closed 1005 true")
	_ = c.Conn.Close() // its end was read
	eventually(t, "the connection has ended", func() bool { return s.Stats().Carried == 0 })
	select {
	case what := <-e.heard:
		t.Errorf("then it heard %q", what)
	default:
	}

	e = newEars(func(e *ears) { e.Next() })
	severing := exchange.HandlerFunc(func(x exchange.Exchange) {
		e.over = false
		var err error
		if e.Socket, err = x.Upgrade(nil, &severed{e}); err != nil {
			t.Error(err)
		}
		e.Next()
	})
	drivers(t, severing, Limits{}, func(t *testing.T, c *client) {
		c.upgrade()
		c.send(masked(textFrame, "one") + masked(textFrame, "two"))
		e.hears(t, "one")
		e.hears(t, "closed 1006 false")
	})
}

// severed ends its socket with the first message, and asks for another.
type severed struct{ *ears }

func (s *severed) Message(text bool, p []byte) {
	s.ears.Message(text, p)
	s.Terminate()
	s.Next()
}

// What the handshake agrees on is the server's to say.
func TestWebsocket_handshakeFields(t *testing.T) {
	e := newEars(func(*ears) {})
	header := []exchange.Field{
		{Name: "Sec-WebSocket-Extensions", Value: "permessage-deflate"}, {Name: "sec-websocket-accept", Value: "mine"}, {Name: "X-Own", Value: "stays"},
	}
	drivers(t, exchange.HandlerFunc(func(x exchange.Exchange) {
		if _, err := x.Upgrade(header, e); err != nil {
			t.Error(err)
		}
	}), Limits{}, func(t *testing.T, c *client) {
		c.send(upgradeRequest)
		var lines []string
		for line := ""; line != "\r\n"; {
			var err error
			if line, err = c.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			name, _, _ := strings.Cut(strings.ToLower(line), ":")
			lines = append(lines, name)
		}
		slices.Sort(lines)
		if got := strings.Join(lines, " "); strings.Count(got, "sec-websocket-accept") != 1 || strings.Contains(got, "extensions") || !strings.Contains(got, "x-own") {
			t.Errorf("got %q", got)
		}
	})
}
