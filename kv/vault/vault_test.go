package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/embedded"
	"github.com/fortunadws/fortuna/kv/secret"
)

// startBucket is a bucket of a store in memory.
func startBucket(t *testing.T) *kv.Bucket {
	t.Helper()
	server, err := embedded.Solo(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	store, err := kv.Open(server, t.Name())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	b, err := store.Bucket(ctx, Config)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func open(t *testing.T, b *kv.Bucket, seed string) *Vault {
	t.Helper()
	key, err := secret.Derive(seed)
	if err != nil {
		t.Fatal(err)
	}
	return New(func() (*kv.Bucket, error) { return b, nil }, key)
}

const seed = "0123456789abcdef"

func TestVault_files(t *testing.T) {
	b := startBucket(t)
	v, other := open(t, b, seed), open(t, b, seed)
	ctx := t.Context()
	if _, _, err := v.Load(ctx, "a/b"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	files := map[string]string{"a/b": "private key", "a/c/d": "", "ab": "another", "z": "last"}
	for name, value := range files {
		if err := v.Store(ctx, name, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range files {
		got, written, err := other.Load(ctx, name)
		if err != nil || string(got) != want || time.Since(written) > time.Minute {
			t.Errorf("%s: %q, %v, %v", name, got, written, err)
		}
	}
	for dir, want := range map[string][]string{"": {"a/b", "a/c/d", "ab", "z"}, "a": {"a/b", "a/c/d"}, "a/": {"a/b", "a/c/d"}, "a/b": nil} {
		if got, err := other.List(ctx, dir); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", dir, got, err)
		}
	}
	for range 2 { // the second time there is nothing
		if err := v.Delete(ctx, "a"); err != nil {
			t.Error(err)
		}
	}
	if got, err := v.List(ctx, ""); err != nil || !slices.Equal(got, []string{"ab", "z"}) {
		t.Errorf("%q, %v", got, err)
	}
}

// Whoever can read and write the store, and has not the key, learns nothing and gives nothing.
func TestVault_sealed(t *testing.T) {
	b := startBucket(t)
	v := open(t, b, seed)
	ctx := t.Context()
	if err := v.Store(ctx, "key", []byte("private key")); err != nil {
		t.Fatal(err)
	}
	space := b.Space("files")
	e, err := space.GetLeader(ctx, "key")
	if err != nil || bytes.Contains(e.Value, []byte("private")) {
		t.Errorf("the store has %q, %v", e.Value, err)
	}
	if _, err := space.Put(ctx, kv.Write{Key: "elsewhere", Value: e.Value}); err != nil {
		t.Fatal(err)
	}
	if _, err := space.Put(ctx, kv.Write{Key: "made up", Value: []byte("public key")}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"elsewhere", "made up"} {
		if got, _, err := v.Load(ctx, name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if got, _, err := open(t, b, seed+"x").Load(ctx, "key"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("with another key: %q, %v", got, err)
	}
	// What cannot be read is not in the way of what is written.
	if got, err := v.Change(ctx, "made up", func(is []byte) ([]byte, error) { return append(is, "ours"...), nil }); err != nil || string(got) != "ours" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestVault_Change(t *testing.T) {
	b := startBucket(t)
	var wait sync.WaitGroup
	for range 8 {
		v := open(t, b, seed)
		wait.Go(func() {
			for range 5 {
				if _, err := v.Change(t.Context(), "n", func(is []byte) ([]byte, error) { return append(is, '.'), nil }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if got, _, err := open(t, b, seed).Load(t.Context(), "n"); err != nil || len(got) != 40 {
		t.Errorf("40 changes left %q, %v", got, err)
	}
}

// At most one has the lock, and everybody has it once.
func TestVault_Lock(t *testing.T) {
	b := startBucket(t)
	var inside, most atomic.Int32
	var wait sync.WaitGroup
	for i := range 4 {
		v := open(t, b, seed)
		wait.Go(func() {
			if err := v.Lock(t.Context(), "issue"); err != nil {
				t.Error(i, err)
				return
			}
			if n := inside.Add(1); n > 1 {
				most.Store(n)
			}
			inside.Add(-1)
			if err := v.Unlock(t.Context(), "issue"); err != nil {
				t.Error(i, err)
			}
		})
	}
	wait.Wait()
	if most.Load() > 1 {
		t.Errorf("%d have it", most.Load())
	}
	v := open(t, b, seed)
	if err := v.Lock(t.Context(), "issue"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := open(t, b, seed).Lock(ctx, "issue"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("somebody else got it: %v", err)
	}
	if err := v.Unlock(t.Context(), "issue"); err != nil {
		t.Error(err)
	}
	if err := v.Unlock(t.Context(), "issue"); err == nil {
		t.Error("it is unlocked twice")
	}
}

// The lock of a holder that died ends by itself.
func TestVault_Lock_abandoned(t *testing.T) {
	b := startBucket(t)
	if _, err := b.Space("locks").Put(t.Context(), kv.Write{Key: "issue", Value: []byte("somebody"), TTL: time.Second}); err != nil {
		t.Fatal(err)
	}
	v := open(t, b, seed)
	if err := v.Lock(t.Context(), "issue"); err != nil {
		t.Fatal(err)
	}
	if err := v.Unlock(t.Context(), "issue"); err != nil {
		t.Error(err)
	}
}

// Nodes that look at different times use the same key, and read what the others have made, whether their clocks agree or not.
func TestVault_Ring(t *testing.T) {
	b := startBucket(t)
	begin := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	nodes := []*Vault{open(t, b, seed), open(t, b, seed), open(t, b, seed)}
	used, inUse := map[[32]byte]bool{}, [][32]byte(nil)
	for hour := range 24 * 7 {
		now := begin.Add(time.Duration(hour) * time.Hour)
		var first [32]byte
		for i, v := range nodes {
			at := now.Add(time.Duration(i-1) * time.Minute) // clocks differ
			r, err := v.Ring(t.Context(), "tickets", at)
			if err != nil {
				t.Fatal(err)
			}
			all := r.Secrets(now)
			if i == 0 {
				first = all[0]
			}
			if all[0] != first || len(all) > ringKeys || !slices.Contains(r.Secrets(at), first) {
				t.Fatalf("hour %d, node %d: %x, the first uses %x", hour, i, all, first)
			}
			for _, former := range inUse[max(0, len(inUse)-48):] {
				if !slices.Contains(all, former) {
					t.Fatalf("hour %d: what was made in the last two days cannot be read", hour)
				}
			}
		}
		inUse = append(inUse, first)
		used[first] = true
	}
	if len(used) != 7 {
		t.Errorf("%d keys were used in 7 days", len(used))
	}
	// After a long pause none of the old keys is used.
	r, err := nodes[0].Ring(t.Context(), "tickets", begin.AddDate(0, 1, 0))
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range r {
		if used[k.Secret] {
			t.Error("a key of a month ago is kept")
		}
	}
}

// A vault says why it cannot be opened.
func TestVault_away(t *testing.T) {
	away := errors.New("away")
	key, err := secret.Derive(seed)
	if err != nil {
		t.Fatal(err)
	}
	v := New(func() (*kv.Bucket, error) { return nil, away }, key)
	_, _, load := v.Load(t.Context(), "a")
	_, list := v.List(t.Context(), "")
	for i, err := range []error{load, list, v.Store(t.Context(), "a", nil), v.Delete(t.Context(), "a"), v.Lock(t.Context(), "a")} {
		if !errors.Is(err, away) {
			t.Error(fmt.Sprint(i), err)
		}
	}
}
