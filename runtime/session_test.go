package runtime

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/kv/session"
	"github.com/fortunadws/fortuna/runtime/binding"
)

func TestSession(t *testing.T) {
	cfg, _ := stateful(t, session.Config{BytesMax: 4096})
	runCases(t, cfg, [][2]string{
		{`return [s.isNew, s.id, s.user, s.rev, s.expiresAt, s.get("n"), JSON.stringify(s), s === ctx.session].join()`, "true,,,0,,,{},true"},
		{`s.set("n", { a: [1, "é😀"] }); return s.get("n").a[1] + s.keys().join()`, "é😀n"},
		{`return [s.isNew, s.id.length, s.get("n").a[0], s.expiresAt > new Date(), s.rev > 0].join()`, "false,64,1,true,true"},
		{`return s.inc("c") + s.inc("c", 2.5) + s.inc("c", -1)`, "7"},
		{`return s.push("l", 1, { a: 2 }).push("l", "x").get("l").length`, "3"},
		{`return s.delete("n") + "" + s.delete("n") + s.get("n")`, "truefalseundefined"},
		{`s.flash("f", "once"); return s.flash("f") + s.flash("f")`, "onceundefined"},
		{`s.flash("f", "later"); return 1`, "1"},
		{`return s.flash("f")`, "later"},
		{`return s.flash("f")`, "undefined"},
		{`return s.update((s) => { s.set("u", (s.get("u") ?? 0) + 1); return "r" }) + s.get("u")`, "r1"},
		{`return s.update(async () => {})`, "throws TypeError: ctx.session.update: the function must not be async: it may have to be called again"},
		{`try { s.update((s) => { s.set("half", 1); throw new RangeError("no") }) } catch (e) { return e.name + s.get("half") }`, "RangeErrorundefined"},
		{`const id = s.id; s.user = 42; return (typeof s.user) + s.user + (s.id === "") + s.get("u")`, "string42false1"},
		{`return s.user + s.get("u")`, "421"},
		{`s.set("x", 1); const p = s.save(); try { s.set("x", 2) } catch (e) { await p; s.set("y", 3); await s.save(); return e.message + s.get("y") + s.rev }`, "ctx.session.set: the session is being saved: await that before you change it again3..."},
		{`const before = s.id; s.regenerate(); await s.save(); return (s.id !== before) + s.user`, "true42"},
		{`s.set("", 1)`, "throws TypeError: ctx.session.set: the name must be..."},
		{`s.set("f", () => {})`, "throws TypeError: ctx.session.set: a function cannot be written as JSON"},
		{`s.set("big", "x".repeat(5000))`, "throws QuotaExceededError: ctx.session.set: too large: it would take..."},
		{`s.inc("l")`, `throws TypeError: ctx.session.inc: the value is of another kind: "l" holds no number`},
		{`s.user = {}`, "throws TypeError: ctx.session.user is a string or a number, or null for nobody, got an object"},
		{`s.destroy(); return s.isNew + String(s.user) + s.get("u")`, "truenullundefined"},
		{`return s.isNew + String(s.user)`, "truenull"},
		{`s.set("a", 1); s.destroy(); s.set("b", 2); return 1`, "1"},
		{`return JSON.stringify(s)`, `{"b":2}`},
		{`return await new Promise((done) => setTimeout(() => done(s.inc("late")), 1))`, "1"},
		{`return s.get("late")`, "1"},
		{`s.set("gone", 1); throw Object.assign(new Error("x"), { name: "UnavailableError" })`, "handler_error: the handler failed\n"},
		{`return s.get("gone")`, "undefined"},
		{`s.user = "eve"; await s.save(); s.set("gone", 1); throw Object.assign(new Error("x"), { name: "UnavailableError" })`, "handler_error: the handler failed\n"},
		{`return s.user + s.get("gone")`, "eveundefined"},
		{`return s.constructor === Object || Object.getPrototypeOf(s)[Symbol.toStringTag]`, "Session"},
	})
}

