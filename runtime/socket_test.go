package runtime

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// testSocket is a client without a connection.
type testSocket struct {
	loop *testLoop
	h    exchange.SocketHandler
	said chan string // what it was told

	// Touched on the loop only.
	in     []string
	want   bool
	behind int
	full   bool // everything is dropped
	over   bool
}

func (s *testSocket) Loop() exchange.Loop { return s.loop }
func (s *testSocket) Protocol() string    { return "chat" }
func (s *testSocket) Next()               { s.want = true; s.loop.Post(s.deliver) }
func (s *testSocket) Buffered() int       { return s.behind }
func (s *testSocket) Terminate()          { s.end("terminate", 1006, "", false) }
func (s *testSocket) Ping(p []byte) error { s.said <- "ping " + string(p); return nil }

func (s *testSocket) Send(text bool, p []byte) error {
	if s.over {
		return exchange.ErrGone
	}
	if s.full {
		return exchange.ErrBehind
	}
	if text {
		s.said <- string(p)
	} else {
		s.said <- fmt.Sprintf("%x", p)
	}
	return nil
}

func (s *testSocket) Close(code int, reason string) {
	s.end(fmt.Sprintf("close %d %s", code, reason), code, reason, true)
}

func (s *testSocket) end(what string, code int, reason string, clean bool) {
	if !s.over {
		s.over = true
		s.said <- what
		s.loop.Post(func() { s.h.Closed(code, reason, clean) })
	}
}

func (s *testSocket) deliver() {
	if s.want && len(s.in) > 0 && !s.over {
		m := s.in[0]
		s.in, s.want = s.in[1:], false
		s.h.Message(!strings.HasPrefix(m, "\x00"), []byte(m))
	}
}

// say is the client sending messages; what begins with NUL is binary.
func (s *testSocket) say(messages ...string) {
	s.loop.Post(func() { s.in = append(s.in, messages...); s.deliver() })
}

// leave is the client closing.
func (s *testSocket) leave(code int, reason string) {
	s.loop.Post(func() {
		if !s.over {
			s.over = true
			s.h.Closed(code, reason, true)
		}
	})
}

func (s *testSocket) hears(t *testing.T, want ...string) {
	t.Helper()
	for _, w := range want {
		select {
		case got := <-s.said:
			if got != w {
				t.Fatalf("heard %q, want %q", got, w)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("heard nothing, want %q", w)
		}
	}
}

var upgrading = []exchange.Field{
	{Name: "Upgrade", Value: "websocket"}, {Name: "Connection", Value: "Upgrade"}, {Name: "Sec-WebSocket-Version", Value: "13"},
	{Name: "Sec-WebSocket-Key", Value: "dGhlIHNhbXBsZSBub25jZQ=="}, {Name: "Sec-WebSocket-Protocol", Value: "chat"},
}

// connect opens a socket.
func (h *harness) connect(target string) *testSocket {
	h.t.Helper()
	x := h.begin("GET", target, "", upgrading...)
	select {
	case <-x.ended:
	case <-time.After(20 * time.Second):
		h.t.Fatal("no answer")
	}
	if x.socket == nil {
		h.t.Fatalf("got %d %s", x.status, x.body)
	}
	return x.socket
}

const handlersApp = `
	export default {
		fetch(request: Request, env: any, ctx: any) {
			const url = new URL(request.url)
			if (url.pathname === "/publish") return new Response(String(ctx.publish("all", url.search)) + " " + ctx.subscriberCount("all"))
			if (ctx.upgrade(request, { data: { name: url.search, seen: 0, at: new Date(7), bytes: new Uint8Array([1]) } })) return
			return new Response("not an upgrade", { status: 426 })
		},
		websocket: {
			open(ws: any, env: any, ctx: any) { ws.send("hello " + ws.data.name + " " + env.NAME + " " + ws.readyState + ws.protocol + ws.remoteAddress) },
			async message(ws: any, m: any, env: any, ctx: any) {
				ws.data.seen++
				if (typeof m !== "string") { ws.send(m.subarray(1)); return }
				const [verb, ...rest] = m.split(" ")
				switch (verb) {
				case "count": ws.send(ws.data.seen + " " + ws.data.at.getTime() + ws.data.bytes[0]); break
				case "later": await new Promise(r => setTimeout(r, 1)); ws.send("now"); break
				case "throw": throw new Error("boom")
				case "spin": for (;;);
				case "close": ws.close(4001, "enough"); ws.send("never"); break
				case "join": ws.subscribe(rest[0]); ws.send("joined " + ws.isSubscribed(rest[0])); break
				case "part": ws.unsubscribe(rest[0]); ws.send("parted " + ws.isSubscribed(rest[0])); break
				case "tell": ws.send("told " + ws.publish(rest[0], rest[1])); break
				case "kept": try { ws.data = new Map() } catch (e) { ws.send(e.name) } break
				case "wrong": try { ws.send({}) } catch (e) { ws.send(e.name) } break
				case "cork": ws.cork(() => { ws.send("a"); ws.send("b") }); break
				default: ws.send("echo " + m)
				}
			},
			close(ws: any, code: number, reason: string) { console.log("closed", code, reason, ws.data.seen, ws.send("x")) },
		},
	}`

// line waits for one of the console.
func (h *harness) line(want string) {
	h.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		h.mu.Lock()
		for _, l := range h.lines {
			if strings.Contains(l, want) {
				h.mu.Unlock()
				return
			}
		}
		h.mu.Unlock()
		if time.Now().After(end) {
			h.t.Fatalf("no line %q in %q", want, h.lines)
		}
	}
}

