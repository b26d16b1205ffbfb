package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pelletier/go-toml/v2"

	"github.com/fortunadws/fortuna/cli/admin"
	"github.com/fortunadws/fortuna/cli/cluster"
	"github.com/fortunadws/fortuna/cli/control"
	"github.com/fortunadws/fortuna/kv/artifact"
	"github.com/fortunadws/fortuna/kv/node"
	"github.com/fortunadws/fortuna/runtime/bundle"
)

// fleet is the cluster of fortuna dev --nodes: nodes as fortuna serve runs them, each a process on this machine, and a balancer
// before them. The first three have the store.
type fleet struct {
	process *process
	dir     string
	nodes   []*fleetNode
	door    *fleetNode
	code    atomic.Pointer[bundle.Bundle] // that they were given last
	died    chan *fleetNode               // those that have ended by themselves
	token   string
}

// How many nodes a fleet may have.
const (
	fleetNodesMin = 3 // so that any one may be lost
	fleetNodesMax = 9 // one key each
)

// devNodes keeps the nodes of a fleet.
const devNodes = ".fortuna/nodes"

// newFleet is n nodes that keep everything in dir, configured as p says, behind a door.
func newFleet(p *process, dir string, n int, logLevel int, door door) *fleet {
	f := &fleet{process: p, dir: dir, died: make(chan *fleetNode, n+1)}
	member := func(name string, role cluster.Role, listen string) *fleetNode {
		n := &fleetNode{name: name, dir: filepath.Join(dir, name), role: role, died: f.died, relay: newRelay(p.term, name, logLevel, &f.code)}
		n.args = []string{"--listen", listen, "--cluster", someLoopback, "--admin", someLoopback, "--log-format", "json", "--log-level", levels[logLevel]}
		return n
	}
	for i := range n {
		role := cluster.Worker
		if i == 0 {
			role = cluster.Core
		}
		f.nodes = append(f.nodes, member(fmt.Sprint("n", i+1), role, someLoopback))
	}
	f.door = member("door", cluster.Balancer, fmt.Sprintf("%s:%d", door.host, door.port))
	return f
}

const someLoopback = "127.0.0.1:0"

// configure writes the configuration of the nodes: what a project's own says about serving it.
func (f *fleet) configure(p *project, secure map[string]any) error {
	limits := map[string]any{}
	for _, v := range p.config.Limits {
		limits[v.path[len(v.path)-1]] = v.v
	}
	shared := map[string]any{"limits": limits, "balance": map[string]any{"policy": p.config.Policy.String()}, "egress": map[string]any{"allow": p.config.Egress}}
	for _, n := range append([]*fleetNode{f.door}, f.nodes...) {
		if n == f.door && secure != nil {
			shared["tls"] = secure
		} else {
			delete(shared, "tls")
		}
		text, err := toml.Marshal(shared)
		if err == nil {
			err = os.MkdirAll(n.dir, 0o700)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(n.dir, configFile), text, 0o600)
		}
		if err != nil {
			return failed("", "configure %s: %v", n.name, err)
		}
	}
	return nil
}

// form runs the nodes. The first time the others join the first one, and two of them are promoted.
func (f *fleet) form(ctx context.Context) error {
	first := f.nodes[0]
	_, err := cluster.Load(first.dir)
	if errors.Is(err, fs.ErrNotExist) {
		_, err = cluster.Found(first.dir, first.name)
	}
	if err != nil {
		return refused("fortuna dev --fresh", "%v", err)
	}
	var present, missing []*fleetNode
	for _, n := range append([]*fleetNode{f.door}, f.nodes...) {
		there, err := cluster.Exists(n.dir)
		switch {
		case err != nil:
			return failed("", "%v", err)
		case there:
			present = append(present, n)
		default:
			missing = append(missing, n)
		}
	}
	if err := each(ctx, present, (*fleetNode).start); err != nil { // at the same time: cores that share a store wait for each other
		return err
	}
	identity, err := cluster.Load(first.dir)
	if err != nil { // the node has written where it is reached
		return failed("", "%v", err)
	}
	if err := f.login(ctx); err != nil {
		return err
	}
	if len(missing) > 0 {
		root, err := identity.RootKey()
		if err != nil {
			return failed("", "%v", err)
		}
		ticket := identity.Ticket(root)
		err = each(ctx, missing, func(n *fleetNode, ctx context.Context) error {
			if _, err := cluster.Join(ctx, n.dir, n.name, n.role, ticket); err != nil {
				return refused("fortuna dev --fresh", "%v", err)
			}
			return n.start(ctx)
		})
		if err != nil {
			return err
		}
	}
	if place := identity.Place(); place.Shares() {
		return nil
	}
	return f.promote(ctx)
}

