package e2e

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// seeds is how many runs of faults the checkers of a cluster make.
var seeds = flag.Int("seeds", 2, "runs of faults against a cluster, each with a seed of its own")

const clusterConfig = "name = \"shop\"\n[session]\n[kv.KV]\n"

const clusterCode = `export default { routes: {
	"/inc": (r, env, ctx) => new Response(String(ctx.session.inc("n"))),
	"/now": async (r, env, ctx) => { ctx.session.inc("n"); await ctx.session.save(); return new Response(String(ctx.session.get("n"))) },
	"/put": async (r, env, ctx) => { ctx.session.set("kv", 1); await env.KV.put("k" + ctx.session.id, new URL(r.url).searchParams.get("v")); return new Response("ok") },
	"/get": async (r, env, ctx) => new Response(await env.KV.get("k" + ctx.session.id)),
	"/cas": async (r, env) => {
		const q = new URL(r.url).searchParams, rev = Number(q.get("rev"))
		const made = await env.KV.put(q.get("key"), "x", { onlyIfRev: rev || null })
		return new Response(made ? "made " + made : "not " + (await env.KV.getWithMetadata(q.get("key"), { consistency: "strong" })).rev)
	},
} };`

// What one visitor's requests count, sent at the same time to three nodes, is all there.
func TestCluster_increments(t *testing.T) {
	nodes := startCluster(t, clusterConfig, clusterCode)
	first := newVisitor()
	if status, body := first.ask(nodes[0], "/inc"); status != 200 || body != "1" {
		t.Fatalf("%d %s", status, body)
	}
	const clients, each = 8, 100 / 8
	var wait sync.WaitGroup
	for c := range clients {
		wait.Add(1)
		go func() {
			defer wait.Done()
			v := newVisitor()
			v.cookie = first.cookie
			for i := range each + c%2 { // 100 in all
				if status, body := v.ask(nodes[(c+i)%3], "/inc"); status != 200 {
					t.Errorf("%d %s", status, body)
				}
			}
		}()
	}
	wait.Wait()
	for i, n := range nodes {
		if _, body := first.ask(n, "/now"); body != fmt.Sprint(102+i) {
			t.Errorf("n = %s, want %d", body, 102+i)
		}
	}
}

// Clients that go round the nodes never see a value older than one they have seen, and nothing that was acknowledged is
// lost, while nodes are held up and killed.
func TestCluster_faults(t *testing.T) {
	nodes := startDelayed(t, clusterConfig, clusterCode)
	for seed := range *seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { faults(t, nodes, uint64(seed)) })
	}
}

func faults(t *testing.T, nodes []*node, seed uint64) {
	const clients = 6
	ctx, stop := context.WithCancel(context.Background())
	history := &history{key: fmt.Sprint("seed", seed), begun: time.Now()}
	shared := newVisitor() // a session that all clients use
	for status := 0; status != 200; {
		status, _ = shared.ask(nodes[0], "/inc")
	}
	var wait sync.WaitGroup
	acknowledged := make([]int, clients)
	for c := range clients {
		wait.Add(1)
		go func() {
			defer wait.Done()
			acknowledged[c] = visitRound(t, ctx, nodes, rand.New(rand.NewPCG(seed, uint64(c))), history, shared.cookie, c)
		}()
	}
	random := rand.New(rand.NewPCG(seed, 1000))
	for range 3 {
		n := nodes[random.IntN(3)]
		time.Sleep(time.Duration(300+random.IntN(700)) * time.Millisecond) // the fault is to come at any moment
		if random.IntN(2) == 0 {
			_ = n.cmd.Process.Signal(syscall.SIGSTOP)
			time.Sleep(time.Duration(200+random.IntN(2500)) * time.Millisecond)
			_ = n.cmd.Process.Signal(syscall.SIGCONT)
		} else {
			n.crash()
			time.Sleep(time.Duration(random.IntN(1000)) * time.Millisecond)
			n.start()
		}
	}
	time.Sleep(time.Second)
	stop()
	wait.Wait()
	total := 0
	for _, n := range acknowledged {
		total += n
	}
	t.Logf("%d acknowledged requests, %d compare-and-swaps, %d additions to a session that all share", total, len(history.operations), len(history.additions))
	if total < clients {
		t.Error("hardly anything was acknowledged: the cluster does not come back")
	}
	switch result := porcupine.CheckOperationsTimeout(register, history.operations, time.Minute); result {
	case porcupine.Illegal:
		t.Error("the compare-and-swaps are those of no single register")
	case porcupine.Unknown:
		t.Error("the history was not checked within a minute")
	}
	switch result := porcupine.CheckOperationsTimeout(counter.ToModel(), history.additions, time.Minute); result {
	case porcupine.Illegal:
		t.Error("the additions are those of no single counter")
	case porcupine.Unknown:
		t.Error("the additions were not checked within a minute")
	}
}

