package e2e

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
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

// node is one fortuna serve of a cluster.
type node struct {
	t      *testing.T
	dir    string
	listen string // what it serves on, the same for life
	cmd    *exec.Cmd
}

// startCluster runs three nodes that share their state.
func startCluster(t *testing.T, config, code string) []*node {
	t.Helper()
	return startNodes(t, config, code, func(_ int, members []string) []string { return members })
}

// startDelayed runs three nodes that hear of each other late: each reaches the others through a wire.
func startDelayed(t *testing.T, config, code string) []*node {
	t.Helper()
	return startNodes(t, config, code, func(node int, members []string) []string {
		var reached []string
		for i, m := range members {
			if i != node {
				m = wire(t, m, uint64(10*node+i))
			}
			reached = append(reached, m)
		}
		return reached
	})
}

// wire gives an address that leads to another one, with a random delay for what goes through, either way: mostly some
// milliseconds, now and then half a second.
func wire(t *testing.T, to string, seed uint64) (address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	carry := func(random *rand.Rand, from, to net.Conn) {
		defer from.Close()
		defer to.Close()
		for buffer := make([]byte, 64<<10); ; {
			n, err := from.Read(buffer)
			if err != nil {
				return
			}
			delay := time.Duration(random.IntN(10_000)) * time.Microsecond
			if random.IntN(500) == 0 {
				delay = time.Duration(random.IntN(500)) * time.Millisecond
			}
			time.Sleep(delay) // it is what a wire is for
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
	}
	go func() {
		for n := uint64(0); ; n += 2 {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				out, err := net.Dial("tcp", to)
				if err != nil { // it is down
					in.Close()
					return
				}
				go carry(rand.New(rand.NewPCG(seed, n)), in, out)
				carry(rand.New(rand.NewPCG(seed, n+1)), out, in)
			}()
		}
	}()
	return l.Addr().String()
}

// startNodes runs three nodes. reach gives the addresses by which a node reaches its members.
func startNodes(t *testing.T, config, code string, reach func(node int, members []string) []string) []*node {
	t.Helper()
	addresses := make([]string, 6)
	var held []net.Listener
	for i := range addresses { // all at once, so that no two are the same
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addresses[i] = l.Addr().String()
		held = append(held, l)
	}
	for _, l := range held {
		l.Close()
	}
	nodes := make([]*node, 3)
	var wait sync.WaitGroup
	for i := range nodes {
		n := &node{t: t, dir: t.TempDir(), listen: addresses[i]}
		nodes[i] = n
		members := `"` + strings.Join(reach(i, addresses[3:]), `", "`) + `"`
		toml := config + fmt.Sprintf("\n[admin]\nlisten = \"\"\n[log]\naccess = false\n[state.cluster]\nnode = \"n%d\"\nlisten = %q\nmembers = [%s]\nsecret_file = \"secret\"\n",
			i+1, addresses[3+i], members)
		for name, text := range map[string]string{"fortuna.toml": toml, "index.js": code, "secret": "a secret of this test only\n"} {
			if err := os.WriteFile(filepath.Join(n.dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		wait.Add(1)
		go func() {
			defer wait.Done()
			n.start()
		}()
	}
	wait.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return nodes
}

// start runs the node and waits until it serves.
func (n *node) start() {
	path, err := exec.LookPath("fortuna")
	if err != nil {
		n.t.Error(err)
		return
	}
	n.cmd = exec.Command(path, "serve", "--listen", n.listen, n.dir)
	log, err := n.cmd.StderrPipe()
	if err == nil {
		err = n.cmd.Start()
	}
	if err != nil {
		n.t.Error(err)
		return
	}
	cmd := n.cmd
	n.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }) // it may have ended
	ready := make(chan bool, 1)
	go func() {
		for lines := bufio.NewScanner(log); lines.Scan(); {
			if readyLine.MatchString(lines.Text()) {
				ready <- true
			} else if strings.Contains(lines.Text(), `"level":"ERROR"`) || strings.Contains(lines.Text(), "fortuna: error") {
				n.t.Logf("%s: %s", n.listen, lines.Text())
			}
		}
		ready <- false
	}()
	select {
	case ok := <-ready:
		if !ok {
			n.t.Errorf("node %s ended", n.listen)
		}
	case <-time.After(time.Minute):
		n.t.Errorf("node %s is never ready", n.listen)
	}
}

// crash ends it as a crash does.
func (n *node) crash() {
	_ = n.cmd.Process.Kill()
	_ = n.cmd.Wait()
}

// visitor is a client with a cookie.
type visitor struct {
	cookie string
	client http.Client
}

func newVisitor() *visitor {
	return &visitor{client: http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{}}}
}

