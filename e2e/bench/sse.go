package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	sseClients = 1000
	sseEvents  = 60 // as sse.js sends, one a second
)

// sse holds many clients of server-sent events for a minute, and fails if one of them misses an event.
func sse(ctx context.Context, b *bench) ([]figure, error) {
	s, err := b.startProbe(ctx, "sse", "sse.js", "")
	if err != nil {
		return nil, err
	}
	defer s.close()
	before, err := s.rss()
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	var wg sync.WaitGroup
	delays := make([][]float64, sseClients) // in ms
	errs := make([]error, sseClients)
	for i := range sseClients {
		wg.Go(func() { delays[i], errs[i] = listen(ctx, transport, s.url("/")) })
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	held := before
	for waiting := true; waiting; {
		select {
		case <-done:
			waiting = false
		case <-time.After(time.Second):
			now, err := s.rss()
			if err != nil {
				return nil, err
			}
			held = max(held, now)
		}
	}
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("client %d of %d: %w", i+1, sseClients, err)
		}
	}
	late := slices.Concat(delays...)
	slices.Sort(late)
	const kB = 1 << 10
	return []figure{
		{Name: "events, none missing", Value: float64(len(late))},
		{Name: "p50 from making to reading", Value: late[len(late)/2], Unit: "ms"},
		{Name: "p99 from making to reading", Value: late[len(late)*99/100], Unit: "ms"},
		{Name: "RSS at most", Value: float64(held) / (1 << 20), Unit: "MiB"},
		{Name: "RSS over the start, for each client", Value: float64(held-before) / sseClients / kB, Unit: "kB"},
	}, nil
}

// listen reads every event of one client and returns how late each was, in ms.
func listen(ctx context.Context, transport *http.Transport, url string) (late []float64, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		n, _ := strconv.ParseInt(value, 10, 64)
		switch {
		case name == "id" && int(n) != len(late):
			return nil, fmt.Errorf("event %d came after %d events", n, len(late))
		case name == "data":
			late = append(late, milliseconds(time.Since(time.UnixMilli(n))))
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(late) != sseEvents {
		return nil, fmt.Errorf("%d events came, want %d", len(late), sseEvents)
	}
	return late, nil
}
