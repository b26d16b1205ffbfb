package e2e

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// crashes is how often a node of a fleet is killed while requests come.
var crashes = flag.Int("crashes", 3, "times that a node of a fleet is killed under load")

// deploys is how many versions come while requests do.
var deploys = flag.Int("deploys", 5, "versions that are deployed to a fleet under load")

const countingCode = `export default { fetch: (request, env, ctx) => new Response(String(ctx.session.inc("n", 1))) }`

// A project reaches every node, its sessions hold whichever node answers, and an earlier version comes back.
func TestFleet_deploys(t *testing.T) {
	f := startFleet(t, 3)
	dir := f.project("shop", map[string]string{
		"fortuna.toml": "name = \"shop\"\n[session]\n[assets]\ndir = \"public\"\n", "index.js": countingCode, "public/style.css": "body { color: red }",
	})
	first := f.deploy(dir, "-m", "the first")
	v := newVisitor()
	for i := range 12 {
		if status, body := v.ask(f.nodes[(i*7)%3].asNode(), "/"); status != 200 || body != fmt.Sprint(i+1) {
			t.Fatalf("request %d: %d %s", i, status, body)
		}
	}
	for _, n := range f.nodes {
		if status, body, err := n.get(http.DefaultClient, "/style.css"); status != 200 || body != "body { color: red }" {
			t.Errorf("%s: %d %s %v", n.name, status, body, err)
		}
	}
	f.project("shop", map[string]string{"index.js": `export default { fetch: () => new Response("second") }`})
	f.deploy(dir, "-m", "the second")
	f.expect("second")
	f.mustRun(dir, "rollback")
	f.mustRun(dir, "promote", f.version(dir, 0))
	f.expect("second")
	f.mustRun(dir, "rollback", first.Version)
	if _, body := v.ask(f.nodes[2].asNode(), "/"); body != "13" {
		t.Errorf("after the rollback: %s", body)
	}
	if list := f.mustRun(dir, "versions"); !strings.Contains(list, "* "+first.Version) || !strings.Contains(list, "the second") {
		t.Errorf("versions:\n%s", list)
	}
	// A node that was away learns what it has missed, and one that begins serves what it served before.
	f.nodes[2].crash()
	f.mustRun(dir, "promote", f.version(dir, 0), "--wait", "0")
	f.nodes[2].start()
	f.eventually("second")
}

// While versions come and a node goes and comes back, no request fails and none is answered by parts of two versions.
func TestFleet_deploysUnderLoad(t *testing.T) {
	f := startFleet(t, 3)
	version := func(i int) string {
		return f.project("shop", map[string]string{
			"fortuna.toml": fmt.Sprintf("name = \"shop\"\n[vars]\nV = \"%d\"\n[assets]\ndir = \"public\"\n", i),
			"index.js":     fmt.Sprintf(`import { v } from "./v.js"; export default { fetch: (q, env) => new Response("%d " + v + " " + env.V) }`, i),
			"v.js":         fmt.Sprintf("export const v = %d", i),
			"public/x.txt": fmt.Sprint(i),
		})
	}
	f.deploy(version(0))
	var answered, failed, mixed atomic.Int64
	stop := make(chan struct{})
	var wait sync.WaitGroup
	for i := range 6 {
		wait.Go(func() {
			client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for {
				select {
				case <-stop:
					return
				default:
				}
				status, body, err := f.nodes[i%3].get(client, "/")
				answered.Add(1)
				if parts := strings.Fields(body); err != nil || status != 200 || len(parts) != 3 {
					failed.Add(1)
					t.Errorf("%s: %d %q %v", f.nodes[i%3].name, status, body, err)
				} else if parts[0] != parts[1] || parts[1] != parts[2] {
					mixed.Add(1)
				}
			}
		})
	}
	for i := 1; i <= *deploys; i++ {
		f.deploy(version(i))
	}
	close(stop)
	wait.Wait()
	t.Logf("%d deployments, %d requests, %d failed, %d of two versions", *deploys, answered.Load(), failed.Load(), mixed.Load())
	if mixed.Load() > 0 {
		t.Errorf("%d answers are of two versions", mixed.Load())
	}
	// A node that is told to end loses nothing: what it has accepted it answers.
	if err := f.nodes[1].cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-f.nodes[1].ended
	if code := f.nodes[1].cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("the node left with %d", code)
	}
}

// A canary goes to a share of the visitors, each of whom stays with what they got; one that fails ends by itself, on every
// node.
func TestFleet_canary(t *testing.T) {
	f := startFleet(t, 3)
	dir := f.project("shop", map[string]string{"index.js": `export default { fetch: () => new Response("old") }`, "fortuna.toml": "name = \"shop\"\n"})
	f.deploy(dir)
	f.project("shop", map[string]string{"index.js": `export default { fetch: () => new Response("new") }`})
	f.deploy(dir, "--canary", "30")
	got := map[string]int{}
	for range 200 {
		v := newVisitor()
		_, first := v.ask(f.nodes[0].asNode(), "/")
		got[first]++
		for i := range 3 {
			if _, again := v.ask(f.nodes[i].asNode(), "/"); again != first {
				t.Fatalf("a visitor got %q, and then %q", first, again)
			}
		}
	}
	if got["new"] < 30 || got["new"] > 95 || got["new"]+got["old"] != 200 { // 30 % of 200 are 60, give or take five deviations
		t.Errorf("the canary went to %v", got)
	}
	f.mustRun(dir, "promote")
	f.expect("new")
	failing := `let n = 0; export default { fetch: () => { if (++n % 20 === 0) throw new Error("one of twenty"); return new Response("bad") } }`
	f.project("shop", map[string]string{"index.js": failing})
	f.deploy(dir, "--canary", "50")
	for deadline := time.Now().Add(time.Minute); !strings.Contains(f.mustRun(dir, "status"), "shop"); {
		if time.Now().After(deadline) {
			t.Fatal("no status")
		}
	}
	ended := false
	for range 5_000 { // of one node's visitors: the others learn it from that one
		if _, body, err := f.nodes[0].get(http.DefaultClient, "/"); err != nil {
			t.Fatal(err)
		} else if body == "new" && strings.Contains(f.nodes[0].log.String(), "has ended") {
			ended = true
			break
		}
	}
	if !ended {
		t.Fatal("a canary of which one in twenty answers fails goes on")
	}
	f.eventuallySaid("has ended")
	for range 30 {
		f.expect("new")
	}
	for _, n := range f.nodes { // also when they begin again
		n.crash()
	}
	for _, n := range f.nodes {
		n.start()
	}
	for range 30 {
		f.eventually("new")
	}
	f.mustRun(dir, "rollback")
	f.expect("new")
}

