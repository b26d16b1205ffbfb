package cli

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/fortunadws/fortuna/cli/cluster"
	"github.com/fortunadws/fortuna/cli/control"
	"github.com/fortunadws/fortuna/edge"
	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/forwarded"
	"github.com/fortunadws/fortuna/edge/http1"
	"github.com/fortunadws/fortuna/edge/tls"
	"github.com/fortunadws/fortuna/edge/upstream"
	"github.com/fortunadws/fortuna/kv/node"
)

// neighbours are the other nodes, as far as requests go there and come from there.
type neighbours struct {
	pool   *upstream.Pool
	server *edge.Server // where they send requests
	tls    *tls.Server
	queue  atomic.Int64 // requests that wait for a VM here, as last counted
	wish   atomic.Value // node.Wish of this node
}

// When a node gives requests to others although it serves their app.
const (
	overloadQueue = 8                     // requests wait here for a VM, for each event loop,
	overloadRatio = 2                     // and so many times fewer on the node that would be chosen
	countEvery    = 50 * time.Millisecond // the queue
)

// openNeighbours begins to listen for requests that other nodes forward, and to send them some.
func (m *member) openNeighbours() error {
	id, c := m.identity, m.house.config
	config, err := id.TLS(true)
	if err != nil {
		return failed("", "%v", err)
	}
	config.ServerName = "" // the pool asks for the node that it means
	m.near.wish.Store(node.Work)
	if m.near.pool, err = upstream.Open(upstream.Config{Self: id.Name, TLS: config, Policy: c.Policy, Log: m.house.journal.log}); err != nil {
		return failed("", "%v", err)
	}
	pair := tls.Files{Cert: id.Path(cluster.PairFile), Key: id.Path(cluster.PairFile)}
	m.near.tls, err = tls.Open(tls.Config{
		Certificates: []tls.Files{pair}, ClientCA: id.Path(cluster.AuthorityFile), ClientAuth: tls.RequireClient,
		Protocols: []string{"h2", "http/1.1"}, Log: m.house.journal.log,
	})
	if err != nil {
		return failed("", "%v", err)
	}
	_, limits, err := c.limits()
	if err != nil {
		return err
	}
	// What a request may have was judged where it came in; here are our own fields besides, and nodes are few and known.
	if limits.HTTP == (http1.Limits{}) {
		limits.HTTP = http1.DefaultLimits()
	}
	limits.HTTP.HeaderLineBytesMax += 4 << 10
	limits.HTTP.HeaderBytesMax += 4 << 10
	limits.HTTP.HeaderCountMax += 8
	limits.PerIPMax, limits.StreamsMax, limits.ResetsMax = limits.ConnectionsMax, 1<<10, 1<<20
	everybody := &forwarded.Trust{Proxies: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}}
	address, fallback := m.forwardAddress()
	listen := func(address string) (*edge.Server, error) {
		return edge.Listen(edge.Config{
			Addr: address, Loops: m.house.loops, Handler: m.fromNodes(), TLS: m.near.tls, Proxies: everybody, Deflate: c.Server.Deflate,
			Limits: limits, Access: m.house.answered, Log: slog.New(slog.DiscardHandler),
		})
	}
	m.near.server, err = listen(address)
	if err != nil && fallback {
		m.near.server, err = listen("127.0.0.1:0")
	}
	if err != nil {
		return refused("fortuna serve --cluster "+clusterListen, "listen for requests from other nodes: %v", err)
	}
	if at := m.near.server.Addr().String(); at != id.Place().Forward {
		if err := id.Change(func(p *cluster.Place) { p.Forward = at }); err != nil {
			return failed("", "%v", err)
		}
	}
	m.working.Go(m.count)
	return nil
}

// forwardAddress is where other nodes send requests: the port behind that of --cluster, or the one it was before.
func (m *member) forwardAddress() (address string, fallback bool) {
	if host, port, err := net.SplitHostPort(m.house.options.cluster); err == nil {
		if n, err := strconv.Atoi(port); err == nil && n > 0 {
			return net.JoinHostPort(host, strconv.Itoa(n+1)), false
		}
		if m.identity.Place().Forward == "" {
			return net.JoinHostPort(host, "0"), false
		}
	}
	if before := m.identity.Place().Forward; before != "" {
		return before, false
	}
	return "127.0.0.1:0", true
}

// count keeps how many requests wait, so that no request has to.
func (m *member) count() {
	tick := time.NewTicker(countEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-m.life.Done():
			return
		}
		queue := 0
		for _, a := range m.apps() {
			queue += a.stats().Queued
		}
		m.near.queue.Store(int64(queue))
	}
}

// fromNodes answers what other nodes forward, and never forwards it again.
func (m *member) fromNodes() exchange.Handler {
	receive := upstream.Receiver(exchange.HandlerFunc(func(x exchange.Exchange) {
		hop, _ := upstream.HopOf(x) // it came from the receiver
		m.mu.RLock()
		d := m.deployed[hop.App]
		m.mu.RUnlock()
		q := x.Request()
		if q.App = hop.App; d == nil || !d.serve(x) {
			m.near.pool.Forward(x, hop.App, "") // which refuses it: it has been forwarded
		}
	}))
	return exchange.HandlerFunc(func(x exchange.Exchange) {
		if c := x.Request().Client; c != nil && m.removed(c.Subject) {
			answer(x, 403, "text/plain; charset=utf-8", []byte("removed: the node was removed from the cluster\n"))
			return
		}
		receive.Serve(x)
	})
}

