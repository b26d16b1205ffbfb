package kv_test

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/kv"
)

func replica(t *testing.T, b *kv.Bucket) *kv.Replica {
	t.Helper()
	r, err := b.Replica(within(t), 1<<20, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// What one node writes another's replica has, without asking, and a reader who knows a revision never gets an older one.
func TestReplica(t *testing.T) {
	for _, announce := range []kv.Announce{kv.Values, kv.Keys} {
		t.Run(fmt.Sprint(announce), func(t *testing.T) {
			servers := three(t)
			cfg := kv.Config{Name: "test", Announce: announce}
			writer, other := open(t, servers[0], cfg).Space("app"), open(t, servers[1], cfg)
			reader, ctx := other.Space("app"), within(t)
			r := replica(t, other)
			if _, err := r.Read(ctx, reader, "k", kv.Need{}); !errors.Is(err, kv.ErrNotFound) {
				t.Fatalf("got %v", err)
			}
			for i := range 200 {
				want := fmt.Sprint(i)
				rev, err := writer.Put(ctx, kv.Write{Key: "k", Value: []byte(want)})
				if err != nil {
					t.Fatal(err)
				}
				e, err := r.Read(ctx, reader, "k", kv.Need{Rev: rev})
				if err != nil || string(e.Value) != want || e.Rev != rev {
					t.Fatalf("got %+v, %v, want %q", e, err, want)
				}
			}
			rev, err := writer.Put(ctx, kv.Write{Key: "k", Delete: true})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.Read(ctx, reader, "k", kv.Need{Rev: rev}); !errors.Is(err, kv.ErrNotFound) {
				t.Errorf("deleted: %v", err)
			}
			// Without a revision the cache follows by itself.
			if rev, err = writer.Put(ctx, kv.Write{Key: "k", Value: []byte("last")}); err != nil {
				t.Fatal(err)
			}
			for {
				e, err := r.Read(ctx, reader, "k", kv.Need{})
				if err == nil && e.Rev == rev {
					break
				}
				if ctx.Err() != nil {
					t.Fatalf("the cache does not follow: %+v, %v", e, err)
				}
			}
			for r.Bound() > time.Second {
				if ctx.Err() != nil {
					t.Fatalf("the bound does not follow: %v", r.Bound())
				}
				time.Sleep(time.Millisecond) // polls
			}
		})
	}
}

// A replica holds what fits, and reads the rest again.
func TestReplica_full(t *testing.T) {
	b := open(t, solo(t)[0], kv.Config{Name: "test"})
	s, ctx := b.Space("app"), within(t)
	r := replica(t, b)
	for i := range 30 {
		key := fmt.Sprint(i)
		if _, err := s.Put(ctx, kv.Write{Key: key, Value: make([]byte, 100<<10)}); err != nil {
			t.Fatal(err)
		}
		if e, err := r.Read(ctx, s, key, kv.Need{}); err != nil || len(e.Value) != 100<<10 {
			t.Fatalf("%d bytes, %v", len(e.Value), err)
		}
	}
	held := 0
	for i := range 30 {
		if _, ok := r.Cached(s, fmt.Sprint(i), kv.Need{}); ok {
			held++
		}
	}
	if held != 10 {
		t.Errorf("%d entries of 100 kB are held in 1 MB", held)
	}
}

// When a member of the cluster ends, replicas on the others go on: nothing that was written is missed.
func TestReplica_memberLost(t *testing.T) {
	servers := cluster(t)
	cfg := kv.Config{Name: "test"}
	writer, other := open(t, servers[1], cfg).Space("app"), open(t, servers[2], cfg)
	reader, ctx := other.Space("app"), within(t)
	r := replica(t, other)
	w, err := r.Watch(ctx, reader, "")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	const last = 60
	for i := range last {
		if i == 20 {
			servers[0].Close()
		}
		if _, err := writer.Put(ctx, kv.Write{Key: fmt.Sprint(i), Value: []byte("v")}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range last {
		e, err := w.Next(ctx)
		if err != nil || e.Key != fmt.Sprint(i) {
			t.Fatalf("change %d: got %+v, %v", i, e, err)
		}
	}
}

// What this process has written may have been replaced before it gets to remember it.
func TestReplica_Keep(t *testing.T) {
	src := solo(t)[0]
	b := open(t, src, kv.Config{Name: "test"})
	r, err := b.Replica(within(t), 1<<20, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	s := b.Space("app")
	first := kv.Write{Key: "k", Value: []byte("1")}
	rev, err := s.Put(within(t), first)
	if err != nil {
		t.Fatal(err)
	}
	later, err := s.Put(within(t), kv.Write{Key: "k", Value: []byte("2")})
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan uint64, 10)
	defer r.Listen(&kv.Listener{Space: s, Changed: func(e kv.Entry) { heard <- e.Rev }, Missed: func() {}})()
	for last, err := later, error(nil); ; {
		select {
		case got := <-heard:
			if got != last {
				continue
			}
		case <-time.After(50 * time.Millisecond): // both may have been told before there was a listener
			if last, err = s.Put(within(t), kv.Write{Key: "other"}); err != nil {
				t.Fatal(err)
			}
			continue
		}
		break
	}
	r.Keep(s, first.Entry(rev))
	if e, ok := r.Cached(s, "k", kv.Need{}); ok {
		t.Errorf("what was replaced is remembered: %q of revision %d", e.Value, e.Rev)
	}
	if e, err := r.Read(within(t), s, "k", kv.Need{}); err != nil || string(e.Value) != "2" {
		t.Errorf("read %q, %v", e.Value, err)
	}
}
