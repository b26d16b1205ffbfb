package session_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/session"
)

// A login has a new id; the former one is nobody's. A session that has ended comes back by nothing.
func TestVisit_ends(t *testing.T) {
	stores := nodes(t, 2, session.Config{App: "shop"})
	v := come(t, stores[0], "")
	set(t, v, "cart", `["book"]`)
	before := leave(t, v, "")
	v = come(t, stores[0], before)
	if err := v.SetUser("anna"); err != nil {
		t.Fatal(err)
	}
	after := leave(t, v, before)
	v = come(t, stores[1], after)
	if v.User() != "anna" || string(v.Get("cart")) != `["book"]` || before[:43] == after[:43] {
		t.Errorf("after the login: user %q, cart %s", v.User(), v.Get("cart"))
	}
	over(t, stores, "the id from before the login", before)

	// Two requests are under way when a third logs out.
	late, idle := come(t, stores[1], after), come(t, stores[1], after)
	set(t, late, "n", "1")
	if err := idle.Touch(); err != nil {
		t.Fatal(err)
	}
	v = come(t, stores[0], after)
	if err := v.Destroy(); err != nil {
		t.Fatal(err)
	}
	if got := leave(t, v, after); got != "" {
		t.Errorf("the client keeps %q", got)
	}
	for _, v := range []*session.Visit{late, idle} {
		if err := v.Commit(within(t), nil); !errors.Is(err, session.ErrEnded) {
			t.Errorf("a change of what has ended: %v", err)
		}
		if _, set, clear := v.Token(); set || clear {
			t.Error("its client may have got another token meanwhile")
		}
	}
	over(t, stores, "what has come back", after)
}

// What ends a session while a request of it runs ends it also under the id that the request gives it.
func TestVisit_endsMeanwhile(t *testing.T) {
	stores := nodes(t, 2, session.Config{App: "shop", Idle: 4 * time.Second})
	ends := map[string]func(id string) error{
		"one":  func(id string) error { return stores[1].Revoke(within(t), id) },
		"user": func(string) error { _, err := stores[1].RevokeUser(within(t), "anna"); return err },
		"all":  func(string) error { return stores[1].RevokeAll(within(t)) },
	}
	changes := map[string]func(v *session.Visit) error{
		"set":        func(v *session.Visit) error { return v.Set("n", json.RawMessage("2")) },
		"touch":      func(v *session.Visit) error { return v.Touch() },
		"regenerate": func(v *session.Visit) error { return v.Regenerate() },
		"login":      func(v *session.Visit) error { return errors.Join(v.Set("n", json.RawMessage("2")), v.SetUser("anna")) },
		"other user": func(v *session.Visit) error { return v.SetUser("bert") },
		"renewal":    func(*session.Visit) error { return nil },
	}
	for what, end := range ends {
		for change, make := range changes {
			v := come(t, stores[0], "")
			set(t, v, "cart", `["book"]`)
			if err := v.SetUser("anna"); err != nil {
				t.Fatal(err)
			}
			token := leave(t, v, "")
			v = come(t, stores[0], token)
			for change == "renewal" && !v.Changed() {
				<-time.After(20 * time.Millisecond)
				v = come(t, stores[0], token)
			}
			id := v.ID()
			if err := make(v); err != nil {
				t.Fatal(err)
			}
			moves := v.ID() != id
			if err := end(id); err != nil {
				t.Fatal(err)
			}
			err := v.Commit(within(t), nil)
			if moves && !errors.Is(err, session.ErrEnded) {
				t.Errorf("%s, then %s: %v", change, what, err)
			}
			if err == nil && v.Rev() != 0 {
				over(t, stores, change+", then "+what, tokenOf(v, token))
			}
			over(t, stores, change+", then "+what+": the former token", token)
		}
	}
}

