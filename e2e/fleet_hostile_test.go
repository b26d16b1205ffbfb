package e2e

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/artifact"
	"github.com/fortunadws/fortuna/kv/embedded"
)

// poison is code that must not reach a node: it never ends, takes all memory, ends its process or does not load.
var poison = map[string]string{
	"endless loop":         `while (true) {}`,
	"endless await":        `await new Promise(() => {}); export default { fetch: () => new Response("") }`,
	"arrays":               `const a = []; while (true) a.push(new Array(1e6).fill(1))`,
	"strings":              `let s = "x"; while (true) s += s`,
	"buffers":              `const a = []; while (true) a.push(new Uint8Array(1e8).fill(1))`,
	"recursion":            `const f = () => f() + f(); f()`,
	"deep recursion":       `const f = (n) => n === 0 ? 0 : 1 + f(n - 1); f(1e9)`,
	"regular expression":   `/(a+)+$/.test("a".repeat(100) + "b"); while (true) /(a|a)*b/.test("a".repeat(50))`,
	"throws":               `throw new Error("no")`,
	"throws a getter":      `throw { get message() { while (true) {} } }`,
	"rejects":              `await Promise.reject(new Error("no"))`,
	"no export":            `const x = 1`,
	"exports a number":     `export default 7`,
	"hostile export":       `export default new Proxy({}, { get() { while (true) {} } })`,
	"fetch getter":         `export default { get fetch() { throw new Error("no") } }`,
	"hostile toString":     `export default { fetch: { toString() { while (true) {} } } }`,
	"bad route":            `export default { routes: { "/:": () => 1, "/::x": () => 1 } }`,
	"many promises":        `const f = () => Promise.resolve().then(f); f(); await new Promise(() => {})`,
	"sort":                 `new Array(1e7).fill(0).map((_, i) => -i).sort(() => { while (true) {} })`,
	"JSON":                 `let s = "["; for (let i = 0; i < 24; i++) s += s; JSON.parse(s); while (true) {}`,
	"map of maps":          `const m = new Map(); for (let i = 0; ; i++) m.set({}, new Map([[i, "x".repeat(1e5) + i]]))`,
	"a limit of an hour":   `const began = Date.now(); while (Date.now() - began < 3_600_000) {}`,
	"timers at top level":  `setInterval(() => { while (true) {} }, 1); await new Promise(() => {})`,
	"symbol species":       `class A extends Array { static get [Symbol.species]() { while (true) {} } } new A(3).map(x => x)`,
	"top-level generators": `function* g() { while (true) yield new Array(1e5).fill(0) } const all = [...g()]`,
}

// No poison takes a node down, when it is deployed, when it lies in the store, and when a node begins with it there.
func TestFleet_poison(t *testing.T) {
	f := startFleet(t, 3)
	dir := f.project("shop", map[string]string{
		"fortuna.toml": "name = \"shop\"\n[limits]\nstartup_ms = 3600000\ncpu_ms = 3600000\n", "index.js": `export default { fetch: () => new Response("good") }`,
	})
	f.deploy(dir)
	for name, code := range poison {
		f.project("shop", map[string]string{"index.js": code})
		begun := time.Now()
		out, trouble, err := f.run(dir, "deploy", "--json")
		if err == nil && !strings.Contains(out, `"version"`) {
			t.Errorf("%s: %s", name, out)
		}
		if err == nil { // what loads is no poison: it did no harm, and it is taken back
			t.Logf("%s loads: %s", name, out)
			f.mustRun(dir, "rollback", f.version(dir, 1))
		} else if !strings.Contains(trouble, "fortuna: error: ") || strings.Contains(trouble, "does not answer") {
			t.Errorf("%s: %v: %s", name, err, trouble)
		}
		t.Logf("%s: %v", name, time.Since(begun).Round(time.Millisecond))
		f.expect("good")
	}
	// Somebody with a key, who has found a way round the node that looks at versions first.
	f.smuggle(dir, `while (true) {}`)
	f.eventuallySaid("is not served")
	f.expect("good")
	for _, n := range f.nodes {
		if !n.alive() {
			t.Errorf("%s has ended", n.name)
		}
		n.crash()
	}
	for _, n := range f.nodes {
		n.start()
	}
	f.eventually("good")
}

// holder is the token of the login.
func (f *fleet) holder() artifact.Token {
	f.t.Helper()
	text, err := os.ReadFile(filepath.Join(f.dir, "config", "fortuna", "contexts.json"))
	var all struct {
		Current  string
		Contexts map[string]struct{ Token string }
	}
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		f.t.Fatal(err)
	}
	token, err := artifact.ParseToken(all.Contexts[all.Current].Token)
	if err != nil {
		f.t.Fatal(err)
	}
	return token
}

