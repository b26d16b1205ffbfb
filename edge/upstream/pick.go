package upstream

import (
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// Candidate is a node as a choice saw it.
type Candidate struct {
	Node     Node
	State    State
	Share    float64       // of its weight that counts, 0 to 1: below 1 in its slow start
	Inflight int           // requests that we have given it and that are not answered
	Pace     time.Duration // to the heads of its answers, a moving mean; 0: none has come lately
	Score    float64       // of the policy, see Decision
	Chosen   bool
	Why      string // for people: why it may not be chosen; "" if it may
}

// Decision is how a node was chosen, or would be.
type Decision struct {
	Policy     string
	Key        string // "hashed", "no key: p2c" for policies that hash; "" for others
	Lower      bool   // whether the lowest Score is the best one
	Candidates []Candidate
}

// Pick returns the node that a request for an app would go to; ok is false when there is none that was heard of lately.
// session is the visitor's, or "". Who is picked has not been given anything: Forward picks for itself.
func (p *Pool) Pick(q *exchange.Request, app, session string) (node Node, ok bool) {
	c := p.pick(q, app, session, nil)
	if c == nil {
		return Node{}, false
	}
	n := c.node.Load()
	return *n, c.state(n, app, p.now()) != Out
}

// pick chooses among the nodes of the best state that there is.
func (p *Pool) pick(q *exchange.Request, app, session string, tried []*peer) *peer {
	now := p.now()
	var kept [CandidatesKept]*peer
	ready, _ := p.eligible(kept[:0], app, tried, now)
	if len(ready) == 0 {
		return nil
	}
	return p.choose(ready, q, session, now)
}

// eligible appends the nodes that may be chosen: all that are in the best of the usable states.
func (p *Pool) eligible(into []*peer, app string, tried []*peer, now time.Time) ([]*peer, State) {
	best := Draining
	for _, c := range *p.peers.Load() {
		s := c.state(c.node.Load(), app, now)
		if isTried(c, tried) || !s.usable() || best.usable() && best.better(s) {
			continue
		}
		if s != best {
			best, into = s, into[:0]
		}
		into = append(into, c)
	}
	return into, best
}

// usable says who may be chosen when nobody is better. One that is not heard of any more may serve all the same, when it is
// what tells of nodes that is away or slow: trying it is better than to refuse, which is the alternative.
func (s State) usable() bool { return s == Ready || s == Suspect || s == Ejected || s == Out }

// better reports whether s is used before t; both are usable.
func (s State) better(t State) bool {
	rank := func(s State) int {
		switch s {
		case Ready:
			return 0
		case Suspect:
			return 1
		case Ejected:
			return 2
		}
		return 3
	}
	return rank(s) < rank(t)
}

func isTried(c *peer, tried []*peer) bool {
	for _, t := range tried {
		if t == c {
			return true
		}
	}
	return false
}

// Explain returns every node with what speaks for and against it, and which one a choice took just now; policies that
// throw dice may take another next time.
func (p *Pool) Explain(q *exchange.Request, app, session string) Decision {
	now := p.now()
	ready, best := p.eligible(nil, app, nil, now)
	var chosen *peer
	if len(ready) > 0 {
		chosen = p.choose(ready, q, session, now)
	}
	policy := p.config.Policy
	d := Decision{Policy: policy.String(), Lower: true}
	key, hashed := policy.key(q, session)
	switch {
	case hashed:
		d.Key, d.Lower = "hashed", false
	case policy.kind >= ipHash:
		d.Key = "no key: p2c"
	case policy.byTurns():
		d.Lower = false
	}
	least := fastest(ready, now)
	for _, c := range *p.peers.Load() {
		n := c.node.Load()
		k := Candidate{Node: *n, State: c.state(n, app, now), Share: c.share(now), Inflight: int(c.inflight.Load()), Pace: time.Duration(c.pace.seconds(now) * 1e9), Chosen: c == chosen}
		w := c.weight(n, now)
		switch {
		case hashed:
			k.Score = number(c.seed, key, w)
		case policy.byTurns():
			k.Score = w
		case policy.kind == leastConn:
			k.Score = (c.load(n) + 1) / w
		default:
			k.Score = cost(c, least, now)
		}
		k.Why = why(k.State, best)
		d.Candidates = append(d.Candidates, k)
	}
	return d
}

// why is the reason against a node in a state, when best is the state of those that are chosen from.
func why(s, best State) string {
	switch {
	case s == Draining:
		return "it is draining"
	case s == NoApp:
		return "it cannot serve the app"
	case s == best:
		return ""
	case s == Out:
		return "no heartbeat for " + outAfter.String()
	case s == Ejected:
		return "requests failed there, and others are well"
	case s == Suspect:
		return "no heartbeat for " + suspectAfter.String() + ", and others are well"
	}
	return ""
}
