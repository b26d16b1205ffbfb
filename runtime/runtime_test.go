package runtime

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/runtime/bundle"
)

// testLoop is an event loop for tests: one goroutine that runs jobs.
type testLoop struct {
	jobs  mailbox
	index int
}

func newTestLoop(t testing.TB, index int) *testLoop {
	l := &testLoop{index: index}
	l.jobs.bell = make(chan struct{}, 1)
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	go func() {
		for {
			select {
			case <-l.jobs.bell:
				l.jobs.run()
			case <-done:
				return
			}
		}
	}()
	return l
}

func (l *testLoop) Post(job func()) bool { l.jobs.post(job); return true }
func (l *testLoop) Index() int           { return l.index }

// testExchange is a request without a connection.
type testExchange struct {
	loop    *testLoop
	request *exchange.Request
	gone    chan struct{}
	ended   chan struct{}
	status  int
	header  []exchange.Field
	body    []byte
	aborted bool
	wanted  chan func([]byte, error) // what Receive was given
	drained int
	socket  *testSocket
}

func (x *testExchange) Request() *exchange.Request          { return x.request }
func (x *testExchange) Loop() exchange.Loop                 { return x.loop }
func (x *testExchange) Done() <-chan struct{}               { return x.gone }
func (x *testExchange) Head(status int, h []exchange.Field) { x.status, x.header = status, h }
func (x *testExchange) Write(p []byte) error                { x.body = append(x.body, p...); return nil }
func (x *testExchange) Receive(job func([]byte, error))     { x.wanted <- job }
func (x *testExchange) Drained(job func())                  { x.drained++; x.loop.Post(job) }
func (x *testExchange) Length(int64)                        {}
func (x *testExchange) End()                                { close(x.ended) }
func (x *testExchange) Upgrade(header []exchange.Field, h exchange.SocketHandler) (exchange.Socket, error) {
	x.status, x.header = 101, header
	x.socket = &testSocket{loop: x.loop, h: h, said: make(chan string, 1000)}
	close(x.ended)
	return x.socket, nil
}
func (x *testExchange) Abort() { x.aborted = true; close(x.ended) }

// harness is a runtime with one app and what it reported.
type harness struct {
	t    testing.TB
	rt   *Runtime
	loop *testLoop

	mu       sync.Mutex
	failures []*Failure
	lines    []string
}

// build compiles source, a TypeScript module.
func build(t testing.TB, source string) *bundle.Bundle {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "app.ts")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := bundle.Build(bundle.Options{Entry: file, Root: dir})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func start(t testing.TB, cfg Config, source string) *harness {
	t.Helper()
	h := &harness{t: t, loop: newTestLoop(t, 0)}
	cfg.Loops = 1
	if cfg.Limits == (Limits{}) {
		cfg.Limits = DefaultLimits()
	}
	cfg.Limits.CPU *= slowdown
	cfg.Failed = func(f *Failure) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.failures = append(h.failures, f)
	}
	cfg.Console = func(l Line) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.lines = append(h.lines, l.Text)
	}
	h.rt = New(cfg)
	if _, err := h.rt.Deploy(build(t, source)); err != nil {
		t.Fatalf("deploy: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := h.rt.Close(ctx); err != nil {
			t.Errorf("close: %v: invocations leak", err)
		}
	})
	return h
}

// begin sends a request; the answer is there when ended is closed.
func (h *harness) begin(method, target, body string, header ...exchange.Field) *testExchange {
	x := h.unsent(method, target, body, header...)
	h.loop.Post(func() { h.rt.Serve(x) })
	return x
}

func (h *harness) unsent(method, target, body string, header ...exchange.Field) *testExchange {
	path, query, _ := strings.Cut(target, "?")
	x := &testExchange{loop: h.loop, gone: make(chan struct{}), ended: make(chan struct{}), wanted: make(chan func([]byte, error), 1), request: &exchange.Request{
		Method: method, Target: target, Path: path, Query: query, Host: "test", Minor: 1, Header: header,
		Remote: netip.MustParseAddrPort("192.0.2.1:1"),
	}}
	if body != "" {
		x.request.Body = []byte(body)
	}
	return x
}

func (x *testExchange) wait(t testing.TB) *testExchange {
	t.Helper()
	select {
	case <-x.ended:
	case <-time.After(20 * time.Second):
		t.Fatalf("%s %s: no answer", x.request.Method, x.request.Target)
	}
	return x
}

// get is the body of the answer to GET target.
func (h *harness) get(target string) string {
	h.t.Helper()
	return string(h.begin("GET", target, "").wait(h.t).body)
}

func (h *harness) lastFailure() *Failure {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.failures) == 0 {
		h.t.Fatal("nothing failed")
	}
	return h.failures[len(h.failures)-1]
}

