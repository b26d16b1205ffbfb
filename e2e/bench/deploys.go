package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	deploysWindow = 5 * time.Minute
	deploysEvery  = 2 * time.Second
	deploysShare  = 0.7 // of the most that can be answered
	deploysPeak   = 10 * time.Second
	departPause   = 3 * time.Second // of load before a node ends, and after
	outGoal       = 5               // seconds
)

// deploys has a cluster of three serve at 70 % of what it can while a version comes every two seconds, and then lets one node end,
// by SIGTERM and by kill -9, under load by a balancer. No request may fail but those that a killed node was answering.
func deploys(ctx context.Context, b *bench) (figures []figure, err error) {
	root := filepath.Join(b.dir, "deploys")
	c, err := b.startCluster(ctx, root, "", joining{role: "worker"}, joining{role: "worker"}, joining{role: "balancer"})
	if err != nil {
		return nil, err
	}
	defer c.close()
	nodes, door := c.nodes[:3], c.nodes[3]
	app, slowest := 0, 0.0
	deploy := func() error {
		dir, err := b.site(fmt.Sprint("deploys/app", app%2), fmt.Appendf(nil, "import { v } from './v.js'; export default { fetch: (q, env) => new Response('%d ' + v + ' ' + env.V) }", app))
		if err != nil {
			return err
		}
		for name, text := range map[string]string{
			"v.js": fmt.Sprintf("export const v = %d", app), "fortuna.toml": fmt.Sprintf("name = \"app\"\nmain = \"app.js\"\n[vars]\nV = \"%d\"\n", app),
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				return err
			}
		}
		began := time.Now()
		err = c.run(ctx, dir, "deploy")
		slowest = max(slowest, time.Since(began).Seconds())
		app++
		return err
	}
	if err := deploy(); err != nil {
		return nil, err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: goodInFlight}
	defer transport.CloseIdleConnections()
	peak, err := b.closed(ctx, nodes[0], transport, deploysPeak, 16)
	if err != nil {
		return nil, err
	}
	slowest = 0
	l := b.load(ctx, transport, nodes, deploysShare*peak)
	made := 0
	for tick := time.NewTicker(deploysEvery); made < int(deploysWindow/deploysEvery); made++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if err := deploy(); err != nil {
			l.end()
			return nil, err
		}
	}
	l.end()
	l.print(b)
	figures = append(figures,
		figure{Name: "answers a second at most", Value: peak},
		figure{Name: "versions in 5 minutes", Value: float64(made)},
		figure{Name: "requests meanwhile, at 70 % of that", Value: float64(len(l.took))},
		figure{Name: "of them failed", Value: float64(l.failed), Goal: 0.5},
		figure{Name: "of them answered by two versions", Value: float64(l.mixed), Goal: 0.5},
		figure{Name: "p99", Value: l.took[len(l.took)*99/100], Unit: "ms"},
		figure{Name: "a deploy, the slowest", Value: slowest, Unit: "s", Goal: 2},
	)
	// Half of the load, by a balancer: what a node that ends cannot take any more, the others can.
	depart := func(n *server, by syscall.Signal) (lost *answered, out float64, err error) {
		l := b.load(ctx, transport, []*server{door}, peak/4)
		defer l.end()
		if err := pause(ctx, departPause); err != nil {
			return nil, 0, err
		}
		began := time.Now()
		if err := n.cmd.Process.Signal(by); err != nil {
			return nil, 0, err
		}
		for alive := true; alive; {
			if alive, err = c.alive(ctx, n.name); err != nil {
				return nil, 0, err
			}
			if time.Since(began) > startPatience {
				return nil, 0, fmt.Errorf("%s is believed alive after %v", n.name, startPatience)
			}
		}
		out = time.Since(began).Seconds()
		if err := pause(ctx, departPause); err != nil {
			return nil, 0, err
		}
		l.end()
		l.print(b)
		return l, out, nil
	}
	ended, _, err := depart(nodes[1], syscall.SIGTERM)
	if err != nil {
		return nil, err
	}
	killed, out, err := depart(nodes[2], syscall.SIGKILL)
	if err != nil {
		return nil, err
	}
	return append(figures,
		figure{Name: "by a balancer, failed when a node ended by SIGTERM", Value: float64(ended.failed), Goal: 0.5},
		figure{Name: "by a balancer, failed when a node was killed", Value: float64(killed.failed)},
		figure{Name: "until the others know that a killed node is out", Value: out, Unit: "s", Goal: outGoal + 1},
	), nil
}

// answered is what became of a load.
type answered struct {
	took          []float64 // ms, in order of size
	failed, mixed int
	why           map[string]int
	end           func() // waits for the last answer
}

func (a *answered) print(b *bench) {
	for why, n := range a.why {
		b.say("%d times: %s", n, why)
	}
}

// load sends requests at a rate to servers in turn, until end.
func (b *bench) load(ctx context.Context, transport *http.Transport, to []*server, rate float64) *answered {
	a := &answered{why: map[string]int{}}
	var mu sync.Mutex
	var over atomic.Bool
	var wait sync.WaitGroup
	wait.Go(func() {
		began := time.Now()
		for sent := 0; !over.Load(); {
			for due := int(rate * time.Since(began).Seconds()); sent < due; sent++ {
				s := to[sent%len(to)]
				wait.Go(func() {
					asked := time.Now()
					body, failed := text(ctx, transport, s.url("/"))
					took := milliseconds(time.Since(asked))
					parts := strings.Fields(body)
					mu.Lock()
					defer mu.Unlock()
					a.took = append(a.took, took)
					switch {
					case failed != nil:
						a.failed++
						a.why[s.name+": "+failed.Error()]++
					case len(parts) != 3 || parts[0] != parts[1] || parts[1] != parts[2]:
						a.mixed++
						a.why[s.name+": "+body]++
					}
				})
			}
			if pause(ctx, time.Millisecond) != nil {
				return
			}
		}
	})
	a.end = sync.OnceFunc(func() {
		over.Store(true)
		wait.Wait()
		slices.Sort(a.took)
	})
	return a
}

// text is the body of an answer with 200.
func text(ctx context.Context, transport *http.Transport, url string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = errors.New(answer.Status + " " + strings.TrimSpace(string(body)))
	}
	return string(body), err
}

// alive reports what the cluster thinks of a node.
func (c *nodes) alive(ctx context.Context, name string) (bool, error) {
	out, err := c.output(ctx, c.root, "node", "ls", "--json")
	if err != nil {
		return false, err
	}
	var all []struct{ Name, State string }
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		return false, err
	}
	i := slices.IndexFunc(all, func(n struct{ Name, State string }) bool { return n.Name == name })
	return i >= 0 && all[i].State == "alive", nil
}