// visitRound is one client: what it is told must go forward only. It returns how many requests were acknowledged.
func visitRound(t *testing.T, ctx context.Context, nodes []*node, random *rand.Rand, h *history, cookie string, c int) (acknowledged int) {
	together := newVisitor()
	together.client.Timeout, together.cookie = 12*time.Second, cookie
	v := newVisitor()
	v.client.Timeout = 12 * time.Second
	last, sent := 0, 0 // the value last told, and how often it may have been added to
	put, maybe := 0, 0 // the value last acknowledged, and the last that was sent
	rev := uint64(0)
	for i := 0; ctx.Err() == nil; i++ {
		n := nodes[random.IntN(3)]
		switch i % 5 {
		case 0, 1:
			sent++
			status, body := v.ask(n, "/now")
			if status != 200 {
				continue
			}
			acknowledged++
			got, err := strconv.Atoi(body)
			if err != nil || got <= last || got > sent {
				t.Errorf("client %d: told %q after %d, with %d sent", c, body, last, sent)
			}
			last = got
		case 2:
			maybe++
			if status, _ := v.ask(n, "/put?v="+fmt.Sprint(maybe)); status == 200 {
				acknowledged++
				put = maybe
			}
			if status, body := v.ask(nodes[random.IntN(3)], "/get"); status == 200 {
				got, _ := strconv.Atoi(body)
				if got < put || got > maybe {
					t.Errorf("client %d: read %q of the store after it was told that %d is kept", c, body, put)
				}
				put = max(put, got)
			}
		case 3:
			rev = h.swap(v, n, rev)
		case 4:
			h.add(together, n)
		}
	}
	return acknowledged
}

// openSocket opens a WebSocket with the cookie of a visitor.
func openSocket(t *testing.T, n *node, v *visitor, path string) net.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	nc, early, _, err := ws.Dialer{Header: ws.HandshakeHeaderHTTP{"Cookie": {v.cookie}}}.Dial(ctx, "ws://"+n.listen+path)
	if err != nil {
		t.Fatalf("%s: %v", n.listen, err)
	}
	t.Cleanup(func() { _ = nc.Close() }) // the test may have
	if err := nc.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if early == nil {
		return nc
	}
	return &earlyConn{nc, early}
}

// earlyConn is a connection of which something was read with the handshake's answer.
type earlyConn struct {
	net.Conn
	early *bufio.Reader
}

// Read gives what was read early, and then the rest.
func (c *earlyConn) Read(p []byte) (int, error) { return c.early.Read(p) }

const roomCode = `
const routes = { "/logout": (r, env, ctx) => { ctx.session.destroy(); return new Response("out") },
	"/login": (r, env, ctx) => { ctx.session.user = "anna"; return new Response("in") },
	"/who": (r, env, ctx) => new Response(String(ctx.session.user)),
	"/say": (r, env, ctx) => new Response(String(ctx.publish("room", "hello"))),
	"/ws": (r, env, ctx) => { ctx.upgrade(r); return new Response("no", { status: 426 }) } };
export default { routes, websocket: { open(s) { s.subscribe("room"); s.send("open") }, message() {} } };`

// rounds is how many users log out.
var rounds = flag.Int("rounds", 5, "how many users log out of a cluster")