func TestServe_answersWithWhatTheHandlerReturns(t *testing.T) {
	h := start(t, Config{Vars: map[string]any{"NAME": "fortuna"}}, `
		export default {
			async fetch(request: Request, env: any, ctx: any): Promise<Response> {
				const url = new URL(request.url)
				switch (url.pathname) {
				case "/json": return Response.json({ hello: "world" }, { status: 201, headers: { "x-a": "b" } })
				case "/env": return new Response(env.NAME)
				case "/echo": return new Response(await request.text(), { headers: { "content-type": "text/x" } })
				case "/later": await new Promise(r => setTimeout(r, 1)); return new Response("later")
				case "/stream": return new Response(new ReadableStream({ start(c) { c.enqueue(new TextEncoder().encode("st")); c.enqueue(new TextEncoder().encode("ream")); c.close() } }))
				case "/wait": ctx.waitUntil(new Promise(r => setTimeout(r, 1)).then(() => console.log("waited"))); return new Response("now")
				}
				return new Response("not found", { status: 404 })
			}
		}`)
	x := h.begin("GET", "/json", "").wait(t)
	if x.status != 201 || string(x.body) != `{"hello":"world"}` || len(x.header) != 2 {
		t.Errorf("json: %d %s %v", x.status, x.body, x.header)
	}
	if x := h.begin("POST", "/echo", "body").wait(t); string(x.body) != "body" || x.header[0].Value != "text/x" {
		t.Errorf("echo: %s %v", x.body, x.header)
	}
	for target, want := range map[string]string{"/env": "fortuna", "/later": "later", "/stream": "stream", "/wait": "now", "/x": "not found"} {
		if got := h.get(target); got != want {
			t.Errorf("%s: got %q, want %q", target, got, want)
		}
	}
}

func TestServe_routes(t *testing.T) {
	h := start(t, Config{}, `
		export default { routes: {
			"/users/:id": { GET: (r: any) => new Response("user " + r.params.id), PUT: () => new Response("put") },
			"/const": new Response("constant", { headers: { "x-c": "1" } }),
			"/any/*": (r: any) => new Response(r.method + " " + r.params["*"]),
		} }`)
	for target, want := range map[string]string{"/users/a%20b": "user a b", "/const": "constant", "/any/x/y": "GET x/y"} {
		if got := h.get(target); got != want {
			t.Errorf("%s: got %q, want %q", target, got, want)
		}
	}
	if x := h.begin("DELETE", "/users/1", "").wait(t); x.status != 405 || x.header[1] != (exchange.Field{Name: "Allow", Value: "GET, HEAD, PUT"}) {
		t.Errorf("405: %d %v", x.status, x.header)
	}
	if x := h.begin("GET", "/none", "").wait(t); x.status != 404 {
		t.Errorf("404: %d", x.status)
	}
}

func TestServe_failures(t *testing.T) {
	h := start(t, Config{}, `
		function inner() { throw new TypeError("bad thing") }
		export default { async fetch(r: Request) {
			switch (new URL(r.url).pathname) {
			case "/sync": inner()
			case "/late": await new Promise(r => setTimeout(r, 1)); inner()
			case "/null": return null as any
			case "/loop": for (;;) {}
			case "/deep": const f = (n: number): number => f(n + 1) + 1; f(0)
			case "/string": throw "text"
			case "/proxy": throw new Proxy({}, { getPrototypeOf() { throw 3 } })
			case "/stack": throw Object.defineProperty(new Error("x"), "stack", { get() { for (;;) {} } })
			case "/tostring": throw Object.assign(new Error("x"), { toString() { for (;;) {} } })
			case "/callback": return new Response(new ReadableStream({ pull() { for (;;) {} } }))
			case "/unhandledloop": Promise.reject(Object.defineProperty(new Error("x"), "stack", { get() { for (;;) {} } })); return new Response("ok")
			case "/unhandled": Promise.reject(new Error("nobody")); return new Response("ok")
			}
			return new Response("fine")
		} }`)
	for _, c := range []struct {
		target string
		status int
		code   string
		want   string
	}{
		{"/sync", 500, "handler_error", "TypeError: bad thing"},
		{"/late", 500, "handler_error", "TypeError: bad thing"},
		{"/null", 500, "handler_error", "a handler must return a Response, got null"},
		{"/loop", 503, "cpu_budget", "limits.cpu_ms = 50"},
		{"/deep", 500, "call_stack", "limits.call_stack_max = 2000"},
		{"/string", 500, "handler_error", "Uncaught"},
		{"/unhandled", 200, "handler_error", "unhandled rejection: Error: nobody"},
		{"/proxy", 500, "handler_error", "ncaught"},
		{"/stack", 503, "cpu_budget", "limits.cpu_ms = 50"},
		{"/tostring", 503, "cpu_budget", "limits.cpu_ms = 50"},
		{"/callback", 503, "cpu_budget", "limits.cpu_ms = 50"},
		{"/unhandledloop", 200, "cpu_budget", "limits.cpu_ms = 50"},
	} {
		x := h.begin("GET", c.target, "").wait(t)
		f := h.lastFailure()
		if x.status != c.status || f.Code != c.code || !strings.Contains(f.Message, c.want) {
			t.Errorf("%s: status %d, failure %s %q", c.target, x.status, f.Code, f.Message)
		}
		if strings.Contains(string(x.body), "bad thing") {
			t.Errorf("%s: the client was told what code threw: %s", c.target, x.body)
		}
		switch c.target {
		case "/sync", "/late":
			if f.Position.File != "app.ts" || f.Position.Line != 2 || !strings.Contains(f.Frame, "bad thing") {
				t.Errorf("%s: position %v, frame\n%s\nstack\n%s", c.target, f.Position, f.Frame, f.Stack)
			}
		case "/loop":
			if f.Position.Line != 8 {
				t.Errorf("%s: position %v\n%s", c.target, f.Position, f.Stack)
			}
		}
		if got := h.get("/"); got != "fine" {
			t.Errorf("after %s: got %q", c.target, got)
		}
	}
}

