package session_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/embedded"
	"github.com/fortunadws/fortuna/kv/session"
)

func own(job func() error) error { return job() }

// S1: what is changed after destroy() begins another session.
func TestReview_destroyThenSet(t *testing.T) {
	s := nodes(t, 1, session.Config{App: "shop"})[0]
	v := come(t, s, "")
	set(t, v, "a", "1")
	token := leave(t, v, "")
	v = come(t, s, token)
	if err := v.Destroy(); err != nil {
		t.Fatal(err)
	}
	set(t, v, "bye", "1")
	if err := v.Commit(within(t), own); err != nil {
		t.Fatal(err)
	}
}

// What is changed after Destroy begins another session.
func TestVisit_destroyThenSet(t *testing.T) {
	s := nodes(t, 1, session.Config{App: "shop"})[0]
	v := come(t, s, "")
	set(t, v, "a", "1")
	token := leave(t, v, "")
	v = come(t, s, token)
	if err := v.Destroy(); err != nil {
		t.Fatal(err)
	}
	set(t, v, "bye", "1")
	if err := v.Commit(within(t), own); err != nil {
		t.Fatal(err)
	}
}

// A request that was under way while another logged in leaves the cookie of that alone.
func TestVisit_loginRace(t *testing.T) {
	s := nodes(t, 1, session.Config{App: "shop"})[0]
	v := come(t, s, "")
	set(t, v, "a", "1")
	before := leave(t, v, "")
	early := come(t, s, before)
	login := come(t, s, before)
	if err := login.SetUser("anna"); err != nil {
		t.Fatal(err)
	}
	after := leave(t, login, before)
	early.See(7) // it has read env.KV
	if text, set, clear := early.Token(); set || clear {
		t.Errorf("early: set %v, clear %v: replaces the cookie of the login (same id as before it: %v)", set, clear, set && text[:43] == before[:43])
	}
	late := come(t, s, before)
	if _, _, clear := late.Token(); clear {
		t.Error("late: the answer deletes the cookie of the login")
	}
	_ = after
}

// A request that could not have its turn says nothing of the store.
func TestStore_turnIsNoSilence(t *testing.T) {
	stores := nodes(t, 2, session.Config{App: "shop"})
	v := come(t, stores[0], "")
	set(t, v, "a", "1")
	token := leave(t, v, "")
	w := come(t, stores[1], "")
	set(t, w, "b", "1")
	others := leave(t, w, "")

	slow := come(t, stores[0], token)
	if err := slow.Update(func() error { _, err := slow.Add("n", 1); return err }); err != nil {
		t.Fatal(err)
	}
	first := come(t, stores[0], token)
	set(t, first, "a", "2")
	leave(t, first, token)
	hold, held := make(chan struct{}), make(chan struct{})
	go slow.Commit(within(t), func(job func() error) error { close(held); <-hold; return job() }) // its VM is busy
	<-held
	defer close(hold)
	next := come(t, stores[0], token)
	set(t, next, "a", "3")
	short, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	t.Log(next.Commit(short, own))
	stranger := stores[0].Visit(others)
	if stranger.Cached() {
		return
	}
	if err := stranger.Load(within(t), false); err != nil {
		t.Fatalf("another visitor, whose session is in a store that answers: %v", err)
	}
}

// While nobody can be asked whose key signed a token, nobody says that it is a stranger's.
func TestVisit_unknownKeyInOutage(t *testing.T) {
	server, err := embedded.Solo(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	s := on(t, server, 1, session.Config{App: "shop"})[0]
	v := come(t, s, "")
	set(t, v, "a", "1")
	token := leave(t, v, "")
	parts := strings.Split(token, ".")
	parts[1] = "2" // as another node would sign it after the day's rotation
	server.Close()
	x := s.Visit(strings.Join(parts, "."))
	if x.Cached() {
		t.Fatal("cached")
	}
	short, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err = x.Load(short, true)
	_, _, clear := x.Token()
	if err == nil {
		t.Fatalf("strict: nobody can say who it is, and the error is nil; the cookie is deleted: %v", clear)
	}
}

// Inside of update only values change, because it may be made again; and what could not be stored is refused at once.
func TestVisit_refuses(t *testing.T) {
	s := nodes(t, 1, session.Config{App: "shop"})[0]
	v := come(t, s, "")
	set(t, v, "a", "1")
	v = come(t, s, leave(t, v, ""))
	for what, f := range map[string]func() error{"destroy": v.Destroy, "regenerate": v.Regenerate, "user": func() error { return v.SetUser("anna") }} {
		if err := v.Update(f); err == nil || v.User() != "" || v.Changed() {
			t.Errorf("%s in update: %v", what, err)
		}
	}
	deep := json.RawMessage(strings.Repeat("[", 11000) + strings.Repeat("]", 11000))
	for what, err := range map[string]error{"set": v.Set("d", deep), "push": v.Push("l", deep), "flash": v.SetFlash("f", deep)} {
		if !errors.Is(err, session.ErrKind) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// narrow is a server whose disk may be full.
type narrow struct {
	*embedded.Server
	full *bool
}

func (n narrow) Full(int) bool { return *n.full }

// A request that only reads does not fail because there is no room to renew its session.
func TestVisit_renewalFull(t *testing.T) {
	server, err := embedded.Solo(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	full := false
	store, err := kv.Open(narrow{server, &full}, "x")
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
	s, err := session.Open(within(t), b, r, session.Config{App: "shop", Idle: 4 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	v := come(t, s, "")
	set(t, v, "a", "1")
	token := leave(t, v, "")
	for v = come(t, s, token); !v.Changed(); v = come(t, s, token) { // until it is due to be renewed
		time.Sleep(20 * time.Millisecond)
	}
	full = true
	if v.Get("a") == nil || !v.Renewal() {
		t.Fatal("there is more to commit than a renewal")
	}
	if err := v.Commit(within(t), own); err != nil {
		t.Fatalf("a request that reads: %v", err)
	}
}