// ask sends a request to a node. A request without an answer has status 0.
func (v *visitor) ask(n *node, path string) (status int, body string) {
	q, err := http.NewRequest("GET", "http://"+n.listen+path, nil)
	if err != nil {
		return 0, err.Error()
	}
	if v.cookie != "" {
		q.Header.Set("Cookie", v.cookie)
	}
	a, err := v.client.Do(q)
	if err != nil {
		return 0, err.Error()
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		return 0, err.Error()
	}
	if a.StatusCode == 500 {
		n.t.Errorf("%s %s: %s", n.listen, path, text)
	}
	for _, c := range a.Cookies() {
		v.cookie = c.Name + "=" + c.Value
	}
	return a.StatusCode, string(text)
}

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

// history is what clients saw of one key that they all swap.
type history struct {
	key        string
	mu         sync.Mutex
	begun      time.Time
	operations []porcupine.Operation
	additions  []porcupine.Operation // of 1 to a number in the session that all share
}

// add makes one addition.
func (h *history) add(v *visitor, n *node) {
	begun := time.Since(h.begun)
	status, body := v.ask(n, "/now")
	ended, sum := time.Since(h.begun), -1 // nobody knows whether it was made
	if status == 200 {
		sum, _ = strconv.Atoi(body)
	} else {
		ended = time.Hour
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.additions = append(h.additions, porcupine.Operation{ClientId: len(h.additions), Output: sum, Call: int64(begun), Return: int64(ended)})
}

// counter begins at 1, and each addition tells the sum. One whose fate is unknown is made or not.
var counter = porcupine.NondeterministicModel{
	Init: func() []any { return []any{1} },
	Step: func(state, _, output any) []any {
		now, sum := state.(int), output.(int)
		switch sum {
		case -1:
			return []any{now, now + 1}
		case now + 1:
			return []any{sum}
		}
		return nil
	},
	Equal: func(a, b any) bool { return a == b },
}

type swap struct{ expected uint64 }

// swapped is the revision that a swap made; 0: the key had another; maybe: nobody knows.
type swapped struct {
	rev   uint64
	maybe bool
}

// swap tries one, and returns the revision to expect next.
func (h *history) swap(v *visitor, n *node, rev uint64) uint64 {
	begun := time.Since(h.begun)
	status, body := v.ask(n, fmt.Sprintf("/cas?key=%s&rev=%d", h.key, rev))
	out := swapped{maybe: status != 200}
	ended := time.Since(h.begun)
	next := rev
	if out.maybe {
		ended = time.Hour // it may be made at any later time
	} else {
		what, number, _ := strings.Cut(body, " ")
		next, _ = strconv.ParseUint(number, 10, 64) // "null" is 0: no value
		if what == "made" {
			out.rev = next
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.operations = append(h.operations, porcupine.Operation{
		ClientId: len(h.operations), Input: swap{rev}, Output: out, Call: int64(begun), Return: int64(ended),
	})
	return next
}

// register is a key that has a revision, and changes it only for who knows it. A swap whose fate is unknown may make a revision
// that it was not told: state -1, which ends with a swap by somebody who has read it.
var register = porcupine.Model{
	Init: func() any { return int64(0) },
	Step: func(state, input, output any) (bool, any) {
		now, in, out := state.(int64), input.(swap), output.(swapped)
		matches := now == int64(in.expected)
		switch {
		case out.maybe && matches:
			return true, int64(-1)
		case out.maybe:
			return true, now
		case now == -1 && out.rev == 0:
			return true, now
		case now == -1:
			return true, int64(out.rev)
		case out.rev == 0:
			return !matches, now
		}
		return matches, int64(out.rev)
	},
	Equal: func(a, b any) bool { return a == b },
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
