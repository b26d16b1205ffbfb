//go:build linux || darwin

package edge

import (
	"bufio"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/forwarded"
)

// tellClient answers with who asks, and whether over TLS.
var tellClient = exchange.HandlerFunc(func(x exchange.Exchange) {
	q := x.Request()
	scheme := "http "
	if q.TLS {
		scheme = "https "
	}
	x.Head(200, text)
	_ = x.Write([]byte(scheme + q.Remote.String())) // fails only when the client is gone
	x.End()
})

// local trusts proxies on this machine.
func local(protocol bool) *forwarded.Trust {
	return &forwarded.Trust{Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Protocol: protocol}
}

const introduction = "PROXY TCP4 198.51.100.1 192.0.2.2 1234 80\r\n"

func TestIntroduce(t *testing.T) {
	s := start(t, Config{Handler: detachFirst(tellClient), Proxies: local(true), Log: quiet})
	for name, pieces := range map[string][]string{
		"whole":        {introduction + get},
		"apart":        {introduction, get},
		"byte by byte": strings.Split(introduction+get, ""),
		"torn":         {introduction[:20], introduction[20:] + get[:5], get[5:]},
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, s)
			for _, p := range pieces {
				c.send(p)
			}
			if _, body := c.answer("GET"); body != "http 198.51.100.1:1234" {
				t.Errorf("got %q", body)
			}
			c.moveToCarrier()
			c.send(get)
			if _, body := c.answer("GET"); body != "http 198.51.100.1:1234" {
				t.Errorf("carried: got %q", body)
			}
		})
	}
	t.Run("the proxy itself", func(t *testing.T) {
		c := dial(t, s)
		c.send("PROXY UNKNOWN\r\n" + get)
		if _, body := c.answer("GET"); body != "http "+c.LocalAddr().String() {
			t.Errorf("got %q", body)
		}
	})
	t.Run("garbage", func(t *testing.T) {
		c := dial(t, s)
		c.send(get)
		c.end()
	})
	t.Run("nobody is trusted", func(t *testing.T) {
		c := dial(t, start(t, Config{Handler: tellClient, Proxies: &forwarded.Trust{Protocol: true}, Log: quiet}))
		c.send(introduction + get)
		if r, _ := c.answer("GET"); r.StatusCode != 400 {
			t.Errorf("got %d", r.StatusCode)
		}
	})
}

func TestIntroduce_deadline(t *testing.T) {
	limits := DefaultLimits()
	limits.HeadDeadline = 30 * time.Millisecond
	c := dial(t, start(t, Config{Handler: tellClient, Proxies: local(true), Limits: limits, Log: quiet}))
	c.send(introduction[:10])
	if r, _ := c.answer("GET"); r.StatusCode != 408 {
		t.Errorf("got %d", r.StatusCode)
	}
}

// Clients are counted by their own address, and proxies not at all.
func TestIntroduce_perIP(t *testing.T) {
	limits := DefaultLimits()
	limits.PerIPMax = 2
	s := start(t, Config{Handler: tellClient, Proxies: local(true), Limits: limits, Log: quiet})
	ask := func() (*client, int) {
		c := dial(t, s)
		c.send(introduction + get)
		r, _ := c.answer("GET")
		return c, r.StatusCode
	}
	first, _ := ask()
	if _, status := ask(); status != 200 {
		t.Fatalf("the second connection: %d", status)
	}
	if _, status := ask(); status != 503 {
		t.Fatalf("the third connection: %d, want 503", status)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a connection that ended makes room", func() bool { _, status := ask(); return status == 200 })
}

func TestIntroduce_tls(t *testing.T) {
	s := start(t, Config{Handler: tellClient, TLS: testTLS(t), Proxies: local(true), Log: quiet})
	c := dial(t, s)
	c.send(introduction)
	nc := secured(c.Conn)
	c = &client{t, nc, bufio.NewReader(nc)}
	c.send(get)
	if _, body := c.answer("GET"); body != "https 198.51.100.1:1234" {
		t.Errorf("got %q", body)
	}
}

// A proxy is believed on every driver, and a request's own fields never.
func TestProxies(t *testing.T) {
	s := start(t, Config{Handler: detachFirst(tellClient), Proxies: local(false), Log: quiet})
	c := dial(t, s)
	for range 2 {
		c.send("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1, 198.51.100.7\r\nX-Forwarded-Proto: https\r\n\r\n")
		if _, body := c.answer("GET"); body != "https 198.51.100.7:0" {
			t.Errorf("got %q", body)
		}
		c.send(get)
		if _, body := c.answer("GET"); body != "http "+c.LocalAddr().String() {
			t.Errorf("what one request said holds for the next: %q", body)
		}
		c.moveToCarrier()
	}
}
