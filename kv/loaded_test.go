package kv

import (
	"context"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/kv/embedded"
)

// A read that found nothing does not replace what was announced while it was under way.
func TestReplica_loaded(t *testing.T) {
	absent, old, announced := Entry{Deleted: true}, Entry{Rev: 3}, Entry{Rev: 5}
	for what, c := range map[string]struct {
		before, meanwhile, loaded Entry
		known                     bool
		want                      Entry
	}{
		"nothing was known, and there is nothing": {absent, absent, absent, false, absent},
		"it has gone, as nobody was told":         {old, old, absent, true, absent},
		"it came meanwhile":                       {absent, announced, absent, false, announced},
		"it came again meanwhile":                 {old, announced, absent, true, announced},
		"what was loaded is older":                {absent, announced, old, false, announced},
		"what was loaded is newer":                {old, old, announced, true, announced},
	} {
		r := &Replica{slots: map[string]*slot{}, max: 1 << 20}
		s := r.enter("x")
		if c.known {
			r.set(s, c.before)
		}
		if c.meanwhile.Rev != c.before.Rev {
			r.set(s, c.meanwhile)
		}
		r.loaded(s, c.loaded, c.before.Rev, c.known)
		if s.entry.Rev != c.want.Rev || s.entry.Deleted != c.want.Deleted {
			t.Errorf("%s: revision %d, deleted %t", what, s.entry.Rev, s.entry.Deleted)
		}
	}
}

// Who waits for another's read does not take, when that fails, what is too old.
func TestReplica_waiterOfFailure(t *testing.T) {
	server, err := embedded.Solo(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	store, err := Open(server, t.Name())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	b, err := store.Bucket(t.Context(), Config{Name: "values", Announce: Keys})
	if err != nil {
		t.Fatal(err)
	}
	r, err := b.Replica(t.Context(), 1<<20, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	space := b.Space("shop")
	if _, err := space.Put(t.Context(), Write{Key: "a", Value: []byte("old")}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(t.Context(), space, "a", Need{}); err != nil {
		t.Fatal(err)
	}
	server.Close()
	for r.Bound() <= time.Second { // which nothing but time changes
		time.Sleep(10 * time.Millisecond)
	}
	read := func(patience time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		_, err := r.Read(ctx, space, "a", Need{Bound: time.Second})
		return err
	}
	first := make(chan error)
	go func() { first <- read(time.Second) }()
	subject := space.Place("a").subject
	for loading := false; !loading; time.Sleep(time.Millisecond) {
		r.mu.Lock()
		loading = r.slots[subject] != nil && r.slots[subject].loading != nil
		r.mu.Unlock()
	}
	if read(2*time.Second) == nil || <-first == nil {
		t.Error("an entry is given that is older than was asked for")
	}
}