// store opens what is deployed, in the store of the first node, as that node could.
func (f *fleet) store(ctx context.Context, root ed25519.PublicKey) (*artifact.Store, *kv.Bucket) {
	f.t.Helper()
	running, err := embedded.Reach(filepath.Join(f.nodes[0].data, "state"))
	if err != nil {
		f.t.Fatal(err)
	}
	s, err := kv.Open(running, "test")
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(s.Close)
	files, err := s.Existing(ctx, artifact.FilesConfig.Name)
	if err != nil {
		f.t.Fatal(err)
	}
	statements, err := s.Existing(ctx, artifact.StatementsConfig.Name)
	if err != nil {
		f.t.Fatal(err)
	}
	replica, err := statements.Replica(ctx, 1<<20, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(replica.Close)
	return artifact.New(files, statements, replica, root), statements
}

// smuggle releases code without any node having looked at it first.
func (f *fleet) smuggle(dir, code string) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	token := f.holder()
	store, _ := f.store(ctx, token.Root)
	f.project("shop", map[string]string{"index.js": `export default { fetch: () => new Response("` + strings.Repeat("poison", 10) + `") }`})
	f.mustRun(dir, "build", "-o", "built.js")
	bundle, err := os.ReadFile(filepath.Join(dir, "built.js"))
	if err != nil {
		f.t.Fatal(err)
	}
	toml, err := os.ReadFile(filepath.Join(dir, "fortuna.toml"))
	if err != nil {
		f.t.Fatal(err)
	}
	// As build would write it, if it did not look whether the code starts.
	script := bytes.Replace(bundle[bytes.IndexByte(bundle, '\n')+1:len(bundle)-1], []byte("use strict"), []byte("use strict"), 1)
	script = append([]byte(code+"\n"), script...)
	bundle = append([]byte("// fortuna bundle 1 "+artifact.Sum(script)+" index.js\n"), append(script, '\n')...)
	v := artifact.Version{App: "shop", Main: "app.js", Created: time.Now().UTC()}
	for path, data := range map[string][]byte{"app.js": bundle, "app.js.map": []byte(`{"version":3,"sources":[],"names":[],"mappings":""}`), "fortuna.toml": toml} {
		sum, err := store.PutFile(ctx, data)
		if err != nil {
			f.t.Fatal(err)
		}
		v.Files = append(v.Files, artifact.File{Path: path, Sum: sum, Size: int64(len(data))})
	}
	sealed, err := artifact.SignVersion(v, token)
	if err != nil {
		f.t.Fatal(err)
	}
	id, err := store.PutVersion(ctx, sealed)
	if err != nil {
		f.t.Fatal(err)
	}
	now, err := store.Release(ctx, "shop")
	if err != nil {
		f.t.Fatal(err)
	}
	release, err := artifact.SignRelease(artifact.Release{App: "shop", Version: id, Counter: now.Counter + 1, Kind: "deploy", Created: time.Now().UTC()}, token)
	if err == nil {
		_, err = store.PutRelease(ctx, release)
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// eventuallySaid waits until every node has logged a text.
func (f *fleet) eventuallySaid(text string) {
	f.t.Helper()
	for _, n := range f.nodes {
		for deadline := time.Now().Add(time.Minute); !strings.Contains(n.log.String(), text); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				f.t.Fatalf("%s never said %q:\n%s", n.name, text, n.log.String())
			}
		}
	}
}

