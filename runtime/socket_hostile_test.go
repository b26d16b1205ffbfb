package runtime

import (
	"strings"
	"testing"
)

// lateApp answers with a pair only after a while, and with one whose handler sends what it is told to.
const lateApp = `
	function couple() {
		const [client, server] = Object.values(new WebSocketPair()) as any[]
		server.accept()
		server.send("welcome")
		server.addEventListener("message", (e: any) => server.send(e.data))
		return new Response(null, { status: 101, webSocket: client })
	}
	export default { fetch(request: Request) {
		const path = new URL(request.url).pathname
		if (path === "/spin") for (;;);
		if (path === "/later") return new Promise(r => setTimeout(() => r(couple()), 200))
		return couple()
	} }`

// What a pair lives in may have gone while its handler awaited: then its client is told as those before.
func TestPair_late(t *testing.T) {
	h := start(t, Config{Workers: 1}, lateApp)
	x := h.begin("GET", "/later", "", upgrading...)
	if _, err := h.rt.Deploy(build(t, lateApp)); err != nil {
		t.Fatal(err)
	}
	x.wait(t).socket.hears(t, "welcome", "close 1012 the app has changed")

	h = start(t, Config{Workers: 1}, lateApp)
	x = h.begin("GET", "/later", "", upgrading...)
	h.get("/spin")
	x.wait(t).socket.hears(t, "welcome", "close 1011 the app was stopped")
}

// WebSocket.send does not tell of what is dropped, so nothing is: the socket is closed.
func TestPair_behind(t *testing.T) {
	h := start(t, Config{Workers: 1}, lateApp)
	s := h.connect("/")
	s.hears(t, "welcome")
	h.loop.Post(func() { s.full = true })
	s.say("lost")
	s.hears(t, "close 1013 the client is too far behind")
}

// A runtime with another configuration takes over the sockets of handlers, and the one before ends also when pairs are open.
func TestSocket_inherited(t *testing.T) {
	h := start(t, Config{Vars: map[string]any{"NAME": "former"}}, handlersApp)
	s := h.connect("/?ann")
	<-s.said
	s.say("join all")
	s.hears(t, "joined true")
	former, cfg := h.rt, h.rt.cfg
	for range 2 {
		h.rt = New(cfg)
		if _, err := h.rt.Deploy(build(t, strings.ReplaceAll(handlersApp, `"echo "`, `env.NAME + " "`))); err != nil {
			t.Fatal(err)
		}
		h.rt.Inherit(former)
		if err := former.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		former = h.rt
		s.say("hi")
		s.hears(t, "former hi")
		if got := h.get("/publish?x"); got != "2 1" {
			t.Errorf("published: %s", got)
		}
		s.hears(t, "?x")
	}

	h = start(t, Config{}, lateApp)
	s = h.connect("/")
	s.hears(t, "welcome")
	if err := h.rt.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.hears(t, "close 1012 the app has changed")
}

// What is dropped is told by 0, and nothing behind it gets through before drain: there is one gap, and its end is known.
func TestSocket_dropped(t *testing.T) {
	h := start(t, Config{Workers: 1}, `
		export default {
			fetch: (request: Request, env: any, ctx: any) => ctx.upgrade(request) ? undefined : new Response(),
			websocket: {
				message(ws: any, m: any) { console.log("sent", m, ws.send(m)) },
				drain(ws: any) { ws.send("drained") },
			},
		}`)
	s := h.connect("/")
	h.loop.Post(func() { s.behind, s.full = 100_000, true })
	s.say("a")
	h.line("sent a")
	h.loop.Post(func() { s.full = false }) // there is room for a small one
	s.say("b")
	h.line("sent b 0")
	h.loop.Post(func() { s.behind = 0; s.h.Drained() })
	s.hears(t, "drained")
	s.say("c")
	s.hears(t, "c")
	h.line("sent c 1")
}

// Nothing follows close.
func TestSocket_drainedWhenClosed(t *testing.T) {
	h := start(t, Config{Workers: 1}, `
		export default {
			fetch: (request: Request, env: any, ctx: any) => ctx.upgrade(request) ? undefined : new Response("ok"),
			websocket: {
				message(ws: any, m: any) { ws.send("x".repeat(100_000)) },
				close() { console.log("closed") },
				drain() { console.log("drained") },
			},
		}`)
	s := h.connect("/")
	h.loop.Post(func() { s.behind = 100_000 })
	s.say("go")
	<-s.said
	s.leave(1000, "")
	h.line("closed")
	h.loop.Post(func() { s.h.Drained() })
	h.get("/") // the worker is behind what was posted
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range h.lines {
		if strings.Contains(l, "drained") {
			t.Errorf("got %q", h.lines)
		}
	}
}

// Whatever a handler makes of its data, only that handler fails.
func TestSocket_hostileData(t *testing.T) {
	h := start(t, Config{Workers: 1}, `
		export default {
			fetch: (request: Request, env: any, ctx: any) => ctx.upgrade(request, { data: { n: 1 } }) ? undefined : new Response("ok"),
			websocket: {
				message(ws: any, m: any) {
					const data: any = {
						map: () => new Map(),
						array: () => new Proxy([], { get: (t, k) => k === "length" ? -1 : undefined }),
						huge: () => new Proxy([], { get: (t, k) => k === "length" ? 2 ** 53 - 1 : undefined }),
						wide: () => new Array(2 ** 32 - 1),
						throws: () => ({ get a() { throw new Error("boom") } }),
						cycle: () => { const o: any = {}; o.o = o; return o },
						large: () => "x".repeat(1 << 20),
						proto: () => JSON.parse('{"__proto__":{"polluted":1}}'),
					}
					if (m in data) { ws.data.x = data[m]() }
					else ws.send("sane " + ws.data.n + ({} as any).polluted)
				},
			},
		}`)
	s := h.connect("/")
	for _, m := range []string{"map", "array", "huge", "wide", "throws", "cycle", "large", "proto"} {
		s.say(m, "how are you")
		s.hears(t, "sane 1undefined")
		if f := h.lastFailure(); m != "proto" && (f == nil || strings.Contains(f.Code, "internal") || strings.Contains(f.Message, "makeslice")) {
			t.Errorf("%s: got %v", m, f)
		}
	}
}
