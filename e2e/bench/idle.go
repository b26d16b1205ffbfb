package main

import (
	"context"
	"os"
	"path/filepath"
	"time"
)

// idleAfter is how long fortuna has been ready when its memory is looked at.
const idleAfter = 5 * time.Second

// idle measures a new project that nobody has asked for anything, and the binary it needs.
func idle(ctx context.Context, b *bench) ([]figure, error) {
	if err := command(ctx, b.dir, b.tools.programs["fortuna"], "init", "idle"); err != nil {
		return nil, err
	}
	p := fortunaPeer()
	p.args = []string{"dev", "--port", "{{.Port}}", "--ready-file", "ready"}
	s, err := b.start(ctx, p, filepath.Join(b.dir, "idle"), "")
	if err != nil {
		return nil, err
	}
	defer s.close()
	if err := pause(ctx, idleAfter); err != nil {
		return nil, err
	}
	rss, err := s.rss()
	if err != nil {
		return nil, err
	}
	binary, err := os.Stat(b.tools.programs["fortuna"])
	if err != nil {
		return nil, err
	}
	return []figure{
		{Name: "RSS of fortuna dev, 5 s after ready", Value: float64(rss) / (1 << 20), Unit: "MiB"},
		{Name: "size of the binary", Value: float64(binary.Size()) / (1 << 20), Unit: "MiB"},
	}, nil
}
