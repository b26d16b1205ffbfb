//go:build linux || darwin

package edge

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// start serves handler on a free port until the test ends.
func start(t testing.TB, cfg Config) *Server {
	t.Helper()
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	if cfg.Loops == 0 {
		cfg.Loops = 1
	}
	s, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

var text = []exchange.Field{{Name: "Content-Type", Value: "text/plain"}}

// answering returns a handler that gives body at once.
func answering(body string) exchange.Handler {
	p := []byte(body)
	return exchange.HandlerFunc(func(x exchange.Exchange) {
		x.Head(200, text)
		_ = x.Write(p) // fails only when the client is gone
		x.End()
	})
}

// client is a raw connection whose reads fail rather than hang.
type client struct {
	t testing.TB
	net.Conn
	*bufio.Reader
}

func dial(t testing.TB, s *Server) *client {
	t.Helper()
	nc, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() }) // the test may have closed it
	if err := nc.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	// Else the system grows it to what it allows, 32 MiB perhaps: more than tests of backpressure send.
	if err := nc.(*net.TCPConn).SetReadBuffer(1 << 20); err != nil {
		t.Fatal(err)
	}
	return &client{t, nc, bufio.NewReader(nc)}
}

func (c *client) Read(p []byte) (int, error) { return c.Reader.Read(p) }

func (c *client) send(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c.Conn, s); err != nil {
		c.t.Fatal(err)
	}
}

// answer reads one answer to a request with the method.
func (c *client) answer(method string) (*http.Response, string) {
	c.t.Helper()
	r, err := http.ReadResponse(c.Reader, &http.Request{Method: method})
	if err != nil {
		c.t.Fatal(err)
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return r, string(b)
}

// end fails unless the server closes now.
func (c *client) end() {
	c.t.Helper()
	if b, err := io.ReadAll(c.Reader); err != nil || len(b) > 0 {
		c.t.Fatalf("want the end of the connection, got %q, %v", b, err)
	}
}

const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

func TestListen_hello(t *testing.T) {
	s := start(t, Config{Handler: answering("hello")})
	c := dial(t, s)
	for range 3 {
		c.send(get)
		r, body := c.answer("GET")
		if r.StatusCode != 200 || body != "hello" || r.ContentLength != 5 {
			t.Fatalf("got %d %q, length %d", r.StatusCode, body, r.ContentLength)
		}
		if _, err := http.ParseTime(r.Header.Get("Date")); err != nil {
			t.Errorf("Date: %v", err)
		}
	}
}

func TestListen_inUse(t *testing.T) {
	s := start(t, Config{Handler: answering("")})
	other, err := Listen(Config{Addr: s.Addr().String(), Handler: answering("")})
	if !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("got %v, want EADDRINUSE", err)
	}
	if other != nil {
		t.Error("a server that does not listen")
	}
	if err == nil || !strings.Contains(err.Error(), s.Addr().String()) {
		t.Errorf("%v does not name the address", err)
	}
}

func TestClose_ends(t *testing.T) {
	s := start(t, Config{Handler: answering("hello"), Loops: 2})
	c := dial(t, s)
	c.send(get)
	c.answer("GET")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	c.end()
	if nc, err := net.Dial("tcp", s.Addr().String()); err == nil {
		_ = nc.Close()
		t.Error("still listening after Close")
	}
}