// removed reports whether the node with a certificate's subject is none any more.
func (m *member) removed(subject string) bool {
	for part := range strings.SplitSeq(subject, ",") {
		if name, ok := strings.CutPrefix(part, "CN="); ok && m.online.Load() {
			other, known := m.members.Cached(name)
			return known && other.Removed
		}
	}
	return false
}

// meet takes in what another node says of itself.
func (m *member) meet(i node.Info) {
	if i.Name == m.identity.Name || i.Address == "" {
		return
	}
	n := upstream.Node{
		Name: i.Name, Address: i.Address, Draining: i.Draining, Weight: float64(min(i.Weight, weightMax)), Apps: map[string]string{},
		Load: upstream.Load{
			Inflight: i.Load.Inflight, Queue: i.Load.Queue, Latency: time.Duration(i.Load.Latency * float64(time.Millisecond)), CPU: i.Load.CPU, Free: i.Load.Free,
		},
	}
	for name, a := range i.Apps {
		if a.Version != "" && i.Role != string(cluster.Balancer) {
			n.Apps[name] = a.Version
		}
	}
	if other, ok := m.members.Cached(i.Name); ok {
		if other.Removed {
			m.near.pool.Remove(i.Name)
			return
		}
		n.Draining = n.Draining || other.Wish != node.Work
	}
	if err := m.near.pool.Update(n); err != nil {
		m.house.journal.log.Warn("a node that cannot be used", "node", i.Name, "err", err)
	}
}

// elsewhere says why a request is for another node, or "" when it is served here.
func (m *member) elsewhere(q *exchange.Request, d *deployed) string {
	switch {
	case d.version() == "":
		return "not_here"
	case m.near.wish.Load() == node.Drain:
		return "draining"
	}
	here := m.near.queue.Load()
	if here < int64(overloadQueue*m.house.loops) {
		return ""
	}
	if n, ok := m.near.pool.Pick(q, d.app.name, ""); ok && int64(overloadRatio*n.Load.Queue) < here {
		return "overloaded"
	}
	return ""
}

// forwardedRoute is the route, for measures, of what another node answers.
const forwardedRoute = "forwarded"

// forward has another node answer. It reports false, and does nothing, when there is none and the app is here.
func (m *member) forward(x exchange.Exchange, d *deployed) bool {
	q := x.Request()
	if _, ok := m.near.pool.Pick(q, d.app.name, ""); !ok && d.version() != "" {
		return false
	}
	q.Route = forwardedRoute
	m.near.pool.Forward(x, d.app.name, visitorOf(q))
	return true
}

// visitorOf is what tells visitors apart for policies that keep each at a node: the session that their cookie names.
func visitorOf(q *exchange.Request) string {
	for i := range q.Header {
		if exchange.EqualFold(q.Header[i].Name, "Cookie") {
			for pair := range strings.SplitSeq(q.Header[i].Value, ";") {
				if name, value, ok := strings.Cut(strings.TrimSpace(pair), "="); ok && (name == "__Host-sid" || name == "sid") {
					id, _, _ := strings.Cut(value, ".")
					return id
				}
			}
		}
	}
	return ""
}

// upstreams are the counters of what was forwarded, by node.
func (m *member) upstreams() []upstream.Stats {
	if !m.online.Load() {
		return nil
	}
	all, _ := m.near.pool.Stats()
	return all
}

// closeNeighbours lets no request in from other nodes any more, and none out.
func (m *member) closeNeighbours() {
	if m.near.server != nil {
		_ = m.near.server.Close() // it never fails
		m.near.tls.Close()
	}
	if m.near.pool != nil {
		m.near.pool.Close()
	}
}

// depart tells the other nodes that this one drains.
func (m *member) depart() {
	if m.online.Load() {
		m.registry.Tell()
	}
}

// leave finishes what other nodes have sent, or gives up with ctx. They have been told that this one drains.
func (m *member) leave(ctx context.Context) error {
	if m.near.server == nil {
		return nil
	}
	return m.near.server.Drain(ctx)
}

// explain says where a request would go, and why.
func (m *member) explain(method, host, path string) control.Explanation {
	q := &exchange.Request{Method: method, Host: host, Target: path, Path: path, Minor: 1}
	e := control.Explanation{Node: m.identity.Name, Host: host, Path: path}
	d := m.sites.Load().find(q)
	if d == nil {
		e.Why = "no app has a route for it: it is answered 404"
		return e
	}
	e.App, e.Version = d.app.name, d.version()
	e.Where = m.identity.Name
	why := m.elsewhere(q, d)
	decision := m.near.pool.Explain(q, e.App, "")
	e.Policy = decision.Policy
	for _, c := range decision.Candidates {
		e.Candidates = append(e.Candidates, control.Candidate{
			Node: c.Node.Name, State: string(c.State), Weight: max(c.Node.Weight, 1), Score: c.Score, Inflight: c.Inflight, Queue: c.Node.Load.Queue, CPU: c.Node.Load.CPU, PaceMs: float64(c.Pace.Microseconds()) / 1000, Chosen: c.Chosen, Why: c.Why,
		})
		if c.Chosen && why != "" {
			e.Where = c.Node.Name
		}
	}
	switch why {
	case "":
		e.Why = fmt.Sprintf("it is served here: %d requests wait, %d would be many", m.near.queue.Load(), overloadQueue*m.house.loops)
	case "not_here":
		e.Why = "the app is not served here"
	case "draining":
		e.Why = "this node drains"
	case "overloaded":
		e.Why = fmt.Sprintf("%d requests wait here, which are many, and fewer there", m.near.queue.Load())
	}
	return e
}
