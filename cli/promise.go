package cli

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/fortunadws/fortuna/cli/cluster"
	"github.com/fortunadws/fortuna/kv/embedded"
	"github.com/fortunadws/fortuna/kv/node"
)

// promise is what a node has accepted: to have the store too. It holds until the topology says that it is so, or that it will
// not be.
type promise struct {
	serial uint64           // of the topology by which it was invited; 0: by a former process
	server *embedded.Server // its part of the store; nil without a promise
	bell   chan struct{}
}

// acceptWithin is how long the nodes that are invited may wait for each other.
const acceptWithin = 30 * time.Second

// mind has attend look at the topology.
func (m *member) mind() {
	select {
	case m.promise.bell <- struct{}{}:
	default: // it will anyway
	}
}

// attend does what the topology says of this node, until the node ends.
func (m *member) attend() {
	defer m.promise.close()
	for m.life.Err() == nil {
		wait := followEvery
		if err := m.comply(); err != nil && m.life.Err() == nil {
			wait = followRetry
			m.house.journal.log.Warn("topology", "err", err)
		}
		select {
		case <-m.promise.bell:
		case <-time.After(wait):
		case <-m.life.Done():
		}
	}
}

func (m *member) comply() error {
	id := m.identity
	ctx, cancel := context.WithTimeout(m.life, stateOpens)
	defer cancel()
	t, err := m.topologies.Get(ctx)
	if err != nil {
		return err
	}
	place, seats := id.Place(), seatsOf(t.Cores)
	member := slices.ContainsFunc(t.Cores, func(c node.Core) bool { return c.Name == id.Name })
	invited := slices.Contains(t.Invited, id.Name)
	switch {
	case place.Role == cluster.Core: // that it has the store is on its own disk, not in the store
		return nil
	case member && len(place.Promised) > 0:
		return m.fulfil(seats)
	case invited && (len(place.Promised) == 0 || m.promise.serial != 0 && m.promise.serial != t.Serial):
		return m.accept(ctx, t)
	case !member && !invited && len(place.Promised) > 0:
		m.house.journal.log.Warn("the store will not be here: the promotion was given up")
		return m.decline()
	}
	if len(seats) > 0 && !slices.Equal(seats, place.Cores) {
		return id.Change(func(p *cluster.Place) { p.Cores = seats })
	}
	return nil
}

// accept gets ready to have the store too.
func (m *member) accept(ctx context.Context, t node.Topology) error {
	if err := m.decline(); err != nil {
		return err
	}
	if err := m.openGate(); err != nil {
		return err
	}
	store, err := m.storeAddress()
	if err != nil {
		return err
	}
	id := m.identity
	ctx, cancel := context.WithTimeout(ctx, acceptWithin)
	defer cancel()
	if err := id.Accept(ctx, t.Gate, cluster.Seat{Name: id.Name, Gate: id.Place().Listen, Store: store}); err != nil {
		return err
	}
	m.promise.serial = t.Serial
	return m.promise.open(m, id.Place().Promised)
}

// fulfil makes this node one of those that have the store.
func (m *member) fulfil(seats []cluster.Seat) error {
	server := m.promise.server
	if server == nil { // it could not be opened
		if err := m.promise.open(m, seats); err != nil {
			return err
		}
		server = m.promise.server
	}
	err := m.identity.Change(func(p *cluster.Place) { p.Role, p.Cores, p.Promised = cluster.Core, seats, nil })
	if err != nil {
		return err
	}
	m.promise.server = nil
	m.server.Store(server)
	m.line.Lead(server.Target())
	if gate := m.gate.Load(); gate != nil {
		if err := gate.Refresh(); err != nil {
			return err
		}
	}
	m.house.journal.log.Info("the store is here too", "cores", len(seats))
	m.govern()
	m.registry.Tell()
	m.moved()
	return nil
}

// decline ends a promise.
func (m *member) decline() error {
	m.promise.close()
	m.promise.serial = 0
	if err := embedded.Erase(m.identity.Path(amongDir)); err != nil {
		return fmt.Errorf("remove what was prepared for the store: %w", err)
	}
	return m.identity.Decline()
}

// moved has the apps take up their work where the store is now.
func (m *member) moved() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.deployed {
		d.app.state.tell()
	}
}

// open opens the part of the store that was promised.
func (p *promise) open(m *member, cores []cluster.Seat) (err error) {
	p.server, err = m.openAmong(cores)
	return err
}

// close closes it.
func (p *promise) close() {
	if p.server != nil {
		p.server.Close()
		p.server = nil
	}
}

func seatsOf(cores []node.Core) (seats []cluster.Seat) {
	for _, c := range cores {
		seats = append(seats, cluster.Seat(c))
	}
	return seats
}
