package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
)

const (
	bigBytes     = 32 << 20 // of the answer
	windowBytes  = 64 << 10 // that the reader's kernel takes on its own
	stallSettles = time.Second
	stallLasts   = 5 * time.Second
)

// slowReader asks for 32 MiB, reads only the head, sends one more byte, and looks what the server does while nothing can
// move. Then it reads the rest and checks every byte, and that the connection still works.
func slowReader(ctx context.Context, b *bench) ([]figure, error) {
	s, err := b.startProbe(ctx, "slowreader", "probe.js", "")
	if err != nil {
		return nil, err
	}
	defer s.close()
	d := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		set := raw.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, windowBytes)
		})
		if set != nil {
			return set
		}
		return err
	}}
	c, err := d.DialContext(ctx, "tcp", s.addr())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(c, "GET /big HTTP/1.1\r\nHost: bench\r\n\r\n"); err != nil {
		return nil, err
	}
	r := bufio.NewReader(c)
	answer, err := http.ReadResponse(r, nil)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("/big is answered with %s\n%s", answer.Status, s.log())
	}
	if err := pause(ctx, stallSettles); err != nil { // the kernel's buffers fill
		return nil, err
	}
	const next = "GET / HTTP/1.1\r\nHost: bench\r\n\r\n"
	if _, err := io.WriteString(c, next[:1]); err != nil {
		return nil, err
	}
	before, err := s.cpu()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := pause(ctx, stallLasts); err != nil {
		return nil, err
	}
	after, err := s.cpu()
	if err != nil {
		return nil, err
	}
	percent := 100 * float64(after-before) / float64(time.Since(began))
	if err := checkBig(answer.Body); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(c, next[1:]); err != nil {
		return nil, err
	}
	again, err := http.ReadResponse(r, nil)
	if err != nil {
		return nil, fmt.Errorf("the request begun during the stall is not answered: %w", err)
	}
	defer again.Body.Close()
	if again.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the request begun during the stall is answered with %s", again.Status)
	}
	return []figure{
		{Name: "CPU during the stall", Value: percent, Unit: "% of one core", Goal: 2},
		{Name: "bytes intact", Value: bigBytes},
	}, nil
}

// checkBig reads the answer of probe.js at /big to its end and compares every byte.
func checkBig(body io.Reader) error {
	r := bufio.NewReaderSize(body, 64<<10)
	for i := range bigBytes {
		got, err := r.ReadByte()
		if err != nil {
			return fmt.Errorf("byte %d of %d: %w", i, bigBytes, err)
		}
		if want := byte(32 + i%251%95); got != want {
			return fmt.Errorf("byte %d of %d is %q, want %q", i, bigBytes, got, want)
		}
	}
	if _, err := r.ReadByte(); err != io.EOF {
		return fmt.Errorf("more than %d bytes", bigBytes)
	}
	return nil
}

// pause waits for d.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
