package upstream

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// Policy is a way to choose among the nodes that can serve a request. The zero value is p2c.
type Policy struct {
	kind kind
	name string // of the field or cookie
}

type kind uint8

const (
	p2c kind = iota
	roundRobin
	leastConn
	weighted
	random
	ipHash
	uriHash
	headerHash
	cookieHash
	sessionHash
)

var kinds = []string{
	p2c: "p2c", roundRobin: "round_robin", leastConn: "least_conn", weighted: "weighted", random: "random",
	ipHash: "ip_hash", uriHash: "uri_hash", headerHash: "header", cookieHash: "cookie", sessionHash: "session",
}

// Policies are the names that ParsePolicy knows, for people.
const Policies = "p2c, round_robin, least_conn, weighted, random, ip_hash, uri_hash, header:<name>, cookie:<name> and session"

// ParsePolicy reads the name of a policy. The error names what was got and lists what there is.
func ParsePolicy(text string) (Policy, error) {
	name, argument, has := strings.Cut(text, ":")
	for k, known := range kinds {
		if known != name {
			continue
		}
		named := kind(k) == headerHash || kind(k) == cookieHash
		switch {
		case named && !isToken(argument):
			return Policy{}, fmt.Errorf("policy %q needs a name: write %s:<name>", text, name)
		case !named && has:
			return Policy{}, fmt.Errorf("policy %q takes no name: write %s", text, name)
		}
		return Policy{kind: kind(k), name: argument}, nil
	}
	return Policy{}, fmt.Errorf("unknown policy %q: there are %s", text, Policies)
}

// String is what ParsePolicy reads.
func (p Policy) String() string {
	if p.name != "" {
		return kinds[p.kind] + ":" + p.name
	}
	return kinds[p.kind]
}

// byTurns reports whether nodes are given requests by nothing but their weights.
func (p Policy) byTurns() bool { return p.kind == roundRobin || p.kind == weighted || p.kind == random }

// key is what a request is hashed by; ok is false when it has none, or the policy does not hash.
func (p Policy) key(q *exchange.Request, session string) (key uint64, ok bool) {
	var text string
	switch p.kind {
	case ipHash:
		a := q.Remote.Addr().Unmap()
		if a.Is6() { // whose lower half changes with each device and day
			b := a.As16()
			clear(b[8:])
			a = netip.AddrFrom16(b)
		}
		b := a.As16()
		return hash(b[:]), a.IsValid()
	case uriHash: // without the query, as HAProxy's
		text = q.Path
	case headerHash:
		text = q.Get(p.name)
	case cookieHash:
		text = cookie(q, p.name)
	case sessionHash:
		text = session
	}
	return hash(text), text != ""
}

// choose is one of ready, which is not empty, for a request. Requests without what a policy hashes by have p2c.
func (p *Pool) choose(ready []*peer, q *exchange.Request, session string, now time.Time) *peer {
	if len(ready) == 1 {
		return ready[0]
	}
	policy := p.config.Policy
	switch policy.kind {
	case roundRobin:
		n := p.turns.Add(1)
		for range ready {
			c := ready[n%uint64(len(ready))]
			if s := c.share(now); s >= 1 || rand.Float64() < s {
				return c
			}
			n++
		}
		return ready[n%uint64(len(ready))]
	case leastConn:
		return least(ready, func(c *peer) float64 {
			n := c.node.Load()
			return (c.load(n) + 1) / c.weight(n, now)
		})
	case weighted: // exactly: multiples of the golden ratio fall evenly on the circle
		const golden = 0x9e3779b97f4a7c15 // of 1<<64
		return byWeight(ready, float64(p.turns.Add(1)*golden>>11)/(1<<53), now)
	case random:
		return byWeight(ready, rand.Float64(), now)
	}
	if key, ok := policy.key(q, session); ok {
		return rendezvous(ready, key, now)
	}
	i := rand.IntN(len(ready))
	j := rand.IntN(len(ready) - 1)
	if j >= i {
		j++
	}
	pair := [2]*peer{ready[i], ready[j]}
	least := fastest(pair[:], now)
	if cost(pair[1], least, now) < cost(pair[0], least, now) {
		return pair[1]
	}
	return pair[0]
}

// cost is what p2c compares: how many requests would share how much of a node, and how slow it is beside the fastest. One whose
// cores are busy has more to do than it counts, in work that is no request. Only whole tenths of its cores count: with less to do
// than that, what a node does for itself would have one of them get all requests.
func cost(c *peer, fastest float64, now time.Time) float64 {
	n := c.node.Load()
	busy := math.Floor(10*min(max(n.Load.CPU, 0), 1)) / 10
	return (c.load(n) + 1) * (1 + busy) * c.pace.slowness(fastest, now) / c.weight(n, now)
}

// least is the one with the lowest value. Of equal ones each has its chance, or the first would get all that a quiet
// cluster has to do.
func least(ready []*peer, value func(*peer) float64) *peer {
	best, low := ready[0], math.Inf(1)
	begin := rand.IntN(len(ready))
	for i := range ready {
		c := ready[(begin+i)%len(ready)]
		if v := value(c); v < low {
			best, low = c, v
		}
	}
	return best
}

// byWeight is the node at a point, from 0 to 1, of the line on which each has as much as it weighs.
func byWeight(ready []*peer, at float64, now time.Time) *peer {
	var all float64
	for _, c := range ready {
		all += c.weight(c.node.Load(), now)
	}
	at *= all
	for _, c := range ready {
		if at -= c.weight(c.node.Load(), now); at < 0 {
			return c
		}
	}
	return ready[len(ready)-1]
}

// cookie is the value of the first cookie called name, or "".
func cookie(q *exchange.Request, name string) string {
	for i := range q.Header {
		if !exchange.EqualFold(q.Header[i].Name, "Cookie") {
			continue
		}
		for pair := range strings.SplitSeq(q.Header[i].Value, ";") {
			if n, value, ok := strings.Cut(strings.TrimSpace(pair), "="); ok && n == name {
				return value
			}
		}
	}
	return ""
}

// isToken reports whether text is a token (RFC 9110, section 5.6.2).
func isToken(text string) bool {
	for i := range len(text) {
		c := text[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return text != ""
}
