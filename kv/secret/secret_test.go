package secret

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/embedded"
)

func TestStore(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
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
	b, err := store.Bucket(ctx, kv.Config{Name: "secrets", Announce: kv.Keys})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "made", "secrets.key")
	var wait sync.WaitGroup
	for range 8 { // one makes it
		wait.Go(func() {
			if _, err := MakeKey(path); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	key, err := ReadKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	shop := Open(b.Space("shop"), "shop", key)
	want := map[string]string{"API_KEY": "s3cret value", "EMPTY": "", "UMLAUT": "pässwörd\n"}
	if err := shop.Set(ctx, want); err != nil {
		t.Fatal(err)
	}
	if got, err := shop.All(ctx); err != nil || !maps.Equal(got, want) {
		t.Errorf("%v %v", got, err)
	}
	e, err := b.Space("shop").GetLeader(ctx, "API_KEY")
	if err != nil || bytes.Contains(e.Value, []byte("s3cret")) {
		t.Errorf("%q %v", e.Value, err)
	}
	if list, err := shop.List(ctx); err != nil || len(list) != 3 || list[0].Name != "API_KEY" || time.Since(list[0].Set) > time.Minute {
		t.Errorf("%v %v", list, err)
	}

	// Whoever has the store, and not the key, learns nothing and can change nothing unnoticed.
	other, err := Derive(strings.Repeat("0", 32))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Open(b.Space("shop"), "shop", other).All(ctx); !errors.Is(err, ErrKey) {
		t.Errorf("another key: %v %v", got, err)
	}
	for what, change := range map[string]func(){
		"another's value": func() {
			if _, err := b.Space("shop").Put(ctx, kv.Write{Key: "EMPTY", Value: e.Value}); err != nil {
				t.Fatal(err)
			}
		},
		"a changed bit": func() {
			v := bytes.Clone(e.Value)
			v[len(v)-1] ^= 1
			if _, err := b.Space("shop").Put(ctx, kv.Write{Key: "EMPTY", Value: v}); err != nil {
				t.Fatal(err)
			}
		},
		"nothing": func() {
			if _, err := b.Space("shop").Put(ctx, kv.Write{Key: "EMPTY"}); err != nil {
				t.Fatal(err)
			}
		},
	} {
		change()
		if got, err := shop.All(ctx); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v %v", what, got, err)
		}
	}
	if _, err := b.Space("bank").Put(ctx, kv.Write{Key: "API_KEY", Value: e.Value}); err != nil {
		t.Fatal(err)
	}
	if got, err := Open(b.Space("bank"), "bank", key).All(ctx); err == nil {
		t.Errorf("another app reads %v", got)
	}
	if err := shop.Remove(ctx, "EMPTY"); err != nil {
		t.Fatal(err)
	}
	if err := shop.Remove(ctx, "EMPTY"); !errors.Is(err, kv.ErrNotFound) {
		t.Error(err)
	}
	if err := shop.Set(ctx, map[string]string{"BIG": strings.Repeat("x", ValueBytesMax+1)}); !errors.Is(err, kv.ErrTooLarge) {
		t.Error(err)
	}
	if _, err := Derive("short"); err == nil {
		t.Error("a short seed")
	}
}
