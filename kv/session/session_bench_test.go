package session_test

import (
	"testing"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/embedded"
	"github.com/fortunadws/fortuna/kv/session"
)

// What a request pays for a session that is in memory: its token is checked, its value read, and there is nothing to tell.
func BenchmarkVisit(b *testing.B) {
	server, err := embedded.Solo(embedded.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	store, err := kv.Open(server, "bench")
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	bucket, err := store.Bucket(b.Context(), kv.Config{Name: "sessions"})
	if err != nil {
		b.Fatal(err)
	}
	replica, err := bucket.Replica(b.Context(), 1<<20, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer replica.Close()
	s, err := session.Open(b.Context(), bucket, replica, session.Config{App: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	v := s.Visit("")
	if err := v.Set("n", []byte("1")); err != nil {
		b.Fatal(err)
	}
	if err := v.SetUser("anna"); err != nil {
		b.Fatal(err)
	}
	if err := v.Commit(b.Context(), nil); err != nil {
		b.Fatal(err)
	}
	token, _, _ := v.Token()
	if err := s.Visit(token).Load(b.Context(), false); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		v := s.Visit(token)
		if !v.Cached() || v.Get("n") == nil || v.Changed() {
			b.Fatal("not there")
		}
		if _, set, clear := v.Token(); set || clear {
			b.Fatal("there is something to tell")
		}
	}
}
