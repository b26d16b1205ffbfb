package node

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/fortunadws/fortuna/kv"
)

// Topology is which nodes have the store, and which are about to have it.
type Topology struct {
	Serial  uint64   `json:"serial"`            // counts what was changed
	Cores   []Core   `json:"cores,omitempty"`   // those that have it together; none while one node has it alone
	Invited []string `json:"invited,omitempty"` // those that are to have it too, when all of them are ready
	Gate    string   `json:"gate,omitempty"`    // where they say that they are
}

// Core is a node that has the store.
type Core struct {
	Name  string `json:"name"`
	Gate  string `json:"gate"`            // where nodes without the store come in
	Store string `json:"store,omitempty"` // where the stores of others reach its own
}

// Topologies keeps the topology of a cluster. Its methods may be called from any goroutine.
type Topologies struct {
	space   *kv.Space
	replica *kv.Replica
}

// NewTopologies is that in a bucket of the cluster's; replica is of it.
func NewTopologies(cluster *kv.Bucket, replica *kv.Replica) *Topologies {
	return &Topologies{cluster.Space("topology"), replica}
}

// topologyKey is the only one of its space.
const topologyKey = "cores"

// Get is the topology, the zero one before it was ever changed.
func (t *Topologies) Get(ctx context.Context) (now Topology, err error) {
	e, err := t.space.GetLeader(ctx, topologyKey)
	if errors.Is(err, kv.ErrNotFound) {
		return now, nil
	}
	if err == nil {
		err = json.Unmarshal(e.Value, &now)
	}
	return now, err
}

// Change changes the topology. change may refuse.
func (t *Topologies) Change(ctx context.Context, change func(*Topology) error) (now Topology, err error) {
	for {
		e, err := t.space.GetLeader(ctx, topologyKey)
		check := kv.IfRev(e.Rev)
		now = Topology{}
		if errors.Is(err, kv.ErrNotFound) {
			check, err = kv.IfNew(), nil
		} else if err == nil {
			err = json.Unmarshal(e.Value, &now)
		}
		if err == nil {
			err = change(&now)
		}
		if err != nil {
			return now, err
		}
		now.Serial++
		text, err := json.Marshal(now)
		if err != nil {
			return now, err
		}
		_, err = t.space.Put(ctx, kv.Write{Key: topologyKey, Value: text, Check: check})
		if errors.Is(err, kv.ErrMismatch) || errors.Is(err, kv.ErrExists) {
			continue // somebody else was first
		}
		return now, err
	}
}

// Follow calls f when the topology may be another. It must not block.
func (t *Topologies) Follow(f func()) (end func()) {
	return t.replica.Listen(&kv.Listener{Space: t.space, Changed: func(kv.Entry) { f() }, Missed: f})
}
