package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	attackers      = 5000
	attackPause    = 5 * time.Second  // between the bytes that an attacker sends or takes
	attackComing   = 10 * time.Second // until all are there: they are not cut, and do not come again, at one moment
	attackWindow   = 20 * time.Second
	goodEvery      = 2 * time.Millisecond // 500 a second, whether or not the last was answered
	goodInFlight   = 1000
	attackBodySize = 500_000
)

// attack measures good requests at a fixed rate, first alone and then beside attackers that hold the server up in three ways:
// with a slow head, a slow body, and by reading slowly. Who is cut comes again.
func attack(ctx context.Context, b *bench) ([]figure, error) {
	s, err := b.startProbe(ctx, "attack", "attack.js", "")
	if err != nil {
		return nil, err
	}
	defer s.close()
	if _, err := b.good(ctx, s, time.Second); err != nil { // warms up
		return nil, err
	}
	quiet, err := b.good(ctx, s, attackWindow)
	if err != nil {
		return nil, err
	}
	before, err := s.rss()
	if err != nil {
		return nil, err
	}
	attackCtx, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	var cut atomic.Int64
	for i := range attackers {
		wg.Go(func() {
			if pause(attackCtx, time.Duration(i)*attackComing/attackers) != nil {
				return
			}
			for attackCtx.Err() == nil {
				if slowly(attackCtx, s.addr(), i%3) {
					cut.Add(1)
				}
			}
		})
	}
	err = pause(ctx, attackComing+time.Second) // all of them are there
	var beside []float64
	var held int64
	if err == nil {
		beside, err = b.good(ctx, s, attackWindow)
	}
	if err == nil {
		held, err = s.rss()
	}
	stop()
	wg.Wait()
	if err != nil {
		return nil, err
	}
	if err := s.alive(); err != nil {
		return nil, err
	}
	p99 := func(list []float64) float64 { return list[len(list)*99/100] }
	return []figure{
		{Name: "p99 beside the attackers / quiet", Value: p99(beside) / p99(quiet), Goal: 2},
		{Name: "p99 quiet", Value: p99(quiet), Unit: "ms"},
		{Name: "p99 beside the attackers", Value: p99(beside), Unit: "ms"},
		{Name: "good requests, all answered", Value: float64(len(beside))},
		{Name: "attackers cut", Value: float64(cut.Load())},
		{Name: "RSS for each attacker", Value: float64(held-before) / attackers / (1 << 10), Unit: "kB"},
	}, nil
}

// good asks at a fixed rate, and returns how long each answer took, in ms, in order of size. An answer that is missing or
// wrong is an error.
func (b *bench) good(ctx context.Context, s *server, window time.Duration) (took []float64, err error) {
	transport := &http.Transport{MaxIdleConnsPerHost: goodInFlight}
	defer transport.CloseIdleConnections()
	tick := time.NewTicker(goodEvery)
	defer tick.Stop()
	n := int(window / goodEvery)
	took = make([]float64, n)
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		wg.Go(func() {
			began := time.Now()
			status, err := get(ctx, transport, s.url("/"))
			if err == nil && status != http.StatusOK {
				err = fmt.Errorf("got %d", status)
			}
			took[i], errs[i] = milliseconds(time.Since(began)), err
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("a good request: %w", err)
		}
	}
	slices.Sort(took)
	return took, nil
}

// slowly is one connection of an attacker. It reports whether the server has ended it.
func slowly(ctx context.Context, addr string, how int) (cut bool) {
	d := net.Dialer{Timeout: dialsPatience}
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return false
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	begin := "GET / HTTP/1.1\r\nHost: bench\r\nX-Slow: "
	switch how {
	case 1:
		begin = fmt.Sprintf("POST /form HTTP/1.1\r\nHost: bench\r\nContent-Length: %d\r\n\r\n", attackBodySize)
	case 2:
		begin = "GET /large HTTP/1.1\r\nHost: bench\r\n\r\n"
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetReadBuffer(4 << 10) // a larger one only makes it a milder attack
		}
	}
	if _, err := io.WriteString(c, begin); err != nil {
		return true
	}
	tick := time.NewTicker(attackPause)
	defer tick.Stop()
	for one := []byte("a"); ; {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
		if how == 2 {
			_, err = c.Read(one)
		} else {
			_, err = c.Write(one)
		}
		if err != nil {
			return ctx.Err() == nil
		}
	}
}
