package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"time"
)

const (
	heldConnections = 10_000
	heldSettle      = 3 * time.Second // for what the answers left behind to be collected
)

// held opens many connections to servers, has each answer one request, and measures what a connection that is idle then
// costs.
func held(ctx context.Context, b *bench) ([]figure, error) {
	var figures []figure
	for _, name := range []string{"fortuna", "nginx", "node"} {
		bytes, err := b.hold(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		f := figure{Name: name + ": RSS for each idle connection", Value: bytes / (1 << 10), Unit: "kB"}
		if name == "fortuna" {
			f.Goal = 2
		}
		figures = append(figures, f)
	}
	return figures, nil
}

// hold measures one server, in bytes a connection.
func (b *bench) hold(ctx context.Context, name string) (float64, error) {
	w := workloads[slices.Index(workloadNames(), "hello")]
	source, err := b.bundle(ctx, w)
	if err != nil {
		return 0, err
	}
	dir, err := b.site(filepath.Join("held", name), source)
	if err != nil {
		return 0, err
	}
	s, err := b.start(ctx, peerOf(name), dir, "")
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
	for i := range warm + heldConnections {
		if i == warm {
			if before, err = b.settled(ctx, s); err != nil {
				return 0, err
			}
		}
		c, err := net.Dial("tcp", s.addr())
		if err != nil {
			return 0, fmt.Errorf("connection %d: %w", i, err)
		}
		conns = append(conns, c)
		if err := exchange(c); err != nil {
			return 0, fmt.Errorf("connection %d: %w", i, err)
		}
	}
	after, err := b.settled(ctx, s)
	return float64(after-before) / heldConnections, err
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
