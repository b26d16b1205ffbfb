//go:build linux || darwin

package edge

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// whole calls h when the body is, unless the peer leaves before.
func whole(h func(x exchange.Exchange, body []byte)) exchange.HandlerFunc {
	return func(x exchange.Exchange) {
		body := x.Request().Body
		if !x.Request().Partial {
			h(x, body)
			return
		}
		var more func(piece []byte, err error)
		more = func(piece []byte, err error) {
			switch body = append(body, piece...); err {
			case nil:
				x.Receive(more)
			case io.EOF:
				h(x, body)
			}
		}
		x.Receive(more)
	}
}

// echo sends each piece of the body back before it asks for the next.
var echo = exchange.HandlerFunc(func(x exchange.Exchange) {
	x.Head(200, text)
	var more func(piece []byte, err error)
	more = func(piece []byte, err error) {
		if len(piece) > 0 && x.Write(piece) != nil || errors.Is(err, exchange.ErrGone) {
			return
		}
		if err != nil {
			x.End()
			return
		}
		x.Drained(func() { x.Receive(more) })
	}
	more(x.Request().Body, nil)
})

// A body much longer than what is buffered passes through, both ways at once.
func TestIncoming_passesThrough(t *testing.T) {
	limits := DefaultLimits()
	limits.HTTP.BodyBytesMax, limits.AheadBytesMax = 1<<30, 4<<10
	for framing, head := range map[string]string{"sized": "Content-Length: 33554432", "chunked": "Transfer-Encoding: chunked"} {
		t.Run(framing, func(t *testing.T) {
			drivers(t, echo, limits, func(t *testing.T, c *client) {
				piece := bytes.Repeat([]byte("0123456789abcde\n"), 64<<10)
				go func() {
					_, err := fmt.Fprintf(c.Conn, "POST / HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n", head)
					for i := 0; i < 32 && err == nil; i++ {
						if framing == "chunked" {
							_, err = fmt.Fprintf(c.Conn, "%x\r\n%s\r\n", len(piece), piece)
						} else {
							_, err = c.Conn.Write(piece)
						}
					}
					if framing == "chunked" && err == nil {
						_, err = io.WriteString(c.Conn, "0\r\n\r\n")
					}
					if err != nil {
						t.Errorf("send: %v", err)
					}
				}()
				_, got := c.answer("POST")
				if len(got) != 32<<20 || strings.Trim(got, "0123456789abcde\n") != "" || got[:1<<20] != string(piece) {
					t.Errorf("got %d bytes back, or others", len(got))
				}
			})
		})
	}
}

// What the parser or the deadline refuses in the middle of a body is answered as it would have been before, and the
// handler learns that nobody is there.
func TestIncoming_spoilt(t *testing.T) {
	limits := DefaultLimits()
	limits.HTTP.BodyBytesMax, limits.BodyDeadline = 100<<10, 60*time.Millisecond
	for name, row := range map[string]struct {
		rest   string
		status int
	}{
		"bad chunk": {"x", 400},
		"too long":  {"FFFFF\r\n", 413},
		"too slow":  {"", 408},
	} {
		t.Run(name, func(t *testing.T) {
			told, begun := make(chan error, 2), make(chan struct{}, 1)
			h := exchange.HandlerFunc(func(x exchange.Exchange) {
				go func(done <-chan struct{}) {
					<-done
					told <- nil
				}(x.Done())
				var more func(piece []byte, err error)
				more = func(piece []byte, err error) {
					if err != nil {
						told <- err
						x.Head(200, nil) // too late
						x.End()
						return
					}
					x.Receive(more)
				}
				x.Receive(more)
				begun <- struct{}{}
			})
			s := start(t, Config{Handler: h, Limits: limits})
			c := dial(t, s)
			c.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
			<-begun
			c.send(row.rest)
			if r, _ := c.answer("POST"); r.StatusCode != row.status {
				t.Errorf("got %d, want %d", r.StatusCode, row.status)
			}
			c.end()
			if a, b := <-told, <-told; !errors.Is(errors.Join(a, b), exchange.ErrGone) {
				t.Errorf("the handler was told %v and %v", a, b)
			}
		})
	}
}

// Pieces that nobody receives hold the peer up, who is not to blame for the time that takes.
func TestIncoming_backpressure(t *testing.T) {
	t.Parallel()
	limits := DefaultLimits()
	limits.HTTP.BodyBytesMax, limits.BodyDeadline = 1<<30, time.Second
	served := make(chan exchange.Exchange, 1)
	s := start(t, Config{Handler: exchange.HandlerFunc(func(x exchange.Exchange) { served <- x }), Limits: limits})
	c := dial(t, s)
	const size = 64 << 20
	sent := make(chan error, 1)
	go func() {
		_, err := fmt.Fprintf(c.Conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", size)
		if err == nil {
			_, err = c.Conn.Write(make([]byte, size))
		}
		sent <- err
	}()
	x := <-served
	waited := time.NewTimer(5 * limits.BodyDeadline / 2) // the deadline has to be seen not to strike
	select {
	case err := <-sent:
		t.Fatalf("64 MiB were sent while nobody received: %v", err)
	case <-waited.C:
	}
	total := len(x.Request().Body)
	ended := make(chan error, 1)
	var more func(piece []byte, err error)
	more = func(piece []byte, err error) {
		if total += len(piece); err != nil {
			ended <- err
			x.Head(200, nil)
			x.End()
			return
		}
		if len(piece) > limits.BodyBufferBytes+readBytes {
			t.Errorf("a piece of %d bytes was buffered", len(piece))
		}
		x.Receive(more)
	}
	x.Loop().Post(func() { x.Receive(more) })
	if err := <-ended; err != io.EOF || total != size {
		t.Errorf("received %d bytes and %v", total, err)
	}
	if r, _ := c.answer("POST"); r.StatusCode != 200 || r.Close {
		t.Errorf("got %d, close %v", r.StatusCode, r.Close)
	}
	if err := <-sent; err != nil {
		t.Errorf("send: %v", err)
	}
}

// "100 Continue" is sent when the handler asks for the body, and an answer that comes first ends the connection.
func TestIncoming_expect(t *testing.T) {
	const head = "PUT /%s HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 100000\r\n\r\n"
	h := exchange.HandlerFunc(func(x exchange.Exchange) {
		if x.Request().Path == "/no" {
			x.Head(403, nil)
			x.End()
			return
		}
		whole(func(x exchange.Exchange, body []byte) {
			x.Head(200, text)
			_ = x.Write(fmt.Append(nil, len(body))) // fails only when the client is gone
			x.End()
		}).Serve(x)
	})
	drivers(t, h, Limits{}, func(t *testing.T, c *client) {
		c.send(fmt.Sprintf(head, "yes"))
		if line, err := c.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
			t.Fatalf("got %q, %v", line, err)
		}
		if line, err := c.ReadString('\n'); err != nil || line != "\r\n" {
			t.Fatalf("got %q, %v", line, err)
		}
		c.send(strings.Repeat("x", 100000))
		if r, got := c.answer("PUT"); r.StatusCode != 200 || got != "100000" || r.Close {
			t.Errorf("got %d %s, close %v", r.StatusCode, got, r.Close)
		}
		c.send(fmt.Sprintf(head, "no"))
		if r, _ := c.answer("PUT"); r.StatusCode != 403 || !r.Close {
			t.Errorf("got %d, close %v", r.StatusCode, r.Close)
		}
		c.end()
	})
}
