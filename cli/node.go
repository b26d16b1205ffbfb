package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/fortunadws/fortuna/cli/cluster"
	"github.com/fortunadws/fortuna/cli/control"
	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/artifact"
	"github.com/fortunadws/fortuna/kv/embedded"
	"github.com/fortunadws/fortuna/kv/node"
	"github.com/fortunadws/fortuna/kv/secret"
	"github.com/fortunadws/fortuna/kv/vault"
)

// Where a node listens for others when nothing else is said.
const clusterListen = "127.0.0.1:9788"

var discarded = slog.New(slog.DiscardHandler)

// openNode makes this process the node of a data directory, which is made if it is new.
func (h *house) openNode() error {
	o := &h.options
	dir := absolute(h.process.dir, o.data)
	p, err := nodeProject(dir, o.config, h.process.dir)
	if err != nil {
		return err
	}
	m := &member{house: h, deployed: map[string]*deployed{}, promise: promise{bell: make(chan struct{}, 1)}}
	m.life, m.die = context.WithCancel(context.Background())
	m.sites.Store(&sites{})
	if m.identity, err = h.identify(m.life, dir); err != nil {
		return err
	}
	core := m.identity.Role() == cluster.Core
	if core {
		if _, err := secret.MakeKey(m.identity.Path(cluster.SecretsFile)); err != nil {
			return failed("", "%v", err)
		}
	}
	if m.unlock, err = m.identity.Lock(); err != nil {
		return refused("stop it, or name another directory: --data", "%v", err)
	}
	m.line = &embedded.Line{Inbox: inboxOf(m.identity.Name), Log: h.journal.log}
	m.store = m.openStore(p)
	if m.vault, err = m.openVault(); err != nil {
		return err
	}
	m.logs.node, m.logs.log = m.identity.Name, h.journal.log
	m.working.Go(func() { m.logs.run(m.life.Done()) })
	h.tenants = m
	if err := h.furnish(p, m.identity.Name, m.identity); err != nil {
		return err
	}
	if err := m.openServer(p); err != nil {
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
	if m.store.away == nil {
		return m.connect()
	}
	m.working.Go(func() { // the other nodes may be away: what is on the disk is served meanwhile
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
	m.patient()
	return nil
}

// startWait is how long a node that starts keeps its door shut when apps wait for the store: whoever comes earlier is better off
// elsewhere. What needs no store is not kept from those who need it for longer.
const startWait = 10 * time.Second

// patient waits until the apps on the disk are loaded that need the store, if it is reached in time.
func (m *member) patient() {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(startWait)
	for len(m.waiting()) > 0 {
		select {
		case <-tick.C:
		case <-deadline:
			return
		case <-m.life.Done():
			return
		}
	}
}

// openStore is the state that the apps of the node share.
func (m *member) openStore(p *project) *store {
	h, id := m.house, m.identity
	s := &store{table: p.config.State, within: m.life, shared: true, log: h.journal.log}
	if place := id.Place(); place.Role != cluster.Core || place.Shares() { // it is open when others are
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
		if external := p.config.State.External; external.URL != "" {
			return external, nil, nil
		}
		return m.line, nil, nil
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
	m.kept = kept
	if m.identity.Role() == cluster.Core {
		if m.audits, err = m.store.values.Log(ctx, auditConfig); err != nil {
			return failed("", "%v", err)
		}
	}
	m.artifacts = artifact.New(files, statements, replica, m.identity.Root)
	m.members, m.topologies = node.NewMembers(statements, replica), node.NewTopologies(statements, replica)
	if m.registry == nil {
		if m.registry, err = node.Open(m.store.values, m.info, m.knows, m.heard, h.journal.log); err != nil {
			return failed("", "%v", err)
		}
	}
	core := m.identity.Role() == cluster.Core
	if core {
		if _, _, err := m.store.bucket(vault.Config); err != nil { // which other nodes cannot make
			return err
		}
		if err := m.host(ctx); err != nil {
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
	m.topologies.Follow(m.mind)
	m.wished("")
	m.look("")
	m.working.Go(m.attend)
	if core {
		m.govern()
	}
	return nil
}

// govern lets people and their tools say what the cluster is to do.
func (m *member) govern() {
	h := m.house
	if h.admin == nil {
		return
	}
	h.admin.Handle("/v1/", (&control.Server{
		Cluster:  control.Cluster{Node: m.identity.Name, Role: string(cluster.Core), Fortuna: Version},
		Artifact: m.artifacts, Members: m.members, Registry: m.registry,
		Verify: m.verify, Explain: m.explain, Prove: m.identity.Prove, Sharing: m.sharing, Share: m.share,
		Logs: m.kept.Read, Audit: m.audit, Audited: m.audited, Log: h.journal.log,
	}).Handler())
}