// each does something with nodes, with all at the same time.
func each(ctx context.Context, nodes []*fleetNode, do func(*fleetNode, context.Context) error) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, n := range nodes {
		g.Go(func() error { return do(n, ctx) })
	}
	return g.Wait()
}

// login takes the token of an earlier run, or makes one.
func (f *fleet) login(ctx context.Context) error {
	file := filepath.Join(f.dir, "token")
	text, err := os.ReadFile(file)
	if err == nil {
		f.token = strings.TrimSpace(string(text))
		return nil
	}
	first, err := openLocalNode(f.process, f.nodes[0].dir)
	if err != nil {
		return err
	}
	f.token, err = first.token(ctx, func(t artifact.Token) artifact.Grant {
		return artifact.NewGrant(t, "fortuna dev", artifact.Admin, "*", 0)
	})
	if err != nil {
		return err
	}
	if err := place(file, []byte(f.token+"\n")); err != nil {
		return failed("", "%v", err)
	}
	return nil
}

// reach is the cluster as the first core that runs sees it.
func (f *fleet) reach() (*reached, error) {
	for _, n := range f.nodes[:fleetNodesMin] {
		if _, _, runs := n.state(); runs {
			text, err := os.ReadFile(filepath.Join(n.dir, adminFile))
			if err != nil {
				return nil, failed("", "%v", err)
			}
			return clusterAt{strings.TrimSpace(string(text)), f.token}.open("dev")
		}
	}
	return nil, &problem{exitUnreachable, "no node runs that has the store", "r revives them"}
}

// promote has the second and the third node keep the store too.
func (f *fleet) promote(ctx context.Context) error {
	r, err := f.reach()
	if err != nil {
		return err
	}
	var with []string
	for _, n := range f.nodes[1:fleetNodesMin] {
		with = append(with, n.name)
	}
	if err := f.heard(ctx, r); err != nil {
		return err
	}
	failure := ""
	err = r.Share(ctx, with, func(s control.Shared) {
		if s.Failed != "" {
			failure = s.Failed
		}
	})
	if err == nil && failure != "" {
		return failed("fortuna dev --fresh", "the store stays at %s alone: %s", f.nodes[0].name, failure)
	}
	return remoteProblem(err)
}

// heard waits until a node has heard of all.
func (f *fleet) heard(ctx context.Context, r *reached) error {
	return f.until(ctx, r, func(s control.Status) bool {
		alive := 0
		for _, n := range s.Nodes {
			if n.State == node.Alive {
				alive++
			}
		}
		return alive > len(f.nodes) // and the door
	})
}

// opened waits until the door knows a release of an app, and a node that serves it.
func (f *fleet) opened(ctx context.Context, r *reached, app string, counter uint64) error {
	at, err := os.ReadFile(filepath.Join(f.door.dir, adminFile))
	if err != nil {
		return failed("", "%v", err)
	}
	return f.until(ctx, r, func(s control.Status) bool {
		for _, n := range s.Nodes {
			if n.Name == f.door.name && n.Apps[app].Counter < counter {
				return false
			}
		}
		return admin.Ready(ctx, strings.TrimSpace(string(at))) == nil
	})
}

// until waits until the cluster is as somebody wants it.
func (f *fleet) until(ctx context.Context, r *reached, ok func(control.Status) bool) error {
	ctx, cancel := context.WithTimeout(ctx, nodeStarts)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		s, err := r.Status(ctx)
		if err != nil {
			return remoteProblem(err)
		}
		if ok(s) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return &problem{exitUnreachable, "the nodes do not hear of each other", "fortuna dev --fresh"}
		}
	}
}

// node is that of a number, or nil.
func (f *fleet) node(number int) *fleetNode {
	if number < 1 || number > len(f.nodes) {
		return nil
	}
	return f.nodes[number-1]
}

// cores is how many of the nodes run that have the store.
func (f *fleet) cores() (n int) {
	for _, node := range f.nodes[:fleetNodesMin] {
		if _, _, runs := node.state(); runs {
			n++
		}
	}
	return n
}

// stop ends all nodes, the door first: what is in flight finishes.
func (f *fleet) stop(grace time.Duration) {
	f.door.stop(grace)
	_ = each(context.Background(), f.nodes, func(n *fleetNode, _ context.Context) error { // which has no error
		n.stop(grace)
		return nil
	})
}
