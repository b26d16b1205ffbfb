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
