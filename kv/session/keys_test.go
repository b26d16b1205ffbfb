package session

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/embedded"
)

// A key that another node has made a moment ago is asked for; one that is old is replaced, and its tokens stay good.
func TestKeys(t *testing.T) {
	server, err := embedded.Solo(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	store, err := kv.Open(server, "keys")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	b, err := store.Bucket(t.Context(), kv.Config{Name: "sessions"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := b.Replica(t.Context(), 1<<20, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	s, err := Open(t.Context(), b, r, Config{App: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	v := s.Visit("")
	if err := v.Set("n", json.RawMessage("1")); err != nil {
		t.Fatal(err)
	}
	if err := v.Commit(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	first, _, _ := v.Token()

	s.keys.close() // from now on it hears of nothing by itself

	// The key is two days old.
	ring := slices.Clone(*s.keys.ring.Load())
	ring[0].Created -= int64((2 * rotateEvery).Seconds())
	aged, err := json.Marshal(ring)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.keys.space.Put(t.Context(), kv.Write{Key: ringName, Value: aged}); err != nil {
		t.Fatal(err)
	}
	if err := s.keys.rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if newest := s.keys.newest(); newest.Epoch != 2 || len(*s.keys.ring.Load()) != 2 {
		t.Fatalf("the ring: %d, newest %d", len(*s.keys.ring.Load()), newest.Epoch)
	}
	old := s.Visit(first)
	// Not from memory alone: the news of what this node has just written may be on its way.
	if err := old.Load(t.Context(), true); err != nil || string(old.Get("n")) != "1" {
		t.Errorf("a token of the former key is not good: %v", err)
	}
	second, set, _ := old.Token()
	if !set || epochOf(second) != 2 {
		t.Errorf("it is not signed anew: %q", second)
	}

	// This node has not heard of the new key.
	s.keys.ring.Store(&ring)
	late := s.Visit(second)
	if late.Cached() {
		t.Error("a token of a key that is not known is decided without asking")
	}
	if err := late.Load(t.Context(), true); err != nil || string(late.Get("n")) != "1" {
		t.Errorf("%v, n = %s", err, late.Get("n"))
	}
	forged := s.Visit(second[:43] + ".zz" + second[45:])
	if err := forged.Load(t.Context(), false); err != nil || !forged.IsNew() {
		t.Error("a key that is not there makes a session")
	}
	begun := s.keys.asked
	for range 100 {
		if err := s.Visit(second[:43]+".zz"+second[45:]).Load(t.Context(), false); err != nil {
			t.Fatal(err)
		}
	}
	if s.keys.asked != begun && time.Since(begun) < askEvery {
		t.Error("anybody can have the store asked as often as they like")
	}
}

// What visitors keep does not fill the memory of every node: what was decoded is forgotten in time.
func TestStore_records(t *testing.T) {
	s := &Store{records: map[string]cachedRecord{}}
	big := &record{Data: map[string]json.RawMessage{"x": make(json.RawMessage, 60<<10)}}
	most := 0
	for i := range 5000 {
		s.keep(publicID([]byte{byte(i), byte(i >> 8)}), 1, big)
		most = max(most, len(s.records))
	}
	if bytes := most * big.size(); bytes > recordBytesMax || most < 100 {
		t.Errorf("%d records of %d bytes were held", most, big.size())
	}
}
