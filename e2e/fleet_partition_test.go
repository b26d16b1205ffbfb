package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// bridge is an address that leads to another one, and can be taken away.
type bridge struct {
	listener net.Listener
	to       string

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]struct{}
}

func newBridge(t *testing.T, to string) *bridge {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &bridge{listener: l, to: to, conns: map[net.Conn]struct{}{}}
	t.Cleanup(func() { l.Close(); b.set(true) })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go b.carry(in)
		}
	}()
	return b
}

func (b *bridge) carry(in net.Conn) {
	defer in.Close()
	out, err := net.Dial("tcp", b.to)
	if err != nil {
		return
	}
	defer out.Close()
	b.mu.Lock()
	if b.cut {
		b.mu.Unlock()
		return
	}
	b.conns[in], b.conns[out] = struct{}{}, struct{}{}
	b.mu.Unlock()
	go func() {
		_, _ = io.Copy(out, in) // until it is cut
		out.Close()
	}()
	_, _ = io.Copy(in, out) // until it is cut
}

// set cuts the bridge, or mends it.
func (b *bridge) set(cut bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cut = cut
	if cut {
		for c := range b.conns {
			c.Close()
		}
		clear(b.conns)
	}
}

// A node that is cut off from the store goes on with what needs none, also when it begins again meanwhile; when it is back it
// serves what was deployed in between.
func TestFleet_partition(t *testing.T) {
	f := startFleet(t, 2)
	lone := f.nodes[1]
	dir := f.project("plain", map[string]string{"fortuna.toml": "name = \"plain\"\n", "index.js": `export default { fetch: () => new Response("first") }`})
	counting := f.project("counting", map[string]string{
		"fortuna.toml": "name = \"counting\"\nroutes = [\"/count/*\"]\n[session]\n",
		"index.js":     `export default { routes: { "/count/plain": new Response("plain") }, fetch: (r, e, ctx) => new Response(String(ctx.session.inc("n", 1))) }`,
	})
	f.deploy(dir)
	f.deploy(counting)
	f.expect("first")
	// From now on the node reaches the store by a bridge.
	lone.crash()
	file := filepath.Join(lone.data, "node.json")
	var id map[string]any
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &id)
	}
	if err != nil {
		t.Fatal(err)
	}
	core := id["cores"].([]any)[0].(map[string]any)
	b := newBridge(t, core["gate"].(string))
	core["gate"] = b.listener.Addr().String()
	if text, err = json.Marshal(id); err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	lone.start()
	v := newVisitor()
	soon(t, func() error {
		if status, body := v.ask(lone.asNode(), "/count/"); status != 200 {
			return fmt.Errorf("%d %s", status, body)
		}
		return nil
	})

	b.set(true)
	asked, failed := 0, 0
	ask := func(until time.Time) {
		for time.Now().Before(until) {
			for path, want := range map[string]string{"/": "first", "/count/plain": "plain"} {
				asked++
				if status, body, err := lone.get(http.DefaultClient, path); err != nil || status != 200 || body != want {
					failed++
					t.Errorf("cut off: %s: %d %s %v", path, status, body, err)
				}
			}
		}
	}
	ask(time.Now().Add(*outage / 2))
	f.project("plain", map[string]string{"index.js": `export default { fetch: () => new Response("second") }`})
	f.mustRun(dir, "deploy", "--wait", "0")
	ask(time.Now().Add(*outage / 2))
	lone.crash()
	lone.start()
	if status, body, err := lone.get(http.DefaultClient, "/"); err != nil || status != 200 || body != "first" {
		t.Errorf("begun while cut off: %d %s %v", status, body, err)
	}
	b.set(false)
	begun := time.Now()
	f.eventually("second")
	t.Logf("cut off for %v: %d requests that need no store, %d failed; what was deployed meanwhile was served after %v", *outage, asked, failed, time.Since(begun).Round(time.Millisecond))
	soon(t, func() error {
		if status, body := v.ask(lone.asNode(), "/count/"); status != 200 {
			return fmt.Errorf("%d %s", status, body)
		}
		return nil
	})
}
