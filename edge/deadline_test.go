//go:build linux || darwin

package edge

import (
	"errors"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
)

func TestConn_deadlines(t *testing.T) {
	for name, row := range map[string]struct {
		send   string
		status int
	}{
		"silent": {"", 0},
		"head":   {"GET / HTTP/1.1\r\nHo", 408},
		"body":   {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab", 408},
		"chunk":  {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", 408},
	} {
		t.Run(name, func(t *testing.T) {
			short := Limits{HeadDeadline: 60 * time.Millisecond, BodyDeadline: 60 * time.Millisecond}
			if row.status == 0 {
				short = Limits{IdleDeadline: 100 * time.Millisecond}
			}
			drivers(t, describe, short, func(t *testing.T, c *client) {
				c.send(row.send)
				if row.status != 0 {
					if r, _ := c.answer("GET"); r.StatusCode != row.status {
						t.Errorf("got %d, want %d", r.StatusCode, row.status)
					}
				}
				c.end()
			})
		})
	}
}

// A peer that takes nothing of its answer is cut, on the loop's side or the carrier's.
func TestConn_writeDeadline(t *testing.T) {
	large := make([]byte, 64<<20)
	gone := make(chan bool, 1)
	s := start(t, Config{
		Handler: answering(string(large)),
		Limits:  Limits{WriteDeadline: 100 * time.Millisecond},
		Access:  func(r Record) { gone <- r.Gone },
	})
	c := dial(t, s)
	c.send(get)
	<-gone
	eventually(t, "the connection is cut", func() bool { return s.Stats().Open == 0 })
}

// A stream whose reader stays behind is cut before it takes all memory.
func TestConn_unsentBytesMax(t *testing.T) {
	fell := make(chan error, 1)
	h := exchange.HandlerFunc(func(x exchange.Exchange) {
		x.Head(200, nil)
		chunk := make([]byte, 1<<20)
		var write func()
		write = func() {
			if err := x.Write(chunk); err != nil {
				fell <- err
				return
			}
			x.Loop().Post(write)
		}
		write()
	})
	s := start(t, Config{Handler: h, Limits: Limits{UnsentBytesMax: 4 << 20}})
	c := dial(t, s)
	c.send(get)
	select {
	case err := <-fell:
		if !errors.Is(err, exchange.ErrGone) {
			t.Errorf("Write: %v", err)
		}
	case <-time.After(15 * time.Second):
		t.Fatal("writing goes on")
	}
}
