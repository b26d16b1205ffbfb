package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// served are the files that the probe files asks for.
var served = []struct {
	name  string
	bytes int
}{{"4k.bin", 4 << 10}, {"1m.bin", 1 << 20}}

// files measures files that fortuna, nginx and caddy serve in turn.
func files(ctx context.Context, b *bench) ([]figure, error) {
	w := workloadOf("hello")
	source, err := b.bundle(ctx, w)
	if err != nil {
		return nil, err
	}
	fortuna, nginx := securedFortuna(), peerOf("nginx")
	nginx.files = map[string]string{"nginx.conf": "nginx_files.conf.tmpl"}
	var servers []*server
	defer func() {
		for _, s := range servers {
			s.close()
		}
	}()
	names := []string{"fortuna", "nginx", "caddy"}
	for _, p := range []peer{fortuna, nginx, caddyPeer} {
		dir, err := b.site(filepath.Join("files", p.name), source)
		if err != nil {
			return nil, err
		}
		if err := os.MkdirAll(filepath.Join(dir, "public"), 0o755); err != nil {
			return nil, err
		}
		for _, f := range served {
			if err := os.WriteFile(filepath.Join(dir, "public", f.name), bytes.Repeat([]byte{7}, f.bytes), 0o644); err != nil {
				return nil, err
			}
		}
		config := "[assets]\ndir = \"public\"\n[admin]\nlisten = \"\"\n"
		if err := os.WriteFile(filepath.Join(dir, "fortuna.toml"), []byte(config), 0o644); err != nil {
			return nil, err
		}
		s, err := b.start(ctx, p, dir, b.serverCPU)
		if err != nil {
			return nil, err
		}
		servers = append(servers, s)
	}
	script, err := b.script(w, 0)
	if err != nil {
		return nil, err
	}
	var figures []figure
	for _, f := range served {
		cpu := make([][]float64, len(servers))
		ratios := make([][]float64, len(servers))
		for round := range b.rounds + 1 { // round 0 warms up
			now := make([]float64, len(servers))
			for i, s := range servers {
				before, err := s.cpu()
				if err != nil {
					return nil, err
				}
				l, err := b.press(ctx, "http://"+s.addr()+"/"+f.name, script, b.connections)
				if err != nil {
					return nil, fmt.Errorf("%s: %w\n%s", s.name, err, s.log())
				}
				after, err := s.cpu()
				if err != nil {
					return nil, err
				}
				now[i] = float64(after-before) / float64(time.Microsecond) / float64(l.requests)
			}
			for i := range servers {
				if round > 0 {
					cpu[i], ratios[i] = append(cpu[i], now[i]), append(ratios[i], now[0]/now[i])
				}
			}
			if round > 0 {
				b.say("files %s %d/%d %.1f us CPU/request fortuna, %.1f nginx, %.1f caddy", f.name, round, b.rounds, now[0], now[1], now[2])
			}
		}
		for i, name := range names {
			figures = append(figures, figure{Name: f.name + ", " + name + ": CPU a request", Unit: "us"}.over(cpu[i]))
		}
		for i, name := range names[1:] {
			figures = append(figures, figure{Name: f.name + ": CPU a request, fortuna / " + name}.over(ratios[i+1]))
		}
	}
	return figures, nil
}

// caddyPeer serves files only.
var caddyPeer = peer{
	name: "caddy", needs: []string{"caddy"},
	files: map[string]string{"Caddyfile": "Caddyfile.tmpl"}, args: []string{"run", "--config", "Caddyfile", "--adapter", "caddyfile"},
	version: []string{"version"},
}
