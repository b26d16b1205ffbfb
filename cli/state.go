package cli

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/runtime/binding"
	"github.com/fortunadws/fortuna/runtime/web"
)

// state is what an app remembers: its part of a store, and what tells it of changes there.
type state struct {
	*store
	owned bool // the store ends with it

	channel *kv.Channel // between nodes; nil until one is wanted
	hear    atomic.Pointer[func(topic string, text bool, p []byte)]
	shift   *shift // who does the jobs; nil before there is an app

	deafen  func()                            // ends listening for changes of secrets; nil while nobody does
	changes chan struct{}                     // tells that there may be other secrets
	current atomic.Pointer[map[string]string] // secrets, as last read
	hidden  atomic.Pointer[strings.Replacer]
}

// newState is that of an app in a store of its own.
func newState(st *store) *state {
	s := st.app()
	s.owned = true
	return s
}

// app is the state of one app of those that share the store.
func (s *store) app() *state { return &state{store: s, changes: make(chan struct{}, 1)} }

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
		b, r, err := s.bucket(kvBucket(t.History))
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

// relay carries what apps publish between the nodes of a cluster, and gives what comes to hear. It is nil on a node that is
// alone.
func (s *state) relay(p *project, hear func(topic string, text bool, p []byte)) (func(topic string, text bool, p []byte), error) {
	if !s.shared {
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hear.Store(&hear)
	if s.channel == nil {
		if err := s.open(); err != nil {
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

// close ends what the app has begun, and its store if that is its own. It may be opened again.
func (s *state) close() {
	s.dismiss()
	s.mu.Lock()
	if s.deafen != nil {
		s.deafen()
		s.deafen = nil
	}
	if s.channel != nil {
		_ = s.channel.Close() // it ends with its connection at the latest
		s.channel = nil
	}
	s.mu.Unlock()
	if s.owned {
		s.store.close()
	}
}
