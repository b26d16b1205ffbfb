package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/embedded"
	"github.com/fortunadws/fortuna/kv/session"
	"github.com/fortunadws/fortuna/runtime/binding"
	"github.com/fortunadws/fortuna/runtime/web"
)

// Where state is kept when nothing else is said, relative to the project: what is tried in dev never meets what is served.
const (
	devState   = ".fortuna/state"
	serveState = ".fortuna/serve"
)

// stateOpens is how long opening the store may take beyond its own start: a cluster that begins elects its leaders.
const stateOpens = 60 * time.Second

// state is the store of a process: its server, connections and caches. It is opened when an app first needs it, and stays
// open.
type state struct {
	dir string // absolute
	log *slog.Logger

	mu       sync.Mutex
	server   *embedded.Server // nil until open, and when the server is elsewhere
	values   *kv.Store        // of handlers; nil until open
	visits   *kv.Store        // of sessions, so that handlers' values do not hold them up
	replicas map[string]*kv.Replica
	buckets  map[string]*kv.Bucket
	stores   map[session.Config]*session.Store
	rates    *kv.Counters // of rate limits; nil until one is wanted
	channel  *kv.Channel  // between nodes; nil until one is wanted
	queued   map[string]*kv.Queues
	life     context.Context // from open to close
	die      context.CancelFunc
	shift    *shift // who does the jobs; nil before there is an app
	hear     atomic.Pointer[func(topic string, text bool, p []byte)]

	listens bool                              // for changes of secrets
	changes chan struct{}                     // tells that there may be other secrets
	current atomic.Pointer[map[string]string] // secrets, as last read
	hidden  atomic.Pointer[strings.Replacer]
}

// newState keeps state in a directory, an absolute one.
func newState(dir string, log *slog.Logger) *state {
	return &state{dir: dir, log: log, changes: make(chan struct{}, 1)}
}

// bindings are what env holds besides variables. The store is opened if that is needed. Without s, which may be nil, they
// are there and cannot be used: while an app loads, nobody can.
func (s *state) bindings(p *project, wait time.Duration) (map[string]web.Binding, error) {
	bindings := map[string]web.Binding{}
	for name, t := range p.config.KV {
		if err := p.free(name, t.at, bindings); err != nil {
			return nil, err
		}
		if s == nil {
			bindings[name] = &binding.KV{Name: name}
			continue
		}
		b, r, err := s.bucket(p, kvBucket(t.History))
		if err != nil {
			return nil, err
		}
		bindings[name] = &binding.KV{Name: name, Space: b.Space(p.name(), name), Replica: r, History: t.History > 1, Wait: wait}
	}
	if err := s.queueBindings(p, wait, bindings); err != nil {
		return nil, err
	}
	return bindings, s.rateLimits(p, wait, bindings)
}

// kvBucket is where namespaces of that many revisions are kept.
func kvBucket(history int) kv.Config {
	if history > 1 {
		return kv.Config{Name: fmt.Sprint("history-", history), History: history, Announce: kv.Keys}
	}
	return kv.Config{Name: "values", Announce: kv.Keys}
}

// bucket opens a bucket of handlers with its cache.
func (s *state) bucket(p *project, cfg kv.Config) (*kv.Bucket, *kv.Replica, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.open(p); err != nil {
		return nil, nil, err
	}
	if b := s.buckets[cfg.Name]; b != nil {
		return b, s.replicas[cfg.Name], nil
	}
	cfg.BytesMax = p.config.State.storeBytes()
	store := s.values
	if cfg.Name == sessionsBucket {
		store = s.visits
	}
	ctx, cancel := context.WithTimeout(context.Background(), stateOpens)
	defer cancel()
	b, err := store.Bucket(ctx, cfg)
	if err != nil {
		return nil, nil, failed("", "%v", err)
	}
	r, err := b.Replica(ctx, p.config.State.cacheBytes(), s.log)
	if err != nil {
		return nil, nil, failed("", "open bucket %q: %v", cfg.Name, err)
	}
	s.buckets[cfg.Name], s.replicas[cfg.Name] = b, r
	if cfg.Announce == kv.Keys && cfg.History <= 1 { // whose values may be large
		go s.sweep(s.life, b)
	}
	return b, r, nil
}