// The secrets and keys of a deployed app are set and read where its store is; a version that waits for a secret is served
// when it is there. A backup of the node has all of it.
func TestFleet_state(t *testing.T) {
	f := startFleet(t, 2)
	data := f.nodes[0].data
	dir := f.project("shop", map[string]string{
		"fortuna.toml": "name = \"shop\"\n[secrets]\nrequired = [\"KEY\"]\n[kv.CART]\n",
		"index.js":     `export default { fetch: async (r, env) => { await env.CART.put("a", "kept"); return new Response(env.KEY) } }`,
	})
	if _, trouble, err := f.run(dir, "deploy"); err == nil || !strings.Contains(trouble, "KEY has no value") {
		t.Errorf("without the secret: %v %s", err, trouble)
	}
	file := filepath.Join(f.dir, "value")
	if err := os.WriteFile(file, []byte("first value"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.mustRun(dir, "secret", "set", "KEY", "--file", file, "--data", data)
	f.eventually("first value")
	if err := os.WriteFile(file, []byte("second value"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.mustRun(dir, "secret", "set", "KEY", "--file", file, "--data", data)
	f.eventually("second value")
	if out := f.mustRun(dir, "kv", "get", "CART", "a", "--data", data); out != "kept" {
		t.Errorf("kv get: %q", out)
	}
	f.mustRun(dir, "backup", "shop.backup", "--data", data)
	f.nodes[0].crash()
	if err := os.RemoveAll(filepath.Join(data, "state")); err != nil {
		t.Fatal(err)
	}
	f.mustRun(dir, "restore", "shop.backup", "--data", data)
	if out := f.mustRun(dir, "kv", "get", "CART", "a", "--data", data); out != "kept" {
		t.Errorf("kv get, restored: %q", out)
	}
	_, port, err := net.SplitHostPort(f.nodes[0].asked)
	if err != nil {
		t.Fatal(err)
	}
	f.nodes[0].asked = "0.0.0.0:" + port // others reach it now: it speaks TLS, and is known by the token
	f.nodes[0].start()
	f.eventually("second value")
	f.mustRun("", "login", "--data", data)
	if out := f.mustRun("", "status"); !strings.Contains(out, "n2") || !strings.Contains(out, "shop") {
		t.Errorf("status: %s", out)
	}
	token := strings.TrimSpace(f.mustRun("", "token", "new", "ci", "--data", data))
	if _, trouble, err := f.run("", "login", "http://192.0.2.1:"+port, token); err == nil || !strings.Contains(trouble, "unencrypted") {
		t.Errorf("a token in the clear: %v %s", err, trouble)
	}
	for _, n := range f.nodes {
		if strings.Contains(n.log.String(), "second value") {
			t.Errorf("%s has logged a secret", n.name)
		}
	}
}

// What an app does on any node is shown where somebody asks, and remembered.
func TestFleet_tail(t *testing.T) {
	f := startFleet(t, 2)
	dir := f.project("shop", map[string]string{"fortuna.toml": "name = \"shop\"\n", "index.js": `export default { fetch(request) {
		const { pathname } = new URL(request.url)
		if (pathname === "/throw") throw new Error("thrown")
		console.log("asked for " + pathname)
		return new Response("ok", { status: pathname === "/none" ? 404 : 200 })
	} }`})
	f.deploy(dir)
	for i, path := range []string{"/a", "/none", "/throw"} {
		if _, _, err := f.nodes[i%2].get(http.DefaultClient, path); err != nil {
			t.Fatal(err)
		}
	}
	tail := func(args ...string) string {
		return f.mustRun(dir, append([]string{"tail", "--since", "1h", "--no-follow"}, args...)...)
	}
	soon(t, func() error { // lines are sent ten times a second
		if all := tail(); strings.Count(all, "\n") != 6 {
			return fmt.Errorf("%s", all)
		}
		return nil
	})
	for _, c := range []struct{ flags, want, not string }{
		{"--status error", "GET /none 404", "/a"}, {"--status 5xx", "500", "404"}, {"--node n2", "n2", "n1"}, {"--path /a", "GET /a 200", "/none"},
		{"--search thrown", "Error: thrown", "asked"}, {"--json --method GET --status 200", `"path":"/a"`, "/none"},
	} {
		if got := tail(strings.Fields(c.flags)...); !strings.Contains(got, c.want) || strings.Contains(got, c.not) {
			t.Errorf("tail %s: %s", c.flags, got)
		}
	}
	if _, trouble, err := f.run(dir, "tail", "--status", "9xx"); err == nil || !strings.Contains(trouble, "--status 5xx") {
		t.Errorf("%v %s", err, trouble)
	}
}
