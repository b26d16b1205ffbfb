package runtime

import (
	"bytes"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// partial sends a request of whose body only first has come; its ends are given by the test through wanted.
func (h *harness) partial(target, first string, header ...exchange.Field) *testExchange {
	x := h.unsent("POST", target, first, header...)
	x.request.Partial, x.request.Length = true, -1
	h.loop.Post(func() { h.rt.Serve(x) })
	return x
}

// arrives gives the handler a piece of the body when it asks for one.
func (x *testExchange) arrives(piece string, err error) {
	job := <-x.wanted
	x.loop.Post(func() { job([]byte(piece), err) })
}

func TestArrival(t *testing.T) {
	h := start(t, Config{}, `
		const text = async (s: any) => { let out = ''; for await (const c of s) out += new TextDecoder().decode(c) + '/'; return out };
		export default { routes: {
			'/text': async (q: any) => new Response(await q.text()),
			'/used': async (q: any) => { const before = q.bodyUsed; await q.text(); return new Response([before, q.bodyUsed, await q.text().catch(String)].join()) },
			'/pieces': async (q: any) => new Response(await text(q.body)),
			'/same': async (q: any) => new Response(String(q.body === q.body) + await text(q.body)),
			'/form': async (q: any) => new Response((await q.formData()).get('a')),
			'/clone': async (q: any) => { const c = q.clone(); return new Response(await q.text() + '|' + await c.text()) },
			'/wrap': async (q: any) => { const n = new Request(q, { headers: { x: 'y' } }); return new Response(await n.text() + '|' + q.bodyUsed) },
			'/echo': (q: any) => new Response(q.body),
			'/broken': async (q: any) => new Response(await q.text().catch(String)),
			'/unread': (q: any) => new Response('unread'),
			'/cancel': async (q: any) => { await q.body.cancel(); return new Response('cancelled') },
		} }`)
	for target, want := range map[string]string{
		"/text": "abcd", "/used": "false,true,TypeError: text: the body has been read already; read a clone() instead",
		"/pieces": "ab/c/d/", "/same": "trueab/c/d/", "/clone": "abcd|abcd", "/wrap": "abcd|true", "/echo": "abcd",
	} {
		x := h.partial(target, "ab")
		x.arrives("c", nil)
		x.arrives("d", nil)
		x.arrives("", io.EOF)
		if got := string(x.wait(t).body); got != want {
			t.Errorf("%s: got %q, want %q", target, got, want)
		}
	}
	x := h.partial("/form", "", exchange.Field{Name: "Content-Type", Value: "application/x-www-form-urlencoded"})
	x.arrives("a=1%", nil)
	x.arrives("32", nil)
	x.arrives("", io.EOF)
	if got := string(x.wait(t).body); got != "12" {
		t.Errorf("form: got %q", got)
	}
	x = h.partial("/broken", "ab")
	x.arrives("", exchange.ErrGone)
	if got := string(x.wait(t).body); !strings.HasPrefix(got, "TypeError: request.body: the client left") {
		t.Errorf("broken: got %q", got)
	}
	// Whose handler does not catch it is no failure: the client left.
	x = h.partial("/text", "ab")
	x.arrives("", exchange.ErrGone)
	x.wait(t)
	h.mu.Lock()
	if len(h.failures) > 0 {
		t.Errorf("a client that leaves is reported: %v", h.failures[0])
	}
	h.mu.Unlock()
	for _, target := range []string{"/unread", "/cancel"} {
		x := h.partial(target, "ab")
		if x.wait(t); len(x.wanted) > 0 {
			t.Errorf("%s: asked for the body", target)
		}
	}
}

// What is not read is not asked for: this is what holds a client up.
func TestArrival_backpressure(t *testing.T) {
	h := start(t, Config{}, `export default { async fetch(q: any) {
		const r = q.body.getReader(); await r.read(); console.log('read'); await new Promise(f => setTimeout(f, 50));
		console.log('waited'); let n = 0; for (;;) { const { done, value } = await r.read(); if (done) return new Response(String(n)); n += value.length }
	} }`)
	x := h.partial("/", "first")
	said := func() int {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.lines)
	}
	for said() < 2 {
		if n := len(x.wanted); said() == 1 && n > 0 {
			t.Fatal("the body was asked for while nobody read it")
		}
		runtime.Gosched()
	}
	big := string(bytes.Repeat([]byte("x"), 1<<20))
	x.arrives(big, nil)
	x.arrives(big, nil)
	x.arrives("", io.EOF)
	if got := string(x.wait(t).body); got != "2097152" {
		t.Errorf("got %q", got)
	}
}