// What the answer says: a cookie only when there is news, by TLS one that no other host can set, and no store of it elsewhere.
func TestSession_cookie(t *testing.T) {
	cfg, _ := stateful(t, session.Config{})
	h := start(t, cfg, `export default { routes: {
		"/read": (r: any, env: any, ctx: any) => new Response(String(ctx.session.get("n"))),
		"/set": (r: any, env: any, ctx: any) => { ctx.session.inc("n"); return new Response("ok") },
		"/cached": (r: any, env: any, ctx: any) => { ctx.session.inc("n"); return new Response("ok", { headers: { "cache-control": "no-store" } }) },
		"/kv": async (r: any, env: any, ctx: any) => { await env.KV.put("k", "1"); return new Response("ok") },
		"/stream": (r: any, env: any, ctx: any) => { ctx.session.inc("n"); return new Response(new ReadableStream({ start(c) { c.enqueue(new Uint8Array([120])); c.close() } })) },
		"/plain": () => new Response("plain"),
		"/strict/x": () => new Response("strict"),
	} }`)
	b := &jar{}
	ask := func(method, path string, more ...exchange.Field) *testExchange {
		t.Helper()
		x := h.begin(method, path, "", append(b.fields(), more...)...).wait(t)
		b.take(x.header)
		return x
	}
	if ask("GET", "/read"); b.last != "" {
		t.Errorf("a visitor without a session got %q", b.last)
	}
	x := ask("GET", "/set")
	if !strings.HasPrefix(b.last, "sid=") || !strings.HasSuffix(b.last, "; Path=/; HttpOnly; SameSite=Lax") {
		t.Errorf("cookie %q", b.last)
	}
	if !slices.Contains(x.header, exchange.Field{Name: "Cache-Control", Value: "private"}) {
		t.Errorf("the answer may be cached for others: %v", x.header)
	}
	if x := ask("GET", "/cached"); b.last == "" || slices.Contains(x.header, exchange.Field{Name: "Cache-Control", Value: "private"}) {
		t.Errorf("cached: %v", x.header)
	}
	for _, quiet := range []string{"/read", "/plain", "/strict/x"} {
		if x := ask("GET", quiet); x.status != 200 || b.last != "" {
			t.Errorf("%s: %d %q", quiet, x.status, b.last)
		}
	}
	if ask("GET", "/kv"); b.last == "" {
		t.Error("what the client has seen of the key-value state is not kept for it")
	}
	if x := ask("GET", "/stream"); b.last == "" || string(x.body) != "x" {
		t.Errorf("stream: %q %q", x.body, b.last)
	}
	if got := string(ask("GET", "/read").body); got != "3" {
		t.Errorf("n = %s", got)
	}
	kept := b.value
	b.value = "forged." + b.value
	if ask("GET", "/plain"); !strings.Contains(b.last, "Max-Age=0") {
		t.Errorf("a cookie that is nobody's is kept: %q", b.last)
	}

	x = h.unsent("GET", "/set", "")
	x.request.TLS = true
	h.loop.Post(func() { h.rt.Serve(x) })
	x.wait(t)
	s := &jar{}
	if s.take(x.header); !strings.HasPrefix(s.last, "__Host-sid=") || !strings.HasSuffix(s.last, "; Path=/; Secure; HttpOnly; SameSite=Lax") {
		t.Errorf("by TLS: %q", s.last)
	}

	// Pages of other origins.
	b.name, b.value = "sid", kept
	for _, c := range []struct {
		method string
		header []exchange.Field
		status int
	}{
		{"POST", nil, 200},
		{"POST", []exchange.Field{{Name: "Origin", Value: "http://test"}}, 200},
		{"POST", []exchange.Field{{Name: "Sec-Fetch-Site", Value: "same-origin"}, {Name: "Origin", Value: "http://evil"}}, 200},
		{"POST", []exchange.Field{{Name: "Origin", Value: "https://app.example"}, {Name: "Sec-Fetch-Site", Value: "cross-site"}}, 200},
		{"POST", []exchange.Field{{Name: "Origin", Value: "http://evil"}}, 403},
		{"POST", []exchange.Field{{Name: "Origin", Value: "null"}}, 403},
		{"POST", []exchange.Field{{Name: "Sec-Fetch-Site", Value: "same-site"}}, 403},
		{"DELETE", []exchange.Field{{Name: "Sec-Fetch-Site", Value: "cross-site"}}, 403},
		{"GET", []exchange.Field{{Name: "Sec-Fetch-Site", Value: "cross-site"}}, 200},
		{"GET", []exchange.Field{{Name: "Upgrade", Value: "websocket"}, {Name: "Origin", Value: "http://evil"}}, 403},
	} {
		if x := ask(c.method, "/set", c.header...); x.status != c.status {
			t.Errorf("%s %v: %d, want %d", c.method, c.header, x.status, c.status)
		}
	}
	b.value = ""
	if x := ask("POST", "/set", exchange.Field{Name: "Origin", Value: "http://evil"}); x.status != 500 || b.last != "" {
		t.Errorf("another origin's page began a session: %d %q", x.status, b.last)
	}
}

