package kv

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/kv/embedded"
)

// More is announced than can wait to be read: what was lost is fetched, and the last of it too.
func TestFeed_lost(t *testing.T) {
	server, err := embedded.Solo(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	open := func(name string) *Bucket {
		s, err := Open(server, name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		b, err := s.Bucket(t.Context(), Config{Name: "test", Announce: Keys})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	reader, writer := open("reader"), open("writer").Space("app")
	space := reader.Space("app")
	r, err := reader.Replica(ctx, 1<<20, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	const last = "20"
	for i := range 21 { // known to the cache
		if _, err := r.Read(ctx, space, fmt.Sprint(i), Need{}); err != ErrNotFound {
			t.Fatal(err)
		}
	}
	r.mu.Lock() // the feed stands still
	var rev uint64
	for i := range pendingMax + 100 {
		key := fmt.Sprint(i % 20)
		if i == pendingMax+99 {
			key = last
		}
		if rev, err = writer.Put(ctx, Write{Key: key, Value: []byte(fmt.Sprint(i))}); err != nil {
			t.Fatal(err)
		}
	}
	r.mu.Unlock()
	for {
		e, err := r.Read(ctx, space, last, Need{})
		if err == nil && e.Rev == rev {
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("got %+v, %v, want revision %d; applied %d", e, err, rev, r.feed.applied.Load())
		}
	}
	for i := range 20 {
		want, err := space.GetLeader(ctx, fmt.Sprint(i))
		if err != nil {
			t.Fatal(err)
		}
		if e, err := r.Read(ctx, space, fmt.Sprint(i), Need{}); err != nil || e.Rev != want.Rev {
			t.Errorf("%d: got %+v, %v, want revision %d", i, e, err, want.Rev)
		}
	}
}
