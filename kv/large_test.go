package kv_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/fortunadws/fortuna/kv"
)

// patterned is a value that tells whether all of it is of one write.
func patterned(n int, seed uint64) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(seed)
	}
	return b
}

func TestSpace_large(t *testing.T) {
	for name, servers := range map[string]func(*testing.T) []kv.Source{"solo": solo, "three": three} {
		t.Run(name, func(t *testing.T) {
			b := bucket(t, servers(t)[0], kv.Config{Name: "b", Announce: kv.Keys})
			s := b.Space("app")
			var rev uint64
			for i, n := range []int{kv.ValueBytesMax, kv.ValueBytesMax + 1, kv.LargeBytesMax, 3 * kv.ValueBytesMax, 5} {
				want := patterned(n, uint64(i+1))
				now, err := s.Put(within(t), kv.Write{Key: "a/b c", Value: want, Meta: "meta", Check: kv.IfRev(rev)})
				if err != nil {
					t.Fatalf("%d bytes: %v", n, err)
				}
				if rev = now; i == 0 {
					if _, err := s.Put(within(t), kv.Write{Key: "a/b c", Value: patterned(kv.LargeBytesMax, 9), Check: kv.IfNew()}); !errors.Is(err, kv.ErrExists) {
						t.Errorf("it is there already: %v", err)
					}
				}
				if _, err := s.Put(within(t), kv.Write{Key: "a/b c", Value: patterned(kv.ValueBytesMax+1, 9), Check: kv.IfRev(rev - 1)}); !errors.Is(err, kv.ErrMismatch) {
					t.Errorf("another revision: %v", err)
				}
				e, err := s.ReadWhole(within(t), "a/b c")
				if err != nil || !bytes.Equal(e.Value, want) || e.Rev != rev || e.Meta != "meta" {
					t.Fatalf("%d bytes: got %d of revision %d, want %d: %v", n, len(e.Value), e.Rev, rev, err)
				}
			}
			page, err := s.List(within(t), "", "", 10)
			if err != nil || len(page.Entries) != 1 || page.Entries[0].Key != "a/b c" {
				t.Errorf("list: %v %v", page, err)
			}
			if _, err := s.Put(within(t), kv.Write{Key: "k", Value: patterned(kv.LargeBytesMax+1, 9)}); !errors.Is(err, kv.ErrTooLarge) {
				t.Errorf("too large: %v", err)
			}
			if _, err := s.Put(within(t), kv.Write{Key: "k", Value: patterned(kv.LargeBytesMax, 9), TTL: time.Hour}); err != nil {
				t.Fatal(err)
			}
			if e, err := s.ReadWhole(within(t), "k"); err != nil || e.Left() < 59*time.Minute || len(e.Value) != kv.LargeBytesMax {
				t.Errorf("with a time to live: %v %v", e.Left(), err)
			}
		})
	}
}

// Pieces that nobody needs any more are swept; those of values that are there are not.
func TestBucket_Sweep(t *testing.T) {
	src := solo(t)[0]
	b := bucket(t, src, kv.Config{Name: "b", Announce: kv.Keys})
	s := b.Space("app")
	put := func(key string, n int) {
		t.Helper()
		if _, err := s.Put(within(t), kv.Write{Key: key, Value: patterned(n, 1)}); err != nil {
			t.Fatal(err)
		}
	}
	const many = 10 * kv.ValueBytesMax
	put("kept", many)
	put("shrunk", many)
	put("shrunk", 2*kv.ValueBytesMax)
	put("small", many)
	put("small", 1)
	put("gone", many)
	if _, err := s.Put(within(t), kv.Write{Key: "gone", Delete: true}); err != nil {
		t.Fatal(err)
	}
	before := stored(t, src)
	if err := b.Sweep(within(t)); err != nil {
		t.Fatal(err)
	}
	if after := stored(t, src); after < 12*kv.ValueBytesMax || after > 13*kv.ValueBytesMax || before < 38*kv.ValueBytesMax {
		t.Errorf("%d bytes were there, and %d are now", before, after)
	}
	for key, n := range map[string]int{"kept": many, "shrunk": 2 * kv.ValueBytesMax, "small": 1} {
		if e, err := s.ReadWhole(within(t), key); err != nil || len(e.Value) != n {
			t.Errorf("%s: %d bytes, %v", key, len(e.Value), err)
		}
	}
}

// stored is how much the server has of the bucket b.
func stored(t *testing.T, src kv.Source) uint64 {
	t.Helper()
	nc, err := src.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(within(t), "KV_b")
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().State.Bytes
}

// Whoever reads while others write, and sweep, finds one of the values that were written, whole.
func TestSpace_largeTogether(t *testing.T) {
	b := bucket(t, solo(t)[0], kv.Config{Name: "b", Announce: kv.Keys})
	s := b.Space("app")
	if _, err := s.Put(within(t), kv.Write{Key: "k", Value: []byte{0}}); err != nil {
		t.Fatal(err)
	}
	ctx, enough := context.WithCancel(within(t))
	var writers, readers sync.WaitGroup
	for w := range 2 {
		writers.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(w)))
			for range 40 {
				n := 1 + random.IntN(4*kv.ValueBytesMax)
				if _, err := s.Put(ctx, kv.Write{Key: "k", Value: patterned(n, uint64(n))}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 2 {
		readers.Go(func() {
			for ctx.Err() == nil {
				e, err := s.ReadWhole(within(t), "k")
				if err != nil {
					t.Error(err)
					return
				}
				if n := len(e.Value); n > 1 && !bytes.Equal(e.Value, patterned(n, uint64(n))) {
					t.Errorf("%d bytes of several values", n)
				}
			}
		})
	}
	readers.Go(func() {
		for ctx.Err() == nil {
			if err := b.Sweep(within(t)); err != nil {
				t.Error(err)
			}
		}
	})
	writers.Wait()
	enough()
	readers.Wait()
}

func bucket(t *testing.T, src kv.Source, cfg kv.Config) *kv.Bucket {
	t.Helper()
	store, err := kv.Open(src, t.Name())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	b, err := store.Bucket(within(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
