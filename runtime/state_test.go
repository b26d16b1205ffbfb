package runtime

import (
	"fmt"
	"slices"
	"strings"
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

// logged reports whether code wrote a line.
func (h *harness) logged(line string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Contains(h.lines, line)
}

// Several changes may be asked for without waiting.
func TestKV_watchTwice(t *testing.T) {
	cfg, _ := stateful(t, session.Config{})
	runCases(t, cfg, [][2]string{
		{`await env.KV.put("a", "1"); await env.KV.put("b", "2"); return "ok"`, "ok"},
		{`const w = env.KV.watch("*"); const [x, y] = await Promise.all([w.next(), w.next()]); w.return(); return [x.value.key, y.value.key].sort()`, "a,b"},
	})
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
