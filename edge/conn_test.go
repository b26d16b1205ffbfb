//go:build linux || darwin

package edge

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
)

var quiet = slog.New(slog.DiscardHandler)

// eventually fails unless cond holds soon.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}

// drivers runs a test on the loop, and again on connections that were moved to a carrier before.
func drivers(t *testing.T, handler exchange.Handler, limits Limits, test func(t *testing.T, c *client)) {
	t.Run("loop", func(t *testing.T) {
		test(t, dial(t, start(t, Config{Handler: handler, Limits: limits, Log: quiet})))
	})
	t.Run("carrier", func(t *testing.T) {
		s := start(t, Config{Handler: detachFirst(handler), Limits: limits, Log: quiet})
		c := dial(t, s)
		c.moveToCarrier()
		test(t, c)
	})
}

// detachFirst answers the path /large with more than any socket takes, which moves the connection to a carrier.
func detachFirst(h exchange.Handler) exchange.Handler {
	large := make([]byte, 16<<20)
	return exchange.HandlerFunc(func(x exchange.Exchange) {
		if x.Request().Path != "/large" {
			h.Serve(x)
			return
		}
		x.Head(200, nil)
		_ = x.Write(large) // fails only when the client is gone
		x.End()
	})
}

func (c *client) moveToCarrier() {
	c.t.Helper()
	c.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
	if r, body := c.answer("GET"); r.StatusCode != 200 || len(body) != 16<<20 {
		c.t.Fatalf("got %d, %d bytes", r.StatusCode, len(body))
	}
}

// describe answers with what it was asked.
var describe = whole(func(x exchange.Exchange, body []byte) {
	r := x.Request()
	x.Head(200, text)
	_ = x.Write(fmt.Appendf(nil, "%s %s %s %q", r.Method, r.Target, r.Host, body))
	x.End()
})

func TestConn_pipelined(t *testing.T) {
	drivers(t, describe, Limits{}, func(t *testing.T, c *client) {
		const n = 100 // several of PipelinedMax
		var all strings.Builder
		for i := range n {
			fmt.Fprintf(&all, "POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n%03d", i, i)
		}
		c.send(all.String())
		for i := range n {
			want := fmt.Sprintf("POST /%d a %q", i, fmt.Sprintf("%03d", i))
			if _, got := c.answer("POST"); got != want {
				t.Fatalf("answer %d is %q, want %q", i, got, want)
			}
		}
	})
}

func TestConn_splitEverywhere(t *testing.T) {
	const request = "POST /a?b=c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
	drivers(t, describe, Limits{}, func(t *testing.T, c *client) {
		for i := 1; i < len(request); i++ {
			c.send(request[:i])
			c.send(request[i:])
			if _, got := c.answer("POST"); got != `POST /a?b=c a "abcde"` {
				t.Fatalf("split at %d: got %q", i, got)
			}
		}
	})
}

func TestConn_close(t *testing.T) {
	for name, request := range map[string]string{
		"asked":        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
		"version 1.0":  "GET / HTTP/1.0\r\nHost: a\r\n\r\n",
		"with more in": "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + get,
	} {
		t.Run(name, func(t *testing.T) {
			drivers(t, answering("hello"), Limits{}, func(t *testing.T, c *client) {
				c.send(request)
				r, body := c.answer("GET")
				if body != "hello" || !r.Close {
					t.Errorf("got %q, Connection: close %v", body, r.Close)
				}
				c.end()
			})
		})
	}
}

