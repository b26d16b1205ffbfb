package artifact

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/embedded"
)

// world is a store with a root, and somebody who deploys the apps shop-*.
type world struct {
	*Store
	t         *testing.T
	ctx       context.Context
	root      ed25519.PrivateKey
	shop      Token
	statement *kv.Bucket
}

func newWorld(t *testing.T) *world {
	t.Helper()
	server, err := embedded.Solo(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	s, err := kv.Open(server, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	files, err := s.Bucket(ctx, FilesConfig)
	if err != nil {
		t.Fatal(err)
	}
	statements, err := s.Bucket(ctx, StatementsConfig)
	if err != nil {
		t.Fatal(err)
	}
	replica, err := statements.Replica(ctx, 1<<20, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(replica.Close)
	public, root, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Store: New(files, statements, replica, public), t: t, ctx: ctx, root: root, statement: statements}
	w.shop = w.grant(Deploy, "shop-*", 0)
	return w
}

// grant gives somebody a token.
func (w *world) grant(role Role, apps string, life time.Duration) Token {
	w.t.Helper()
	t, _ := NewToken(w.root.Public().(ed25519.PublicKey))
	sealed, err := SignGrant(NewGrant(t, "test", role, apps, life), w.root)
	if err == nil {
		_, err = w.PutGrant(w.ctx, sealed)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return t
}

// version is one of an app, whose only file says text.
func (w *world) version(t Token, app, text string) (id string, err error) {
	w.t.Helper()
	sum, err := w.PutFile(w.ctx, []byte(text))
	if err != nil {
		w.t.Fatal(err)
	}
	sealed, err := SignVersion(Version{App: app, Main: "a.js", Files: []File{{"a.js", sum, int64(len(text))}}, Created: time.Now().UTC()}, t)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.PutVersion(w.ctx, sealed)
}

func (w *world) mustVersion(text string) string {
	w.t.Helper()
	id, err := w.version(w.shop, "shop-a", text)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

func (w *world) release(t Token, r Release) (Sealed, error) {
	w.t.Helper()
	if r.Created.IsZero() {
		r.Created = time.Now().UTC()
	}
	sealed, err := SignRelease(r, t)
	if err != nil {
		w.t.Fatal(err)
	}
	_, err = w.PutRelease(w.ctx, sealed)
	return sealed, err
}

func TestStore_release(t *testing.T) {
	w := newWorld(t)
	one, two := w.mustVersion("one"), w.mustVersion("two")
	first, err := w.release(w.shop, Release{App: "shop-a", Version: one, Counter: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.release(w.shop, Release{App: "shop-a", Version: two, Counter: 2}); err != nil {
		t.Fatal(err)
	}
	if r, err := w.Release(w.ctx, "shop-a"); err != nil || r.Version != two || r.Counter != 2 {
		t.Errorf("in force: %+v, %v", r, err)
	}
	for name, put := range map[string]func() error{
		"the same again": func() error { _, err := w.PutRelease(w.ctx, first); return err },
		"a counter that is old": func() error {
			_, err := w.release(w.shop, Release{App: "shop-a", Version: one, Counter: 2})
			return err
		},
	} {
		if err := put(); !errors.Is(err, ErrReplayed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r, err := w.Release(w.ctx, "shop-a"); err != nil || r.Version != two {
		t.Errorf("afterwards: %+v, %v", r, err)
	}
	if all, err := w.Versions(w.ctx, "shop-a"); err != nil || len(all) != 2 {
		t.Errorf("versions: %v, %v", all, err)
	}
	if apps, err := w.Apps(w.ctx); err != nil || len(apps) != 1 || apps[0] != "shop-a" {
		t.Errorf("apps: %v, %v", apps, err)
	}
}

func TestStore_refuses(t *testing.T) {
	w := newWorld(t)
	one := w.mustVersion("one")
	stranger, _ := NewToken(w.root.Public().(ed25519.PublicKey))
	gone := w.grant(Deploy, "shop-*", 0)
	if err := w.Revoke(w.ctx, gone.ID); err != nil {
		t.Fatal(err)
	}
	old := w.grant(Deploy, "shop-*", time.Second)
	later := time.Now().Add(time.Minute)
	edited, err := SignRelease(Release{App: "shop-a", Version: one, Counter: 1, Created: time.Now()}, w.shop)
	if err != nil {
		t.Fatal(err)
	}
	edited.Body = []byte(strings.Replace(string(edited.Body), `"shop-a"`, `"shop-b"`, 1))
	asVersion, err := SignVersion(Version{App: "shop-a"}, w.shop)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		put  func() error
		want error
	}{
		{"another app's version", func() error { _, err := w.version(w.shop, "other", "x"); return err }, ErrScope},
		{"another app's release", func() error { _, err := w.release(w.shop, Release{App: "other", Version: one, Counter: 1}); return err }, ErrScope},
		{"a token nobody knows", func() error { _, err := w.version(stranger, "shop-a", "x"); return err }, ErrForged},
		{"a token that was revoked", func() error { _, err := w.version(gone, "shop-a", "x"); return err }, ErrExpired},
		{"a release of last year", func() error {
			_, err := w.release(w.shop, Release{App: "shop-a", Version: one, Counter: 1, Created: time.Now().Add(-time.Hour)})
			return err
		}, ErrReplayed},
		{"a token that has expired", func() error {
			_, err := w.release(old, Release{App: "shop-a", Version: one, Counter: 1, Created: later})
			return err
		}, ErrExpired},
		{"an edited release", func() error { _, err := w.PutRelease(w.ctx, edited); return err }, ErrForged},
		{"a version as a release", func() error { _, err := w.PutRelease(w.ctx, asVersion); return err }, ErrForged},
		{"a grant of nobody's", func() error {
			_, key, _ := ed25519.GenerateKey(nil)
			sealed, err := SignGrant(NewGrant(stranger, "x", Admin, "*", 0), key)
			if err != nil {
				t.Fatal(err)
			}
			_, err = w.PutGrant(w.ctx, sealed)
			return err
		}, ErrForged},
		{"a version that is not there", func() error {
			_, err := w.release(w.shop, Release{App: "shop-a", Version: "000000000000", Counter: 1})
			return err
		}, kv.ErrNotFound},
	} {
		if err := c.put(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// Who can write to the store, and has no key, changes nothing that is served.
func TestStore_writtenByOthers(t *testing.T) {
	w := newWorld(t)
	one := w.mustVersion("one")
	signed, err := w.release(w.shop, Release{App: "shop-a", Version: one, Counter: 1})
	if err != nil {
		t.Fatal(err)
	}
	write := func(space, key string, value any) {
		t.Helper()
		text, err := json.Marshal(value)
		if err == nil {
			_, err = w.statement.Space(space).Put(w.ctx, kv.Write{Key: key, Value: text})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	// A release under the name of another app, a version under another id, a content under another hash.
	write("releases", "shop-b", signed)
	if _, err := w.Release(w.ctx, "shop-b"); !errors.Is(err, ErrForged) {
		t.Errorf("a release of another app: %v", err)
	}
	_, version, err := w.Version(w.ctx, "shop-a", one)
	if err != nil {
		t.Fatal(err)
	}
	write("versions", "shop-a/aaaaaaaaaaaa", version)
	if _, _, err := w.Version(w.ctx, "shop-a", "aaaaaaaaaaaa"); !errors.Is(err, ErrForged) {
		t.Errorf("a version under another id: %v", err)
	}
	sum := Sum([]byte("good"))
	if _, err := w.files.Put(w.ctx, kv.Write{Key: sum, Value: []byte("evil")}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.File(w.ctx, sum); !errors.Is(err, ErrForged) {
		t.Errorf("a content under another hash: %v", err)
	}
	write("grants", w.shop.ID, map[string]any{"body": []byte(`{"id":"` + w.shop.ID + `","role":"admin"}`)})
	for err := error(nil); !errors.Is(err, ErrForged); { // what is cached may be a second old
		if _, err = w.Grant(w.ctx, w.shop.ID); w.ctx.Err() != nil {
			t.Fatalf("a grant that nobody signed: %v", err)
		}
	}
}

func TestVersion_Check(t *testing.T) {
	sum := Sum(nil)
	good := func(path string) Version {
		return Version{App: "shop", Main: path, Files: []File{{path, sum, 1}}}
	}
	if v := good("public/a.js"); v.Check() != nil {
		t.Error(v.Check())
	}
	for _, path := range []string{
		"", "/etc/passwd", "../a", "a/../b", "a//b", "./a", ".env", "a/.git/config", "a\\b", "C:a", "a\x00", "a\nb", strings.Repeat("a", 513),
	} {
		if v := good(path); v.Check() == nil {
			t.Errorf("the path %q is taken", path)
		}
	}
	for name, change := range map[string]func(*Version){
		"app":        func(v *Version) { v.App = "../x" },
		"hash":       func(v *Version) { v.Files[0].Sum = "abc" },
		"size":       func(v *Version) { v.Files[0].Size = FileBytesMax + 1 },
		"negative":   func(v *Version) { v.Files[0].Size = -1 },
		"main":       func(v *Version) { v.Main = "b.js" },
		"twice":      func(v *Version) { v.Files = append(v.Files, File{"A.js", sum, 1}) },
		"many":       func(v *Version) { v.Files = make([]File, FilesMax+1) },
		"route":      func(v *Version) { v.Routes = []string{"non sense"} },
		"everything": func(v *Version) { v.Files = nil },
	} {
		v := good("a.js")
		if change(&v); v.Check() == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
}

func TestParseToken(t *testing.T) {
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	made, text := NewToken(public)
	read, err := ParseToken(" " + text + "\n")
	if err != nil || read.ID != made.ID || !read.Key.Equal(made.Key) || !read.Root.Equal(public) {
		t.Errorf("%+v, %v", read, err)
	}
	g := NewGrant(made, "x", Deploy, "a", time.Hour)
	if !g.Knows(made.Password) || g.Knows("") || g.Knows(g.Password) {
		t.Error("the password")
	}
	for _, bad := range []string{"", "fortuna_", text[1:], text[:len(text)-3], strings.Replace(text, ".", "", 1), text + ".x"} {
		if _, err := ParseToken(bad); err == nil || strings.Contains(err.Error(), "fortuna_abc...") == false {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestRoute(t *testing.T) {
	for _, c := range []struct {
		route, host, path string
		want              bool
	}{
		{"example.com/*", "example.com", "/x", true},
		{"example.com/*", "www.example.com", "/x", false},
		{"*.example.com/*", "www.example.com", "/", true},
		{"*.example.com/*", "example.com", "/", false},
		{"*.example.com/*", "badexample.com", "/", false},
		{"/docs/*", "any", "/docs/a", true},
		{"/docs/*", "any", "/docs", true},
		{"/docs/*", "any", "/docsx", false},
		{"example.com", "example.com", "/", true},
		{"*/api/*", "any", "/api/", true},
	} {
		r, err := ParseRoute(c.route)
		if err != nil || r.Matches(c.host, c.path) != c.want {
			t.Errorf("%s for %s%s: %v, %v", c.route, c.host, c.path, r.Matches(c.host, c.path), err)
		}
	}
	for _, bad := range []string{"", "/docs", "/docs*", "exa mple.com/*", "https://example.com/*", "a/*/b/*", "*x.com/*"} {
		if r, err := ParseRoute(bad); err == nil {
			t.Errorf("%q is taken as %+v", bad, r)
		}
	}
}

func TestOverlap(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"/*", "/shop/*", true}, {"/shop/*", "/shop/checkout/*", true}, {"/shop/*", "/shopping/*", false}, {"a.com/*", "b.com/*", false},
		{"a.com/*", "/x/*", true}, {"*.a.com/*", "x.a.com/y/*", true}, {"*.a.com/*", "a.com/*", false}, {"*.a.com/*", "*.b.a.com/*", true},
	} {
		if Overlap(c.a, c.b) != c.want || Overlap(c.b, c.a) != c.want {
			t.Errorf("%s and %s: want %v", c.a, c.b, c.want)
		}
	}
}

func FuzzParseRoute(f *testing.F) {
	for _, s := range []string{"example.com/*", "*.a/b/*", "/x/*", "*"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRoute(text)
		if err != nil {
			return
		}
		if again, err := ParseRoute(r.String()); err != nil || again != r {
			t.Errorf("%q is %q, which is %+v, %v", text, r, again, err)
		}
	})
}