// Requests of one visitor that run at the same time lose nothing, and the code of update is called again in its VM.
func TestSession_parallel(t *testing.T) {
	cfg, _ := stateful(t, session.Config{})
	h := start(t, cfg, `export default { async fetch(r: Request, env: any, ctx: any) {
		const s = ctx.session
		await new Promise((done) => setTimeout(done, Math.random() * 5))
		switch (new URL(r.url).pathname) {
		case "/inc": s.inc("n"); break
		case "/update": s.update((s: any) => s.set("n", (s.get("n") ?? 0) + 1)); break
		}
		return new Response(String(s.get("n")))
	} }`)
	b := &jar{}
	b.take(h.begin("GET", "/inc", "").wait(t).header)
	const n = 60
	var wait sync.WaitGroup
	for i := range n {
		x := h.begin("GET", []string{"/inc", "/update"}[i%2], "", b.fields()...)
		wait.Add(1)
		go func() {
			defer wait.Done()
			if x.wait(t); x.status != 200 {
				t.Errorf("%d %s", x.status, x.body)
			}
		}()
	}
	wait.Wait()
	if got := string(h.begin("GET", "/read", "", b.fields()...).wait(t).body); got != fmt.Sprint(n+1) {
		t.Errorf("n = %s, want %d", got, n+1)
	}
}

// When the session ends, so do the sockets and streams that its requests opened.
func TestSession_bonds(t *testing.T) {
	cfg, _ := stateful(t, session.Config{})
	h := start(t, cfg, `export default {
		fetch(r: Request, env: any, ctx: any) {
			switch (new URL(r.url).pathname) {
			case "/login": ctx.session.user = "anna"; return new Response("in")
			case "/logout": ctx.session.destroy(); return new Response("out")
			case "/unsaved": ctx.session.inc("n")
			case "/ws": ctx.upgrade(r); return
			case "/events": return new Response(new ReadableStream({ start(c) { c.enqueue(new TextEncoder().encode("begun")); console.log("begun") }, cancel(why) { console.log("cancelled: " + why.message) } }))
			}
		},
		websocket: { message() {} },
	}`)
	b := &jar{}
	b.take(h.begin("GET", "/login", "").wait(t).header)
	upgrade := append(b.fields(), upgrading...)
	if x := h.begin("GET", "/unsaved", "", upgrade...).wait(t); x.status != 500 || !strings.Contains(h.lastFailure().Message, "await ctx.session.save()") {
		t.Errorf("a socket with unsaved changes: %d", x.status)
	}
	socket := h.begin("GET", "/ws", "", upgrade...).wait(t)
	if socket.status != 101 {
		t.Fatalf("upgrade: %d", socket.status)
	}
	stream := h.begin("GET", "/events", "", b.fields()...)
	for begun := time.Now(); !h.logged("begun"); time.Sleep(time.Millisecond) {
		if time.Since(begun) > 10*time.Second {
			t.Fatal("the stream does not begin")
		}
	}
	h.begin("GET", "/logout", "", b.fields()...).wait(t)
	stream.wait(t)
	if stream.aborted || string(stream.body) != "begun" {
		t.Errorf("the stream: %q, aborted %t", stream.body, stream.aborted)
	}
	select {
	case said := <-socket.socket.said:
		if !strings.HasPrefix(said, "close 4401 session:ended") {
			t.Errorf("the socket was told %q", said)
		}
	case <-time.After(10 * time.Second):
		t.Error("the socket is still open")
	}
}

