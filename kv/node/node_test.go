package node

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/embedded"
)

func open(t *testing.T) (*embedded.Server, *kv.Store) {
	t.Helper()
	server, err := embedded.Solo(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server, connect(t, server)
}

func connect(t *testing.T, server *embedded.Server) *kv.Store {
	t.Helper()
	s, err := kv.Open(server, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestRegistry(t *testing.T) {
	server, s := open(t)
	registry := func(s *kv.Store, name string) *Registry {
		r, err := Open(s, func() Info {
			return Info{Name: name, Load: Load{Queue: 3}, Apps: map[string]App{"shop": {Version: "v", Counter: 2}}}
		}, func(name string) bool { return name != "stranger" }, nil, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(r.Close)
		return r
	}
	one := registry(s, "one")
	bell, end := one.Watch()
	defer end()
	registry(connect(t, server), "two")
	for len(one.Nodes()) < 2 {
		<-bell // of the first beat, or one that follows within a second
	}
	all := one.Nodes()
	if all[0].Name != "one" || all[1].Name != "two" || all[1].Load.Queue != 3 || all[1].Apps["shop"].Counter != 2 {
		t.Errorf("%+v", all)
	}
	now := all[1].At
	for silent, want := range map[time.Duration]State{0: Alive, 3 * time.Second: Alive, 4 * time.Second: Suspect, 6 * time.Second: Out} {
		if got := all[1].State(now.Add(silent)); got != want {
			t.Errorf("after %v: %s, want %s", silent, got, want)
		}
	}
	if one.Forget("two"); len(one.Nodes()) != 1 {
		t.Error("a node that was forgotten is there")
	}
	one.hear("x", []byte("{"))
	one.hear("", []byte(`{"name":""}`))
	one.hear("x", []byte(`{"name":"y"}`))
	one.hear("stranger", []byte(`{"name":"stranger"}`))
	if len(one.Nodes()) != 1 {
		t.Error("what cannot be read, or is said in the name of another, counts")
	}
}

func TestMembers(t *testing.T) {
	_, s := open(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	b, err := s.Bucket(ctx, kv.Config{Name: "cluster"})
	if err != nil {
		t.Fatal(err)
	}
	replica, err := b.Replica(ctx, 1<<20, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer replica.Close()
	m := NewMembers(b, replica)
	if err := m.Enrol(ctx, "one", "worker", nil); err != nil {
		t.Fatal(err)
	}
	runs := []Seen{{Info{Name: "one"}, time.Now()}}
	if err := m.Enrol(ctx, "one", "worker", runs); err == nil {
		t.Error("the name of a node that runs is given to another")
	}
	runs[0].At = time.Now().Add(-time.Hour)
	if err := m.Enrol(ctx, "one", "balancer", runs); err != nil {
		t.Errorf("a node that is gone comes back: %v", err)
	}
	if err := m.Change(ctx, "one", func(m *Member) error { m.Wish = Drain; return nil }); err != nil {
		t.Fatal(err)
	}
	if one, ok := m.Cached("one"); !ok || one.Role != "balancer" || one.Wish != Drain {
		got, err := m.Get(ctx, "one")
		t.Errorf("%+v %v; %+v %v", one, ok, got, err)
	}
	if err := m.Change(ctx, "one", func(m *Member) error { m.Removed = true; return nil }); err != nil {
		t.Fatal(err)
	}
	if all, err := m.All(ctx); err != nil || len(all) != 0 {
		t.Errorf("%v %v", all, err)
	}
}
