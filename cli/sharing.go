package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fortunadws/fortuna/cli/cluster"
	"github.com/fortunadws/fortuna/cli/control"
	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/embedded"
	"github.com/fortunadws/fortuna/kv/node"
)

// gathering is what a node waits for that is about to share its store: the others, who wait for each other here.
type gathering struct {
	invited []string
	self    cluster.Seat

	mu    sync.Mutex
	ready map[string]cluster.Seat
	all   chan struct{} // closed when all are ready
	over  chan struct{} // closed when nobody waits any more
}

// seats are all that will have the store.
func (g *gathering) seats() []cluster.Seat {
	g.mu.Lock()
	defer g.mu.Unlock()
	seats := []cluster.Seat{g.self}
	for _, name := range g.invited {
		seats = append(seats, g.ready[name])
	}
	return seats
}

// gather takes note that a node is ready to have the store too, and waits for the others.
func (m *member) gather(ctx context.Context, self cluster.Seat) ([]cluster.Seat, error) {
	g := m.sharingNow.Load()
	if g == nil || !slices.Contains(g.invited, self.Name) {
		return nil, fmt.Errorf("the node %s is not being promoted", self.Name)
	}
	g.mu.Lock()
	before, known := g.ready[self.Name]
	complete := len(g.ready) == len(g.invited)
	if !complete {
		g.ready[self.Name] = self
		if len(g.ready) == len(g.invited) {
			close(g.all)
		}
	}
	g.mu.Unlock()
	if complete && (!known || before != self) {
		return nil, errors.New("the others have begun already")
	}
	select {
	case <-g.all:
		return g.seats(), nil
	case <-g.over:
		return nil, errors.New("the promotion was given up")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// sharing says what it would mean that the nodes of names have the store too.
func (m *member) sharing(ctx context.Context, names []string) (plan control.Sharing, err error) {
	id := m.identity
	place := id.Place()
	plan = control.Sharing{Node: id.Name, With: names, Former: id.Path(aloneDir)}
	server := m.server.Load()
	against := func(format string, args ...any) (control.Sharing, error) {
		plan.Against = fmt.Sprintf(format, args...)
		return plan, nil
	}
	switch {
	case m.house.config.State.External.URL != "":
		return against("the store is a NATS cluster that others run: its servers are its operator's business")
	case place.Shares():
		return against("the store is at %d nodes already", len(place.Cores))
	case server == nil:
		return against("the store is being moved at this moment")
	case len(names) != 2 && len(names) != 4:
		return against("three or five nodes can have the store together: name two others, or four, got %d", len(names))
	}
	hosts := map[string]bool{}
	host, _, err := net.SplitHostPort(place.Forward)
	if err != nil {
		return plan, err
	}
	hosts[host] = true
	seen := m.registry.Nodes()
	for i, name := range names {
		at := slices.IndexFunc(seen, func(s node.Seen) bool { return s.Name == name })
		switch {
		case slices.Contains(names[:i], name), name == id.Name:
			return against("the node %s is named twice, or has the store already", name)
		case at < 0 || seen[at].State(time.Now()) != node.Alive:
			return against("there is no node %s that runs", name)
		case seen[at].Role != string(cluster.Worker):
			return against("the node %s is a %s: only a worker can have the store", name, seen[at].Role)
		}
		host, _, err := net.SplitHostPort(seen[at].Address)
		if err != nil {
			return plan, err
		}
		hosts[host] = true
	}
	for host := range hosts {
		if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() && len(hosts) > 1 {
			return against("a node is reached at %s, which is its own machine only: start it with --cluster and an address that the others reach", host)
		}
	}
	plan.Machines = len(hosts)
	from, err := kv.Open(server, "plan")
	if err != nil {
		return plan, err
	}
	defer from.Close()
	kept, err := from.Kept(ctx)
	plan.Streams, plan.Messages, plan.Bytes = kept.Streams, kept.Messages, kept.Bytes
	return plan, err
}

// dismiss tells the nodes that are to have the store too that they are not.
func (m *member) dismiss(ctx context.Context) error {
	now, err := m.topologies.Get(ctx)
	if err == nil && len(now.Invited) > 0 {
		_, err = m.topologies.Change(ctx, func(t *node.Topology) error {
			t.Invited = nil
			return nil
		})
	}
	return err
}

// settleWithin is how long the nodes may take to agree on a leader of their new store.
const settleWithin = time.Minute

// share has the nodes of names have the store too: a new one is made at all of them, what there is is copied while nobody
// changes it, and then it takes the place of the former one, which stays on the disk. Until then nothing has happened: a failure,
// of any of the nodes, leaves the former one in force.
func (m *member) share(ctx context.Context, names []string, told func(what string)) (err error) {
	id := m.identity
	g := &gathering{invited: names, ready: map[string]cluster.Seat{}, all: make(chan struct{}), over: make(chan struct{})}
	if !m.sharingNow.CompareAndSwap(nil, g) {
		return errors.New("the store is being moved at this moment")
	}
	defer m.sharingNow.Store(nil)
	defer close(g.over)
	store, err := m.storeAddress()
	if err != nil {
		return err
	}
	place := id.Place()
	g.self = cluster.Seat{Name: id.Name, Gate: place.Listen, Store: store}
	_, err = m.topologies.Change(ctx, func(t *node.Topology) error {
		t.Invited, t.Gate = names, place.Listen
		return nil
	})
	if err != nil {
		return err
	}
	defer func() {
		if err != nil { // those who have accepted wait for this
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), acceptWithin)
			defer cancel()
			err = errors.Join(err, m.dismiss(last))
		}
	}()
	select {
	case <-g.all:
	case <-time.After(acceptWithin):
		g.mu.Lock()
		defer g.mu.Unlock()
		return fmt.Errorf("only %d of %d nodes were ready after %v: their logs say why", len(g.ready), len(names), acceptWithin)
	case <-ctx.Done():
		return ctx.Err()
	}
	told("the nodes are ready: " + strings.Join(names, ", "))
	if err := embedded.Erase(id.Path(amongDir)); err != nil {
		return err
	}
	seats := g.seats()
	among, err := m.openAmong(seats)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			among.Close()
		}
	}()
	to, err := kv.Open(among, "move")
	if err != nil {
		return err
	}
	defer to.Close()
	once, cancel := context.WithTimeout(ctx, settleWithin)
	err = to.Settle(once)
	cancel()
	if err != nil {
		return fmt.Errorf("the nodes do not reach each other's stores: %w", err)
	}
	told("their stores have found each other")
	return m.move(ctx, among, to, seats, told)
}