// A session that nobody uses any more takes its sockets along.
func TestSession_expires(t *testing.T) {
	cfg, _ := stateful(t, session.Config{Idle: time.Second})
	h := start(t, cfg, `export default {
		fetch(r: Request, env: any, ctx: any) {
			if (r.url.endsWith("/login")) { ctx.session.user = "anna"; return new Response("in") }
			ctx.upgrade(r)
		},
		websocket: { message() {} },
	}`)
	b := &jar{}
	b.take(h.begin("GET", "/login", "").wait(t).header)
	socket := h.begin("GET", "/ws", "", append(b.fields(), upgrading...)...).wait(t)
	if socket.status != 101 {
		t.Fatalf("upgrade: %d", socket.status)
	}
	select {
	case said := <-socket.socket.said:
		if !strings.HasPrefix(said, "close 4401 session:expired") {
			t.Errorf("the socket was told %q", said)
		}
	case <-time.After(10 * time.Second):
		t.Error("the socket is still open")
	}
}

// Without its store the app goes on: who needs no state is served, who needs it is told to come again, by the policy of the
// route, and in a moment.
func TestSession_storeIsAway(t *testing.T) {
	cfg, server := stateful(t, session.Config{Stale: time.Millisecond})
	cfg.Sessions.Wait = 500 * time.Millisecond
	cfg.Bindings["KV"].(*binding.KV).Wait = 500 * time.Millisecond
	h := start(t, cfg, `export default { routes: {
		"/plain": () => new Response("plain"),
		"/read": (r: any, env: any, ctx: any) => new Response(String(ctx.session.get("n"))),
		"/set": (r: any, env: any, ctx: any) => { ctx.session.inc("n"); return new Response("ok") },
		"/kv": async (r: any, env: any) => new Response(await env.KV.get("k")),
		"/strict/plain": () => new Response("plain"),
	} }`)
	b := &jar{}
	b.take(h.begin("GET", "/set", "").wait(t).header)
	server.Close()
	deadline := time.Now().Add(20 * time.Second)
	for string(h.begin("GET", "/read", "", b.fields()...).wait(t).body) == "1" { // until the copy is too old
		if time.Now().After(deadline) {
			t.Fatal("the copy is never too old")
		}
	}
	for target, status := range map[string]int{"/plain": 200, "/read": 503, "/set": 503, "/kv": 503, "/strict/plain": 503} {
		x := h.begin("GET", target, "", b.fields()...).wait(t)
		if x.status != status {
			t.Errorf("%s: %d %s, want %d", target, x.status, x.body, status)
		}
		if status == 503 && !slices.Contains(x.header, exchange.Field{Name: "Retry-After", Value: "1"}) {
			t.Errorf("%s: no Retry-After: %v", target, x.header)
		}
	}
	if x := h.begin("GET", "/strict/plain", "").wait(t); x.status != 200 {
		t.Errorf("a visitor without a session: %d", x.status)
	}
}

// One address cannot begin sessions without end, and those that it has go on.
func TestSession_newcomers(t *testing.T) {
	cfg, _ := stateful(t, session.Config{})
	cfg.Sessions.NewMax = 2
	h := start(t, cfg, `export default { fetch(r: any, env: any, ctx: any) { ctx.session.inc("n"); return new Response(String(ctx.session.get("n"))) } }`)
	cookie := ""
	for i, want := range []int{200, 200, 429, 429} {
		x := h.begin("GET", "/", "").wait(t)
		if x.status != want {
			t.Errorf("visitor %d: %d", i, x.status)
		}
		for _, f := range x.header {
			if f.Name == "Set-Cookie" && want == 200 {
				cookie, _, _ = strings.Cut(f.Value, ";")
			}
		}
	}
	if x := h.begin("GET", "/", "", exchange.Field{Name: "Cookie", Value: cookie}).wait(t); x.status != 200 || string(x.body) != "2" {
		t.Errorf("who has a session: %d %s", x.status, x.body)
	}
}

