package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"maps"
	"sync"

	"github.com/fortunadws/fortuna/cli/admin"
	"github.com/fortunadws/fortuna/cli/cluster"
	"github.com/fortunadws/fortuna/edge"
	"github.com/fortunadws/fortuna/runtime"
)

// adminListen is where a node tells how it is when nothing else is said.
const adminListen = "127.0.0.1:9787"

// tally is what an app counts over all the versions that have served.
type tally struct {
	mu       sync.Mutex
	failures map[string]uint64 // by code
	retired  runtime.Stats     // the counters of former versions; the rest is zero
}

func (t *tally) failed(code string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failures == nil {
		t.failures = map[string]uint64{}
	}
	t.failures[code]++
}

func (t *tally) byCode() map[string]uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.failures)
}

// former keeps the counters of a version that serves nothing new.
func (t *tally) former(s runtime.Stats) { t.add(&t.retired, s) }

// add adds the counters of s to those of to.
func (t *tally) add(to *runtime.Stats, s runtime.Stats) {
	t.mu.Lock()
	defer t.mu.Unlock()
	to.Retired += s.Retired
	to.StoppedCPU += s.StoppedCPU
	to.StoppedMemory += s.StoppedMemory
}

// oversee begins to tell how the node is. A default address that is taken is no reason not to serve: there may be another
// node on this machine.
func (h *house) oversee(name string, identity *cluster.Identity) error {
	addr, asked := adminListen, h.config.Admin.Listen
	if h.options.admin != "" {
		asked = &h.options.admin
	}
	if asked != nil {
		addr = *asked
	}
	if addr == "" {
		return nil
	}
	if h.config.Admin.Pprof {
		sampleMemory()
	}
	scheme, secure := "http", (*tls.Config)(nil)
	if identity != nil {
		name = "" // of no app: there may be several
	}
	if identity != nil && !cluster.Loopback(addr) { // tokens come here
		var err error
		if secure, err = identity.TLS(false); err != nil {
			return failed("", "%v", err)
		}
		scheme = "https"
	}
	server, err := admin.Listen(admin.Config{Addr: addr, TLS: secure, Pprof: h.config.Admin.Pprof, Source: admin.Source{
		App:      name,
		Counters: h.answers,
		Apps:     h.appStats,
		Edge:     h.edgeStats,
		Nodes:    h.tenants.upstreams,
		Healthy:  h.healthy,
		Ready:    h.readiness,
	}})
	switch {
	case err == nil:
		h.admin = server
		h.journal.overseen(server.Addr())
		if identity != nil {
			return place(identity.Path(adminFile), []byte(scheme+"://"+server.Addr().String()+"\n"))
		}
	case asked != nil:
		return refused("choose another address, or \"\" for none", "admin.listen = %q: %v", addr, err)
	default:
		h.journal.warn("no admin listener, set admin.listen: " + err.Error())
	}
	return nil
}

func (h *house) edgeStats() edge.Stats {
	if server := h.server.Load(); server != nil {
		return server.Stats()
	}
	return edge.Stats{}
}

func (h *house) appStats() (all []admin.App) {
	for _, a := range h.tenants.apps() {
		all = append(all, admin.App{Name: a.name, Failures: a.tally.byCode(), Runtime: a.stats()})
	}
	return all
}

// stats are those of all the versions that have served.
func (a *app) stats() (all runtime.Stats) {
	if code, _ := a.now(); code != nil {
		all = code.Stats()
	}
	a.tally.mu.Lock()
	former := a.tally.retired
	a.tally.mu.Unlock()
	a.tally.add(&all, former)
	return all
}

func (h *house) healthy(ctx context.Context) error {
	if server := h.server.Load(); server != nil && !h.draining.Load() {
		return server.Respond(ctx)
	}
	return nil
}

func (h *house) readiness() error {
	switch {
	case h.draining.Load():
		return errors.New("draining")
	case h.server.Load() == nil:
		return errors.New("no version of the app is running yet")
	}
	return h.tenants.ready()
}
