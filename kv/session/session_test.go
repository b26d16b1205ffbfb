package session_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/embedded"
	"github.com/fortunadws/fortuna/kv/session"
)

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// nodes opens the sessions of an app as several nodes would: each with a connection and a cache of its own.
func nodes(t *testing.T, n int, cfg session.Config) []*session.Store {
	t.Helper()
	server, err := embedded.Solo(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return on(t, server, n, cfg)
}

func on(t *testing.T, server *embedded.Server, n int, cfg session.Config) []*session.Store {
	t.Helper()
	var stores []*session.Store
	for range n {
		store, err := kv.Open(server, t.Name())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(store.Close)
		b, err := store.Bucket(within(t), kv.Config{Name: "sessions"})
		if err != nil {
			t.Fatal(err)
		}
		r, err := b.Replica(within(t), 1<<20, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(r.Close)
		s, err := session.Open(within(t), b, r, cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		stores = append(stores, s)
	}
	return stores
}

// come is a request with a token.
func come(t *testing.T, s *session.Store, token string) *session.Visit {
	t.Helper()
	v := s.Visit(token)
	if !v.Cached() {
		if err := v.Load(within(t), false); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

// leave commits and gives the token that the client has then.
func leave(t *testing.T, v *session.Visit, had string) string {
	t.Helper()
	if err := v.Commit(within(t), func(job func() error) error { return job() }); err != nil {
		t.Fatal(err)
	}
	return tokenOf(v, had)
}

func tokenOf(v *session.Visit, had string) string {
	switch text, set, clear := v.Token(); {
	case set:
		return text
	case clear:
		return ""
	}
	return had
}

func set(t *testing.T, v *session.Visit, name, value string) {
	t.Helper()
	if err := v.Set(name, json.RawMessage(value)); err != nil {
		t.Fatal(err)
	}
}

// A client that goes round the nodes finds what it left, at once, on each.
func TestStore_roundRobin(t *testing.T) {
	stores := nodes(t, 3, session.Config{App: "shop"})
	token := ""
	for i := range 60 {
		v := come(t, stores[i%3], token)
		if got := string(v.Get("n")); i > 0 && got != fmt.Sprint(i-1) {
			t.Fatalf("request %d: got %q", i, got)
		}
		set(t, v, "n", fmt.Sprint(i))
		token = leave(t, v, token)
	}
}

// No increment is lost, whichever nodes make them, and whether Go or the caller's code has to make them again.
func TestStore_increments(t *testing.T) {
	stores := nodes(t, 3, session.Config{App: "shop"})
	v := come(t, stores[0], "")
	set(t, v, "n", "0")
	token := leave(t, v, "")
	const clients, each = 8, 25
	var wait sync.WaitGroup
	for c := range clients {
		wait.Add(1)
		go func() {
			defer wait.Done()
			token := token
			for i := range each {
				v := come(t, stores[(c+i)%3], token)
				var err error
				if i%2 == 0 {
					_, err = v.Add("n", 1)
				} else {
					err = v.Update(func() error { _, err := v.Add("n", 1); return err })
				}
				if err != nil {
					t.Error(err)
					return
				}
				fork := v.Fork()
				err = fork.Commit(within(t), func(job func() error) error { return job() })
				if v.Join(fork, err); err != nil {
					t.Error(err)
					return
				}
				token = tokenOf(v, token)
			}
		}()
	}
	wait.Wait()
	if got := string(come(t, stores[0], token).Get("n")); got != fmt.Sprint(clients*each) {
		// The last token of one client may be older than another's last write.
		info, err := stores[0].Show(within(t), come(t, stores[0], token).ID())
		if err != nil || string(info.Data["n"]) != fmt.Sprint(clients*each) {
			t.Errorf("n = %s, stored %s, want %d", got, info.Data["n"], clients*each)
		}
	}
}

func TestVisit_operations(t *testing.T) {
	s := nodes(t, 1, session.Config{App: "shop", BytesMax: 2000})[0]
	v := come(t, s, "")
	if !v.IsNew() || v.ID() != "" || v.Changed() {
		t.Error("nothing came, and there is something")
	}
	if sum, err := v.Add("n", 2.5); sum != 2.5 || err != nil {
		t.Error(sum, err)
	}
	set(t, v, "text", `"x"`)
	if _, err := v.Add("text", 1); !errors.Is(err, session.ErrKind) {
		t.Errorf("add to text: %v", err)
	}
	if err := v.Push("text", json.RawMessage("1")); !errors.Is(err, session.ErrKind) {
		t.Errorf("push to text: %v", err)
	}
	for _, item := range []string{"1", `{"a":2}`} {
		if err := v.Push("list", json.RawMessage(item)); err != nil {
			t.Error(err)
		}
	}
	if got := string(v.Get("list")); got != `[1,{"a":2}]` {
		t.Errorf("list %s", got)
	}
	if err := v.Set("big", json.RawMessage(`"`+strings.Repeat("x", 3000)+`"`)); !errors.Is(err, session.ErrTooLarge) || v.Get("big") != nil {
		t.Errorf("too large: %v", err)
	}
	if err := v.SetFlash("hello", json.RawMessage("1")); err != nil {
		t.Error(err)
	}
	if err := v.Update(func() error { set(t, v, "half", "1"); return errors.New("no") }); err == nil || v.Get("half") != nil {
		t.Error("half of an update that failed is there")
	}
	token := leave(t, v, "")
	v = come(t, s, token)
	if value, err := v.Flash("hello"); string(value) != "1" || err != nil {
		t.Error(value, err)
	}
	token = leave(t, v, token)
	v = come(t, s, token)
	if value, _ := v.Flash("hello"); value != nil || v.Changed() {
		t.Error("a flash value was there twice")
	}
	if err := v.Delete("n"); err != nil || v.Get("n") != nil {
		t.Error(err)
	}
	if got := v.Names(); !slices.Equal(got, []string{"list", "text"}) {
		t.Error(got)
	}
	v.Began()
	if err := v.Set("late", json.RawMessage("1")); err == nil {
		t.Error("a change after the answer has begun")
	}
}

// Whoever comes with what the store has not given out is nobody (fixation), and so is who comes with another app's token.
func TestStore_strangers(t *testing.T) {
	server, err := embedded.Solo(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	shop := on(t, server, 1, session.Config{App: "shop"})[0]
	bank := on(t, server, 1, session.Config{App: "bank"})[0]
	v := come(t, shop, "")
	set(t, v, "n", "1")
	token := leave(t, v, "")
	id, rest, _ := strings.Cut(token, ".")
	for what, text := range map[string]string{
		"nonsense":     "x",
		"long":         strings.Repeat("A", 10_000),
		"no mac":       strings.TrimSuffix(token, token[strings.LastIndexByte(token, '.'):]),
		"other id":     flipped(id) + "." + rest,
		"other rev":    strings.Replace(token, ".1.", ".1.z", 1),
		"other mac":    token[:len(token)-22] + flipped(token[len(token)-22:]),
		"unknown key":  id + ".99" + strings.TrimPrefix(rest, "1"),
		"padding":      token + "=",
		"control":      token + "\x00",
		"empty pieces": "....",
	} {
		v := come(t, shop, text)
		if !v.IsNew() || v.Get("n") != nil {
			t.Errorf("%s: taken for a session", what)
		}
		set(t, v, "n", "2")
		if got := leave(t, v, text); strings.HasPrefix(got, id) {
			t.Errorf("%s: the id was adopted", what)
		}
	}
	if v := come(t, bank, token); !v.IsNew() {
		t.Error("a token of another app is taken")
	}
	if v := come(t, shop, token); string(v.Get("n")) != "1" {
		t.Error("the session is gone")
	}
}

func flipped(s string) string {
	b := []byte(s)
	if b[0]++; b[0] == 'Z'+1 || b[0] == 'z'+1 || b[0] == '9'+1 || b[0] == '_'+1 || b[0] == '-'+1 {
		b[0] = 'B'
	}
	return string(b)
}

// Ids are unlike each other, and each bit of them is as often one as zero.
func TestStore_ids(t *testing.T) {
	n := 1_000_000
	if testing.Short() {
		n = 100_000
	}
	seen := make(map[[32]byte]struct{}, n)
	var ones [256]int
	total := 0
	for range n {
		id := [32]byte(session.NewID())
		if _, twice := seen[id]; twice {
			t.Fatal("an id came twice")
		}
		seen[id] = struct{}{}
		for i, b := range id {
			total += bits.OnesCount8(b)
			for j := range 8 {
				ones[i*8+j] += int(b >> j & 1)
			}
		}
	}
	// Five standard deviations of a fair coin.
	for i, k := range ones {
		if d := float64(k) - float64(n)/2; d*d > 25*float64(n)/4 {
			t.Errorf("bit %d is one in %d of %d", i, k, n)
		}
	}
	if d := float64(total) - float64(n)*128; d*d > 25*float64(n)*64 {
		t.Errorf("%d bits of %d are one", total, n*256)
	}
}