// relay carries what apps publish between the nodes of a cluster, and gives what comes to hear. It is nil on a node that is
// alone.
func (s *state) relay(p *project, hear func(topic string, text bool, p []byte)) (func(topic string, text bool, p []byte), error) {
	if !p.config.State.Cluster.configured() && p.config.State.External.URL == "" {
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hear.Store(&hear)
	if s.channel == nil {
		if err := s.open(p); err != nil {
			return nil, err
		}
		c, err := s.values.Channel(p.name(), func(topic string, text bool, p []byte) { (*s.hear.Load())(topic, text, p) })
		if err != nil {
			return nil, failed("", "%v", err)
		}
		s.channel = c
	}
	channel := s.channel
	return func(topic string, text bool, p []byte) {
		if err := channel.Publish(topic, text, p); err != nil {
			s.log.Warn("publish to other nodes", "bytes", len(p), "err", err)
		}
	}, nil
}

// sweep frees what large values have left behind, now and then, until ctx ends.
func (s *state) sweep(ctx context.Context, b *kv.Bucket) {
	for {
		select {
		case <-time.After(kv.SweepEvery):
		case <-ctx.Done():
			return
		}
		once, cancel := context.WithTimeout(ctx, stateOpens)
		if err := b.Sweep(once); err != nil && ctx.Err() == nil {
			s.log.Warn("sweep", "err", err)
		}
		cancel()
	}
}

// sessionsBucket is the name of the bucket of sessions.
const sessionsBucket = "sessions"

// isOpen reports whether something has needed the store.
func (s *state) isOpen() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.values != nil
}

// open connects to the store that [state] names, once.
func (s *state) open(p *project) error {
	if s.values != nil {
		return nil
	}
	if err := p.ignored(s.dir); err != nil {
		return failed("", "%v", err)
	}
	source, server, err := p.config.State.source(p, s.dir, s.log)
	if err != nil {
		return err
	}
	values, err := kv.Open(source, "handlers")
	if err == nil {
		if s.visits, err = kv.Open(source, "sessions"); err != nil {
			values.Close()
		}
	}
	if err != nil {
		if server != nil {
			server.Close()
		}
		return &problem{exitUnreachable, err.Error(), ""}
	}
	s.server, s.values = server, values
	s.life, s.die = context.WithCancel(context.Background())
	s.stores = map[session.Config]*session.Store{}
	s.replicas, s.buckets, s.queued = map[string]*kv.Replica{}, map[string]*kv.Bucket{}, map[string]*kv.Queues{}
	return nil
}

// close ends the store in good order. It may be opened again.
func (s *state) close() {
	s.dismiss()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.die != nil {
		s.die()
	}
	s.listens = false
	for _, store := range s.stores {
		store.Close()
	}
	clear(s.stores)
	for _, r := range s.replicas {
		r.Close()
	}
	s.rates, s.channel = nil, nil // they end with their connection
	if s.values != nil {
		s.values.Close()
		s.visits.Close()
		s.values, s.visits = nil, nil
	}
	if s.server != nil {
		s.server.Close()
		s.server = nil
	}
}

// stateTable is [state] of fortuna.toml.
type stateTable struct {
	Dir        string // relative to the file; empty when it is not set
	Durability embedded.Durability
	StoreBytes int64
	CacheBytes int64
	External   kv.External // whose URL is empty unless the server is others'
	Cluster    clusterTable
}

// cacheBytes is how much of each bucket a process remembers.
func (t *stateTable) cacheBytes() int64 {
	if t.CacheBytes > 0 {
		return t.CacheBytes
	}
	return 64 << 20
}

// storeBytes is how much of the disk each bucket may take.
func (t *stateTable) storeBytes() int64 {
	if t.StoreBytes > 0 {
		return t.StoreBytes
	}
	return 4 << 30
}

// durabilities are what state.durability may say: what a write outlives.
var durabilities = map[string]embedded.Durability{"process": embedded.Process, "second": embedded.Second, "always": embedded.Always}