// An app lists and ends the sessions of its visitors.
func TestSessions(t *testing.T) {
	cfg, _ := stateful(t, session.Config{})
	runCases(t, cfg, [][2]string{
		{`return [await ctx.sessions.count(), (await ctx.sessions.list("anna")).length, await ctx.sessions.revokeUser("anna"), await ctx.sessions.get("x"), await ctx.sessions.revoke("ab".repeat(32))].join()`, "0,0,0,,false"},
		{`s.set("device", "laptop"); s.user = "anna"; return 1`, "1"},
		{`const [one, ...rest] = await ctx.sessions.list("anna"); return [rest.length, one.id === s.id, one.user, one.current, one.data.device, one.expiresAt > new Date(), one.createdAt <= new Date(), one.usedAt <= new Date()].join()`,
			"0,true,anna,true,laptop,true,true,true"},
		{`const one = await ctx.sessions.get(s.id); return one.data.device + (await ctx.sessions.list("bert")).length + await ctx.sessions.count()`, "laptop01"},
		{`return await ctx.sessions.get(s.id.slice(0, 20))`, "null"},
		{`return await ctx.sessions.revoke(s.id) + "" + await ctx.sessions.revoke(s.id)`, "truefalse"},
		{`return s.isNew + String(s.user)`, "truenull"},
		{`s.user = 42; return 1`, "1"},
		{`return await ctx.sessions.revokeUser(42)`, "1"},
		{`return s.isNew + String(s.user)`, "truenull"},
		{`s.set("a", 1); return 1`, "1"},
		{`await ctx.sessions.revokeAll(); return 1`, "1"},
		{`return s.get("a")`, "undefined"},
		{`await ctx.sessions.list()`, "throws TypeError: list: 1 argument(s) required, but only 0 present"},
		{`await ctx.sessions.revoke({})`, "throws TypeError: ctx.sessions.revoke: the id must be a string of 1 to 256 bytes, got {}"},
		{`await ctx.sessions.revokeUser("")`, `throws TypeError: ctx.sessions.revokeUser: the user must be a string of 1 to 256 bytes, got ''`},
	})
}

// A save that nobody awaits is one, and the answer waits for it.
func TestSession_saveNotAwaited(t *testing.T) {
	cfg, _ := stateful(t, session.Config{})
	runCases(t, cfg, [][2]string{
		{`return "warm"`, "warm"},
		{`s.inc("n"); s.save(); s.inc; return "ok"`, "ok"},
		{`return s.get("n")`, "1"},
	})
	if n, err := cfg.Sessions.Store.Count(t.Context()); n != 1 {
		t.Errorf("%d sessions of one request (%v)", n, err)
	}
}

// A strict route is strict however its path is spelled.
func TestSession_strictPath(t *testing.T) {
	cfg, server := stateful(t, session.Config{Stale: time.Hour})
	h := start(t, cfg, `export default { routes: {
		"/set": (r: any, env: any, ctx: any) => { ctx.session.inc("n"); return new Response("ok") },
		"/strict/plain": (r: any, env: any, ctx: any) => new Response("of the session: " + ctx.session.get("n")),
	}, fetch: (r: any, env: any, ctx: any) => new Response(new URL(r.url).pathname + ctx.session.get("n")) }`)
	b := &jar{}
	b.take(h.begin("GET", "/set", "").wait(t).header)
	server.Close()
	for begun := time.Now(); h.begin("GET", "/strict/plain", "", b.fields()...).wait(t).status != 503; time.Sleep(10 * time.Millisecond) {
		if time.Since(begun) > 20*time.Second {
			t.Fatal("a strict route is served without the store")
		}
	}
	for _, target := range []string{"/strict/plain", "/%73trict/plain", "/x/../strict/other", "/%2e/strict/other"} {
		if x := h.begin("GET", target, "", b.fields()...).wait(t); x.status != 503 {
			t.Errorf("%s: %d %.80s, want 503", target, x.status, x.body)
		}
	}
}

// An answer with a visitor's cookie is nobody else's, whatever its handler says.
func TestSession_publicAnswer(t *testing.T) {
	cfg, _ := stateful(t, session.Config{})
	h := start(t, cfg, `export default { fetch(r: any, env: any, ctx: any) {
		ctx.session.inc("n")
		return new Response("ok", { headers: { "Cache-Control": r.url.slice(-1) === "p" ? "public, max-age=600" : "max-age=5, S-MaxAge=600" } })
	} }`)
	for _, target := range []string{"/p", "/s"} {
		x := h.begin("GET", target, "").wait(t)
		var said []string
		for _, f := range x.header {
			if exchange.EqualFold(f.Name, "cache-control") {
				said = append(said, f.Value)
			}
		}
		if !slices.Equal(said, []string{"private"}) {
			t.Errorf("%s: %q", target, said)
		}
	}
}
