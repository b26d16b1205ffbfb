package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// pipeBytes is what goes through the server, and comes back.
const pipeBytes = 1 << 30

// pipe sends a body that no process should hold to a handler that answers with it.
func pipe(ctx context.Context, b *bench) ([]figure, error) {
	source, err := apps.ReadFile("apps/pipe.js")
	if err != nil {
		return nil, err
	}
	dir, err := b.site(filepath.Join("probe", "pipe"), source)
	if err != nil {
		return nil, err
	}
	config := fmt.Appendf(nil, "[limits]\nbody_bytes = %d\n", pipeBytes)
	if err := os.WriteFile(filepath.Join(dir, "fortuna.toml"), config, 0o644); err != nil {
		return nil, err
	}
	s, err := b.start(ctx, fortunaPeer(), dir, "")
	if err != nil {
		return nil, err
	}
	defer s.close()
	began := time.Now()
	cpu, err := s.cpu()
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url("/"), io.LimitReader(zeros{}, pipeBytes))
	if err != nil {
		return nil, err
	}
	r.ContentLength = pipeBytes
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var n, held int64
	for piece := make([]byte, 1<<20); err == nil; {
		var m int
		m, err = io.ReadFull(answer.Body, piece)
		n += int64(m)
		if now, statErr := s.rss(); statErr == nil {
			held = max(held, now)
		}
	}
	if n != pipeBytes {
		return nil, fmt.Errorf("%d bytes came back of %d: %w", n, pipeBytes, err)
	}
	took := time.Since(began)
	after, err := s.cpu()
	if err != nil {
		return nil, err
	}
	return []figure{
		{Name: "bytes there and back", Value: pipeBytes},
		{Name: "RSS at most", Value: float64(held) / (1 << 20), Unit: "MiB", Goal: 100},
		{Name: "time", Value: took.Seconds(), Unit: "s"},
		{Name: "CPU of the server", Value: (after - cpu).Seconds(), Unit: "s"},
	}, nil
}

// zeros reads as zeros without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
