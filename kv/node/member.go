package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/fortunadws/fortuna/kv"
)

// Member is a node that belongs to the cluster, whether it runs or not.
type Member struct {
	Name    string    `json:"name"`
	Role    string    `json:"role"`
	Joined  time.Time `json:"joined"`
	Wish    Wish      `json:"wish,omitempty"` // what people want of it
	Removed bool      `json:"removed,omitempty"`
}

// Wish is what people want of a node beyond its work.
type Wish string

// The wishes.
const (
	Work   Wish = ""       // nothing else
	Cordon Wish = "cordon" // no requests of others; what comes to it, it serves
	Drain  Wish = "drain"  // no requests at all: what comes to it, it gives to others
)

// Members are those of a cluster. Its methods may be called from any goroutine.
type Members struct {
	space   *kv.Space
	replica *kv.Replica
}

// NewMembers are those in a bucket of the cluster's; replica is of it.
func NewMembers(cluster *kv.Bucket, replica *kv.Replica) *Members {
	return &Members{cluster.Space("members"), replica}
}

// Get is a member. The error is kv.ErrNotFound when there is none; one that was removed is given.
func (m *Members) Get(ctx context.Context, name string) (Member, error) {
	member, _, err := m.get(ctx, name, kv.Need{Bound: time.Second})
	return member, err
}

// Cached is a member as it was last known, and false when nothing is.
func (m *Members) Cached(name string) (member Member, ok bool) {
	e, ok := m.replica.Cached(m.space, name, kv.Need{})
	if !ok || e.Deleted || json.Unmarshal(e.Value, &member) != nil {
		return Member{}, false
	}
	return member, true
}

func (m *Members) get(ctx context.Context, name string, need kv.Need) (member Member, rev uint64, err error) {
	e, err := m.replica.Read(ctx, m.space, name, need)
	if err == nil {
		err = json.Unmarshal(e.Value, &member)
	}
	return member, e.Rev, err
}

// Change changes a member, or makes one: change gets what is there, or the zero Member, and may refuse. What stays as it was is
// not written.
func (m *Members) Change(ctx context.Context, name string, change func(*Member) error) error {
	for {
		member, rev, err := m.get(ctx, name, kv.Need{Leader: true})
		check := kv.IfRev(rev)
		if errors.Is(err, kv.ErrNotFound) {
			check, err = kv.IfNew(), nil
		}
		before := member
		if err == nil {
			err = change(&member)
		}
		if err != nil {
			return err
		}
		member.Name = name
		if member == before {
			return nil
		}
		text, err := json.Marshal(member)
		if err != nil {
			return err
		}
		w := kv.Write{Key: name, Value: text, Check: check}
		rev, err = m.space.Put(ctx, w)
		if err == nil {
			m.replica.Keep(m.space, w.Entry(rev)) // who asks this process next finds it
		}
		if errors.Is(err, kv.ErrMismatch) || errors.Is(err, kv.ErrExists) {
			continue // somebody else was first
		}
		return err
	}
}

// Enrol makes a node a member. One of that name that runs, by the registry, is not replaced.
func (m *Members) Enrol(ctx context.Context, name, role string, seen []Seen) error {
	return m.Change(ctx, name, func(member *Member) error {
		for _, s := range seen {
			if s.Name == name && s.State(time.Now()) != Out {
				return fmt.Errorf("there is a node %q already, and it runs: choose another name", name)
			}
		}
		if member.Removed {
			return fmt.Errorf("the node %q was removed from the cluster: choose another name", name)
		}
		*member = Member{Role: role, Joined: time.Now().UTC().Truncate(time.Second)}
		return nil
	})
}

// All are the members that were not removed, by name.
func (m *Members) All(ctx context.Context) (all []Member, err error) {
	page, err := m.space.List(ctx, "", "", 10_000)
	if err != nil {
		return nil, err
	}
	for _, e := range page.Entries {
		member, err := m.Get(ctx, e.Key)
		if errors.Is(err, kv.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !member.Removed {
			all = append(all, member)
		}
	}
	return all, nil
}

// Follow calls f with the name of a member that may be another, and "" when any may be. It must not block.
func (m *Members) Follow(f func(name string)) (end func()) {
	return m.replica.Listen(&kv.Listener{Space: m.space, Changed: func(e kv.Entry) { f(e.Key) }, Missed: func() { f("") }})
}
