package runtime

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/embedded"
	"github.com/fortunadws/fortuna/runtime/binding"
	"github.com/fortunadws/fortuna/runtime/web"
)

// queued is an app with queues A, whose messages come twice at most and go to DEAD then, and B.
func queued(t *testing.T, source string) (h *harness, consume func(name string, change func(c *binding.Consumer))) {
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
	queues, err := store.Queues(t.Context(), kv.QueuesConfig{Name: "messages"})
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Bindings: map[string]web.Binding{}}
	for _, name := range []string{"A", "B", "DEAD"} {
		cfg.Bindings[name] = &binding.Queue{Name: name, Queue: queues.Queue("test", name), Wait: 10 * time.Second}
	}
	h = start(t, cfg, source)
	consume = func(name string, change func(c *binding.Consumer)) {
		c := &binding.Consumer{
			Queue: queues.Queue("test", name), Name: name, BatchMax: 10, RetriesMax: 1, Dead: queues.Queue("test", "DEAD"), Concurrency: 1,
			Log: slog.New(slog.DiscardHandler),
			Run: func(event web.Binding) bool {
				return h.rt.Run(Job{Handler: "queue", Name: name, Event: event}) == nil
			},
		}
		if change != nil {
			change(c)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.Work(ctx)
		}()
		t.Cleanup(func() {
			cancel()
			<-done
		})
	}
	return h, consume
}

// says waits until the app has written these lines, in any order, and nothing else.
func (h *harness) says(want ...string) {
	h.t.Helper()
	slices.Sort(want)
	for begun := time.Now(); ; time.Sleep(time.Millisecond) {
		got := strings.Split(h.log(), "\n")
		slices.Sort(got)
		if slices.Equal(got, want) {
			return
		}
		if time.Since(begun) > 20*time.Second {
			h.t.Fatalf("got  %q\nwant %q", got, want)
		}
	}
}

const queueApp = `
	const cases: Record<string, (env: any) => Promise<unknown>> = {
		kinds: async env => {
			await env.A.send({ a: [1, "x", null] })
			await env.A.send("text", { contentType: "text" })
			await env.A.send(new Uint8Array([1, 2, 255]).subarray(1), { contentType: "bytes" })
			await env.A.send(null)
		},
		many: env => env.A.sendBatch(Array.from({ length: 25 }, (_, i) => ({ body: i }))),
		fail: env => env.A.sendBatch([{ body: "ok" }, { body: "throws" }]),
		mixed: env => env.B.sendBatch(["acked", "retried", "rest"].map(body => ({ body }))),
		late: env => env.B.send("late", { delaySeconds: 1 }),
		undefined: env => env.A.send(undefined),
		cycle: env => { const o: any = {}; o.o = o; return env.A.send(o) },
		getter: env => env.A.send({ get a() { throw new Error("mine") } }),
		number: env => env.A.send(1, { contentType: "text" }),
		v8: env => env.A.send(1, { contentType: "v8" }),
		negative: env => env.A.send(1, { delaySeconds: -1 }),
		nan: env => env.A.send(1, { delaySeconds: NaN }),
		year: env => env.A.send(1, { delaySeconds: 1e9 }),
		huge: env => env.A.send("x".repeat(600_000)),
		hundred: env => env.A.sendBatch(Array.from({ length: 101 }, () => ({ body: 0 }))),
		bare: env => env.A.sendBatch([1]),
		notlist: env => env.A.sendBatch({ body: 1 }),
		empty: env => env.A.sendBatch([]),
	}
	export default {
		async fetch(request: Request, env: any) {
			try {
				return new Response(String(await cases[new URL(request.url).pathname.slice(1)](env)))
			} catch (e: any) {
				return new Response(e.name + ": " + e.message)
			}
		},
		async queue(batch: any, env: any) {
			const show = (v: any) => v instanceof ArrayBuffer ? "bytes " + new Uint8Array(v).join() : typeof v === "string" ? v : JSON.stringify(v)
			const about = (m: any) => batch.queue + " " + show(m.body) + " " + m.attempts
			if (batch.messages.length > 4) {
				console.log(batch.queue + " of " + batch.messages.length)
				return
			}
			for (const m of batch.messages) {
				if (!(m.timestamp instanceof Date) || Math.abs(Date.now() - m.timestamp.getTime()) > 60_000 || typeof m.id !== "string" || m.body !== m.body) throw new Error("bad message")
				console.log(about(m))
				if (m.body === "acked") { m.ack(); m.retry() }
				if (m.body === "retried") m.retry({ delaySeconds: 0 })
			}
			if (batch.messages.some((m: any) => m.body === "throws") && batch.queue === "A") {
				batch.messages.find((m: any) => m.body === "ok")?.ack()
				await new Promise(r => setTimeout(r, 1))
				throw new Error("failed")
			}
		},
	}`

func TestQueue(t *testing.T) {
	h, consume := queued(t, queueApp)
	for request, want := range map[string]string{
		"/undefined": "TypeError: env.A.send: ", "/cycle": "TypeError: ", "/getter": "Error: mine",
		"/number": `TypeError: env.A.send: with contentType "text" the body must be a string, got a number`,
		"/v8":     `TypeError: env.A.send: contentType must be "json", "text" or "bytes", got "v8"`, "/negative": "TypeError: env.A.send: delaySeconds must be a number from 0 to 2592000",
		"/nan": "TypeError: env.A.send: delaySeconds", "/year": "TypeError: env.A.send: delaySeconds", "/huge": "QuotaExceededError: env.A.send: the message has 600002 bytes, at most 524288",
		"/hundred": "QuotaExceededError: env.A.sendBatch: at most 100 messages", "/bare": "TypeError: env.A.sendBatch: message 0 ", "/notlist": "TypeError: env.A.sendBatch: ", "/empty": "undefined",
	} {
		if got := h.get(request); !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %q, want %q", request, got, want)
		}
	}
	send := func(what string) {
		t.Helper()
		if got := h.get(what); got != "undefined" {
			t.Fatalf("%s: %s", what, got)
		}
	}
	send("/kinds")
	consume("A", nil)
	want := []string{`A {"a":[1,"x",null]} 1`, "A text 1", "A bytes 2,255 1", "A null 1"}
	h.says(want...)
	send("/fail")
	want = append(want, "A ok 1", "A throws 1", "A throws 2")
	h.says(want...)
	consume("DEAD", func(c *binding.Consumer) { c.Dead = nil })
	want = append(want, "DEAD throws 1")
	h.says(want...)
	send("/mixed")
	consume("B", nil)
	want = append(want, "B acked 1", "B retried 1", "B rest 1", "B retried 2", "DEAD retried 1", "DEAD retried 2")
	h.says(want...)
	begun := time.Now()
	send("/late")
	want = append(want, "B late 1")
	h.says(want...)
	if waited := time.Since(begun); waited < 900*time.Millisecond {
		t.Errorf("a message that was to wait for 1 s came after %v", waited)
	}
}

// What waits comes in batches, no larger than they may be.
func TestQueue_batches(t *testing.T) {
	h, consume := queued(t, queueApp)
	if got := h.get("/many"); got != "undefined" {
		t.Fatal(got)
	}
	consume("A", func(c *binding.Consumer) { c.BatchMax, c.BatchWait = 12, 2*time.Second })
	// The last one has waited for more.
	h.says("A of 12", "A of 12", "A 24 1")
	if got := h.get("/many"); got != "undefined" {
		t.Fatal(got)
	}
	h.says("A of 12", "A of 12", "A of 12", "A of 12", "A 24 1", "A 24 1")
}
