package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fortunadws/fortuna/cli/cluster"
	"github.com/fortunadws/fortuna/cli/control"
	"github.com/fortunadws/fortuna/edge"
	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/upstream"
	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/artifact"
	"github.com/fortunadws/fortuna/kv/embedded"
	"github.com/fortunadws/fortuna/kv/node"
	"github.com/fortunadws/fortuna/kv/secret"
)

// Where a node listens for others when nothing else is said.
const clusterListen = "127.0.0.1:9788"

var discarded = slog.New(slog.DiscardHandler)

// member is this process as a node of a cluster: what is deployed there is served here.
type member struct {
	house    *house
	identity *cluster.Identity
	store    *store

	artifacts *artifact.Store
	members   *node.Members
	registry  *node.Registry
	gate      *cluster.Gate
	near      neighbours
	logs      logs
	online    atomic.Bool // the store has been reached

	unlock  func()
	life    context.Context
	die     context.CancelFunc
	working sync.WaitGroup

	sites    atomic.Pointer[sites]
	mu       sync.RWMutex
	deployed map[string]*deployed // by name
}

// openNode makes this process the node of a data directory, which is made if it is new.
func (h *house) openNode() error {
	o := &h.options
	dir := absolute(h.process.dir, o.data)
	p, err := nodeProject(dir, o.config, h.process.dir)
	if err != nil {
		return err
	}
	m := &member{house: h, deployed: map[string]*deployed{}}
	m.life, m.die = context.WithCancel(context.Background())
	m.sites.Store(&sites{})
	if m.identity, err = h.identify(m.life, dir); err != nil {
		return err
	}
	if m.identity.Role == cluster.Core {
		if _, err := secret.MakeKey(m.identity.Path(cluster.SecretsFile)); err != nil {
			return failed("", "%v", err)
		}
	}
	if m.unlock, err = m.identity.Lock(); err != nil {
		return refused("stop it, or name another directory: --data", "%v", err)
	}
	m.store = m.openStore(p)
	m.logs.node, m.logs.log = m.identity.Name, h.journal.log
	m.working.Go(func() { m.logs.run(m.life.Done()) })
	h.tenants = m
	if err := h.furnish(p, m.identity.Name, m.identity); err != nil {
		return err
	}
	m.tidy()
	crashed, err := m.crashed()
	if err != nil {
		return failed("", "%v", err)
	}
	if err := m.boot(crashed); err != nil {
		return err
	}
	if err := m.openNeighbours(); err != nil {
		return err
	}
	if m.identity.Role == cluster.Core {
		return m.connect()
	}
	m.working.Go(func() { // the cores may be away: what is on the disk is served meanwhile
		for m.life.Err() == nil {
			err := m.connect()
			if err == nil {
				return
			}
			h.journal.trouble(fmt.Errorf("the store of the cluster: %w", err))
			select {
			case <-time.After(followRetry):
			case <-m.life.Done():
			}
		}
	})
	return nil
}

// openStore is the state that the apps of the node share.
func (m *member) openStore(p *project) *store {
	h, id := m.house, m.identity
	s := &store{dir: id.Path("state"), table: p.config.State, within: m.life, shared: true, log: h.journal.log}
	if id.Role != cluster.Core {
		s.away = func() bool { return !m.online.Load() }
	}
	s.key = func(*project, bool) (secret.Key, bool, error) {
		key, err := secret.ReadKey(id.Path(cluster.SecretsFile))
		if errors.Is(err, fs.ErrNotExist) {
			return key, false, nil
		}
		return key, err == nil, err
	}
	s.source = func() (kv.Source, *embedded.Server, error) {
		switch {
		case p.config.State.External.URL != "":
			return p.config.State.External, nil, nil
		case id.Role == cluster.Core:
			return s.table.source(p, s.dir, s.log)
		}
		return embedded.Remote{Open: id.Reach, Inbox: inboxOf(id.Name), Log: s.log}, nil, nil
	}
	return s
}

// tidy removes what a process that ended in the midst of it has left.
func (m *member) tidy() {
	for _, pattern := range []string{verifyPart + "*", "apps/*/" + fetchPart + "*"} {
		left, _ := filepath.Glob(m.identity.Path(pattern)) // the patterns are right
		for _, name := range left {
			_ = os.RemoveAll(name) // it is about room only
		}
	}
}

