package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

const (
	dialsMax      = 1000
	dialsFiles    = "256" // file descriptors of the server
	dialsHold     = 2 * time.Second
	dialsPatience = 30 * time.Second // until it answers again
	dialTry       = 250 * time.Millisecond
)

// dials holds a thousand connections to a server that has 256 file descriptors, lets them go, and measures how long a new
// request waits.
func dials(ctx context.Context, b *bench) ([]figure, error) {
	s, err := b.startProbe(ctx, "dials", "probe.js", "", "sh", "-c", `ulimit -n `+dialsFiles+` && exec "$@"`, "sh")
	if err != nil {
		return nil, err
	}
	defer s.close()
	var conns []net.Conn
	closeAll := func() {
		for _, c := range conns {
			_ = c.Close() // the server may have closed it first
		}
		conns = nil
	}
	defer closeAll()
	failed := 0
	d := net.Dialer{Timeout: dialTry}
	for range dialsMax {
		c, err := d.DialContext(ctx, "tcp", s.addr())
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			failed++
			continue
		}
		conns = append(conns, c)
	}
	if err := pause(ctx, dialsHold); err != nil {
		return nil, err
	}
	if err := s.alive(); err != nil {
		return nil, err
	}
	held, served := 0, 0
	for _, c := range conns {
		if open(c) {
			held++
		}
	}
	for _, c := range conns {
		if ask(c) == nil {
			served++
			break
		}
	}
	if served == 0 {
		return nil, fmt.Errorf("none of %d held connections is answered", held)
	}
	closeAll()
	began := time.Now()
	for {
		c, err := d.DialContext(ctx, "tcp", s.addr())
		if err == nil {
			err = errors.Join(ask(c), c.Close())
		}
		if err == nil {
			break
		}
		if err := errors.Join(s.alive(), ctx.Err()); err != nil {
			return nil, err
		}
		if time.Since(began) > dialsPatience {
			return nil, fmt.Errorf("no answer for %v: %w", dialsPatience, err)
		}
	}
	recovered := time.Since(began)
	return []figure{
		{Name: "answers again after", Value: milliseconds(recovered), Unit: "ms", Goal: 1000},
		{Name: "connections held", Value: float64(held)},
		{Name: "refused", Value: float64(dialsMax - failed - held)},
		{Name: "dials that failed", Value: float64(failed)},
	}, nil
}

// open reports whether the server has not closed c.
func open(c net.Conn) bool {
	if err := c.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		return false
	}
	_, err := c.Read(make([]byte, 1))
	return errors.Is(err, os.ErrDeadlineExceeded)
}

// ask sends one request on c and waits a little for a good answer.
func ask(c net.Conn) error {
	if err := c.SetDeadline(time.Now().Add(dialTry)); err != nil {
		return err
	}
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: bench\r\n\r\n"); err != nil {
		return err
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("answered with %s", answer.Status)
	}
	return nil
}
