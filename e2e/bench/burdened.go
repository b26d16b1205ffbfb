package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

const (
	burdenedCores = 0.4 // of each node: three of them, the balancers and the load have two cores
	burdens       = 3   // processes that compute without end beside one of them: it keeps about a quarter
	burdenedTimes = 2.0 // what comes, of what one node can do; all of them can do about 2.25
	burdenedLate  = 500 * time.Millisecond
	burdenedWarm  = 11 * time.Second // a node that is back begins slowly, for 10 s
)

// burdened gives one of three nodes other work besides, and counts the good answers of the three to twice what one can do, by
// two balancers in turn: one that listens to what nodes say of their load, and one that throws dice.
func burdened(ctx context.Context, b *bench) (figures []figure, err error) {
	root := filepath.Join(b.dir, "burdened")
	policies := []string{"p2c", "random"}
	members := []joining{{role: "worker"}, {role: "worker"}, {role: "worker"}}
	for _, p := range policies {
		members = append(members, joining{role: "balancer", config: fmt.Sprintf("[balance]\npolicy = %q\n", p)})
	}
	c, err := b.startCluster(ctx, root, "", members...)
	if err != nil {
		return nil, err
	}
	defer c.close()
	workers, doors := c.nodes[1:4], c.nodes[4:]
	source, err := apps.ReadFile("apps/overload.js")
	if err != nil {
		return nil, err
	}
	dir, err := b.site("burdened/app", source)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "fortuna.toml"), []byte("name = \"work\"\nmain = \"app.js\"\n"), 0o644); err != nil {
		return nil, err
	}
	if err := c.run(ctx, dir, "deploy"); err != nil {
		return nil, err
	}
	var quotas []*quota
	defer func() {
		c.close() // a group with a process in it is not removed
		for _, q := range quotas {
			err = errors.Join(err, q.close())
		}
	}()
	for _, w := range workers {
		q, err := newQuota(w.name, burdenedCores)
		if err != nil {
			return nil, err
		}
		quotas = append(quotas, q)
		if err := q.add(w); err != nil {
			return nil, err
		}
	}
	// What one can do is measured through a balancer too, so that the way there costs the same.
	cordon := func(verb string, names ...string) error {
		for _, name := range names {
			if err := c.run(ctx, dir, "node", verb, name); err != nil {
				return err
			}
		}
		return nil
	}
	others := []string{workers[0].name, workers[1].name}
	if err := cordon("cordon", append(others, c.nodes[0].name)...); err != nil {
		return nil, err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: goodInFlight}
	defer transport.CloseIdleConnections()
	if err := pause(ctx, burdenedWarm); err != nil {
		return nil, err
	}
	one, err := b.closed(ctx, doors[0], transport, 2*b.window, 4)
	if err != nil {
		return nil, err
	}
	if err := cordon("uncordon", others...); err != nil {
		return nil, err
	}
	if err := quotas[0].burden(burdens); err != nil {
		return nil, err
	}
	if err := pause(ctx, burdenedWarm); err != nil {
		return nil, err
	}
	ratios := make([][]float64, len(doors))
	for round := range b.rounds + 1 { // round 0 warms up
		now := make([]float64, len(doors))
		for turn := range doors {
			i := (round + turn) % len(doors)
			got, err := b.paced(ctx, doors[i], transport, b.window, burdenedTimes*one)
			if err != nil {
				return nil, err
			}
			for _, took := range got.good {
				if took <= milliseconds(burdenedLate) {
					now[i] += 1 / b.window.Seconds() / one
				}
			}
			if err := pause(ctx, 2*burdenedLate); err != nil { // what still waits belongs to nobody
				return nil, err
			}
		}
		if round > 0 {
			for i := range doors {
				ratios[i] = append(ratios[i], now[i])
			}
			b.say("burdened %d/%d good answers of one node's: p2c %.2f, random %.2f", round, b.rounds, now[0], now[1])
		}
	}
	figures = append(figures, figure{Name: "one node: answers a second at most", Value: one})
	for i, p := range policies {
		f := figure{Name: p + ": good answers of three nodes, one burdened / of one node"}
		if i == 0 {
			f.Least = 1.8
		}
		figures = append(figures, f.over(ratios[i]))
	}
	return figures, nil
}
