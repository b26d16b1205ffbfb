package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"time"
)

const (
	heldConnections = 10_000
	heldSettle      = 3 * time.Second // for what the answers left behind to be collected
)

// held opens many connections to servers, has each answer one request or message, and measures what a connection that is
// idle then costs: in the clear, as a WebSocket, and with TLS.
func held(ctx context.Context, b *bench) ([]figure, error) {
	certificate, err := selfSigned()
	if err != nil {
		return nil, err
	}
	plain := func(addr string) (net.Conn, error) { return net.Dial("tcp", addr) }
	withFile := func(p peer, name, from string) peer {
		p.files = map[string]string{name: from}
		return p
	}
	sockets, bunSockets := withFile(fortunaPeer(), "app.js", "socket.js"), withFile(peerOf("bun"), "bun.js", "bun_socket.js")
	var figures []figure
	for _, row := range []struct {
		what string
		peer peer
		n    int
		dial func(addr string) (net.Conn, error)
		use  func(net.Conn) error
		goal float64
	}{
		{"plain", fortunaPeer(), heldConnections, plain, exchange, 2},
		{"plain", peerOf("nginx"), heldConnections, plain, exchange, 0},
		{"plain", peerOf("node"), heldConnections, plain, exchange, 0},
		{"WebSocket", sockets, heldConnections, plain, echo, 4},
		{"WebSocket", bunSockets, heldConnections, plain, echo, 0},
		{"TLS", securedFortuna(), heldConnections / 2, dialSecured, exchange, 16},
		{"TLS", securedNginx(), heldConnections / 2, dialSecured, exchange, 0},
	} {
		name := row.what + ", " + row.peer.name
		dir, err := b.securedSite(ctx, filepath.Join("held", row.what, row.peer.name), certificate)
		if err != nil {
			return nil, err
		}
		bytes, err := b.hold(ctx, row.peer, dir, row.n, row.dial, row.use)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		figures = append(figures, figure{Name: fmt.Sprintf("%s: RSS for each of %d idle connections", name, row.n), Value: bytes / (1 << 10), Unit: "kB", Goal: row.goal})
	}
	return figures, nil
}

// hold measures one server with n connections, in bytes for each.
func (b *bench) hold(ctx context.Context, p peer, dir string, n int, dial func(addr string) (net.Conn, error), use func(net.Conn) error) (float64, error) {
	s, err := b.start(ctx, p, dir, "")
	if err != nil {
		return 0, err
	}
	defer s.close()
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			_ = c.Close() // the figures are taken
		}
	}()
	// The first connections warm the server up: they are not counted.
	const warm = 200
	var before int64
	for i := range warm + n {
		if i == warm {
			if before, err = b.settled(ctx, s); err != nil {
				return 0, err
			}
		}
		c, err := dial(s.addr())
		if err != nil {
			return 0, fmt.Errorf("connection %d: %w", i, err)
		}
		conns = append(conns, c)
		if err := use(c); err != nil {
			return 0, fmt.Errorf("connection %d: %w", i, err)
		}
	}
	after, err := b.settled(ctx, s)
	return float64(after-before) / float64(n), err
}

// settled is the memory of s after a moment.
func (b *bench) settled(ctx context.Context, s *server) (int64, error) {
	if err := pause(ctx, heldSettle); err != nil {
		return 0, err
	}
	return s.rss()
}

// exchange sends a request on c and reads its answer, and leaves c open.
func exchange(c net.Conn) error {
	if err := c.SetDeadline(time.Now().Add(dialsPatience)); err != nil {
		return err
	}
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: bench\r\n\r\n"); err != nil {
		return err
	}
	answer, err := http.ReadResponse(bufio.NewReaderSize(c, 1<<10), nil)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	return answer.Body.Close()
}

// echo makes c a WebSocket, sends a message and reads it back, and leaves c open.
func echo(c net.Conn) error {
	if err := c.SetDeadline(time.Now().Add(dialsPatience)); err != nil {
		return err
	}
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"); err != nil {
		return err
	}
	r := bufio.NewReaderSize(c, 1<<10)
	answer, err := http.ReadResponse(r, nil)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("want a WebSocket, got %s", answer.Status)
	}
	if _, err := io.WriteString(c, "\x81\x82\x00\x00\x00\x00hi"); err != nil { // masked with zeros
		return err
	}
	var back [4]byte
	if _, err := io.ReadFull(r, back[:]); err != nil {
		return err
	}
	if got := string(back[:]); got != "\x81\x02hi" {
		return fmt.Errorf("want the message back, got %q", got)
	}
	return nil
}
