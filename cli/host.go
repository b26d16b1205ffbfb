package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/fortunadws/fortuna/cli/cluster"
	"github.com/fortunadws/fortuna/cli/control"
	"github.com/fortunadws/fortuna/kv/embedded"
	"github.com/fortunadws/fortuna/kv/node"
)

// Directories of a node's store: alone, and shared with others. A server that opened one of the other kind would delete it.
const (
	aloneDir  = "state"
	amongDir  = "store"
	storeName = "fortuna" // of the cluster of servers
)

// storeDir is where a node has its store.
func storeDir(p *cluster.Place) string {
	if p.Shares() {
		return amongDir
	}
	return aloneDir
}

// openServer opens the store of a node that has it, and leads others to that of another node.
func (m *member) openServer(p *project) error {
	id, place := m.identity, m.identity.Place()
	if p.config.State.External.URL != "" {
		return nil
	}
	m.line.Lead(embedded.Away(id.Reach))
	if len(place.Promised) > 0 { // the others may need it to agree
		if err := m.promise.open(m, place.Promised); err != nil {
			m.house.journal.trouble(err)
		}
	}
	var server *embedded.Server
	var err error
	switch {
	case place.Role != cluster.Core:
		return nil
	case place.Shares():
		m.behind.Store(true)
		server, err = m.openAmong(place.Cores)
	default:
		_, server, err = m.store.table.source(p, id.Path(aloneDir), m.store.log)
	}
	if err != nil {
		return err
	}
	m.server.Store(server)
	m.line.Lead(server.Target())
	return nil
}

// openAmong opens this node's part of the store that cores share.
func (m *member) openAmong(cores []cluster.Seat) (*embedded.Server, error) {
	id := m.identity
	c := embedded.Cluster{Name: storeName, Node: id.Name}
	var err error
	if c.TLS, err = id.StoreTLS(); err != nil {
		return nil, failed("", "%v", err)
	}
	if c.Secret, err = id.StoreSecret(); err != nil {
		return nil, failed("", "%v", err)
	}
	for _, core := range cores {
		a, err := addressOf(core.Store)
		if err != nil {
			return nil, failed("", "the store of the node %s: %v", core.Name, err)
		}
		c.Members = append(c.Members, a)
		if core.Name == id.Name {
			c.Listen = a
		}
	}
	server, err := embedded.Clustered(embedded.Options{Dir: id.Path(amongDir), Durability: embedded.Always, StoreBytes: 1 << 50, Log: m.store.log}, c)
	if err != nil {
		return nil, refused("", "%v", err)
	}
	return server, nil
}

func addressOf(text string) (a embedded.Address, err error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return a, err
	}
	a.Host = host
	a.Port, err = strconv.Atoi(port)
	return a, err
}

// host lets other nodes in: this one has the store.
func (m *member) host(ctx context.Context) error {
	if err := m.openGate(); err != nil {
		return err
	}
	id := m.identity
	place := id.Place()
	if !place.Shares() && (len(place.Cores) != 1 || place.Cores[0].Gate != place.Listen) {
		if err := id.Change(func(p *cluster.Place) { p.Cores = []cluster.Seat{{Name: id.Name, Gate: p.Listen}} }); err != nil {
			return failed("", "%v", err)
		}
	}
	err := m.members.Change(ctx, id.Name, func(member *node.Member) error {
		if member.Name == "" {
			member.Joined = time.Now().UTC().Truncate(time.Second)
		}
		member.Role = string(cluster.Core)
		return nil
	})
	if err != nil {
		return failed("", "%v", err)
	}
	if !place.Shares() { // of a promotion that this process's forerunner did not finish, nothing is true
		return m.dismiss(ctx)
	}
	if err := m.declare(ctx, place.Cores); err != nil {
		return err
	}
	m.working.Go(m.heal)
	return nil
}

