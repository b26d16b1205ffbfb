package upstream

import (
	"sync/atomic"
	"time"
)

// Node is what is known of another node, from its last heartbeat.
type Node struct {
	Name     string            // unique; its certificate is for this name
	Address  string            // host:port of its listener for nodes
	Zone     string            // where it stands; "" if nobody says
	Weight   float64           // its size beside that of others; 0 is 1
	Load     Load              // as it said
	Draining bool              // it finishes what it has and takes nothing new
	Seen     time.Time         // when the heartbeat came; zero is when Update is called
	Apps     map[string]string // the apps it can serve, with their versions; nil: every app
}

// Load is how busy a node says it is.
type Load struct {
	Inflight int           // requests it answers
	Queue    int           // requests that wait in it
	Latency  time.Duration // of its answers, a moving average
	CPU      float64       // of its cores, 0 to 1
	Free     int           // VMs that wait for work
}

// peer is a node as the pool uses it.
type peer struct {
	name string
	seed uint64 // of the name, for rendezvous hashing
	node atomic.Pointer[Node]
	ejection
	pace pace

	lanes []*lane

	requests atomic.Uint64
	failures atomic.Uint64
	retries  atomic.Uint64
	inflight atomic.Int64
	sockets  atomic.Int64
}

// State is whether a node may be given requests.
type State string

// The states, best first.
const (
	Ready    State = "ready"
	Suspect  State = "suspect"  // no heartbeat for 3 s: used if no other is ready
	Ejected  State = "ejected"  // it failed: used if no other is there
	Out      State = "out"      // no heartbeat for 5 s: used if none of the others is there
	Draining State = "draining" // never used, nor are those below
	NoApp    State = "no_app"   // it cannot serve the app
	Tried    State = "tried"    // this request has failed there
)

// state is that of p for an app. "" is any app.
func (p *peer) state(n *Node, app string, now time.Time) State {
	if n.Draining {
		return Draining
	}
	if _, ok := n.Apps[app]; !ok && n.Apps != nil && app != "" {
		return NoApp
	}
	silent := now.Sub(n.Seen)
	switch {
	case silent > outAfter:
		return Out
	case p.ejected(now):
		return Ejected
	case silent > suspectAfter:
		return Suspect
	}
	return Ready
}

// weight is how much of the whole n should get, its slow start counted.
func (p *peer) weight(n *Node, now time.Time) float64 {
	w := n.Weight
	if w <= 0 {
		w = 1
	}
	return w * p.share(now)
}

// load is what n has to do: what it said a moment ago, and what we have given it, so that those who read the same
// heartbeat do not all run to the same node.
func (p *peer) load(n *Node) float64 {
	return float64(max(n.Load.Inflight, 0)+max(n.Load.Queue, 0)) + float64(p.inflight.Load())
}
