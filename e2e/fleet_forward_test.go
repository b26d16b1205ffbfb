package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

const forwardedCode = `export default {
	async fetch(request, env, ctx) {
		const url = new URL(request.url)
		if (ctx.upgrade(request)) return
		if (url.pathname === "/echo") return new Response(request.body, { headers: { "x-host": request.headers.get("host"), "x-type": request.headers.get("content-type") } })
		if (url.pathname === "/head") return Response.json(Object.fromEntries(request.headers))
		return new Response(url.host + " " + ctx.session.inc("n", 1))
	},
	websocket: {
		open(ws) { ws.subscribe("all") },
		message(ws, message) {
			if (message.startsWith("publish ")) ws.publish("all", message.replace("publish", "said"))
			else ws.send("heard " + message)
		},
	},
}`

// A balancer answers with what others serve: bodies both ways, sessions, WebSockets; and what a client says of the way is not
// believed.
func TestFleet_balancer(t *testing.T) {
	f := startFleet(t, 3, "worker", "balancer")
	f.deploy(f.project("shop", map[string]string{"index.js": forwardedCode, "fortuna.toml": "name = \"shop\"\n[session]\n"}))
	balancer := f.nodes[2]
	soon(t, func() error {
		status, body, err := balancer.get(http.DefaultClient, "/")
		if err != nil || status != 200 {
			return fmt.Errorf("%d %s %v", status, body, err)
		}
		return nil
	})
	v := newVisitor()
	for i := range 10 {
		n := f.nodes[(i*2)%3]
		if status, body := v.ask(n.asNode(), "/"); status != 200 || body != fmt.Sprint(n.listen, " ", i+1) {
			t.Errorf("request %d by %s: %d %s", i, n.name, status, body)
		}
	}
	big := strings.Repeat("0123456789abcdef", 40_000) // more than any window
	a, err := http.Post("http://"+balancer.listen+"/echo", "text/x-test", strings.NewReader(big))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	if back, err := io.ReadAll(a.Body); err != nil || string(back) != big || a.Header.Get("X-Type") != "text/x-test" || a.Header.Get("X-Host") != balancer.listen {
		t.Errorf("a body of %d bytes came back with %d, %v, %v", len(big), len(back), a.Header, err)
	}
	q, err := http.NewRequest("GET", "http://"+balancer.listen+"/head", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Fortuna-Hop", "Fortuna-Client", "X-Forwarded-For", "Keep-Alive"} {
		q.Header.Set(name, "1 evil 10.0.0.1:1")
	}
	b, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Body.Close()
	if text, err := io.ReadAll(b.Body); err != nil || strings.Contains(string(text), "evil") || strings.Contains(strings.ToLower(string(text)), "fortuna-") {
		t.Errorf("the handler sees %s, %v", text, err)
	}
	direct := dialSocket(t, "ws://"+f.nodes[0].listen+"/socket")
	direct.say(ws.OpText, "hello")
	direct.hear(ws.OpText, "heard hello")
	// What is published on one node reaches the sockets on another.
	for _, n := range []*fleetNode{f.nodes[0], f.nodes[1]} {
		other := dialSocket(t, "ws://"+n.listen+"/socket")
		other.say(ws.OpText, "publish "+n.name)
		direct.hear(ws.OpText, "said "+n.name)
	}
	socket := dialSocket(t, "ws://"+balancer.listen+"/socket")
	socket.say(ws.OpText, "hello")
	socket.hear(ws.OpText, "heard hello")
	if out := f.mustRun("", "explain", "http://"+balancer.listen+"/x"); !strings.Contains(out, "is for shop") || !strings.Contains(out, "served here") || !strings.Contains(out, "n2") {
		t.Errorf("explain: %s", out)
	}
	// What a node's configuration says of its size is known to the others.
	heavy := f.nodes[1]
	heavy.crash()
	if err := os.WriteFile(filepath.Join(heavy.data, "fortuna.toml"), []byte("[balance]\nweight = 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	heavy.start()
	soon(t, func() error {
		var e struct {
			Candidates []struct {
				Node   string
				Weight float64
			}
		}
		err := json.Unmarshal([]byte(f.mustRun("", "explain", "--json", "/")), &e)
		for _, c := range e.Candidates {
			if c.Node == heavy.name && c.Weight == 3 {
				return nil
			}
		}
		return fmt.Errorf("explain: %+v, %v", e, err)
	})
}

// soon waits until f has nothing to complain about.
func soon(t *testing.T, f func() error) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// A node that is drained serves by others, one that is killed is missed by nobody but those it was answering, and what was
// acknowledged is there.
func TestFleet_loses(t *testing.T) {
	f := startFleet(t, 4, "worker", "worker", "balancer")
	f.deploy(f.project("shop", map[string]string{"index.js": forwardedCode, "fortuna.toml": "name = \"shop\"\n[session]\n"}))
	soon(t, func() error {
		status, body, err := f.nodes[3].get(http.DefaultClient, "/")
		if err != nil || status != 200 {
			return fmt.Errorf("%d %s %v", status, body, err)
		}
		return nil
	})
	f.mustRun("", "node", "drain", "n2")
	soon(t, func() error {
		if out := f.mustRun("", "node", "ls"); !strings.Contains(out, "drain") {
			return fmt.Errorf("%s", out)
		}
		return nil
	})
	f.expectAnswers(50)
	f.mustRun("", "node", "uncordon", "n2")

	var answered, failed atomic.Int64
	stop := make(chan struct{})
	var wait sync.WaitGroup
	for i := range 4 { // through nodes that stay: the one with the store, and the balancer
		wait.Go(func() {
			v := newVisitor()
			v.client.Timeout = 20 * time.Second
			n, last := f.nodes[[]int{0, 3}[i%2]], 0
			for {
				select {
				case <-stop:
					return
				default:
				}
				status, body := v.ask(n.asNode(), "/")
				answered.Add(1)
				count := 0
				if _, err := fmt.Sscanf(body, n.listen+" %d", &count); err != nil || status != 200 {
					failed.Add(1)
					t.Logf("%s: %d %q", n.name, status, body)
				} else if count <= last {
					t.Errorf("a session that was at %d is at %d", last, count)
				}
				last = max(count, last)
			}
		})
	}
	for range *crashes {
		f.nodes[2].crash()
		f.nodes[2].start()
	}
	close(stop)
	wait.Wait()
	t.Logf("%d crashes, %d requests by others, %d failed", *crashes, answered.Load(), failed.Load())
	// Who dies takes along what it was answering: at most one request of each client through the balancer, each time.
	if failed.Load() > int64(2**crashes) {
		t.Errorf("%d requests failed", failed.Load())
	}
}

// expectAnswers asks every node so often.
func (f *fleet) expectAnswers(times int) {
	f.t.Helper()
	for range times {
		for _, n := range f.nodes {
			if status, body, err := n.get(http.DefaultClient, "/"); status != 200 {
				f.t.Errorf("%s: %d %q %v", n.name, status, body, err)
			}
		}
	}
}
