package kv_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/embedded"
)

// solo gives the servers of one store: a single one, in memory.
func solo(t *testing.T) []kv.Source {
	s, err := embedded.Solo(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return []kv.Source{s}
}

// three gives the servers of a cluster on loopback.
func three(t *testing.T) []kv.Source {
	var sources []kv.Source
	for _, s := range cluster(t) {
		sources = append(sources, s)
	}
	return sources
}

func cluster(t *testing.T) []*embedded.Server {
	t.Helper()
	members := make([]embedded.Address, 3)
	var ports []net.Listener
	for i := range members {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		members[i] = embedded.Address{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port}
		ports = append(ports, l)
	}
	for _, l := range ports { // all at once, so that no two are the same
		l.Close()
	}
	servers := make([]*embedded.Server, 3)
	var wait sync.WaitGroup
	for i := range members {
		wait.Add(1)
		go func() {
			defer wait.Done()
			var err error
			servers[i], err = embedded.Clustered(embedded.Options{Dir: t.TempDir(), Durability: embedded.Always}, embedded.Cluster{
				Name: "test", Node: fmt.Sprint("n", i+1), Listen: members[i], Members: members, Secret: "test",
			})
			if err != nil {
				t.Error(err)
			}
		}()
	}
	wait.Wait()
	if t.Failed() {
		t.FailNow()
	}
	t.Cleanup(func() {
		for _, s := range servers {
			s.Close()
		}
	})
	return servers
}

func open(t *testing.T, src kv.Source, cfg kv.Config) *kv.Bucket {
	t.Helper()
	s, err := kv.Open(src, t.Name())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	b, err := s.Bucket(within(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// within is a context that ends long after what it bounds should have.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// everywhere runs a test against each kind of store. at gives the same space as seen by the i-th node.
func everywhere(t *testing.T, cfg kv.Config, f func(t *testing.T, at func(i int) *kv.Space)) {
	for name, servers := range map[string]func(*testing.T) []kv.Source{"solo": solo, "cluster": three} {
		t.Run(name, func(t *testing.T) {
			sources := servers(t)
			var spaces []*kv.Space
			for _, src := range sources {
				spaces = append(spaces, open(t, src, cfg).Space("app", "NAME"))
			}
			f(t, func(i int) *kv.Space { return spaces[i%len(spaces)] })
		})
	}
}

func TestSpace(t *testing.T) {
	everywhere(t, kv.Config{Name: "test", ValueBytesMax: 1000}, func(t *testing.T, at func(int) *kv.Space) {
		ctx := within(t)
		put := func(w kv.Write) uint64 {
			t.Helper()
			rev, err := at(0).Put(ctx, w)
			if err != nil {
				t.Fatalf("put %q: %v", w.Key, err)
			}
			return rev
		}
		refused := func(w kv.Write, want error) {
			t.Helper()
			if _, err := at(1).Put(ctx, w); !errors.Is(err, want) {
				t.Errorf("put %+v: got %v, want %v", w, err, want)
			}
		}
		first := put(kv.Write{Key: "user:1", Value: []byte("one"), Meta: `{"a":"é"}`, TTL: time.Hour})
		e, err := at(2).GetLeader(ctx, "user:1")
		if err != nil || string(e.Value) != "one" || e.Meta != `{"a":"é"}` || e.Rev != first || e.Key != "user:1" {
			t.Fatalf("got %+v, %v", e, err)
		}
		if left := time.Until(e.Expires); left < 59*time.Minute || left > time.Hour+time.Minute {
			t.Errorf("it expires in %v", left)
		}

		refused(kv.Write{Key: "user:1", Check: kv.IfNew()}, kv.ErrExists)
		refused(kv.Write{Key: "user:1", Check: kv.IfRev(first + 100)}, kv.ErrMismatch)
		refused(kv.Write{Key: "other", Check: kv.IfRev(first)}, kv.ErrMismatch)
		refused(kv.Write{Key: ""}, kv.ErrKey)
		refused(kv.Write{Key: strings.Repeat("k", kv.KeyBytesMax+1)}, kv.ErrKey)
		refused(kv.Write{Key: "large", Value: make([]byte, 1001)}, kv.ErrTooLarge)
		refused(kv.Write{Key: "large", Meta: strings.Repeat("m", kv.MetaBytesMax+1)}, kv.ErrTooLarge)

		second := put(kv.Write{Key: "user:1", Value: []byte("two"), Check: kv.IfRev(first)})
		if e, err = at(1).GetLeader(ctx, "user:1"); err != nil || string(e.Value) != "two" || e.Rev != second || !e.Expires.IsZero() || e.Meta != "" {
			t.Errorf("got %+v, %v", e, err)
		}
		put(kv.Write{Key: "user:1", Delete: true, Check: kv.IfRev(second)})
		if e, err := at(2).GetLeader(ctx, "user:1"); !errors.Is(err, kv.ErrNotFound) || e.Rev <= second {
			t.Errorf("deleted: %+v, %v", e, err)
		}
		third := put(kv.Write{Key: "user:1", Value: []byte("three"), Check: kv.IfNew()}) // over the marker
		if _, err := at(0).GetLeader(ctx, "never"); !errors.Is(err, kv.ErrNotFound) {
			t.Errorf("never written: %v", err)
		}
		// Any replica answers in the end.
		for {
			e, err := at(1).Get(ctx, "user:1")
			if err == nil && e.Rev == third {
				break
			}
			if ctx.Err() != nil {
				t.Fatalf("got %+v, %v", e, err)
			}
		}
		longest := strings.Repeat("é.*> \x00", 64)
		put(kv.Write{Key: longest, Value: []byte("odd")})
		if e, err := at(1).GetLeader(ctx, longest); err != nil || string(e.Value) != "odd" {
			t.Errorf("an odd key: %+v, %v", e, err)
		}
	})
}

func TestSpace_Commit(t *testing.T) {
	everywhere(t, kv.Config{Name: "test"}, func(t *testing.T, at func(int) *kv.Space) {
		ctx := within(t)
		revs, err := at(0).Commit(ctx, []kv.Write{
			{Key: "a", Value: []byte("1"), Check: kv.IfNew()},
			{Key: "b", Value: []byte("2"), TTL: time.Hour},
		}, nil)
		if err != nil || len(revs) != 2 {
			t.Fatalf("got %v, %v", revs, err)
		}
		for i, key := range []string{"a", "b"} {
			if e, err := at(1).GetLeader(ctx, key); err != nil || e.Rev != revs[i] {
				t.Errorf("%s: %+v, %v: want revision %d", key, e, err, revs[i])
			}
		}
		for name, c := range map[string]struct {
			writes []kv.Write
			checks map[string]uint64
			want   error
		}{
			"exists":     {[]kv.Write{{Key: "c"}, {Key: "a", Check: kv.IfNew()}}, nil, kv.ErrExists},
			"old":        {[]kv.Write{{Key: "c"}, {Key: "a", Check: kv.IfRev(revs[0] + 9)}}, nil, kv.ErrMismatch},
			"other, old": {[]kv.Write{{Key: "c"}}, map[string]uint64{"a": revs[0] + 9}, kv.ErrMismatch},
			"twice":      {[]kv.Write{{Key: "c"}, {Key: "c"}}, nil, kv.ErrKey},
		} {
			if _, err := at(2).Commit(ctx, c.writes, c.checks); !errors.Is(err, c.want) {
				t.Errorf("%s: got %v, want %v", name, err, c.want)
			}
			if _, err := at(2).GetLeader(ctx, "c"); !errors.Is(err, kv.ErrNotFound) {
				t.Errorf("%s: a part of it was made: %v", name, err)
			}
		}
		if _, err := at(2).Commit(ctx, []kv.Write{{Key: "c"}, {Key: "b", Delete: true}}, map[string]uint64{"a": revs[0]}); err != nil {
			t.Errorf("with a check of another key: %v", err)
		}
		if _, err := at(1).GetLeader(ctx, "b"); !errors.Is(err, kv.ErrNotFound) {
			t.Errorf("deleted with the others: %v", err)
		}
		if p, err := at(1).List(ctx, "", "", 10); err != nil || names(p.Entries) != "a c" {
			t.Errorf("listed %q, %v", names(p.Entries), err)
		}
	})
}

func names(entries []kv.Entry) string {
	var all []string
	for _, e := range entries {
		all = append(all, e.Key)
	}
	return strings.Join(all, " ")
}

func TestSpace_List(t *testing.T) {
	servers := solo(t)
	b := open(t, servers[0], kv.Config{Name: "test"})
	ctx := within(t)
	s := b.Space("app", "NAME")
	for _, key := range []string{"b", "user:1", "user", "user:", "user:2/x", "users", "User:1", "a/b", "gone", "z=1"} {
		if _, err := s.Put(ctx, kv.Write{Key: key, Value: []byte(key), Meta: "m"}); err != nil {
			t.Fatal(err)
		}
	}
	for _, other := range []*kv.Space{b.Space("app", "NAMES"), b.Space("app"), b.Space("app.NAME")} {
		if _, err := other.Put(ctx, kv.Write{Key: "user:9"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Put(ctx, kv.Write{Key: "gone", Delete: true}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		prefix, after string
		limit         int
		want          string
		more          bool
	}{
		{"", "", 100, "User:1 a/b b user user: user:1 user:2/x users z=1", false},
		{"user", "", 100, "user user: user:1 user:2/x users", false},
		{"user:", "", 100, "user: user:1 user:2/x", false},
		{"user:", "user:", 1, "user:1", true},
		{"user:", "user:1", 1, "user:2/x", false},
		{"user:2", "", 9, "user:2/x", false},
		{"user:2/", "", 9, "user:2/x", false},
		{"user:", "user:0", 1, "user:1", true},
		{"none", "", 9, "", false},
		{"a/", "", 9, "a/b", false},
	} {
		p, err := s.List(ctx, c.prefix, c.after, c.limit)
		if err != nil || names(p.Entries) != c.want || p.More != c.more {
			t.Errorf("list %q after %q: %q, more: %v, %v: want %q", c.prefix, c.after, names(p.Entries), p.More, err, c.want)
		}
		for _, e := range p.Entries {
			if e.Value != nil || e.Meta != "m" || e.Rev == 0 {
				t.Errorf("list %q: %+v", c.prefix, e)
			}
		}
	}
}

func TestSpace_History(t *testing.T) {
	s := open(t, solo(t)[0], kv.Config{Name: "test", History: 3}).Space("app")
	ctx := within(t)
	for _, w := range []kv.Write{{Value: []byte("1")}, {Value: []byte("2")}, {Delete: true}, {Value: []byte("4")}} {
		w.Key = "k"
		if _, err := s.Put(ctx, w); err != nil {
			t.Fatal(err)
		}
	}
	all, err := s.History(ctx, "k")
	var got []string
	for _, e := range all {
		got = append(got, fmt.Sprintf("%s%v", e.Value, e.Deleted))
	}
	if want := []string{"2false", "true", "4false"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if _, err := s.Put(ctx, kv.Write{Key: "k", TTL: time.Second}); err == nil {
		t.Error("an entry with history expires")
	}
}

// A key whose time is over is gone for readers, for listings, for caches and for who makes it anew.
func TestSpace_expiry(t *testing.T) {
	b := open(t, solo(t)[0], kv.Config{Name: "test"})
	s, ctx := b.Space("app"), within(t)
	r := replica(t, b)
	if _, err := s.Put(ctx, kv.Write{Key: "k", Value: []byte("v"), TTL: time.Second}); err != nil {
		t.Fatal(err)
	}
	w, err := r.Watch(ctx, s, "")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for deleted := false; !deleted; {
		e, err := w.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		deleted = e.Deleted
	}
	if _, err := s.Get(ctx, "k"); !errors.Is(err, kv.ErrNotFound) {
		t.Errorf("read: %v", err)
	}
	if p, err := s.List(ctx, "", "", 9); err != nil || len(p.Entries) > 0 {
		t.Errorf("listed: %v, %v", p, err)
	}
	if _, err := r.Read(ctx, s, "k", kv.Need{}); !errors.Is(err, kv.ErrNotFound) {
		t.Errorf("read from the cache: %v", err)
	}
	if _, err := s.Put(ctx, kv.Write{Key: "k", Check: kv.IfNew()}); err != nil {
		t.Errorf("made anew: %v", err)
	}
}

// crowded is a source whose disk has no room.
type crowded struct {
	kv.Source
	full *bool
}

func (c crowded) Full(int) bool { return *c.full }

// Where there is no room nothing is written, but what is there can be deleted; with room all is as before.
func TestSpace_noRoom(t *testing.T) {
	full := false
	s := open(t, crowded{solo(t)[0], &full}, kv.Config{Name: "test"}).Space("app")
	if _, err := s.Put(within(t), kv.Write{Key: "k", Value: []byte("1")}); err != nil {
		t.Fatal(err)
	}
	full = true
	if _, err := s.Put(within(t), kv.Write{Key: "l", Value: []byte("1")}); !errors.Is(err, kv.ErrFull) {
		t.Errorf("put: %v", err)
	}
	if _, err := s.Commit(within(t), []kv.Write{{Key: "l", Value: []byte("1")}}, nil); !errors.Is(err, kv.ErrFull) {
		t.Errorf("commit: %v", err)
	}
	if e, err := s.GetLeader(within(t), "k"); err != nil || string(e.Value) != "1" {
		t.Errorf("get: %q %v", e.Value, err)
	}
	if _, err := s.Put(within(t), kv.Write{Key: "k", Delete: true}); err != nil {
		t.Errorf("delete: %v", err)
	}
	full = false
	if _, err := s.Put(within(t), kv.Write{Key: "l", Value: []byte("1")}); err != nil {
		t.Errorf("with room: %v", err)
	}
}

// A list asked for by any member is answered as soon as the store can: none waits until its consumer is given up, for 10 s.
func TestList_cluster(t *testing.T) {
	sources := three(t)
	for i, source := range sources {
		s, err := kv.Open(source, "test")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		b, err := s.Bucket(t.Context(), kv.Config{Name: "lists"})
		if err != nil {
			t.Fatal(err)
		}
		space := b.Space("shop")
		if _, err := space.Put(t.Context(), kv.Write{Key: fmt.Sprint("k", i), Value: []byte("v")}); err != nil {
			t.Fatal(err)
		}
		for range 40 {
			ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
			page, err := space.List(ctx, "", "", 10)
			cancel()
			if err != nil || len(page.Entries) != i+1 {
				t.Fatalf("member %d lists %d keys, want %d: %v", i, len(page.Entries), i+1, err)
			}
		}
	}
}
