//go:build linux || darwin

package edge

import (
	"fmt"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// ears is a socket whose handler does what the test posts, and tells what it hears.
type ears struct {
	exchange.Socket
	heard chan string
	begun func(e *ears) // in the turn of the upgrade
}

func newEars(begun func(e *ears)) *ears {
	return &ears{heard: make(chan string, 1<<10), begun: begun}
}

func (e *ears) Message(_ bool, p []byte) { e.heard <- string(p) }
func (e *ears) Drained()                 {}
func (e *ears) Closed(code int, _ string, clean bool) {
	e.heard <- fmt.Sprintf("closed %d %v", code, clean)
}

func (e *ears) Serve(x exchange.Exchange) {
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