func TestDeploy_badBundleKeepsTheFormer(t *testing.T) {
	limits := DefaultLimits()
	limits.StartUp = 200 * time.Millisecond
	h := start(t, Config{Limits: limits}, `export default () => new Response("one")`)
	for source, want := range map[string]string{
		`throw new Error("at start")`:                           "Error: at start",
		`export const x = 1`:                                    "no default export",
		`for (;;) {}`:                                           "limits.startup_ms = 200",
		`await new Promise(() => {}); export default {}`:        "the top level awaits",
		`export default { routes: { "x": 1 } }`:                 `route "x" must begin`,
		`setTimeout(() => {}, 1); export default () => {}`:      "not allowed while the app loads",
		`export default { routes: { "/x": { get(){} } } }`:      "must be an upper-case method",
		`export default { fetch: 1 }`:                           "neither a fetch function nor routes",
		`export default { get fetch() { for (;;) {} } }`:        "limits.startup_ms = 200",
		`throw new Proxy({}, { getPrototypeOf() { throw 3 } })`: "ncaught",
		`await Promise.reject({ get stack() { for (;;) {} } })`: "limits.startup_ms = 200",
	} {
		_, err := h.rt.Deploy(build(t, source))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got %v, want %q", source, err, want)
		}
	}
	if got := h.get("/"); got != "one" {
		t.Errorf("got %q", got)
	}
	if _, err := h.rt.Deploy(build(t, `await null; export default () => new Response("two")`)); err != nil {
		t.Fatal(err)
	}
	if got := h.get("/"); got != "two" {
		t.Errorf("got %q", got)
	}
}

func TestDeploy_inFlightFinishOnTheFormer(t *testing.T) {
	h := start(t, Config{Workers: 1}, `
		let release: any
		const gate = new Promise(r => release = r)
		export default async (r: Request) => {
			if (r.url.endsWith("/held")) { console.log("held"); await Promise.race([gate, new Promise(r => setTimeout(r, 20))]); return new Response("one, late") }
			return new Response("one")
		}`)
	held := h.begin("GET", "/held", "")
	h.waitLine("held")
	if _, err := h.rt.Deploy(build(t, `export default () => new Response("two")`)); err != nil {
		t.Fatal(err)
	}
	if got := h.get("/"); got != "two" {
		t.Errorf("after the swap: got %q", got)
	}
	if got := string(held.wait(t).body); got != "one, late" {
		t.Errorf("in flight at the swap: got %q", got)
	}
}

// waitLine waits until code has written a console line.
func (h *harness) waitLine(want string) {
	h.t.Helper()
	h.eventually("console line "+want, func() bool { return slices.Contains(h.lines, want) })
}

// eventually polls a condition on what was reported.
func (h *harness) eventually(what string, ok func() bool) {
	h.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		h.mu.Lock()
		done := ok()
		h.mu.Unlock()
		if done {
			return
		}
	}
	h.t.Fatalf("never: %s; lines %q, failures %v", what, h.lines, h.failures)
}

func TestInvocation_clientLeaves(t *testing.T) {
	h := start(t, Config{}, `
		export default async (r: Request, env: any, ctx: any) => {
			if (r.url.endsWith("/kept")) ctx.waitUntil(new Promise(r => setTimeout(r, 5)).then(() => console.log("kept on")))
			r.signal.addEventListener("abort", () => console.log("aborted: " + r.signal.reason.name))
			console.log("begun")
			await new Promise(() => {})
			return new Response()
		}`)
	for _, target := range []string{"/", "/kept"} {
		x := h.begin("GET", target, "")
		h.waitLine("begun")
		close(x.gone)
		h.waitLine("aborted: AbortError")
		h.mu.Lock()
		h.lines = slices.DeleteFunc(h.lines, func(l string) bool { return l != "kept on" })
		h.mu.Unlock()
	}
	h.waitLine("kept on")
	// Close, at the end of the test, sees that both have ended.
}

