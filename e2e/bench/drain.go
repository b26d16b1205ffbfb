package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	drainSlow  = 500              // requests of 10 s in flight when the server is told to end
	drainQuick = 16               // clients that ask on beside them
	drainGrace = 15 * time.Second // of the server
)

// drained tells a server under load to end, and counts what was lost of what it had accepted.
func drained(ctx context.Context, b *bench) ([]figure, error) {
	text, err := apps.ReadFile("apps/drain.js")
	if err != nil {
		return nil, err
	}
	dir, err := b.site(filepath.Join("probe", "drain"), text)
	if err != nil {
		return nil, err
	}
	config := fmt.Sprintf("[server]\ngrace_ms = %d\n[admin]\nlisten = \"\"\n", drainGrace.Milliseconds())
	if err := os.WriteFile(filepath.Join(dir, "fortuna.toml"), []byte(config), 0o644); err != nil {
		return nil, err
	}
	s, err := b.start(ctx, securedFortuna(), dir, "")
	if err != nil {
		return nil, err
	}
	defer s.close()
	get := func(path string) error {
		c := &http.Client{Transport: &http.Transport{}, Timeout: 2 * drainGrace}
		defer c.CloseIdleConnections()
		answer, err := c.Get(s.url(path))
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err == nil && (answer.StatusCode != http.StatusOK || string(body) != "done") {
			err = fmt.Errorf("%s: %.40s", answer.Status, body)
		}
		return err
	}
	var lost, quick atomic.Int64
	var told atomic.Bool
	var slow, others sync.WaitGroup
	for range drainSlow {
		slow.Go(func() {
			if err := get("/slow"); err != nil {
				lost.Add(1)
				b.say("lost: %v", err)
			}
		})
	}
	for range drainQuick {
		others.Go(func() {
			for !told.Load() {
				if err := get("/"); err != nil && !told.Load() {
					lost.Add(1)
					b.say("lost: %v", err)
				}
				quick.Add(1)
			}
		})
	}
	if err := pause(ctx, 3*time.Second); err != nil {
		return nil, err
	}
	told.Store(true)
	began := time.Now()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return nil, err
	}
	select {
	case <-s.ended:
	case <-time.After(2 * drainGrace):
		return nil, fmt.Errorf("the server does not end\n%s", s.log())
	}
	took := time.Since(began)
	slow.Wait()
	others.Wait()
	return []figure{
		{Name: "accepted requests", Value: float64(drainSlow) + float64(quick.Load())},
		{Name: "of them lost", Value: float64(lost.Load()), Goal: 0.5},
		{Name: "from SIGTERM to the end, with handlers of 10 s", Value: took.Seconds(), Unit: "s", Goal: drainGrace.Seconds() + 1},
	}, nil
}