// boot serves what was served last, from the disk.
func (m *member) boot(crashed bool) error {
	dirs, err := os.ReadDir(m.identity.Path("apps"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return failed("", "%v", err)
	}
	for _, e := range dirs {
		if e.IsDir() && artifact.CheckApp(e.Name()) == nil {
			d := m.find(e.Name())
			if err := d.judge(crashed); err != nil {
				return failed("", "%v", err)
			}
			d.boot(m.life)
		}
	}
	return nil
}

// connect reaches the store and begins to follow it.
func (m *member) connect() error {
	_, _, err := m.store.bucket(artifact.FilesConfig)
	if err != nil {
		return err
	}
	files := m.store.buckets[artifact.FilesConfig.Name]
	statements, replica, err := m.store.bucket(artifact.StatementsConfig)
	if err != nil {
		return err
	}
	h := m.house
	ctx, cancel := context.WithTimeout(m.life, stateOpens)
	defer cancel()
	kept, err := m.store.values.Log(ctx, logsConfig)
	if err != nil {
		return failed("", "%v", err)
	}
	m.logs.open(kept)
	m.artifacts = artifact.New(files, statements, replica, m.identity.Root)
	m.members = node.NewMembers(statements, replica)
	if m.registry, err = node.Open(m.store.values, m.info, m.knows, m.heard, h.journal.log); err != nil {
		return failed("", "%v", err)
	}
	if m.identity.Role == cluster.Core {
		if err := m.host(); err != nil {
			return err
		}
	}
	m.online.Store(true)
	m.mu.Lock()
	for _, d := range m.deployed {
		if d.version() != "" && m.store.away != nil {
			d.app.state.tell() // it was loaded without secrets
		}
		m.begin(d)
	}
	m.mu.Unlock()
	m.artifacts.Follow(m.look)
	m.members.Follow(m.wished)
	m.wished("")
	m.look("")
	if m.identity.Role == cluster.Core && h.admin != nil {
		h.admin.Handle("/v1/", (&control.Server{
			Cluster: control.Cluster{Node: m.identity.Name, Role: string(m.identity.Role), Fortuna: Version}, Artifact: m.artifacts, Members: m.members, Registry: m.registry,
			Verify: m.verify, Explain: m.explain, Prove: m.identity.Prove, Logs: kept.Read, Audit: m.audit, Log: h.journal.log,
		}).Handler())
	}
	return nil
}

// host lets other nodes in: this one has the store.
func (m *member) host() error {
	h, id := m.house, m.identity
	address := h.options.cluster
	if address == "" {
		address = id.Listen
	}
	m.gate = &cluster.Gate{
		Identity: id, Log: h.journal.log,
		Enrol: func(ctx context.Context, name string, role cluster.Role) error {
			return m.members.Enrol(ctx, name, string(role), m.registry.Nodes())
		},
		Member: func(ctx context.Context, name string) bool {
			member, err := m.members.Get(ctx, name)
			return err == nil && !member.Removed
		},
	}
	if m.store.server != nil {
		m.gate.Carry = func(c net.Conn, name string) error { return m.store.server.Admit(c, workerRights(name)) }
	}
	chosen := address != ""
	if !chosen {
		address = clusterListen
	}
	if host, _, err := net.SplitHostPort(address); err == nil && (host == "" || net.ParseIP(host).IsUnspecified()) {
		return usageError("--cluster 10.0.0.1:9788", "--cluster must be an address that the other nodes reach, got %q", address)
	}
	err := m.gate.Open(address)
	if err != nil && !chosen { // another node of this machine has it
		err = m.gate.Open("127.0.0.1:0")
	}
	if err != nil {
		return refused("fortuna serve --cluster 127.0.0.1:0", "%v", err)
	}
	if at := m.gate.Addr().String(); at != id.Listen {
		id.Listen = at
		if err := id.Save(); err != nil {
			return failed("", "%v", err)
		}
	}
	ctx, cancel := context.WithTimeout(m.life, stateOpens)
	defer cancel()
	err = m.members.Change(ctx, id.Name, func(member *node.Member) error {
		if member.Name == "" {
			member.Joined = time.Now().UTC().Truncate(time.Second)
		}
		member.Role = string(id.Role)
		return nil
	})
	if err != nil {
		return failed("", "%v", err)
	}
	return nil
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

// audit notes what somebody has done, where nobody changes it.
func (m *member) audit(ctx context.Context, who, what string) {
	m.house.journal.event(slog.LevelInfo, "audit", slog.String("who", who), slog.String("what", what))
}

// info is what the other nodes are told.
func (m *member) info() node.Info {
	h := m.house
	i := node.Info{
		Name: m.identity.Name, Role: string(m.identity.Role), Address: m.identity.Forward, Fortuna: Version, Started: h.measure.begun(),
		Draining: h.draining.Load() || m.near.wish.Load() == node.Drain, Apps: map[string]node.App{},
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
	if other, ok := m.members.Cached(name); ok && other.Removed && m.gate != nil {
		m.gate.Drop(name)
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
		return errors.New("the store of the cluster was not reached yet")
	}
	return nil
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
	if m.gate != nil {
		m.gate.Close()
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
	m.unlock()
}
