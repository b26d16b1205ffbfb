//go:build unix

package edge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
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
var describe = exchange.HandlerFunc(func(x exchange.Exchange) {
	r := x.Request()
	x.Head(200, text)
	_ = x.Write(fmt.Appendf(nil, "%s %s %s %q", r.Method, r.Target, r.Host, r.Body))
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

func TestAnswer_bodyless(t *testing.T) {
	statuses := map[string]int{"/204": 204, "/304": 304, "/200": 200}
	h := exchange.HandlerFunc(func(x exchange.Exchange) {
		x.Head(statuses[x.Request().Path], text)
		_ = x.Write([]byte("twelve bytes"))
		x.End()
	})
	drivers(t, h, Limits{}, func(t *testing.T, c *client) {
		for path, status := range statuses {
			c.send("HEAD " + path + " HTTP/1.1\r\nHost: a\r\n\r\n")
			r, body := c.answer("HEAD")
			if r.StatusCode != status || body != "" {
				t.Errorf("HEAD %s: got %d %q", path, r.StatusCode, body)
			}
			if length := r.Header.Get("Content-Length"); status == 200 && length != "12" {
				t.Errorf("HEAD %s: Content-Length %q", path, length)
			}
		}
		for _, path := range []string{"/204", "/304"} {
			c.send("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n")
			if r, body := c.answer("GET"); r.StatusCode != statuses[path] || body != "" {
				t.Errorf("GET %s: got %d %q", path, r.StatusCode, body)
			}
		}
	})
}

// The answer comes later, from another goroutine through the loop.
func TestAnswer_posted(t *testing.T) {
	h := exchange.HandlerFunc(func(x exchange.Exchange) {
		go x.Loop().Post(func() {
			x.Head(200, text)
			_ = x.Write([]byte(x.Request().Path))
			x.End()
		})
	})
	drivers(t, h, Limits{}, func(t *testing.T, c *client) {
		c.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
		c.send("GET /3 HTTP/1.1\r\nHost: a\r\n\r\n")
		for _, want := range []string{"/1", "/2", "/3"} {
			r, got := c.answer("GET")
			if got != want || r.ContentLength != 2 {
				t.Errorf("got %q, length %d, want %q", got, r.ContentLength, want)
			}
		}
	})
}

// Each turn's bytes leave with the turn, and the next part is only given when the client has them.
func TestAnswer_streamed(t *testing.T) {
	next := make(chan string)
	h := exchange.HandlerFunc(func(x exchange.Exchange) {
		x.Head(200, text)
		go func() {
			for p := range next {
				x.Loop().Post(func() {
					if p == "" {
						x.End()
						return
					}
					_ = x.Write([]byte(p[:1]))
					_ = x.Write([]byte(p[1:]))
				})
				if p == "" {
					return
				}
			}
		}()
	})
	drivers(t, h, Limits{}, func(t *testing.T, c *client) {
		for _, version := range []string{"1.1", "1.0"} {
			c.send("GET / HTTP/" + version + "\r\nHost: a\r\n\r\n")
			r, err := http.ReadResponse(c.Reader, &http.Request{Method: "GET"})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range []string{"one", "two", "three"} {
				next <- p
				got := make([]byte, len(p))
				if _, err := io.ReadFull(r.Body, got); err != nil || string(got) != p {
					t.Fatalf("got %q, %v, want %q", got, err, p)
				}
			}
			next <- ""
			if rest, err := io.ReadAll(r.Body); err != nil || len(rest) > 0 {
				t.Fatalf("after the end: %q, %v", rest, err)
			}
			if chunked := len(r.TransferEncoding) > 0; chunked != (version == "1.1") {
				t.Errorf("HTTP/%s: chunked is %v", version, chunked)
			}
		}
		c.end() // HTTP/1.0 is delimited by it
	})
}

func TestAnswer_panic(t *testing.T) {
	h := exchange.HandlerFunc(func(x exchange.Exchange) {
		if x.Request().Path == "/after" {
			x.Head(200, text)
			_ = x.Write([]byte("lost"))
		}
		panic("out of luck")
	})
	for _, path := range []string{"/before", "/after"} {
		drivers(t, h, Limits{}, func(t *testing.T, c *client) {
			c.send("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n" + get)
			r, body := c.answer("GET")
			if r.StatusCode != 500 || !strings.HasPrefix(body, "handler_error") || !r.Close {
				t.Errorf("got %d %q", r.StatusCode, body)
			}
			c.end()
		})
	}
}

// A handler's mistakes must not reach another exchange or make a malformed answer.
func TestAnswer_misuse(t *testing.T) {
	var held exchange.Exchange
	h := exchange.HandlerFunc(func(x exchange.Exchange) {
		if held != nil {
			held.Head(500, nil)
			if err := held.Write([]byte("late")); err == nil {
				t.Error("Write after End succeeds")
			}
			held.End()
		}
		switch x.Request().Path {
		case "/headless":
			x.End()
		case "/informational":
			x.Head(103, nil)
			x.End()
		default:
			x.Head(200, []exchange.Field{{Name: "Content-Length", Value: "999"}, {Name: "A", Value: "b\r\nc: d"}})
			x.Head(404, nil)
			_ = x.Write([]byte("hello"))
			x.End()
			held = x
		}
	})
	s := start(t, Config{Handler: h, Log: quiet})
	c := dial(t, s)
	for range 2 {
		c.send(get)
		r, body := c.answer("GET")
		if r.StatusCode != 200 || body != "hello" || r.Header.Get("C") != "" {
			t.Errorf("got %d %q %v", r.StatusCode, body, r.Header)
		}
	}
	for _, path := range []string{"/headless", "/informational"} {
		c := dial(t, s)
		c.send("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n")
		if r, _ := c.answer("GET"); r.StatusCode != 500 {
			t.Errorf("%s: got %d", path, r.StatusCode)
		}
	}
}

func TestAnswer_gone(t *testing.T) {
	served := make(chan exchange.Exchange, 1)
	h := exchange.HandlerFunc(func(x exchange.Exchange) {
		x.Done()
		served <- x
	})
	drivers(t, h, Limits{}, func(t *testing.T, c *client) {
		c.send(get)
		x := <-served
		done := x.Done()
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Fatal("Done is not closed")
		}
		errs := make(chan error, 1)
		posted := x.Loop().Post(func() {
			x.Head(200, nil)
			errs <- x.Write([]byte("a"))
			x.End()
		})
		// The loop of a carried connection ends with it.
		if x.Loop().Index() >= 0 && !posted {
			t.Error("the loop takes no jobs")
		}
		if posted {
			if err := <-errs; !errors.Is(err, exchange.ErrGone) {
				t.Errorf("Write: %v, want ErrGone", err)
			}
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
			drivers(t, answering("hello"), short, func(t *testing.T, c *client) {
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

func TestAccess(t *testing.T) {
	var mu sync.Mutex
	var got []string
	s := start(t, Config{Handler: describe, Access: func(r Record) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, fmt.Sprintf("%s %d %d %s", r.Request.Path, r.Status, r.BodyBytes, r.Refusal))
		if r.Request.Remote.Port() == 0 {
			t.Error("no remote address")
		}
	}})
	c := dial(t, s)
	c.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\nHEAD /b HTTP/1.1\r\nHost: a\r\n\r\nGET /c HTTP/1.1\r\n\r\n")
	c.answer("GET")
	c.answer("HEAD")
	c.answer("GET")
	mu.Lock()
	defer mu.Unlock()
	if len(got) != 3 || got[0] != "/a 200 11 " || got[1] != "/b 200 0 " || !strings.HasSuffix(got[2], "400 0 bad_request") {
		t.Errorf("got %q", got)
	}
}

func TestDrain(t *testing.T) {
	drivers := map[string]func(*client){"loop": func(*client) {}, "carrier": (*client).moveToCarrier}
	for name, move := range drivers {
		t.Run(name, func(t *testing.T) {
			begun := make(chan exchange.Exchange)
			s := start(t, Config{Handler: detachFirst(exchange.HandlerFunc(func(x exchange.Exchange) {
				go func() { begun <- x }()
			}))})
			busy, idle, half := dial(t, s), dial(t, s), dial(t, s)
			for _, c := range []*client{busy, idle, half} {
				move(c)
			}
			eventually(t, "all are there", func() bool { return s.Stats().Open == 3 })
			busy.send(get)
			x := <-begun
			half.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab")
			eventually(t, "half a body has come", func() bool { return s.modes()[inBody] == 1 })
			drained := make(chan error, 1)
			go func() { drained <- s.Drain(context.Background()) }()
			idle.end()
			half.send("c")
			y := <-begun
			for _, x := range []exchange.Exchange{x, y} {
				x.Loop().Post(func() { describe(x) })
			}
			if _, got := busy.answer("GET"); got != `GET / a ""` {
				t.Errorf("got %q", got)
			}
			if _, got := half.answer("POST"); got != `POST / a "abc"` {
				t.Errorf("got %q", got)
			}
			if err := <-drained; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestDrain_deadline(t *testing.T) {
	s := start(t, Config{Handler: exchange.HandlerFunc(func(exchange.Exchange) {})})
	c := dial(t, s)
	c.send(get)
	eventually(t, "one is in flight", func() bool { return s.Stats().Inflight == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	c.end()
}

// modes counts the connections of all loops and carriers by mode.
func (s *Server) modes() map[mode]int {
	all := map[mode]int{}
	ask := func(l exchange.Loop, count func()) {
		done := make(chan struct{})
		if l.Post(func() { count(); close(done) }) {
			<-done
		}
	}
	for _, l := range s.loops {
		ask(l, func() {
			for _, c := range l.conns {
				all[c.mode]++
			}
		})
	}
	s.mu.Lock()
	carrying := slices.Collect(maps.Keys(s.carrying))
	s.mu.Unlock()
	for _, k := range carrying {
		ask(k, func() { all[k.mode]++ })
	}
	return all
}
