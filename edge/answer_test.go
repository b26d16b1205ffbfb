//go:build linux || darwin

package edge

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
)

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

// A handler that waits for Drained sends more than any buffer holds, and makes it no sooner than the peer takes it.
func TestAnswer_drained(t *testing.T) {
	const pieces, size = 512, 64 << 10
	var made, taken atomic.Int64
	var ahead atomic.Int64
	piece := func(i int) []byte { return bytes.Repeat([]byte{byte('a' + i%26)}, size) }
	h := exchange.HandlerFunc(func(x exchange.Exchange) {
		x.Head(200, text)
		var next func()
		next = func() {
			i := int(made.Add(1)) - 1
			if i == pieces {
				x.End()
				return
			}
			ahead.Store(max(ahead.Load(), int64(i*size)-taken.Load()))
			_ = x.Write(piece(i))
			x.Drained(next)
		}
		next()
	})
	drivers(t, h, Limits{UnsentBytesMax: 4 * size}, func(t *testing.T, c *client) {
		made.Store(0)
		taken.Store(0)
		ahead.Store(0)
		c.send(get)
		r, err := http.ReadResponse(c.Reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, size)
		for i := range pieces {
			if _, err := io.ReadFull(r.Body, buf); err != nil || !bytes.Equal(buf, piece(i)) {
				t.Fatalf("piece %d: %v", i, err)
			}
			taken.Add(size)
		}
		if n, err := r.Body.Read(buf); n != 0 || err != io.EOF {
			t.Errorf("after the last piece: %d bytes, %v", n, err)
		}
		if kernel := int64(16 << 20); ahead.Load() > kernel {
			t.Errorf("%d bytes were made ahead of the peer", ahead.Load())
		}
	})
}

// A piece may be larger than what may be unsent, as long as its handler waits.
func TestAnswer_drainedLargePieces(t *testing.T) {
	const size = 1 << 20
	h := exchange.HandlerFunc(func(x exchange.Exchange) {
		x.Head(200, text)
		left := 4
		var next func()
		next = func() {
			if left--; left < 0 {
				x.End()
				return
			}
			_ = x.Write(make([]byte, size))
			x.Drained(next)
		}
		next()
	})
	drivers(t, h, Limits{UnsentBytesMax: size / 2}, func(t *testing.T, c *client) {
		c.send(get)
		if _, body := c.answer("GET"); len(body) != 4*size {
			t.Errorf("got %d bytes", len(body))
		}
	})
}

func TestAnswer_abort(t *testing.T) {
	read := make(chan struct{}) // told when the client has read what came before
	h := exchange.HandlerFunc(func(x exchange.Exchange) {
		if x.Request().Path == "/begun" {
			x.Head(200, text)
			_ = x.Write([]byte("half"))
			go func() {
				<-read
				x.Loop().Post(x.Abort)
			}()
			return
		}
		x.Abort()
	})
	t.Run("begun", func(t *testing.T) {
		drivers(t, h, Limits{}, func(t *testing.T, c *client) {
			c.send("GET /begun HTTP/1.1\r\nHost: a\r\n\r\n")
			r, err := http.ReadResponse(c.Reader, nil)
			if err != nil {
				t.Fatal(err)
			}
			var half [4]byte
			if _, err := io.ReadFull(r.Body, half[:]); err != nil || string(half[:]) != "half" {
				t.Fatalf("got %q, %v", half, err)
			}
			read <- struct{}{}
			if got, err := io.ReadAll(r.Body); len(got) > 0 || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("got %q, %v: the peer cannot tell", got, err)
			}
		})
	})
	t.Run("not begun", func(t *testing.T) {
		drivers(t, h, Limits{}, func(t *testing.T, c *client) {
			c.send(get)
			if r, _ := c.answer("GET"); r.StatusCode != 500 {
				t.Errorf("got %d", r.StatusCode)
			}
		})
	})
}

// A body whose length is announced is sent as it comes, with that length; one of another length is not complete.
func TestAnswer_length(t *testing.T) {
	handler := exchange.HandlerFunc(func(x exchange.Exchange) {
		x.Head(200, text)
		x.Length(8)
		_ = x.Write([]byte("half")) // fails only when the client is gone
		if x.Request().Method == "HEAD" {
			x.End()
			return
		}
		x.Drained(func() {
			switch x.Request().Path {
			case "/":
				_ = x.Write([]byte("half"))
			case "/long":
				if x.Write([]byte("much more")) == nil {
					t.Error("more is written than announced")
				}
			}
			x.End()
		})
	})
	drivers(t, handler, Limits{}, func(t *testing.T, c *client) {
		c.send(get)
		if r, body := c.answer("GET"); body != "halfhalf" || r.ContentLength != 8 || len(r.TransferEncoding) > 0 {
			t.Errorf("got %q, length %d, %v", body, r.ContentLength, r.TransferEncoding)
		}
		c.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
		if r, body := c.answer("HEAD"); body != "" || r.ContentLength != 8 {
			t.Errorf("HEAD: got %q, length %d", body, r.ContentLength)
		}
	})
	for _, path := range []string{"/short", "/long"} {
		drivers(t, handler, Limits{}, func(t *testing.T, c *client) {
			c.send("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n")
			r, err := http.ReadResponse(c.Reader, nil)
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(r.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s: got %q, %v", path, body, err)
			}
		})
	}
}