// over demands that a token is nobody's on any node. Each hears of it in its own time, which is milliseconds.
func over(t *testing.T, stores []*session.Store, what, token string) {
	t.Helper()
	for _, s := range stores {
		for begun := time.Now(); !come(t, s, token).IsNew(); time.Sleep(time.Millisecond) {
			if time.Since(begun) > 10*time.Second {
				t.Errorf("%s is still good", what)
				break
			}
		}
	}
}

// ending closes end, for the reason that is wanted.
func ending(t *testing.T, want string, end chan struct{}) func(why string) {
	return func(why string) {
		if why != want {
			t.Errorf("it is over because of %s, want %s", why, want)
		}
		close(end)
	}
}

// Revoking ends sessions on every node, and what is bound to them.
func TestStore_revoke(t *testing.T) {
	stores := nodes(t, 2, session.Config{App: "shop"})
	login := func(user string) (token string, end chan struct{}) {
		v := come(t, stores[0], "")
		if user != "" {
			if err := v.SetUser(user); err != nil {
				t.Fatal(err)
			}
		} else {
			set(t, v, "n", "1")
		}
		token = leave(t, v, "")
		end = make(chan struct{})
		if come(t, stores[1], token).Bond(ending(t, session.Ended, end)) == nil {
			t.Fatal("no bond")
		}
		return token, end
	}
	ended := func(what, token string, end chan struct{}) {
		t.Helper()
		select {
		case <-end:
		case <-time.After(10 * time.Second):
			t.Errorf("%s: what is bound to it is not told", what)
		}
		over(t, stores, what, token)
	}
	anna1, over1 := login("anna")
	anna2, over2 := login("anna")
	bert, overB := login("bert")
	nobody, overN := login("")

	list, more, err := stores[1].List(within(t), "anna", "", 10)
	if err != nil || more || len(list) != 2 || list[0].User != "anna" {
		t.Fatalf("list: %v %v %v", list, more, err)
	}
	if err := stores[1].Revoke(within(t), come(t, stores[1], anna1).ID()); err != nil {
		t.Fatal(err)
	}
	ended("one", anna1, over1)
	if v := come(t, stores[0], anna2); v.User() != "anna" {
		t.Error("the other device is logged out")
	}
	if n, err := stores[0].RevokeUser(within(t), "anna"); n != 1 || err != nil {
		t.Errorf("revoke anna: %d %v", n, err)
	}
	ended("user", anna2, over2)
	if v := come(t, stores[0], bert); v.User() != "bert" {
		t.Error("another user is logged out")
	}
	again, overA := login("anna")
	if v := come(t, stores[1], again); v.User() != "anna" {
		t.Error("the user cannot log in any more")
	}
	if err := stores[1].RevokeAll(within(t)); err != nil {
		t.Fatal(err)
	}
	ended("all: bert", bert, overB)
	ended("all: anna", again, overA)
	ended("all: nobody", nobody, overN)
	if err := stores[0].Revoke(within(t), "no such"); !errors.Is(err, kv.ErrNotFound) {
		t.Errorf("revoke what is not there: %v", err)
	}
}

// What nobody uses ends by itself, and so does what is bound to it; what is used is renewed, but not for ever.
func TestStore_expiry(t *testing.T) {
	stores := nodes(t, 2, session.Config{App: "shop", Idle: 2 * time.Second, Absolute: 5 * time.Second})
	v := come(t, stores[0], "")
	set(t, v, "n", "1")
	token := leave(t, v, "")
	over := make(chan struct{})
	begun := time.Now()
	come(t, stores[1], token).Bond(ending(t, session.Expired, over))
	for {
		v := come(t, stores[0], token)
		if v.IsNew() {
			break
		}
		if time.Since(begun) > 20*time.Second {
			t.Fatal("it never ends")
		}
		token = leave(t, v, token) // renewed, once half of its time is over
		<-time.After(100 * time.Millisecond)
	}
	if lived := time.Since(begun); lived < 2500*time.Millisecond {
		t.Errorf("it was not renewed: it lived for %v", lived)
	}
	select {
	case <-over:
	case <-time.After(10 * time.Second):
		t.Error("what is bound to it is not told")
	}
}
