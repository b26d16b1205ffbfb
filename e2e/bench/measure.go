package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// sample is what one server did in one round.
type sample struct {
	load
	cpu float64 // microseconds a request, user and system, all processes
}

// row is one server through all rounds.
type row struct {
	name    string
	version string
	samples []sample
	rss     int64 // bytes, after the last round
}

// measure runs w on all its servers at once and loads them in turn.
func (b *bench) measure(ctx context.Context, w *workload) ([]row, error) {
	app, err := b.bundle(ctx, w)
	if err != nil {
		return nil, err
	}
	script, err := b.script(w, 0)
	if err != nil {
		return nil, err
	}
	var servers []*server
	defer func() {
		for _, s := range servers {
			s.close()
		}
	}()
	var rows []row
	for _, p := range b.peers(w) {
		version, err := b.version(ctx, p)
		if err != nil {
			return nil, err
		}
		dir, err := b.site(filepath.Join(w.name, p.name), app)
		if err != nil {
			return nil, err
		}
		s, err := b.start(ctx, p, dir, b.serverCPU)
		if err != nil {
			return nil, err
		}
		servers = append(servers, s)
		if err := s.check(ctx, w); err != nil {
			return nil, err
		}
		rows = append(rows, row{name: p.name, version: version})
	}
	if len(servers) == 0 {
		return nil, fmt.Errorf("none of the servers %q serves it", b.servers)
	}
	for round := range b.rounds + 1 { // round 0 warms up
		for turn := range servers {
			i := (round + turn) % len(servers)
			s, err := b.sample(ctx, servers[i], w, script)
			if err != nil {
				return nil, fmt.Errorf("%s: %w\n%s", servers[i].name, err, servers[i].log())
			}
			if round == 0 {
				continue
			}
			b.say("%s %d/%d %-10s %6.2f us CPU/request %8.0f requests/s p99 %v", w.name, round, b.rounds, servers[i].name, s.cpu, s.perSec, s.p99)
			rows[i].samples = append(rows[i].samples, s)
		}
	}
	for i, s := range servers {
		if rows[i].rss, err = s.rss(); err != nil {
			return nil, err
		}
		if err := s.check(ctx, w); err != nil { // still
			return nil, err
		}
	}
	return rows, nil
}

// stallsMax is how often in a row a server may answer nothing in a whole window before that is its fault and not that
// of a machine which was doing something else.
const stallsMax = 2

// sample loads s for one window.
func (b *bench) sample(ctx context.Context, s *server, w *workload, script string) (sample, error) {
	for stalls := 0; ; stalls++ {
		before, err := s.cpu()
		if err != nil {
			return sample{}, err
		}
		l, err := b.press(ctx, s.url(w.path), script, b.connections)
		if errors.Is(err, errStalled) && stalls < stallsMax {
			b.say("%s %s: %v in %v, trying again", w.name, s.name, err, b.window)
			continue
		}
		if err != nil {
			return sample{}, err
		}
		after, err := s.cpu()
		return sample{load: l, cpu: float64(after-before) / float64(time.Microsecond) / float64(l.requests)}, err
	}
}
