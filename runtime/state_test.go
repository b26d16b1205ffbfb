package runtime

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/embedded"
	"github.com/fortunadws/fortuna/kv/session"
	"github.com/fortunadws/fortuna/runtime/binding"
	"github.com/fortunadws/fortuna/runtime/web"
)

// stateful is a configuration with state in memory: env.KV, env.LOG with history, and sessions.
func stateful(t testing.TB, cfg session.Config) (Config, *embedded.Server) {
	t.Helper()
	server, err := embedded.Solo(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	store, err := kv.Open(server, t.Name())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	bucket := func(cfg kv.Config) (*kv.Bucket, *kv.Replica) {
		b, err := store.Bucket(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		r, err := b.Replica(t.Context(), 1<<20, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(r.Close)
		return b, r
	}
	values, cache := bucket(kv.Config{Name: "values", Announce: kv.Keys})
	former, formerCache := bucket(kv.Config{Name: "history", History: 5, Announce: kv.Keys})
	visits, visitors := bucket(kv.Config{Name: "sessions"})
	cfg.App = "test"
	sessions, err := session.Open(t.Context(), visits, visitors, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sessions.Close)
	const wait = 10 * time.Second
	counters, err := store.Counters(t.Context(), "rates", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return Config{
		Bindings: map[string]web.Binding{
			"KV":  &binding.KV{Name: "KV", Space: values.Space("test", "KV"), Replica: cache, Wait: wait},
			"RL":  &binding.RateLimit{Name: "RL", App: "test", Counters: counters, Limit: 3, Period: time.Hour, Wait: wait},
			"LOG": &binding.KV{Name: "LOG", Space: former.Space("test", "LOG"), Replica: formerCache, History: true, Wait: wait},
		},
		Sessions: &binding.Sessions{Store: sessions, Wait: wait, Strict: []string{"/strict/*"}, Origins: []string{"https://app.example"}},
	}, server
}

// scripted is an app whose handler runs the text of the request as an async function of env, ctx and request, one of a list.
func scripted(cases []string) string {
	var b strings.Builder
	b.WriteString("const cases: any = [\n")
	for _, c := range cases {
		fmt.Fprintf(&b, "async (env: any, ctx: any, request: any, s: any) => { %s },\n", c)
	}
	b.WriteString(`];
		export default { async fetch(request: Request, env: any, ctx: any) {
			try {
				return new Response(String(await cases[Number(new URL(request.url).searchParams.get("case"))](env, ctx, request, ctx.session)))
			} catch (e: any) {
				if (e.name === "UnavailableError") throw e
				return new Response("throws " + e.name + ": " + e.message)
			}
		} }`)
	return b.String()
}

// runCases runs each case by a request of its own, in order, with the cookies that a browser would keep.
func runCases(t *testing.T, cfg Config, cases [][2]string) *harness {
	t.Helper()
	var code []string
	for _, c := range cases {
		code = append(code, c[0])
	}
	h := start(t, cfg, scripted(code))
	jar := &jar{}
	for i, c := range cases {
		x := h.begin("GET", fmt.Sprintf("/?case=%d", i), "", jar.fields()...).wait(t)
		jar.take(x.header)
		if got := string(x.body); got != c[1] && !(strings.HasSuffix(c[1], "...") && strings.HasPrefix(got, strings.TrimSuffix(c[1], "..."))) {
			t.Errorf("%s\n got %s\nwant %s", c[0], got, c[1])
		}
	}
	return h
}

// jar is what a browser keeps for a site.
type jar struct {
	name, value string
	last        string // the field that set it
}

func (j *jar) fields() []exchange.Field {
	if j.value == "" {
		return nil
	}
	return []exchange.Field{{Name: "Cookie", Value: "other=1; " + j.name + "=" + j.value}}
}

func (j *jar) take(header []exchange.Field) {
	j.last = ""
	for _, f := range header {
		if f.Name == "Set-Cookie" {
			j.last = f.Value
			pair, rest, _ := strings.Cut(f.Value, ";")
			j.name, j.value, _ = strings.Cut(pair, "=")
			if strings.Contains(rest, "Max-Age=0") {
				j.value = ""
			}
		}
	}
}

func TestKV(t *testing.T) {
	cfg, _ := stateful(t, session.Config{})
	runCases(t, cfg, [][2]string{
		{`return await env.KV.get("none")`, "null"},
		{`return await env.KV.put("a", "1") > 0`, "true"},
		{`return await env.KV.get("a") + (await env.KV.get("a", { type: "json" }) + 1)`, "12"},
		{`await env.KV.put("bytes", new Uint8Array([255, 0])); return new Uint8Array(await env.KV.get("bytes", "arrayBuffer")).join() + await env.KV.get("bytes")`, "255,0\ufffd\x00"},
		{`await env.KV.put("s", new Response("stream").body); return await new Response(await env.KV.get("s", "stream")).text()`, "stream"},
		{`await env.KV.put("blob", new Blob(["b"])); return await env.KV.get("blob", "text")`, "b"},
		{`await env.KV.put("n", 5); return await env.KV.get("n")`, "5"},
		{`await env.KV.put("é/:*. =", "odd"); return (await env.KV.list({ prefix: "é/" })).keys[0].name`, "é/:*. ="},
		{`await env.KV.put("m", "x", { metadata: { a: "é😀\n" }, expirationTtl: 60 }); const r = await env.KV.getWithMetadata("m"); return r.value + r.metadata.a + (r.rev > 0) + r.cacheStatus`, "xé😀\ntruenull"},
		{`const k = (await env.KV.list({ prefix: "m" })).keys[0]; return k.metadata.a + (Math.abs(k.expiration - Date.now() / 1000 - 60) < 5)`, "é😀\ntrue"},
		{`await env.KV.put("m", "y"); return (await env.KV.list({ prefix: "m" })).keys[0].expiration`, "undefined"},
		{`return [...await env.KV.get(["a", "none"])].join("|")`, "a,1|none,"},
		{`return JSON.stringify([...await env.KV.getWithMetadata(["a"], "json")][0][1].value)`, "1"},
		{`return await env.KV.put("a", "2", { onlyIfNew: true })`, "null"},
		{`const { rev } = await env.KV.getWithMetadata("a"); return (await env.KV.put("a", "2", { onlyIfRev: rev }) > rev) + " " + await env.KV.put("a", "3", { onlyIfRev: rev }) + await env.KV.get("a")`, "true null2"},
		{`await env.KV.delete("a"); return await env.KV.get("a") + String(await env.KV.put("a", "9", { onlyIfRev: null }) > 0)`, "nulltrue"},
		{`for (let i = 0; i < 5; i++) await env.KV.put("l" + i, ""); let out = [], cursor; do { const p = await env.KV.list({ prefix: "l", limit: 2, cursor }); out.push(p.keys.map((k) => k.name).join()); cursor = p.cursor; if (p.list_complete !== !cursor) out.push("!") } while (cursor); return out.join("|")`, "l0,l1|l2,l3|l4"},
		{`return [await env.KV.get("a", { consistency: "strong" }), await env.KV.get("a", { consistency: "eventual" })].join()`, "9,9"},

		{`const r = await env.KV.atomic().set("t1", "x").sum("count", 2).sum("count2", -1n).delete("l0").commit(); return r.ok + Object.keys(r.revs).join() + await env.KV.get("count") + await env.KV.get("count2")`, "truet1,l0,count,count22-1"},
		{`return (await env.KV.atomic().check("t1", null).set("t1", "y").commit()).ok + await env.KV.get("t1")`, "falsex"},
		{`const { rev } = await env.KV.getWithMetadata("t1"); return (await env.KV.atomic().check("t1", rev).check("none", null).set("t2", "y").sum("count", 1).commit()).ok + await env.KV.get("count")`, "true3"},
		{`return (await env.KV.atomic().check("t1", 1).sum("count", 1).commit()).ok + await env.KV.get("count")`, "false3"},
		{`return (await env.KV.atomic().check("count", null).sum("count", 1).commit()).ok`, "false"},
		{`await Promise.all(Array.from({ length: 10 }, () => env.KV.atomic().sum("par", 1).commit())); return await env.KV.get("par")`, "10"},
		{`return await env.KV.atomic().sum("t1", 1).commit()`, "throws TypeError: env.KV.atomic: sum: the key holds no whole number"},
		{`return await env.KV.atomic().set("a", "1").set("a", "2").commit()`, `throws TypeError: env.KV.atomic: kv: not a key: "a" is named twice in one commit`},
		{`const a = env.KV.atomic(); await a.commit(); return await a.commit()`, "throws TypeError: env.KV.atomic: it was committed already"},

		{`await env.KV.put("w1", "a"); const out = []; for await (const e of env.KV.watch("w*")) { out.push(e.key + e.value + e.deleted); if (out.length === 3) break; if (out.length === 2) await env.KV.delete("w2"); if (out.length === 1) await env.KV.put("w2", "b") } return out.join()`, "w1afalse,w2bfalse,w2nulltrue"},
		{`await env.KV.put("wx", "1"); const w = env.KV.watch("wx"); const first = await w.next(); await env.KV.put("wxy", "no"); await env.KV.put("wx", "2"); return first.value.value + (await w.next()).value.value + (await w.return()).done + (await w.next()).done`, "12truetrue"},
		{`await env.LOG.put("k", "1"); await env.LOG.put("k", "2"); await env.LOG.delete("k"); return (await env.LOG.history("k")).map((e) => String(e.value) + e.deleted + (e.written instanceof Date)).join()`, "1falsetrue,2falsetrue,nulltruetrue"},
		{`return await env.LOG.put("k", "1", { expirationTtl: 60 })`, "throws TypeError: env.LOG.put: a namespace with history keeps its values: they cannot expire"},

		{`return await env.KV.get("")`, `throws TypeError: env.KV.get: "" is not a key`},
		{`return await env.KV.get("..")`, `throws TypeError: env.KV.get: ".." is not a key`},
		{`return await env.KV.get({})`, "throws TypeError: env.KV.get: the keys..."},
		{`return await env.KV.get(null)`, "throws TypeError: env.KV.get: the key must be a string, got null"},
		{`return await env.KV.get("k".repeat(513))`, "throws TypeError: env.KV.get: the key has 513 bytes in UTF-8, at most 512 are allowed"},
		{`return await env.KV.get("a", "xml")`, `throws TypeError: env.KV.get: the type must be "text", "json", "arrayBuffer" or "stream", got "xml"`},
		{`return await env.KV.get("a", { consistency: "quorum" })`, "throws TypeError: env.KV.get: the consistency..."},
		{`return await env.KV.put("a", {})`, "throws TypeError: env.KV.put: the value must be a string..."},
		{`await env.KV.put("large", "y".repeat(524289), { metadata: { a: 1 } }); const { value, metadata, rev } = await env.KV.getWithMetadata("large")
			return [value === "y".repeat(524289), metadata.a, typeof rev, (await env.KV.get("large", "arrayBuffer")).byteLength, (await env.KV.get(["large", "none"])).get("large").length]`, "true,1,number,524289,524289"},
		{`await env.KV.put("large", new Uint8Array(3e6).fill(7)); let n = 0; for await (const c of await env.KV.get("large", "stream")) n += c.length
			await env.KV.put("large", "small"); return [n, await env.KV.get("large"), (await env.KV.list({ prefix: "large" })).keys.length]`, "3000000,small,1"},
		{`await env.KV.delete("large"); return await env.KV.get("large")`, "null"},
		{`return await env.LOG.put("a", "x".repeat(524289))`, "throws QuotaExceededError: env.LOG.put: the value has 524289 bytes, at most 524288 are allowed"},
		{`return await env.KV.atomic().set("a", "x".repeat(524289)).commit()`, "throws QuotaExceededError: env.KV.atomic: too large: the value has 524289 bytes, at most 524288 are allowed"},
		{`return await env.KV.put("a", "x", { metadata: "x".repeat(1100) })`, "throws TypeError: env.KV.put: metadata has 1102 bytes as JSON, at most 1024 are allowed"},
		{`return await env.KV.put("a", "x", { expirationTtl: 0.5 })`, "throws TypeError: env.KV.put: expirationTtl is a whole number of seconds from 1, got 0.5"},
		{`return await env.KV.put("a", "x", { expiration: 1000 })`, "throws TypeError: env.KV.put: the value would have expired already..."},
		{`return await env.KV.list({ limit: 0 })`, "throws TypeError: env.KV.list: limit is from 1 to 1000, got 0"},
		{`return await env.KV.list({ cursor: "?" })`, "throws TypeError: env.KV.list: the cursor..."},
		{`return env.KV.watch("a*b")`, "throws TypeError: env.KV.watch: the pattern..."},
		{`const { get } = env.KV; return get("a")`, "throws TypeError: get: illegal invocation..."},
		{`return await env.KV.get(Array.from({ length: 101 }, (_, i) => "k" + i))`, "throws TypeError: env.KV.get: at most 100 keys may be read at once"},
	})
}

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

func TestRateLimit(t *testing.T) {
	cfg, _ := stateful(t, session.Config{})
	runCases(t, cfg, [][2]string{
		{`const out = []; for (let i = 0; i < 5; i++) out.push((await env.RL.limit({ key: "a" })).success); return out.join()`, "true,true,true,false,false"},
		{`return (await Promise.all(Array.from({ length: 20 }, () => env.RL.limit({ key: "b *.>é" })))).filter((r) => r.success).length`, "3"},
		{`return (await env.RL.limit({ key: "a" })).success + "" + (await env.RL.limit({ key: 7 })).success`, "falsetrue"},
		{`await env.RL.limit("a")`, "throws TypeError: env.RL.limit: the options must be an object, got a string"},
		{`await env.RL.limit({})`, "throws TypeError: env.RL.limit: takes { key }..."},
		{`await env.RL.limit({ key: "x".repeat(600) })`, "throws TypeError: env.RL.limit: the key has 600 bytes..."},
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

// logged reports whether code wrote a line.
func (h *harness) logged(line string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Contains(h.lines, line)
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

// Several changes may be asked for without waiting.
func TestKV_watchTwice(t *testing.T) {
	cfg, _ := stateful(t, session.Config{})
	runCases(t, cfg, [][2]string{
		{`await env.KV.put("a", "1"); await env.KV.put("b", "2"); return "ok"`, "ok"},
		{`const w = env.KV.watch("*"); const [x, y] = await Promise.all([w.next(), w.next()]); w.return(); return [x.value.key, y.value.key].sort()`, "a,b"},
	})
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
	time.Sleep(2500 * time.Millisecond)
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

// A number as long as a client likes is none.
func TestKV_longSum(t *testing.T) {
	cfg, _ := stateful(t, session.Config{})
	runCases(t, cfg, [][2]string{
		{`await env.KV.atomic().sum("n", "9".repeat(1001)).commit()`, "throws TypeError: env.KV.atomic: sum adds a whole number..."},
		{`await env.KV.put("n", "9".repeat(1001)); return await env.KV.atomic().sum("n", 1).commit()`, "throws TypeError: ..."},
	})
}

// What is to expire in a far future expires in as far a one as there is.
func TestKV_farExpiration(t *testing.T) {
	cfg, _ := stateful(t, session.Config{})
	runCases(t, cfg, [][2]string{
		{`return await env.KV.put("a", "1", { expirationTtl: 9e9 }) > 0`, "true"},
		{`return await env.KV.put("a", "1", { expirationTtl: 1e15 }) > 0`, "true"},
		{`return await env.KV.put("a", "1", { expiration: Date.now() }) > 0`, "true"},
	})
}
