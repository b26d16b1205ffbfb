package cli

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/embedded"
	"github.com/fortunadws/fortuna/kv/secret"
	"github.com/fortunadws/fortuna/kv/session"
)

// Where state is kept when nothing else is said, relative to the project: what is tried in dev never meets what is served.
const (
	devState   = ".fortuna/state"
	serveState = ".fortuna/serve"
)

// stateOpens is how long opening the store may take beyond its own start: a cluster that begins elects its leaders.
const stateOpens = 60 * time.Second

// store is the state of a process: its server, connections and caches. It is opened when an app first needs it, and stays
// open.
type store struct {
	dir    string     // absolute
	table  stateTable // how it is kept
	source func() (kv.Source, *embedded.Server, error)
	key    func(p *project, create bool) (key secret.Key, ok bool, err error) // of secrets
	shared bool                                                               // with other nodes
	away   func() bool                                                        // the store was not reached yet; nil where it is in this process
	within context.Context                                                    // it is opened while this lasts
	log    *slog.Logger

	mu       sync.Mutex
	server   *embedded.Server // nil until open, and when the server is elsewhere
	values   *kv.Store        // of handlers; nil until open
	visits   *kv.Store        // of sessions, so that handlers' values do not hold them up
	replicas map[string]*kv.Replica
	buckets  map[string]*kv.Bucket
	stores   map[session.Config]*session.Store
	rates    *kv.Counters // of rate limits; nil until one is wanted
	queued   map[string]*kv.Queues
	life     context.Context // from open to close
	die      context.CancelFunc
}

// newStore is that of a project, in a directory, an absolute one.
func newStore(p *project, dir string, log *slog.Logger) *store {
	s := &store{dir: dir, table: p.config.State, within: context.Background(), shared: p.config.State.Cluster.configured() || p.config.State.External.URL != "", log: log}
	s.source = func() (kv.Source, *embedded.Server, error) {
		if err := p.ignored(dir); err != nil {
			return nil, nil, failed("", "%v", err)
		}
		return s.table.source(p, dir, log)
	}
	s.key = func(p *project, create bool) (secret.Key, bool, error) { return p.secretKey(dir, create) }
	return s
}

// bucket opens a bucket of handlers with its cache.
func (s *store) bucket(cfg kv.Config) (*kv.Bucket, *kv.Replica, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.open(); err != nil {
		return nil, nil, err
	}
	if b := s.buckets[cfg.Name]; b != nil {
		return b, s.replicas[cfg.Name], nil
	}
	cfg.BytesMax = s.table.storeBytes()
	store := s.values
	if cfg.Name == sessionsBucket {
		store = s.visits
	}
	ctx, cancel := context.WithTimeout(s.within, stateOpens)
	defer cancel()
	b, err := store.Bucket(ctx, cfg)
	if err != nil {
		return nil, nil, failed("", "%v", err)
	}
	r, err := b.Replica(ctx, s.table.cacheBytes(), s.log)
	if err != nil {
		return nil, nil, failed("", "open bucket %q: %v", cfg.Name, err)
	}
	s.buckets[cfg.Name], s.replicas[cfg.Name] = b, r
	if cfg.Announce == kv.Keys && cfg.History <= 1 && s.away == nil { // whose values may be large
		go s.sweep(s.life, b)
	}
	return b, r, nil
}

// sweep frees what large values have left behind, now and then, until ctx ends.
func (s *store) sweep(ctx context.Context, b *kv.Bucket) {
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
func (s *store) isOpen() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.values != nil
}

// open connects to the store that [state] names, once.
func (s *store) open() error {
	if s.values != nil {
		return nil
	}
	source, server, err := s.source()
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
func (s *store) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.die != nil {
		s.die()
	}
	for _, store := range s.stores {
		store.Close()
	}
	clear(s.stores)
	for _, r := range s.replicas {
		r.Close()
	}
	s.rates = nil // it ends with its connection
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

// erase deletes what was kept.
func (s *store) erase() error {
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
