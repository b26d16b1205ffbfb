package runtime

import (
	"slices"
	"strings"
	"testing"
)

// The pieces of a stream are sent as they come: the second is made only when the first has arrived.
func TestReply_streams(t *testing.T) {
	h := start(t, Config{Workers: 1}, `
		let more: any
		export default { fetch(request: Request) {
			const encoder = new TextEncoder()
			switch (new URL(request.url).pathname) {
			case "/": return new Response(new ReadableStream({
				async start(c) {
					c.enqueue(encoder.encode("one "))
					await new Promise(r => more = r)
					c.enqueue(encoder.encode("two"))
					c.close()
				} }), { headers: { "content-type": "text/event-stream" } })
			case "/more": more(); return new Response("more")
			case "/broken": return new Response(new ReadableStream({ async pull(c) { c.enqueue(encoder.encode("half")); await new Promise(r => setTimeout(r)); throw new TypeError("broken") } }))
			case "/text": return new Response(new ReadableStream({ pull(c) { c.enqueue("text") } }))
			case "/spin": return new Response(new ReadableStream({ async pull(c) { c.enqueue(encoder.encode("x")); await new Promise(r => setTimeout(r)); for (;;); } }))
			case "/long": {
				let n = 0
				return new Response(new ReadableStream({ pull(c) { n++ < 100 ? c.enqueue(new Uint8Array(50_000)) : c.close() } }))
			} }
			throw 0
		} }`)
	x := h.begin("GET", "/", "")
	for body := ""; body != "one "; {
		read := make(chan string)
		h.loop.Post(func() { read <- string(x.body) })
		body = <-read
	}
	h.get("/more")
	if x.wait(t); x.status != 200 || string(x.body) != "one two" || x.aborted {
		t.Errorf("got %d %q, aborted: %v", x.status, x.body, x.aborted)
	}
	if x := h.begin("GET", "/long", "").wait(t); len(x.body) != 5_000_000 || x.drained == 0 {
		t.Errorf("got %d bytes, waited %d times for the client", len(x.body), x.drained)
	}
	for target, want := range map[string]string{"/broken": "TypeError: broken", "/spin": "limits.cpu_ms"} {
		if x := h.begin("GET", target, "").wait(t); !x.aborted {
			t.Errorf("%s: the answer looks complete: %d %q", target, x.status, x.body)
		}
		if f := h.lastFailure(); !strings.Contains(f.Message, want) {
			t.Errorf("%s: got %v", target, f)
		}
	}
	if x := h.begin("GET", "/text", "").wait(t); x.status != 500 {
		t.Errorf("/text: nothing was sent yet, and it answered %d", x.status)
	}
}

// A client that leaves cancels the stream; one that asks for the head only reads no further than a chunk.
func TestReply_cancelled(t *testing.T) {
	h := start(t, Config{Workers: 1}, `
		let cancelled = new Promise<any>(r => globalThis.told = r)
		export default { async fetch(request: Request) {
			if (new URL(request.url).pathname === "/why") { return new Response(String(await cancelled)) }
			request.signal.addEventListener("abort", () => console.log("aborted"))
			return new Response(new ReadableStream({
				start(c) { c.enqueue(new Uint8Array(1)) },
				cancel(reason) { globalThis.told(reason) } }))
		} }`)
	x := h.begin("GET", "/", "")
	why := h.begin("GET", "/why", "")
	for sent := 0; sent == 0; {
		read := make(chan int)
		h.loop.Post(func() { read <- len(x.body) })
		sent = <-read
	}
	close(x.gone)
	if got, want := string(why.wait(t).body), "AbortError: the client has left"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if x := h.begin("HEAD", "/", "").wait(t); x.status != 200 || len(x.body) != 0 {
		t.Errorf("HEAD: got %d %q", x.status, x.body)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.failures) > 0 {
		t.Errorf("to leave is no failure: %v", h.failures[0])
	}
}

// Streams run in the name of their own request, whoever feeds them, and end when their VM does.
func TestReply_fedByOthers(t *testing.T) {
	h := start(t, Config{Workers: 1}, `
		const encoder = new TextEncoder()
		let controller: any, wanted: any
		export default { async fetch(request: Request) {
			switch (new URL(request.url).pathname) {
			case "/listen": return new Response(new ReadableStream({
				start(c) { controller = c },
				async pull() { if (wanted) { await new Promise(r => setTimeout(r)); controller.enqueue(encoder.encode("pulled ")); wanted = undefined } }
			}, { highWaterMark: 0 }))
			case "/publish": wanted = true; controller.enqueue(encoder.encode("news ")); return new Response("published")
			case "/spin": for (;;);
			}
			return new Response("ok")
		} }`)
	x := h.begin("GET", "/listen", "")
	h.get("/ok")
	h.get("/publish")
	for body := ""; body != "news pulled "; {
		read := make(chan string)
		h.loop.Post(func() { read <- string(x.body) })
		body = <-read
	}
	h.get("/spin")
	x.wait(t)
	h.mu.Lock()
	defer h.mu.Unlock()
	if !x.aborted || !slices.ContainsFunc(h.failures, func(f *Failure) bool { return f.Code == "vm_retired" }) {
		t.Errorf("aborted: %v, %v", x.aborted, h.failures)
	}
}

func TestReply_edges(t *testing.T) {
	h := start(t, Config{Workers: 1}, `
		const encoder = new TextEncoder()
		export default { fetch(request: Request, env: any, ctx: any) {
			let n = 0
			switch (new URL(request.url).pathname) {
			case "/small": return new Response(new ReadableStream({ pull(c) { n++ < 5000 ? c.enqueue(encoder.encode("x")) : c.close() } }))
			case "/endless": return new Response(new ReadableStream({ pull(c) { c.enqueue(encoder.encode("x")) } }))
			case "/first": return new Response(new ReadableStream({ pull() { for (;;); } }, { highWaterMark: 0 }))
			case "/logged":
				ctx.waitUntil(Promise.reject(new Error("log is down")))
				return new Response(new ReadableStream({ async pull(c) { await new Promise(r => setTimeout(r, 2)); n++ < 3 ? c.enqueue(encoder.encode("x")) : c.close() } }))
			}
		} }`)
	if x := h.begin("GET", "/small", "").wait(t); len(x.body) != 5000 || x.aborted {
		t.Errorf("small chunks: %d bytes, aborted: %v", len(x.body), x.aborted)
	}
	if x := h.begin("GET", "/logged", "").wait(t); string(x.body) != "xxx" || x.aborted {
		t.Errorf("a failed waitUntil: %q, aborted: %v", x.body, x.aborted)
	}
	if f := h.lastFailure(); f.Message != "in waitUntil: Error: log is down" {
		t.Errorf("got %v", f)
	}
	if x := h.begin("HEAD", "/endless", "").wait(t); x.status != 200 || x.aborted {
		t.Errorf("HEAD: %d, aborted: %v", x.status, x.aborted)
	}
	if f := h.lastFailure(); f.Code == "cpu_budget" {
		t.Errorf("HEAD read a stream: %v", f)
	}
	if x := h.begin("GET", "/first", "").wait(t); x.status != 503 || x.aborted {
		t.Errorf("stopped before anything was sent: %d, aborted: %v", x.status, x.aborted)
	}
}