// move copies the store to the one that is shared, and puts that in force.
func (m *member) move(ctx context.Context, among *embedded.Server, to *kv.Store, seats []cluster.Seat, told func(what string)) (err error) {
	alone := m.server.Load()
	from, err := kv.Open(alone, "move")
	if err != nil {
		return err
	}
	defer from.Close()
	frozen := time.Now()
	m.server.Store(nil)
	m.line.Lead(nil)
	alone.Freeze()
	defer func() {
		if err == nil {
			return
		}
		alone.Close()
		server, bad := m.reopenAlone()
		if bad != nil {
			err = errors.Join(err, fmt.Errorf("the former store does not open again: %w", bad))
			return
		}
		m.server.Store(server)
		m.line.Lead(server.Target())
	}()
	moved, err := kv.Copy(ctx, from, to, kv.Moving{Dir: m.identity.Dir()})
	if err != nil {
		return err
	}
	// From here on it is so, whatever ends: this node begins with the shared one next time, and says so to the others.
	err = m.identity.Change(func(p *cluster.Place) { p.Cores, p.Store = seats, seats[0].Store })
	if err != nil {
		return err
	}
	m.server.Store(among)
	m.line.Lead(among.Target())
	told(fmt.Sprintf("copied %d messages of %d streams; changes waited for %s", moved.Messages, moved.Streams, milliseconds(time.Since(frozen))))
	m.working.Go(alone.Close)
	if bad := m.declare(ctx, seats); bad != nil { // it is done again at the next start
		m.house.journal.trouble(fmt.Errorf("tell the nodes that they have the store: %w", bad))
	}
	m.moved()
	m.await(ctx, seats, told)
	return nil
}

// reopenAlone opens the store of a node that is alone once more.
func (m *member) reopenAlone() (*embedded.Server, error) {
	_, server, err := m.store.table.source(&project{root: m.house.root, config: m.house.config}, m.identity.Path(aloneDir), m.store.log)
	return server, err
}

// declare tells all nodes which of them have the store.
func (m *member) declare(ctx context.Context, seats []cluster.Seat) error {
	var cores []node.Core
	for _, s := range seats {
		cores = append(cores, node.Core(s))
	}
	now, err := m.topologies.Get(ctx)
	if err == nil && (!slices.Equal(now.Cores, cores) || len(now.Invited) > 0) {
		_, err = m.topologies.Change(ctx, func(t *node.Topology) error {
			*t = node.Topology{Serial: t.Serial, Cores: cores}
			return nil
		})
	}
	for _, c := range cores {
		if err == nil {
			err = m.members.Change(ctx, c.Name, func(member *node.Member) error {
				member.Role = string(cluster.Core)
				return nil
			})
		}
	}
	return err
}

// await waits until all that have the store say so.
func (m *member) await(ctx context.Context, seats []cluster.Seat, told func(what string)) {
	bell, end := m.registry.Watch()
	defer end()
	deadline := time.After(acceptWithin)
	for {
		var missing []string
		seen := m.registry.Nodes()
		for _, s := range seats {
			if !slices.ContainsFunc(seen, func(n node.Seen) bool { return n.Name == s.Name && n.Role == string(cluster.Core) }) {
				missing = append(missing, s.Name)
			}
		}
		if len(missing) == 0 {
			told("the store is at all of them")
			return
		}
		select {
		case <-bell:
		case <-deadline:
			told("not heard of yet: " + strings.Join(missing, ", ") + "; they go on when they run")
			return
		case <-ctx.Done():
			return
		}
	}
}