// What one node publishes reaches the sockets of all. A user who logs out on one node is nobody on the others at once, and
// the sockets there are closed.
func TestCluster_logout(t *testing.T) {
	nodes := startCluster(t, clusterConfig, roomCode)
	var slowest []time.Duration
	for round := range *rounds {
		v := newVisitor()
		if status, body := v.ask(nodes[0], "/login"); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		kept := v.cookie
		var sockets []net.Conn
		for _, n := range nodes {
			if status, body := v.ask(n, "/who"); status != 200 || body != "anna" {
				t.Errorf("%d %s", status, body)
			}
			c := openSocket(t, n, v, "/ws")
			if p, err := wsutil.ReadServerText(c); err != nil || string(p) != "open" {
				t.Fatalf("%q %v", p, err)
			}
			sockets = append(sockets, c)
		}
		if status, body := v.ask(nodes[round%3], "/say"); status != 200 || body == "0" {
			t.Errorf("say: %d %s", status, body)
		}
		for _, c := range sockets {
			if p, err := wsutil.ReadServerText(c); err != nil || string(p) != "hello" {
				t.Fatalf("heard %q %v", p, err)
			}
		}
		closed := make(chan time.Time, len(sockets))
		for _, c := range sockets {
			go func() {
				_, err := wsutil.ReadServerText(c)
				var why wsutil.ClosedError
				if !errors.As(err, &why) || why.Code != 4401 {
					t.Errorf("the socket ended with %v", err)
				}
				closed <- time.Now()
			}()
		}
		begun := time.Now()
		if status, body := v.ask(nodes[(round+1)%3], "/logout"); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		last := begun
		for range sockets {
			if at := <-closed; at.After(last) {
				last = at
			}
		}
		slowest = append(slowest, last.Sub(begun))
		for _, n := range nodes {
			thief := newVisitor()
			thief.cookie = kept
			if status, body := thief.ask(n, "/who"); status != 200 || body != "null" {
				t.Errorf("%s still answers %d %s", n.listen, status, body)
			}
		}
	}
	slices.Sort(slowest)
	t.Logf("from the logout until the last of three sockets was closed, %d times: median %v, p99 %v, at most %v",
		len(slowest), slowest[len(slowest)/2], slowest[len(slowest)*99/100], slowest[len(slowest)-1])
}

// outage is for how long a node is cut off from the others.
var outage = flag.Duration("outage", 8*time.Second, "how long a node of a cluster is cut off")

// A node that is cut off goes on with what needs no state, refuses what must be certain, and comes back by itself.
func TestCluster_partition(t *testing.T) {
	nodes := startCluster(t, strings.Replace(clusterConfig, "[session]", "[session]\nstale_ms = 4000\nstrict = [\"/strict\"]", 1)+"[limits]\nstate_ms = 1000\n", `
		const who = (r, env, ctx) => new Response(String(ctx.session.user));
		export default { routes: { "/who": who, "/strict": who, "/plain": () => new Response("plain"),
			"/login": (r, env, ctx) => { ctx.session.user = "anna"; return new Response("in") },
			"/inc": (r, env, ctx) => new Response(String(ctx.session.inc("n"))) } };`)
	v := newVisitor()
	if status, _ := v.ask(nodes[0], "/login"); status != 200 {
		t.Fatal(status)
	}
	for _, path := range []string{"/who", "/strict"} {
		if status, body := v.ask(nodes[0], path); status != 200 || body != "anna" {
			t.Fatalf("%s: %d %s", path, status, body)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	var plain, failed atomic.Int64
	var wait sync.WaitGroup
	for range 4 { // under load
		wait.Add(1)
		go func() {
			defer wait.Done()
			w := newVisitor()
			w.cookie = v.cookie
			for ctx.Err() == nil {
				if status, _ := w.ask(nodes[0], "/plain"); status != 200 {
					failed.Add(1)
				}
				plain.Add(1)
			}
		}()
	}
	begun := time.Now()
	for _, n := range nodes[1:] {
		if err := n.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
	// until waits until a path is answered with a status, by nodes[0], and says when.
	until := func(path string, want int) time.Duration {
		t.Helper()
		for {
			switch status, _ := v.ask(nodes[0], path); {
			case status == want:
				return time.Since(begun)
			case time.Since(begun) > *outage+time.Minute:
				t.Fatalf("%s is still answered %d, not %d", path, status, want)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	refused := until("/strict", 503)
	if status, body := v.ask(nodes[0], "/inc"); status != 503 {
		t.Errorf("a write is answered %d %s", status, body)
	}
	stale := until("/who", 503)
	if stale < 3*time.Second {
		t.Errorf("an ordinary route was refused after %v already", stale)
	}
	time.Sleep(*outage - time.Since(begun))
	begun = time.Now()
	for _, n := range nodes[1:] {
		if err := n.cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}
	back := until("/strict", 200)
	if status, body := v.ask(nodes[0], "/who"); status != 200 || body != "anna" {
		t.Errorf("after the outage: %d %s", status, body)
	}
	writes := until("/inc", 200)
	stop()
	wait.Wait()
	if failed.Load() > 0 {
		t.Errorf("%d of %d requests that need no state failed", failed.Load(), plain.Load())
	}
	t.Logf("strict routes refused after %v, others after %v; back after %v, writes after %v; %d plain requests", refused, stale, back, writes, plain.Load())
}