// A token is for its apps; what was sent once is not taken again, nor what was changed; who can only write to the store
// changes nothing.
func TestFleet_forgers(t *testing.T) {
	f := startFleet(t, 2)
	shop := f.project("shop", map[string]string{"fortuna.toml": "name = \"shop\"\nroutes = [\"/shop/*\"]\n", "index.js": `export default { fetch: () => new Response("shop") }`})
	blog := f.project("blog", map[string]string{"fortuna.toml": "name = \"blog\"\n", "index.js": `export default { fetch: () => new Response("blog") }`})
	f.deploy(shop)
	f.deploy(blog)
	f.expect("blog")
	for _, n := range f.nodes {
		if _, body, err := n.get(http.DefaultClient, "/shop/x"); body != "shop" {
			t.Errorf("%s: %q %v", n.name, body, err)
		}
	}
	root := f.holder().Root
	token := strings.TrimSpace(f.mustRun("", "token", "new", "ci", "--data", f.nodes[0].data, "--apps", "shop"))
	f.mustRun("", "login", f.nodes[0].admin(), token, "--as", "ci")
	f.deploy(shop)
	for _, args := range [][]string{{"deploy"}, {"versions"}, {"rollback"}} {
		if out, trouble, err := f.run(blog, args...); err == nil || !strings.Contains(trouble, `for the apps "shop", not for "blog"`) {
			t.Errorf("%v: %v %s%s", args, err, out, trouble)
		}
	}
	for _, args := range [][]string{{"token", "ls"}, {"node", "drain", "n2"}, {"node", "rm", "n2"}} {
		if out, trouble, err := f.run("", args...); err == nil || !strings.Contains(trouble, "for deploying, not for looking after nodes") {
			t.Errorf("%v: %v %s%s", args, err, out, trouble)
		}
	}
	if out, trouble, err := f.run(shop, "deploy", "--dry-run", "--json"); err != nil || !strings.Contains(out, `"routes":["/shop/*"]`) {
		t.Errorf("%v %s%s", err, out, trouble)
	}
	same := f.project("copy", map[string]string{"fortuna.toml": "name = \"shop2\"\nroutes = [\"/shop/*\"]\n", "index.js": `export default { fetch: () => new Response("x") }`})
	f.mustRun("", "login", "--data", f.nodes[0].data)
	if _, trouble, err := f.run(same, "deploy"); err == nil || !strings.Contains(trouble, "the app shop has the route /shop/* already") {
		t.Errorf("a route of another app: %v %s", err, trouble)
	}

	// The wire: the same release again, an edited one, one of before.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	holder := f.holder()
	store, statements := f.store(ctx, root)
	now, err := store.Release(ctx, "shop")
	if err != nil {
		t.Fatal(err)
	}
	next := now
	next.Counter, next.Created = now.Counter+1, time.Now().UTC()
	sealed, err := artifact.SignRelease(next, holder)
	if err != nil {
		t.Fatal(err)
	}
	if status, body := f.post("/v1/apps/shop/releases?wait=0s", holder, sealed); status != 200 {
		t.Fatalf("a release: %d %s", status, body)
	}
	edited := sealed
	edited.Body = bytes.Replace(sealed.Body, []byte(fmt.Sprintf(`"counter":%d`, next.Counter)), []byte(fmt.Sprintf(`"counter":%d`, next.Counter+1)), 1)
	stranger, _ := artifact.NewToken(root)
	for _, c := range []struct {
		what   string
		path   string
		token  artifact.Token
		body   artifact.Sealed
		status int
	}{
		{"the same again", "/v1/apps/shop/releases", holder, sealed, 409},
		{"edited", "/v1/apps/shop/releases", holder, edited, 403},
		{"under another app", "/v1/apps/blog/releases", holder, sealed, 403},
		{"by a stranger", "/v1/apps/shop/releases", stranger, sealed, 401},
		{"a grant that nobody signed", "/v1/grants", stranger, sealed, 403},
	} {
		if status, body := f.post(c.path, c.token, c.body); status != c.status {
			t.Errorf("%s: %d %s, want %d", c.what, status, body, c.status)
		}
	}
	// The store: a release of before is put there by somebody who has no key.
	former, err := artifact.SignRelease(now, holder)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(former)
	if err == nil {
		_, err = statements.Space("releases").Put(ctx, kv.Write{Key: "shop", Value: text})
	}
	if err != nil {
		t.Fatal(err)
	}
	f.eventuallySaid("is older than what is in force")
	f.expect("blog")

	// All of it was noted, and only who looks after nodes reads it.
	audit := f.mustRun("", "audit")
	for _, want := range []string{
		`n2 joined as worker`, `token ci \(\w+\) for deploy of shop`, `version \w+ of shop`, `deploy of blog: release 1`,
		`ci +refused: GET /v1/apps/blog/\S+: .*for the apps "shop"`, `ci +refused: DELETE /v1/nodes/n2: .*not for looking after nodes`,
		`refused: POST /v1/apps/shop/releases: .*older`, `refused: POST /v1/apps/shop/releases: .*is not signed by who may`,
	} {
		if !regexp.MustCompile(want).MatchString(audit) {
			t.Errorf("the audit has no %s:\n%s", want, audit)
		}
	}
	if some := f.mustRun("", "audit", "--app", "blog", "--refused", "--json"); !strings.Contains(some, `"refused":true`) || strings.Contains(some, `"app":"shop"`) {
		t.Errorf("of the blog, refused: %s", some)
	}
	if _, trouble, err := f.run("", "audit", "--to", "ci"); err == nil || !strings.Contains(trouble, "not for looking after nodes") {
		t.Errorf("%v %s", err, trouble)
	}
	for _, secret := range []string{token, holder.Password} {
		if strings.Contains(f.mustRun("", "audit", "--json"), secret) {
			t.Error("the audit has a token in it")
		}
	}
}

// post sends a statement to the first node as the holder of a token.
func (f *fleet) post(path string, token artifact.Token, sealed artifact.Sealed) (status int, body string) {
	f.t.Helper()
	text, err := json.Marshal(sealed)
	if err != nil {
		f.t.Fatal(err)
	}
	q, err := http.NewRequest(http.MethodPost, f.nodes[0].admin()+path, bytes.NewReader(text))
	if err != nil {
		f.t.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer "+token.ID+"."+token.Password)
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		f.t.Fatal(err)
	}
	defer a.Body.Close()
	answer, err := io.ReadAll(a.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return a.StatusCode, string(answer)
}
