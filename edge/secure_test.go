//go:build linux || darwin

package edge

import (
	"bufio"
	"bytes"
	cryptotls "crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/tls"
)

// testTLS is a server with a certificate that no client here checks.
func testTLS(t testing.TB) *tls.Server {
	t.Helper()
	return openTLS(t, tls.Config{})
}

func openTLS(t testing.TB, c tls.Config) *tls.Server {
	t.Helper()
	a, err := tls.NewAuthority("test", []string{"a"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := a.Issue()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "both.pem")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	c.Certificates, c.Log = []tls.Files{{Cert: file, Key: file}}, quiet
	s, err := tls.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// secured is a client's TLS over nc.
func secured(nc net.Conn) *cryptotls.Conn {
	return cryptotls.Client(nc, &cryptotls.Config{InsecureSkipVerify: true, ServerName: "a"})
}

// dialTLS is dial with TLS; what it sends arrives in random pieces.
func dialTLS(t testing.TB, s *Server) *client {
	t.Helper()
	c := dial(t, s)
	c.Conn = secured(torn{c.Conn})
	c.Reader = bufio.NewReader(c.Conn)
	return c
}

// torn writes in random pieces.
type torn struct{ net.Conn }

func (c torn) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		n, err := c.Conn.Write(p[:1+rand.IntN(len(p))])
		p, written = p[n:], written+n
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// secureDrivers is drivers with TLS.
func secureDrivers(t *testing.T, server *tls.Server, handler exchange.Handler, test func(t *testing.T, c *client)) {
	t.Run("loop", func(t *testing.T) {
		test(t, dialTLS(t, start(t, Config{Handler: handler, TLS: server, Log: quiet})))
	})
	t.Run("carrier", func(t *testing.T) {
		c := dialTLS(t, start(t, Config{Handler: detachFirst(handler), TLS: server, Log: quiet}))
		c.moveToCarrier()
		test(t, c)
	})
}

func TestSecure_requests(t *testing.T) {
	handler := whole(func(x exchange.Exchange, body []byte) {
		x.Head(200, text)
		_ = x.Write(fmt.Appendf(nil, "%v %v %q", x.Request().TLS, x.Request().Client, body))
		x.End()
	})
	secureDrivers(t, testTLS(t), handler, func(t *testing.T, c *client) {
		for range 3 {
			c.send(get + "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
			for _, want := range []string{`true <nil> ""`, `true <nil> "abc"`} {
				if _, body := c.answer("GET"); body != want {
					t.Fatalf("got %s, want %s", body, want)
				}
			}
		}
		c.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		c.answer("GET")
		c.end() // by close_notify: a cut would be io.ErrUnexpectedEOF
	})
}

func TestSecure_large(t *testing.T) {
	want := make([]byte, 64<<20)
	for i := range want {
		want[i] = byte(rand.Int())
	}
	large := exchange.HandlerFunc(func(x exchange.Exchange) {
		x.Head(200, text)
		_ = x.Write(want[:len(want)/2]) // as below: the client stays
		_ = x.Write(want[len(want)/2:])
		x.End()
	})
	secureDrivers(t, testTLS(t), large, func(t *testing.T, c *client) {
		c.send(get)
		if _, body := c.answer("GET"); body != string(want) {
			t.Errorf("got %d bytes, or others", len(body))
		}
		c.send(get)
		if _, body := c.answer("GET"); len(body) != len(want) {
			t.Errorf("then got %d bytes", len(body))
		}
	})
}

func TestSecure_upload(t *testing.T) {
	want := bytes.Repeat([]byte("0123456789abcdef"), 4<<20/16)
	handler := whole(func(x exchange.Exchange, body []byte) {
		x.Head(200, text)
		_ = x.Write(fmt.Appendf(nil, "%d %v", len(body), bytes.Equal(body, want)))
		x.End()
	})
	limits := DefaultLimits()
	limits.HTTP.BodyBytesMax = int64(len(want))
	s := start(t, Config{Handler: handler, TLS: testTLS(t), Limits: limits, Log: quiet})
	// In one go: much of it comes while the handshake is still being looked at.
	c := dial(t, s)
	c.Conn = secured(c.Conn)
	c.Reader = bufio.NewReader(c.Conn)
	c.send(fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", len(want), want))
	if _, body := c.answer("POST"); body != fmt.Sprintf("%d true", len(want)) {
		t.Errorf("got %s", body)
	}
}

func TestSecure_client(t *testing.T) {
	authority := newClientCertificate(t)
	server := openTLS(t, tls.Config{ClientAuth: tls.RequireClient, ClientCA: authority.file})
	handler := exchange.HandlerFunc(func(x exchange.Exchange) {
		x.Head(200, text)
		_ = x.Write(fmt.Appendf(nil, "%+v", *x.Request().Client))
		x.End()
	})
	s := start(t, Config{Handler: handler, TLS: server, Log: quiet})
	c := dial(t, s)
	c.Conn = cryptotls.Client(c.Conn, &cryptotls.Config{
		InsecureSkipVerify: true, Certificates: []cryptotls.Certificate{authority.cert},
	})
	c.Reader = bufio.NewReader(c.Conn)
	c.send(get)
	if _, body := c.answer("GET"); !strings.HasPrefix(body, "{Subject:CN=alice Issuer:CN=alice Fingerprint:") ||
		!strings.HasSuffix(body, "Verified:true}") {
		t.Errorf("got %s", body)
	}
	stranger := dialTLS(t, s)
	_, err := io.WriteString(stranger.Conn, get)
	if err == nil {
		_, err = io.ReadAll(stranger.Conn)
	}
	if err == nil || !strings.Contains(err.Error(), "certificate required") {
		t.Errorf("a client without a certificate is told %v", err)
	}
}

func TestSecure_plainHTTP(t *testing.T) {
	c := dial(t, start(t, Config{Handler: answering("hello"), TLS: testTLS(t), Log: quiet}))
	c.send(get)
	if r, body := c.answer("GET"); r.StatusCode != 400 || !strings.Contains(body, "https://") || !r.Close {
		t.Errorf("got %d, %s", r.StatusCode, body)
	}
	c.end()
}

func TestSecure_garbage(t *testing.T) {
	s := start(t, Config{Handler: answering("hello"), TLS: testTLS(t), Log: quiet, Limits: Limits{LingerMax: time.Second}})
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		c := dial(t, s)
		p := make([]byte, 1+r.IntN(300))
		for i := range p {
			p[i] = byte(r.Uint32())
		}
		if seed%2 == 0 {
			p = append([]byte{22, 3, 1, 0, byte(len(p))}, p...)
		}
		if seed%5 == 0 {
			if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
		} else {
			c.send(string(p))
		}
		_ = c.Close() // whatever it was told
	}
	// After the handshake too: a record that nobody sealed ends the connection, with an alert.
	c := dial(t, s)
	socket := c.Conn
	c.Conn = secured(socket)
	c.Reader = bufio.NewReader(c.Conn)
	c.send(get)
	c.answer("GET")
	if _, err := socket.Write([]byte("\x17\x03\x03\x00\x18" + strings.Repeat("x", 24))); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(c.Reader); err == nil || !strings.Contains(err.Error(), "bad record MAC") {
		t.Errorf("the peer is told %v", err)
	}
	eventually(t, "every connection has ended", func() bool { return s.Stats().Open == 0 })
}

// Peers that never finish their handshake are cut, and keep nobody else from theirs meanwhile.
func TestSecure_flood(t *testing.T) {
	s := start(t, Config{
		Handler: answering("hello"), TLS: openTLS(t, tls.Config{HandshakesMax: 1}), Log: quiet,
		Limits: Limits{HandshakeDeadline: time.Second},
	})
	hello := recordedHello(t)
	begun := time.Now()
	var flood []net.Conn
	for i := range 100 {
		c := dial(t, s)
		c.send(hello[:[]int{0, 1, len(hello) / 2, len(hello)}[i%4]])
		flood = append(flood, c)
	}
	c := dialTLS(t, s)
	c.send(get)
	if _, body := c.answer("GET"); body != "hello" {
		t.Errorf("got %s", body)
	}
	for _, nc := range flood {
		if _, err := io.Copy(io.Discard, nc); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Fatal(err)
		}
	}
	if took := time.Since(begun); took < time.Second {
		t.Errorf("cut after %v, which is too early", took)
	}
	c.send(get)
	c.answer("GET")
}

// recordedHello is what a client begins with.
func recordedHello(t *testing.T) string {
	near, far := net.Pipe()
	go func() { _ = secured(far).Handshake() }() // never ends well
	p := make([]byte, 4096)
	n, err := near.Read(p)
	if err != nil {
		t.Fatal(err)
	}
	return string(p[:n])
}

func TestSecure_slowReader(t *testing.T) {
	const size = 16 << 20 // more than any socket takes
	body := []byte(strings.Repeat("x", size))
	written := make(chan struct{}, 1)
	handler := exchange.HandlerFunc(func(x exchange.Exchange) {
		x.Head(200, text)
		_ = x.Write(body) // the client stays
		x.End()
		x.Loop().Post(func() { written <- struct{}{} }) // after what the socket took
	})
	s := start(t, Config{Handler: handler, TLS: testTLS(t), Log: quiet})
	c := dialTLS(t, s)
	for range 2 {
		c.send(get)
		<-written // nothing is read before
		if _, got := c.answer("GET"); len(got) != size {
			t.Errorf("got %d bytes", len(got))
		}
		if got := s.Stats().Carried; got != 1 {
			t.Errorf("%d connections are carried", got)
		}
	}
}

func TestSecure_hsts(t *testing.T) {
	for _, server := range []*tls.Server{nil, testTLS(t)} {
		s := start(t, Config{Handler: answering("hello"), TLS: server, HSTS: time.Hour, Log: quiet})
		c, want := dial(t, s), ""
		if server != nil {
			c, want = dialTLS(t, s), "max-age=3600"
		}
		c.send(get)
		if r, _ := c.answer("GET"); r.Header.Get("Strict-Transport-Security") != want {
			t.Errorf("got %q, want %q", r.Header, want)
		}
	}
}

func TestSecure_drain(t *testing.T) {
	s := start(t, Config{Handler: answering("hello"), TLS: testTLS(t), Log: quiet})
	c := dialTLS(t, s)
	c.send(get)
	c.answer("GET")
	if err := s.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	c.end() // by close_notify
}

// A stream of small pieces from many goroutines' jobs arrives whole.
func TestSecure_streamed(t *testing.T) {
	handler := exchange.HandlerFunc(func(x exchange.Exchange) {
		x.Head(200, text)
		var step func(i int)
		step = func(i int) {
			if i == 500 {
				x.End()
				return
			}
			_ = x.Write(fmt.Appendf(nil, "%d;", i)) // the client stays
			go x.Loop().Post(func() { step(i + 1) })
		}
		step(0)
	})
	var want strings.Builder
	for i := range 500 {
		fmt.Fprintf(&want, "%d;", i)
	}
	s := start(t, Config{Handler: handler, TLS: testTLS(t), Log: quiet})
	var wg sync.WaitGroup
	for range 8 {
		c := dialTLS(t, s)
		wg.Go(func() {
			if _, err := io.WriteString(c.Conn, "GET / HTTP/1.0\r\nHost: a\r\n\r\n"); err != nil {
				t.Error(err)
			}
			all, err := io.ReadAll(c.Reader)
			if err != nil && !errors.Is(err, io.EOF) || !bytes.HasSuffix(all, []byte("\r\n\r\n"+want.String())) {
				t.Errorf("got %d bytes, %v", len(all), err)
			}
		})
	}
	wg.Wait()
}
