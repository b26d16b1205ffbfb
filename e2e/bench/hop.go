package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// hopPeers are what carries a request to a node beside fortuna's balancer, by TLS and HTTP/2
// where they can, and HTTP/1.1.
var hopPeers = []peer{
	{name: "haproxy", needs: []string{"haproxy"}, files: map[string]string{"haproxy.cfg": "haproxy_hop.cfg.tmpl"}, args: []string{"-f", "haproxy.cfg", "-db"}},
	{name: "haproxy, h2", needs: []string{"haproxy"}, files: map[string]string{"haproxy.cfg": "haproxy_hop_h2.cfg.tmpl"}, args: []string{"-f", "haproxy.cfg", "-db"}},
	{name: "nginx", needs: []string{"nginx"}, files: map[string]string{"nginx.conf": "nginx_hop.conf.tmpl"}, args: []string{"-p", ".", "-c", "nginx.conf"}},
	{name: "caddy", needs: []string{"caddy"}, files: map[string]string{"Caddyfile": "caddy_hop.tmpl"}, args: []string{"run", "--config", "Caddyfile", "--adapter", "caddyfile"}},
}

// hop measures what it costs to carry a request to another node and its answer back: CPU of what carries it, and of nothing else.
// The node that answers is the same for all: a worker of fortuna, by TLS, with HTTP/2 for those that can.
func hop(ctx context.Context, b *bench) (figures []figure, err error) {
	root := filepath.Join(b.dir, "hop")
	c, err := b.startCluster(ctx, root, b.serverCPU, joining{role: "worker", tls: true}, joining{role: "balancer"}) // others carry to the worker by TLS too
	if err != nil {
		return nil, err
	}
	defer c.close()
	worker, balancer := c.nodes[1], c.nodes[2]
	source, err := b.bundle(ctx, workloadOf("hello"))
	if err != nil {
		return nil, err
	}
	dir, err := b.site("hop/app", source)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "fortuna.toml"), []byte("name = \"hello\"\nmain = \"app.js\"\n"), 0o644); err != nil {
		return nil, err
	}
	if err := c.run(ctx, dir, "deploy"); err != nil {
		return nil, err
	}
	// All requests are for the worker: the first node only keeps the store.
	if err := c.run(ctx, dir, "node", "cordon", c.nodes[0].name); err != nil {
		return nil, err
	}
	w := workloadOf("hello")
	names, servers := []string{"fortuna"}, []*server{balancer}
	defer func() {
		for _, s := range servers[1:] {
			s.close()
		}
	}()
	for _, p := range hopPeers {
		dir, err := b.site(filepath.Join("hop", strings.ReplaceAll(p.name, ", ", "_")), nil)
		if err != nil {
			return nil, err
		}
		b.upstream = worker.port
		s, err := b.start(ctx, p, dir, b.serverCPU)
		if err != nil {
			return nil, err
		}
		names, servers = append(names, p.name), append(servers, s)
	}
	script, err := b.script(w, 0)
	if err != nil {
		return nil, err
	}
	for i, s := range servers {
		for begun := time.Now(); ; time.Sleep(50 * time.Millisecond) {
			if err = s.check(ctx, w); err == nil {
				break
			}
			if time.Since(begun) > startPatience {
				return nil, fmt.Errorf("%s: %w", names[i], err)
			}
		}
	}
	cpu := make([][]float64, len(servers))
	var ratios []float64
	for round := range b.rounds + 1 { // round 0 warms up
		now := make([]float64, len(servers))
		for turn := range servers {
			i := (round + turn) % len(servers)
			s, err := b.sample(ctx, servers[i], w, script)
			if err != nil {
				return nil, fmt.Errorf("%s: %w\n%s", names[i], err, servers[i].log())
			}
			now[i] = s.cpu
			if round > 0 {
				cpu[i] = append(cpu[i], s.cpu)
			}
		}
		if round > 0 {
			ratios = append(ratios, now[0]/now[2])
			b.say("hop %d/%d us CPU/request: %s", round, b.rounds, strings.Join(each(names, now), ", "))
		}
	}
	figures = append(figures, figure{Name: "CPU a request, fortuna / haproxy over h2 and TLS", Goal: 1.5}.over(ratios))
	for i, name := range names {
		figures = append(figures, figure{Name: name + ": CPU a request", Unit: "us"}.over(cpu[i]))
	}
	return figures, nil
}

func each(names []string, values []float64) (all []string) {
	for i, name := range names {
		all = append(all, fmt.Sprintf("%s %.1f", name, values[i]))
	}
	return all
}

// nodes is a cluster of fortuna, each node a process.
type nodes struct {
	b     *bench
	root  string
	nodes []*server
}

// joining is a node that comes to a cluster.
type joining struct {
	role   string
	config string // its fortuna.toml
	tls    bool   // it answers by TLS at its own door
}

// startCluster starts a first node, n1, and others, n2 and so on, on cpu unless that is empty, and logs in.
func (b *bench) startCluster(ctx context.Context, root, cpu string, others ...joining) (c *nodes, err error) {
	c = &nodes{b: b, root: root}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	for i := range len(others) + 1 {
		name := fmt.Sprint("n", i+1)
		dir := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Join(dir, "data"), 0o700); err != nil {
			return nil, err
		}
		p := peer{name: name, needs: []string{"fortuna"}, ready: "ready", args: []string{
			"serve", "--data", "data", "--name", name, "--listen", "127.0.0.1:{{.Port}}", "--admin", "127.0.0.1:0", "--log-level", "error", "--ready-file", "ready",
		}}
		if i == 0 {
			p.args = append(p.args, "--cluster", "127.0.0.1:0")
		} else {
			ticket, err := c.output(ctx, root, "token", "join", "--data", filepath.Join(root, "n1", "data"))
			if err != nil {
				return nil, err
			}
			p.args = append(p.args, "--join", strings.TrimSpace(ticket), "--role", others[i-1].role)
			if err := others[i-1].configure(filepath.Join(dir, "data")); err != nil {
				return nil, err
			}
		}
		s, err := b.start(ctx, p, dir, cpu)
		if err != nil {
			return nil, err
		}
		c.nodes = append(c.nodes, s)
		if i == 0 {
			if err := c.run(ctx, root, "login", "--data", filepath.Join(dir, "data")); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// configure writes what the node reads at its start.
func (j joining) configure(data string) error {
	if j.tls {
		certificate, err := selfSigned()
		if err == nil {
			err = os.WriteFile(filepath.Join(data, "both.pem"), certificate, 0o600)
		}
		if err != nil {
			return err
		}
		j.config += "[tls]\ncert = \"both.pem\"\nkey = \"both.pem\"\n"
	}
	return os.WriteFile(filepath.Join(data, "fortuna.toml"), []byte(j.config), 0o600)
}

// run types a command in dir.
func (c *nodes) run(ctx context.Context, dir string, args ...string) error {
	_, err := c.output(ctx, dir, args...)
	return err
}

func (c *nodes) output(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, c.b.tools.programs["fortuna"], args...)
	cmd.Dir = dir
	cmd.Env = append(c.b.tools.env[:len(c.b.tools.env):len(c.b.tools.env)], "XDG_CONFIG_HOME="+filepath.Join(c.root, "config"))
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("fortuna %s: %w", strings.Join(args, " "), withStderr(err))
	}
	return string(out), nil
}

func (c *nodes) close() {
	for _, s := range c.nodes {
		s.close()
	}
	c.nodes = nil // it may be called again
}