func TestSocket_handlers(t *testing.T) {
	for _, workers := range []int{1, 4} {
		h := start(t, Config{Workers: workers, Vars: map[string]any{"NAME": "fortuna"}}, handlersApp)
		s := h.connect("/?ann")
		s.hears(t, "hello ?ann fortuna 1chat192.0.2.1")
		s.say("one", "\x00\x01\x02", "count", "later", "cork")
		s.hears(t, "echo one", "0102", "3 71")
		heard := map[string]bool{<-s.said: true, <-s.said: true, <-s.said: true} // what awaits does not hold up the next
		if !heard["now"] || !heard["a"] || !heard["b"] {
			t.Errorf("heard %v", heard)
		}
		s.say("kept", "wrong")
		s.hears(t, "DataCloneError", "TypeError")
		s.say("throw", "after")
		s.hears(t, "echo after")
		if f := h.lastFailure(); f.Message != "Error: boom" || f.Request.Path != "/" {
			t.Errorf("got %v", f)
		}
		s.say("spin", "after")
		s.hears(t, "echo after")
		if f := h.lastFailure(); f.Code != "cpu_budget" {
			t.Errorf("got %v", f)
		}
		s.say("close")
		s.hears(t, "close 4001 enough")
		h.line("closed 4001 enough")
	}
}

func TestSocket_topics(t *testing.T) {
	h := start(t, Config{Limits: func() Limits { l := DefaultLimits(); l.TopicsMax = 2; return l }()}, handlersApp)
	a, b := h.connect("/?a"), h.connect("/?b")
	<-a.said
	<-b.said
	a.say("join all")
	a.hears(t, "joined true")
	b.say("join all")
	b.hears(t, "joined true")
	a.say("tell all hi")
	a.hears(t, "told 2")
	b.hears(t, "hi")
	if body := h.get("/publish?x"); body != "2 2" {
		t.Errorf("published: %s", body)
	}
	a.hears(t, "?x")
	b.hears(t, "?x")
	b.say("part all", "tell all alone")
	b.hears(t, "parted false", "told 5")
	a.hears(t, "alone")
	a.leave(1000, "bye")
	h.line("closed 1000 bye")
	if body := h.get("/publish?x"); body != "0 0" {
		t.Errorf("published: %s", body)
	}
	b.say("join one", "join two", "join three", "still")
	b.hears(t, "joined true", "joined true", "echo still")
	if f := h.lastFailure(); !strings.Contains(f.Message, "limits.topics_max = 2") {
		t.Errorf("got %v", f)
	}
}

// A request that asks for nothing of the kind is the handler's to answer; an app without handlers says what is missing.
func TestSocket_refused(t *testing.T) {
	h := start(t, Config{}, handlersApp)
	if x := h.begin("GET", "/", "").wait(t); x.status != 426 {
		t.Errorf("got %d", x.status)
	}
	h = start(t, Config{}, `export default { fetch(request: Request, env: any, ctx: any) { ctx.upgrade(request) } }`)
	if x := h.begin("GET", "/", "", upgrading...).wait(t); x.status != 500 {
		t.Errorf("got %d", x.status)
	}
	if f := h.lastFailure(); !strings.Contains(f.Message, "websocket: { message") {
		t.Errorf("got %v", f)
	}
	for source, want := range map[string]string{
		`export default { fetch() {}, websocket: { maxPayloadLength: 1 } }`: "limits.websocket_message_bytes",
		`export default { fetch() {}, websocket: { onmessage() {} } }`:      "open, message, close and drain",
		`export default { fetch() {}, websocket: { message: 1 } }`:          "must be a function",
	} {
		if _, err := h.rt.Deploy(build(t, source)); err == nil || !strings.Contains(err.(*Failure).Error()+err.(*Failure).Hint, want) {
			t.Errorf("%s: got %v, want %q", source, err, want)
		}
	}
}

// Sockets of handlers go on in the next deployment; one without handlers closes them.
func TestSocket_reload(t *testing.T) {
	h := start(t, Config{}, handlersApp)
	s := h.connect("/?ann")
	<-s.said
	if _, err := h.rt.Deploy(build(t, strings.ReplaceAll(handlersApp, `"echo "`, `"again "`))); err != nil {
		t.Fatal(err)
	}
	s.say("x", "count")
	s.hears(t, "again x", "2 71")
	if _, err := h.rt.Deploy(build(t, `export default () => new Response("plain")`)); err != nil {
		t.Fatal(err)
	}
	s.say("x")
	s.hears(t, "close 1012 the app has changed")
}