func TestConn_keepAlive10(t *testing.T) {
	drivers(t, answering("hello"), Limits{}, func(t *testing.T, c *client) {
		for range 2 {
			c.send("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
			if r, body := c.answer("GET"); body != "hello" || r.Header.Get("Connection") != "keep-alive" {
				t.Fatalf("got %q, %v", body, r.Header)
			}
		}
	})
}

func TestConn_requestsMax(t *testing.T) {
	s := start(t, Config{Handler: answering("hello"), Limits: Limits{RequestsMax: 2}})
	c := dial(t, s)
	c.send(get + get + get)
	if r, _ := c.answer("GET"); r.Close {
		t.Error("closes after the first request")
	}
	if r, _ := c.answer("GET"); !r.Close {
		t.Error("does not say that it closes")
	}
	c.end()
}

func TestConn_refusal(t *testing.T) {
	drivers(t, answering("hello"), Limits{}, func(t *testing.T, c *client) {
		c.send(get + "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + get)
		c.answer("GET")
		r, _ := c.answer("GET")
		if r.StatusCode != 400 || !r.Close {
			t.Errorf("got %d, close %v", r.StatusCode, r.Close)
		}
		c.end()
	})
}

// A client that sends a body too large can read why, although it is still sending.
func TestConn_refusalWhileSending(t *testing.T) {
	s := start(t, Config{Handler: answering("hello")})
	c := dial(t, s)
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8000000\r\n\r\n")
	sent := make(chan error, 1)
	go func() {
		_, err := c.Conn.Write(make([]byte, 4<<20))
		sent <- err
	}()
	if r, _ := c.answer("POST"); r.StatusCode != 413 {
		t.Errorf("got %d", r.StatusCode)
	}
	if err := <-sent; err != nil {
		t.Errorf("the client's write failed: %v", err)
	}
	c.end()
}

func TestConn_expectContinue(t *testing.T) {
	drivers(t, describe, Limits{}, func(t *testing.T, c *client) {
		c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
		line, err := c.ReadString('\n')
		if err != nil || line != "HTTP/1.1 100 Continue\r\n" {
			t.Fatalf("got %q, %v", line, err)
		}
		if _, err := c.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		c.send("abc")
		if _, got := c.answer("POST"); got != `POST / a "abc"` {
			t.Errorf("got %q", got)
		}
		c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\nExpect: 100-continue\r\n\r\n")
		if r, _ := c.answer("POST"); r.StatusCode != 413 {
			t.Errorf("got %d for a body that will not be accepted", r.StatusCode)
		}
	})
}

// More input than may be read ahead moves the connection to a carrier, which stops reading; nothing is lost, and the
// pending exchange stays on its loop.
func TestConn_readAhead(t *testing.T) {
	var waiting atomic.Pointer[exchange.Exchange]
	var served atomic.Int64
	h := exchange.HandlerFunc(func(x exchange.Exchange) {
		if served.Add(1) == 1 {
			waiting.Store(&x)
			return
		}
		describe(x)
	})
	s := start(t, Config{Handler: h, Limits: Limits{AheadBytesMax: 4 << 10}})
	c := dial(t, s)
	const n = 3000
	go func() {
		var all bytes.Buffer
		for i := range n {
			fmt.Fprintf(&all, "GET /%d HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n", i, strings.Repeat("x", 1000))
		}
		_, _ = c.Conn.Write(all.Bytes()) // the answers tell
	}()
	eventually(t, "the connection is carried", func() bool { return s.Stats().Carried == 1 })
	if got := served.Load(); got != 1 {
		t.Fatalf("%d requests served while the first is pending", got)
	}
	x := *waiting.Load()
	if x.Loop().Index() != 0 {
		t.Errorf("the pending exchange moved to loop %d", x.Loop().Index())
	}
	x.Loop().Post(func() { describe(x) })
	for i := range n {
		want := fmt.Sprintf("GET /%d a %q", i, "")
		if _, got := c.answer("GET"); got != want {
			t.Fatalf("answer %d is %q, want %q", i, got, want)
		}
	}
}

// A slow reader that sends one more byte: stock evio spins on it.
func TestConn_slowReader(t *testing.T) {
	large := make([]byte, 32<<20)
	for i := range large {
		large[i] = byte(i >> 8 * 7)
	}
	s := start(t, Config{Handler: answering(string(large))})
	c := dial(t, s)
	c.send(get)
	c.send("G")
	eventually(t, "the loop is free for others", func() bool {
		other := dial(t, s)
		defer other.Close()
		other.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
		r, _ := other.answer("HEAD")
		return r.StatusCode == 200
	})
	if _, got := c.answer("GET"); got != string(large) {
		t.Fatal("the bytes differ")
	}
	c.send(get[1:])
	if _, got := c.answer("GET"); got != string(large) {
		t.Fatal("the bytes of the second answer differ")
	}
	if n := s.Stats().Carried; n != 1 {
		t.Errorf("%d connections carried", n)
	}
}
