package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/fortunadws/fortuna/cli/cluster"
	"github.com/fortunadws/fortuna/cli/control"
	"github.com/fortunadws/fortuna/edge"
	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/upstream"
	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/artifact"
	"github.com/fortunadws/fortuna/kv/embedded"
	"github.com/fortunadws/fortuna/kv/node"
	"github.com/fortunadws/fortuna/kv/vault"
)

// member is this process as a node of a cluster: what is deployed there is served here.
type member struct {
	house    *house
	identity *cluster.Identity
	store    *store
	vault    *vault.Vault

	server atomic.Pointer[embedded.Server] // that has the store; nil on nodes without, and while it is being replaced
	line   *embedded.Line                  // leads to it, or to that of another node

	artifacts  *artifact.Store
	members    *node.Members
	topologies *node.Topologies
	registry   *node.Registry
	gate       atomic.Pointer[cluster.Gate] // nil: no other node comes in
	near       neighbours
	logs       logs
	kept       *kv.Log // what they are kept in
	audits     *kv.Log
	online     atomic.Bool // the store has been reached
	behind     atomic.Bool // its part of the store does not have everything yet
	promise    promise
	sharingNow atomic.Pointer[gathering] // nil: nobody is being promoted here

	unlock  func()
	life    context.Context
	die     context.CancelFunc
	working sync.WaitGroup

	sites    atomic.Pointer[sites]
	mu       sync.RWMutex
	deployed map[string]*deployed // by name
}

// look has an app deal with its release, or all of them.
func (m *member) look(app string) {
	if app != "" {
		if artifact.CheckApp(app) == nil {
			m.find(app).ring()
		}
		return
	}
	m.working.Go(func() {
		apps, err := m.artifacts.Apps(m.life)
		if err != nil {
			m.house.journal.log.Debug("apps", "err", err)
		}
		for _, name := range apps {
			m.look(name)
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, d := range m.deployed {
			d.ring()
		}
	})
}

// find is the app of a name, which begins to follow its releases when it is new.
func (m *member) find(name string) *deployed {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.deployed[name]
	if d == nil {
		d = m.newDeployed(name)
		m.deployed[name] = d
		if m.online.Load() {
			m.begin(d)
		}
	}
	return d
}

func (m *member) begin(d *deployed) {
	if m.life.Err() == nil {
		m.working.Go(func() { d.follow(m.life) })
	}
}

// settle gives an app the requests of its routes.
func (m *member) settle(d *deployed, routes []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d.routes = routes
	next := newSites(m.deployed)
	m.sites.Store(&next)
}

// verify loads a version of which the files are in the store, in a process of its own.
func (m *member) verify(ctx context.Context, v artifact.Version) (out control.Verified, err error) {
	dir, err := os.MkdirTemp(m.identity.Dir(), verifyPart)
	if err != nil {
		return out, err
	}
	defer os.RemoveAll(dir)
	body, err := artifact.Body(v)
	if err == nil {
		err = m.unpack(ctx, v, artifact.Sealed{Body: body}, dir)
	}
	if err != nil {
		return out, err
	}
	if p, _, err := openVersion(dir); err == nil { // else loading it says why
		if err := m.allowed(p, v); err != nil {
			return out, err
		}
	}
	return verifyVersion(ctx, dir)
}

// info is what the other nodes are told.
func (m *member) info() node.Info {
	h, place := m.house, m.identity.Place()
	i := node.Info{
		Name: m.identity.Name, Role: string(place.Role), Address: place.Forward, Fortuna: Version, Started: h.measure.begun(), Behind: m.behind.Load(),
		Weight: h.config.Weight, Apps: map[string]node.App{},
		Draining: h.draining.Load() || m.near.wish.Load() == node.Drain,
	}
	if server := h.server.Load(); server != nil {
		i.Listen = server.Addr().String()
		i.Load.Inflight = int(server.Stats().Inflight)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, d := range m.deployed {
		for _, a := range d.all() {
			s := a.stats()
			i.Load.Queue += int(s.Queued)
			i.Load.Free += int(s.Warm - s.Busy)
		}
		i.Apps[name] = d.said()
	}
	i.Load.CPU, i.Load.Latency = h.measure.cpu(), h.measure.latency()
	return i
}

// serve answers one exchange, on its loop.
func (m *member) serve(x exchange.Exchange) {
	q := x.Request()
	upstream.Strip(q)
	d := m.sites.Load().find(q)
	if d == nil {
		answer(x, 404, "text/plain; charset=utf-8", []byte("no_app: no app is deployed for this host and path\n"))
		return
	}
	q.App = d.app.name
	if m.elsewhere(q, d) != "" && m.forward(x, d) || d.serve(x) {
		return
	}
	m.forward(x, d)
}

// wished looks at what people want of this node, or of the one that is named.
func (m *member) wished(name string) {
	if other, ok := m.members.Cached(name); ok && other.Removed {
		if gate := m.gate.Load(); gate != nil {
			gate.Drop(name)
		}
	}
	if name != "" && name != m.identity.Name {
		return
	}
	m.working.Go(func() {
		if self, err := m.members.Get(m.life, m.identity.Name); err == nil {
			m.near.wish.Store(self.Wish)
			m.registry.Tell()
		}
	})
}

// answered lets a canary know how it does.
func (m *member) answered(r *edge.Record) {
	if r.Request.Route != forwardedRoute {
		m.logs.add(r.Request.App, answeredLine(r))
	}
	if r.Request.Version == "" {
		return
	}
	for _, s := range *m.sites.Load() {
		if s.app.app.name == r.Request.App {
			s.app.answered(r)
			return
		}
	}
}

// knows reports whether a node belongs to the cluster. Who is not known yet is looked up, and heard the next time.
func (m *member) knows(name string) bool {
	other, ok := m.members.Cached(name)
	if !ok && cluster.CheckName(name) == nil {
		m.working.Go(func() { _, _ = m.members.Get(m.life, name) }) // what it gives is cached
	}
	return ok && !other.Removed
}

// heard is what another node says, or this one.
func (m *member) heard(i node.Info) {
	m.meet(i)
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, a := range i.Apps {
		if d := m.deployed[name]; d != nil && a.Aborted > 0 {
			d.abort(a.Aborted, a.Why)
		}
	}
}

func (m *member) apps() (all []*app) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(m.deployed)) {
		all = append(all, m.deployed[name].all()...)
	}
	return all
}

