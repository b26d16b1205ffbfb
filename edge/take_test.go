//go:build linux || darwin

package edge

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
	edgetls "github.com/fortunadws/fortuna/edge/tls"
)

// inherited is a server on a socket that it did not open.
func inherited(t *testing.T, cfg Config) *Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Inherited, cfg.Log = []net.Listener{l}, quiet
	return start(t, cfg)
}

func TestListen_inherited(t *testing.T) {
	ended := make(chan string, 1)
	s := inherited(t, Config{Handler: exchange.HandlerFunc(func(x exchange.Exchange) {
		if x.Request().Path == "/socket" {
			echoing(ended).Serve(x)
		} else {
			describe.Serve(x)
		}
	})})
	c := dial(t, s)
	for range 3 {
		c.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
		if r, body := c.answer("POST"); r.StatusCode != 200 || body != `POST /a a "body"` {
			t.Fatalf("got %d %q", r.StatusCode, body)
		}
	}
	c.upgrade()
	c.send(masked(textFrame, "hello") + masked(closeFrame, ""))
	c.frame(textFrame, "hello")
	c.frame(closeFrame, "")
	c.end()
	if got := <-ended; got != "1005  true" {
		t.Errorf("ended with %q", got)
	}
	idle := dial(t, s)
	idle.send(get)
	idle.answer("GET")
	if err := s.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	idle.end()
	if n := s.Stats(); n.Open != 0 || n.Accepted != 2 {
		t.Errorf("%+v", n)
	}
}

func TestListen_inheritedSecured(t *testing.T) {
	s := inherited(t, Config{Handler: answering("hello"), TLS: openTLS(t, edgetls.Config{Protocols: []string{"h2", "http/1.1"}})})
	for _, h2 := range []bool{false, true} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "a"}, ForceAttemptHTTP2: h2}
		r, err := (&http.Client{Transport: transport, Timeout: 20 * time.Second}).Get("https://" + s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		r.Body.Close()
		transport.CloseIdleConnections()
		if err != nil || string(body) != "hello" || (r.ProtoMajor == 2) != h2 {
			t.Errorf("got %s %q, %v", r.Proto, body, err)
		}
	}
	garbage := dial(t, s) // ends, and costs nobody else
	garbage.send("\x16\x03garbage")
	dial(t, s) // says nothing
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestListen_inheritedLimits(t *testing.T) {
	s := inherited(t, Config{Handler: answering("hello"), Limits: Limits{ConnectionsMax: 1}})
	first := dial(t, s)
	first.send(get)
	first.answer("GET")
	second := dial(t, s)
	if r, _ := second.answer("GET"); r.StatusCode != 503 {
		t.Errorf("got %d", r.StatusCode)
	}
	if n := s.Stats(); n.Refused != 1 || n.Open != 1 {
		t.Errorf("%+v", n)
	}
}