func TestInvocation_deadline(t *testing.T) {
	limits := DefaultLimits()
	limits.Wall = 20 * time.Millisecond
	limits.WaitUntil = 20 * time.Millisecond
	h := start(t, Config{Limits: limits}, `
		export default async (r: Request, env: any, ctx: any) => {
			if (r.url.endsWith("/wait")) { ctx.waitUntil(new Promise(() => {})); return new Response("now") }
			try { await new Promise(r => setTimeout(r, 100000)) } finally { console.log("finally") }
			return new Response()
		}`)
	x := h.begin("GET", "/", "").wait(t)
	if f := h.lastFailure(); x.status != 504 || f.Code != "deadline" || !strings.Contains(f.Message, "limits.wall_ms = 20") {
		t.Errorf("%d %v", x.status, f)
	}
	if got := h.get("/wait"); got != "now" {
		t.Errorf("got %q", got)
	}
	h.eventually("wait_until failure", func() bool { return h.failures[len(h.failures)-1].Code == "wait_until" })
}

func TestServe_refusesWhatDoesNotFitTheQueue(t *testing.T) {
	limits := DefaultLimits()
	limits.QueueMax = 1
	limits.InflightMax = 1
	limits.CPU = 5 * time.Second
	h := start(t, Config{Limits: limits, Workers: 1}, `
		let release: any
		export default async (r: Request) => { console.log("in"); await new Promise(r => setTimeout(r, 50)); return new Response("ok") }`)
	first := h.begin("GET", "/", "")
	h.waitLine("in")
	second := h.begin("GET", "/", "")
	third := h.begin("GET", "/", "").wait(t)
	if third.status != 503 || !strings.Contains(string(third.body), "limits.queue_max = 1") || third.header[1].Name != "Retry-After" {
		t.Errorf("third: %d %s %v", third.status, third.body, third.header)
	}
	if first.wait(t).status != 200 || second.wait(t).status != 200 {
		t.Errorf("first %d, second %d", first.status, second.status)
	}
}

func TestServe_manyAtOnceStayApart(t *testing.T) {
	h := start(t, Config{}, `
		export default async (r: Request) => {
			const id = new URL(r.url).searchParams.get("id")
			if (Number(id) % 3 === 0) await new Promise(r => setTimeout(r, 1))
			if (Number(id) % 3 === 1) await null
			return new Response(id)
		}`)
	var all []*testExchange
	for i := range 500 {
		all = append(all, h.begin("GET", fmt.Sprintf("/?id=%d", i), ""))
	}
	for i, x := range all {
		if got := string(x.wait(t).body); got != fmt.Sprint(i) {
			t.Fatalf("request %d: got %q", i, got)
		}
	}
}

// What one invocation begins after it was resumed by another's operation is its own, and outlives the other.
func TestInvocation_sharedPromise(t *testing.T) {
	h := start(t, Config{Workers: 1}, `
		let release: any
		const shared = new Promise(r => release = r)
		export default { async fetch(r: Request) {
			if (r.url.endsWith("/a")) { await new Promise(r => setTimeout(r, 1)); release(); return new Response("a") }
			console.log("waiting")
			await shared
			await new Promise(r => setTimeout(r, 5))
			return new Response("b")
		} }`)
	b := h.begin("GET", "/b", "")
	h.waitLine("waiting")
	if got := h.get("/a"); got != "a" {
		t.Errorf("/a: %q", got)
	}
	if got := string(b.wait(t).body); got != "b" {
		t.Errorf("/b: %q", got)
	}
}

// Headers that code changes after it has answered are not those of the answer.
func TestInvocation_answerIsACopy(t *testing.T) {
	h := start(t, Config{Workers: 1}, `
		const constant = new Response("c", { headers: { a: "1" } })
		export default { routes: { "/c": constant }, fetch(r: Request, env: any, ctx: any) {
			constant.headers.set("a", "2")
			const res = new Response("x", { headers: { a: "1" } })
			ctx.waitUntil(new Promise(r => setTimeout(r, 0)).then(() => { res.headers.set("a", "2"); console.log("changed") }))
			return res
		} }`)
	x := h.begin("GET", "/", "").wait(t)
	h.waitLine("changed")
	if got := x.header[0].Value; got != "1" {
		t.Errorf("a: %q", got)
	}
	if c := h.begin("GET", "/c", "").wait(t); c.header[0].Value != "1" {
		t.Errorf("constant: %q", c.header[0].Value)
	}
}
