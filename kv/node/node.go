// Package node tells the nodes of a cluster of each other: who is there, how busy each is, and which versions it serves. It
// does not know what a version is, nor who sends requests where.
package node

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fortunadws/fortuna/kv"
)

// Times of the heartbeats.
const (
	BeatEvery    = time.Second
	SuspectAfter = 3 * time.Second // no beat: only if there is no other
	OutAfter     = 5 * time.Second // no beat: never
	forgetAfter  = 10 * time.Minute
)

// Info is what a node says of itself.
type Info struct {
	Name     string         `json:"name"`
	Role     string         `json:"role"`    // "core", "worker" or "balancer"
	Address  string         `json:"address"` // where other nodes reach it
	Listen   string         `json:"listen"`  // where clients reach it
	Fortuna  string         `json:"fortuna"` // its version
	Started  time.Time      `json:"started"`
	Draining bool           `json:"draining,omitempty"` // it wants no requests
	Behind   bool           `json:"behind,omitempty"`   // its part of the store does not have everything yet
	Weight   int            `json:"weight,omitempty"`   // its size beside that of others; 0 is 1
	Load     Load           `json:"load"`
	Apps     map[string]App `json:"apps,omitempty"`
}

// Load is how busy a node is.
type Load struct {
	Inflight int     `json:"inflight"` // requests
	Queue    int     `json:"queue"`    // of them, that wait for a VM
	Latency  float64 `json:"latency"`  // of answers, in milliseconds, a moving mean
	CPU      float64 `json:"cpu"`      // of the machine's cores, from 0 to 1
	Free     int     `json:"free"`     // VMs that compute nothing
}

// App is what a node says of an app.
type App struct {
	Version string `json:"version,omitempty"` // that it serves
	Canary  string `json:"canary,omitempty"`  // that it serves to some
	Counter uint64 `json:"counter"`           // of the release that it has last looked at
	Failure string `json:"failure,omitempty"` // why it does not serve what that says
	Aborted uint64 `json:"aborted,omitempty"` // counter of the release whose canary has ended by itself
	Why     string `json:"why,omitempty"`     // it has
	Took    int64  `json:"took,omitempty"`    // milliseconds from the release to serving it
}

// State is whether a node can be counted on.
type State string

// The states.
const (
	Alive   State = "alive"
	Suspect State = "suspect"
	Out     State = "out"
)

// Seen is what is known of a node.
type Seen struct {
	Info
	At time.Time // when it was last heard of
}

// State is what to think of it at a time.
func (s *Seen) State(now time.Time) State {
	switch silent := now.Sub(s.At); {
	case silent > OutAfter:
		return Out
	case silent > SuspectAfter:
		return Suspect
	}
	return Alive
}

// Registry is what this node knows of the others, and itself. Its methods may be called from any goroutine.
type Registry struct {
	beats *kv.Beats
	name  string
	self  func() Info
	known func(name string) bool
	heard func(Info)
	log   *slog.Logger
	tell  chan struct{}
	quit  chan struct{}
	ended chan struct{}

	mu    sync.Mutex
	nodes map[string]*Seen
	bells map[chan struct{}]struct{}
}

// infoBytesMax bounds what a node may say.
const infoBytesMax = 256 << 10

// Open begins to tell others what self says, and to hear of those that are known: members of the cluster. heard is called with
// what each says; it may be nil.
func Open(s *kv.Store, self func() Info, known func(name string) bool, heard func(Info), log *slog.Logger) (*Registry, error) {
	r := &Registry{
		name: self().Name, self: self, known: known, heard: heard, log: log, tell: make(chan struct{}, 1), quit: make(chan struct{}), ended: make(chan struct{}),
		nodes: map[string]*Seen{}, bells: map[chan struct{}]struct{}{},
	}
	var err error
	if r.beats, err = s.Beats(self().Name, r.hear); err != nil {
		return nil, fmt.Errorf("open the registry of nodes: %w", err)
	}
	go r.run()
	return r, nil
}

// Close ends it.
func (r *Registry) Close() {
	close(r.quit)
	<-r.ended
	_ = r.beats.Close() // it ends with its connection at the latest
}

// Tell tells the others now: something has changed that they wait for.
func (r *Registry) Tell() {
	select {
	case r.tell <- struct{}{}:
	default: // it will be told anyway
	}
}

func (r *Registry) run() {
	defer close(r.ended)
	tick := time.NewTicker(BeatEvery)
	defer tick.Stop()
	for {
		r.beat()
		select {
		case <-tick.C:
		case <-r.tell:
		case <-r.quit:
			return
		}
	}
}

// beat says what there is to say. What cannot be sent is not missed: the next one tells all of it again.
func (r *Registry) beat() {
	info := r.self()
	text, err := json.Marshal(info)
	if err == nil {
		err = r.beats.Send(text)
	}
	if err != nil {
		r.log.Debug("heartbeat", "err", err)
	}
	r.take(info)
}

func (r *Registry) hear(sender string, p []byte) {
	var info Info
	switch {
	case sender == r.name: // it has been taken
	case len(p) > infoBytesMax || json.Unmarshal(p, &info) != nil || info.Name == "" || info.Name != sender:
		r.log.Warn("a heartbeat that cannot be read", "from", sender, "bytes", len(p))
	case r.known(sender):
		r.take(info)
	}
}

func (r *Registry) take(info Info) {
	now := time.Now()
	r.mu.Lock()
	r.nodes[info.Name] = &Seen{info, now}
	for name, s := range r.nodes {
		if now.Sub(s.At) > forgetAfter {
			delete(r.nodes, name)
		}
	}
	for bell := range r.bells {
		select {
		case bell <- struct{}{}:
		default: // it rings already
		}
	}
	r.mu.Unlock()
	if r.heard != nil {
		r.heard(info)
	}
}

// Nodes are those that were heard of, by name.
func (r *Registry) Nodes() []Seen {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []Seen
	for _, s := range r.nodes {
		all = append(all, *s)
	}
	slices.SortFunc(all, func(a, b Seen) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Forget drops a node that is gone for good.
func (r *Registry) Forget(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.nodes, name)
}

// Watch gives a bell that rings after each thing that is heard, until end is called.
func (r *Registry) Watch() (bell <-chan struct{}, end func()) {
	c := make(chan struct{}, 1)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bells[c] = struct{}{}
	return c, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.bells, c)
	}
}