// openGate begins to listen for other nodes, where it was before, or where the command line says.
func (m *member) openGate() error {
	if m.gate.Load() != nil {
		return nil
	}
	h, id := m.house, m.identity
	gate := &cluster.Gate{
		Identity: id, Log: h.journal.log,
		Enrol: func(ctx context.Context, name string, role cluster.Role) error {
			err := m.members.Enrol(ctx, name, string(role), m.registry.Nodes())
			if err == nil {
				m.audit(ctx, control.Event{Who: name, What: "node " + name + " joined as " + string(role)})
			}
			return err
		},
		Member: func(ctx context.Context, name string) bool {
			if member, ok := m.members.Cached(name); ok { // the store may be away
				return !member.Removed
			}
			member, err := m.members.Get(ctx, name)
			return err == nil && !member.Removed
		},
		Promote: m.gather,
	}
	if m.house.config.State.External.URL == "" {
		gate.Carry = func(c net.Conn, name string) error {
			server := m.server.Load()
			if server == nil || id.Role() != cluster.Core {
				c.Close()
				return errors.New("the store is not here now")
			}
			return server.Admit(c, workerRights(name))
		}
	}
	address, fallback := m.gateAddress()
	if host, _, err := net.SplitHostPort(address); err == nil && (host == "" || net.ParseIP(host).IsUnspecified()) {
		return usageError("--cluster 10.0.0.1:9788", "--cluster must be an address that the other nodes reach, got %q", address)
	}
	err := gate.Open(address)
	if err != nil && fallback { // another node of this machine has it
		err = gate.Open("127.0.0.1:0")
	}
	if err != nil {
		return refused("fortuna serve --cluster 127.0.0.1:0", "%v", err)
	}
	m.gate.Store(gate)
	if at := gate.Addr().String(); at != id.Place().Listen {
		if err := id.Change(func(p *cluster.Place) { p.Listen = at }); err != nil {
			return failed("", "%v", err)
		}
	}
	return nil
}

// gateAddress is where other nodes come in: as the command line says, or as before.
func (m *member) gateAddress() (address string, fallback bool) {
	place := m.identity.Place()
	if asked := m.house.options.cluster; asked != "" {
		if _, port, err := net.SplitHostPort(asked); err == nil && port == "0" && place.Listen != "" {
			return place.Listen, false // others know it
		}
		return asked, false
	}
	if place.Listen != "" {
		return place.Listen, false
	}
	if host, _, err := net.SplitHostPort(place.Forward); err == nil && place.Role != cluster.Core {
		return net.JoinHostPort(host, "0"), false
	}
	return clusterListen, true
}

// storeAddress is where the stores of other nodes are to reach this one's: two ports behind that of --cluster, or a free one.
func (m *member) storeAddress() (string, error) {
	place := m.identity.Place()
	if place.Store != "" {
		return place.Store, nil
	}
	if host, port, err := net.SplitHostPort(m.house.options.cluster); err == nil {
		if n, err := strconv.Atoi(port); err == nil && n > 0 {
			return net.JoinHostPort(host, strconv.Itoa(n+2)), nil
		}
	}
	host, _, err := net.SplitHostPort(place.Listen)
	if err != nil {
		return "", fmt.Errorf("where the store is to be reached: %w", err)
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "", fmt.Errorf("where the store is to be reached: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// How a node finds out that it has everything that the others have.
const (
	wholeEvery = time.Second
	wholeLooks = 2 // in a row: a leader that is new may not know yet who is behind
)

// heal finds out when this node's part of the store has everything. Until then it is not ready: who restarts nodes one by one would
// take a second one away before the first is back.
func (m *member) heal() {
	tick := time.NewTicker(wholeEvery)
	defer tick.Stop()
	for looks := 0; looks < wholeLooks; {
		select {
		case <-tick.C:
		case <-m.life.Done():
			return
		}
		ctx, cancel := context.WithTimeout(m.life, stateOpens)
		behind, err := m.store.values.Behind(ctx, m.identity.Name)
		cancel()
		switch {
		case err != nil:
			m.house.journal.log.Debug("what the store lacks", "err", err)
			looks = 0
		case len(behind) > 0:
			looks = 0
		default:
			looks++
		}
	}
	m.behind.Store(false)
	m.registry.Tell()
}