func (m *member) ready() error {
	if !m.online.Load() && len(*m.sites.Load()) == 0 {
		return errNotReached
	}
	if m.behind.Load() {
		return errors.New("the store here does not have everything yet that it has elsewhere")
	}
	if m.identity.Role() == cluster.Balancer {
		for _, s := range *m.sites.Load() {
			name := s.app.app.name
			if _, ok := m.near.pool.Pick(&exchange.Request{}, name, ""); !ok {
				return fmt.Errorf("no node is heard of yet that serves %s", name)
			}
		}
	}
	if waiting := m.waiting(); len(waiting) > 0 {
		return fmt.Errorf("%w, which %s waits for", errNotReached, strings.Join(waiting, ", "))
	}
	return nil
}

// waiting are the apps on the disk that cannot be loaded before the store is reached.
func (m *member) waiting() (names []string) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for name, d := range m.deployed {
		if d.waits.Load() && d.version() == "" && d.said().Failure == "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (m *member) changes() <-chan struct{} { return nil }

// again looks at everything once more.
func (m *member) again() {
	if m.online.Load() {
		m.look("")
	}
}

func (m *member) close() {
	m.die()
	if gate := m.gate.Load(); gate != nil {
		gate.Close()
	}
	m.closeNeighbours()
	m.working.Wait()
	if m.registry != nil {
		m.registry.Close()
	}
	for _, a := range m.apps() {
		a.state.close()
	}
	m.mu.Lock()
	for _, d := range m.deployed {
		d.rest()
	}
	m.mu.Unlock()
	m.store.close()
	if server := m.server.Load(); server != nil {
		server.Close()
	}
	m.unlock()
}