func (t *stateTable) durability(v value) error {
	text, err := v.text()
	if err != nil {
		return err
	}
	d, ok := durabilities[text]
	if !ok {
		return v.expected(`"process" (a write outlives the process), "second" (a failure of power loses a second at most) or "always" (it loses nothing)`)
	}
	t.Durability = d
	return nil
}

// source is the server that t names, and the server itself if it runs in this process.
func (t *stateTable) source(p *project, dir string, log *slog.Logger) (kv.Source, *embedded.Server, error) {
	if t.External.URL != "" {
		return t.External, nil, nil
	}
	// Each bucket has a bound of its own: beyond that of the server nothing could be deleted any more.
	o := embedded.Options{Dir: dir, Durability: t.Durability, StoreBytes: 1 << 50, Log: log}
	var server *embedded.Server
	var err error
	if t.Cluster.configured() {
		o.Durability = embedded.Always // members share their fsyncs
		var c embedded.Cluster
		if c, err = t.Cluster.open(p); err == nil {
			server, err = embedded.Clustered(o, c)
		}
	} else {
		server, err = embedded.Solo(o)
	}
	switch {
	case errors.Is(err, embedded.ErrInUse):
		return nil, nil, refused("stop it, or name another directory: --persist-to in dev, state.dir in "+configFile, "the state in %s is open: %s", dir, strings.TrimPrefix(err.Error(), "embedded: "))
	case err != nil:
		return nil, nil, refused("", "%v", err)
	}
	return server, server, nil
}

// clusterTable is [state.cluster] of fortuna.toml.
type clusterTable struct {
	Name, Node, Listen, SecretFile string
	Members                        []string
	at                             value
}

func (t *clusterTable) configured() bool { return t.Listen != "" || len(t.Members) > 0 }

// open reads the cluster's secret and addresses.
func (t *clusterTable) open(p *project) (c embedded.Cluster, err error) {
	c.Name, c.Node = t.Name, t.Node
	if c.Name == "" {
		c.Name = "fortuna"
	}
	if c.Listen, err = t.address("listen", t.Listen); err != nil {
		return c, err
	}
	for _, m := range t.Members {
		a, err := t.address("members", m)
		if err != nil {
			return c, err
		}
		c.Members = append(c.Members, a)
	}
	if t.SecretFile == "" {
		return c, t.at.wrong(`secret_file = "cluster.secret"`, "state.cluster needs a secret that its members share, in a file")
	}
	secret, err := os.ReadFile(absolute(p.root, t.SecretFile))
	if err != nil {
		return c, t.at.wrong("", "state.cluster.secret_file: %v", err)
	}
	if c.Secret = string(trimmed(secret)); len(c.Secret) < 16 {
		return c, t.at.wrong("openssl rand -hex 32 > "+t.SecretFile, "state.cluster.secret_file: the secret has %d characters, at least 16 are needed", len(c.Secret))
	}
	return c, nil
}

// stateDir is where the state of a project is, absolute: as the command line says, or fortuna.toml, or the service manager,
// or in the project.
func (p *project) stateDir(cwd, flag, otherwise string, getenv func(string) string) string {
	switch {
	case flag != "":
		return absolute(cwd, flag)
	case p.config.State.Dir != "":
		return absolute(p.root, p.config.State.Dir)
	case otherwise == serveState && getenv("STATE_DIRECTORY") != "":
		return getenv("STATE_DIRECTORY")
	}
	return filepath.Join(p.root, filepath.FromSlash(otherwise))
}

// erase deletes what was kept.
func (s *state) erase() error {
	err := embedded.Erase(s.dir)
	switch {
	case errors.Is(err, embedded.ErrInUse):
		return refused("stop it first", "--fresh: the state in %s is open: %s", s.dir, strings.TrimPrefix(err.Error(), "embedded: "))
	case err != nil:
		return failed("", "--fresh: %v", err)
	}
	return nil
}

// relative is path as seen from dir, if it is inside.
func relative(dir, path string) string {
	if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}
