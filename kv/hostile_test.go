package kv_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/embedded"
)

func alone(t *testing.T) (*embedded.Server, *kv.Store) {
	server, err := embedded.Solo(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	s, err := kv.Open(server, t.Name())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return server, s
}

// A prefix that is too long for a key is no key's, and harms nobody.
func TestSpace_longPrefix(t *testing.T) {
	_, s := alone(t)
	b, err := s.Bucket(within(t), kv.Config{Name: "values", Announce: kv.Keys})
	if err != nil {
		t.Fatal(err)
	}
	space := b.Space("shop", "KV")
	if _, err := space.Put(within(t), kv.Write{Key: "a", Value: []byte("1")}); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_, err = space.List(short, strings.Repeat("a/", 2000), "", 10)
	t.Log("list:", err)
	short, cancel = context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if _, err := space.GetLeader(short, "a"); err != nil {
		t.Fatalf("the store does not answer any more: %v", err)
	}
}

// A bucket that is deleted and made anew has lower revisions: its cache begins anew, too.
func TestReplica_madeAnew(t *testing.T) {
	server, s := alone(t)
	b, err := s.Bucket(within(t), kv.Config{Name: "values"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := b.Replica(within(t), 1<<20, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	space := b.Space("shop", "KV")
	for range 50 {
		if _, err := space.Put(within(t), kv.Write{Key: "a", Value: []byte("old")}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Read(within(t), space, "a", kv.Need{}); err != nil {
		t.Fatal(err)
	}
	nc, err := server.Connect("operator")
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, _ := jetstream.New(nc)
	if err := js.DeleteStream(within(t), "KV_values"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Bucket(within(t), kv.Config{Name: "values"}); err != nil {
		t.Fatal(err)
	}
	if _, err := space.Put(within(t), kv.Write{Key: "a", Value: []byte("new")}); err != nil {
		t.Fatal(err)
	}
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		e, err := r.Read(within(t), space, "a", kv.Need{Bound: 2 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if string(e.Value) == "new" {
			return
		}
		if time.Since(begun) > 10*time.Second {
			t.Fatalf("got %q, 10 s after the write, with bound %v", e.Value, r.Bound())
		}
	}
}

// More commits at a time than a stream takes wait for each other.
func TestSpace_manyCommits(t *testing.T) {
	_, s := alone(t)
	b, err := s.Bucket(within(t), kv.Config{Name: "values", Announce: kv.Keys})
	if err != nil {
		t.Fatal(err)
	}
	space := b.Space("shop", "KV")
	for _, size := range []int{2, 20} {
		var wait sync.WaitGroup
		var mu sync.Mutex
		why := map[string]int{}
		for g := range 100 {
			wait.Add(1)
			go func() {
				defer wait.Done()
				var writes []kv.Write
				for i := range size {
					writes = append(writes, kv.Write{Key: fmt.Sprintf("%d-%d-%d", size, g, i), Value: []byte("x")})
				}
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				defer cancel()
				_, err := space.Commit(ctx, writes, nil)
				mu.Lock()
				defer mu.Unlock()
				why[fmt.Sprint(err)]++
			}()
		}
		wait.Wait()
		t.Log(size, why)
		if why["<nil>"] != 100 {
			t.Errorf("100 commits of %d keys at a time: %v", size, why)
		}
	}
}

// Listings leave nothing behind of which a stream has only so many.
func TestSpace_manyLists(t *testing.T) {
	_, s := alone(t)
	b, err := s.Bucket(within(t), kv.Config{Name: "values", Announce: kv.Keys})
	if err != nil {
		t.Fatal(err)
	}
	space := b.Space("shop", "KV")
	if _, err := space.Put(within(t), kv.Write{Key: "a", Value: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	for i := range 20000 {
		if time.Since(begun) > 5*time.Second || i == 1500 {
			t.Log(i, "lists")
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		_, err := space.List(ctx, "", "", 10)
		cancel()
		if err != nil {
			t.Fatalf("list %d, after %v: %v", i, time.Since(begun), err)
		}
	}
}