// Every close handler runs, however many sockets close at once: what open has done would never be undone.
func TestSocket_closedUnderLoad(t *testing.T) {
	limits := DefaultLimits()
	limits.QueueMax = 2
	h := start(t, Config{Workers: 1, Limits: limits}, `
		export default {
			fetch: (request: Request, env: any, ctx: any) => ctx.upgrade(request) ? undefined : new Response(),
			websocket: { close() { for (const end = Date.now() + 5; Date.now() < end;); console.log("closed") } },
		}`)
	const sockets = 30
	var open []*testSocket
	for range sockets {
		open = append(open, h.connect("/"))
	}
	for _, s := range open {
		s.leave(1000, "")
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		h.mu.Lock()
		n := len(h.lines)
		h.mu.Unlock()
		if n == sockets {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d of %d close handlers ran", n, sockets)
		}
	}
}

// A peer that is behind is told of by -1, and by drain when it is not any more.
func TestSocket_backpressure(t *testing.T) {
	h := start(t, Config{Workers: 1}, `
		export default {
			fetch: (request: Request, env: any, ctx: any) => ctx.upgrade(request) ? undefined : new Response(),
			websocket: {
				message(ws: any, m: any) { console.log("sent", ws.send("x".repeat(50_000)), ws.send("y".repeat(50_000)), ws.getBufferedAmount() >= 100_000) },
				drain(ws: any) { ws.send("drained") },
			},
		}`)
	s := h.connect("/")
	h.loop.Post(func() { s.behind = 100_000 })
	s.say("go")
	if a, b := <-s.said, <-s.said; len(a) != 50_000 || len(b) != 50_000 {
		t.Errorf("heard %d and %d bytes", len(a), len(b))
	}
	h.line("sent 50000 -1 true")
	h.loop.Post(func() { s.behind = 0; s.h.Drained() })
	s.hears(t, "drained")
}

const pairApp = `
	let sockets = 0
	export default { fetch(request: Request) {
		const path = new URL(request.url).pathname
		if (path === "/sockets") return new Response(String(sockets))
		if (path === "/spin") for (;;);
		if (path === "/inside") {
			const [a, b] = Object.values(new WebSocketPair()) as any[]
			b.accept()
			b.addEventListener("message", (e: any) => b.send("echo " + e.data))
			a.accept()
			return new Promise<Response>(resolve => {
				a.addEventListener("message", (e: any) => { a.close(4000, "done") ; resolve(new Response(e.data)) })
				a.send("hi")
			})
		}
		const pair = new WebSocketPair()
		const [client, server] = Object.values(pair) as any[]
		let seen = 0
		server.accept()
		sockets++
		server.send("welcome")
		server.addEventListener("message", async (e: any) => {
			seen++
			if (e.data === "close") return server.close(4001, "enough")
			if (e.data === "throw") throw new Error("boom")
			if (e.data instanceof ArrayBuffer) return server.send(e.data.slice(1))
			await new Promise(r => setTimeout(r, 1))
			server.send(seen + " " + e.data + " " + (e instanceof MessageEvent) + server.readyState)
		})
		server.addEventListener("close", (e: any) => { sockets--; console.log("closed", e.code, e.reason, e.wasClean, e instanceof CloseEvent, server.readyState === WebSocket.CLOSED) })
		return new Response(null, { status: 101, webSocket: client })
	} }`

func TestPair(t *testing.T) {
	h := start(t, Config{Workers: 1}, pairApp)
	s := h.connect("/")
	s.hears(t, "welcome")
	s.say("one")
	s.hears(t, "1 one true1")
	s.say("\x00\x07", "throw", "three")
	s.hears(t, "07", "4 three true1")
	s.leave(1000, "bye")
	h.line("closed 1000 bye true true true")
	if body := h.get("/inside"); body != "echo hi" {
		t.Errorf("inside: %q", body)
	}
	other := h.connect("/")
	other.hears(t, "welcome")
	other.say("close")
	other.hears(t, "close 4001 enough")
	h.line("closed 4001 enough true true true")
	if body := h.get("/sockets"); body != "0" {
		t.Errorf("%s sockets are left", body)
	}
	if x := h.begin("GET", "/", "").wait(t); x.status != 426 {
		t.Errorf("no upgrade: %d", x.status)
	}
}

// What a pair lives in may go: then its client is told to come again.
func TestPair_gone(t *testing.T) {
	h := start(t, Config{Workers: 1}, pairApp)
	s := h.connect("/")
	s.hears(t, "welcome")
	if _, err := h.rt.Deploy(build(t, pairApp)); err != nil {
		t.Fatal(err)
	}
	s.hears(t, "close 1012 the app has changed")
	s = h.connect("/")
	s.hears(t, "welcome")
	h.get("/spin")
	s.hears(t, "close 1011 the app was stopped")
}
