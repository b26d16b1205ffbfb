package web

import (
	"bytes"
	"strconv"
	"testing"

	"github.com/dop251/goja"
)

// A body in memory shows a stream that is none until it is touched, and nobody can tell.
func TestBody_streamOfBytes(t *testing.T) {
	expect(t, [][2]string{
		{`const a = new Response('x'); return a.body === a.body && a.body instanceof ReadableStream`, "true"},
		{`const a = new Response('x'); const b = new Response(a.body, a); return await b.text() + a.bodyUsed + b.bodyUsed`, "xtruetrue"},
		{`const a = new Response('x'); const b = new Response(a.body); await b.text(); return await a.text()`, "throws TypeError: text: the body has been read..."},
		{`const a = new Response('x'); await a.text(); return await new Response(a.body).text()`, "throws TypeError: Response: the ReadableStream is locked or..."},
		{`const a = new Response('x'); const r = a.body.getReader(); return a.bodyUsed + '' + a.body.locked + (await r.read()).value + (await r.read()).done + a.bodyUsed`, "falsetrue120truetrue"},
		{`const a = new Response('x'); await a.text(); const r = a.body.getReader(); return (await r.read()).done`, "true"},
		{`const a = new Response('x'); a.body.getReader(); return await a.text()`, "throws TypeError: text: the body's stream is locked..."},
		{`const a = new Response('xyz'); const b = a.clone(); return await a.text() + await b.text()`, "xyzxyz"},
		{`const a = new Response('xyz'); a.body; const b = a.clone(); return await a.text() + await b.text()`, "xyzxyz"},
		{`const a = new Response('xyz'); a.body.locked; const b = a.clone(); return await a.text() + await b.text()`, "xyzxyz"},
		{`const a = new Response('xyz'); const [x, y] = a.body.tee(); return await new Response(x).text() + await new Response(y).text()`, "xyzxyz"},
		{`const a = new Response('xyz'); await a.body.cancel(); return a.bodyUsed`, "true"},
		{`const a = new Response('xyz'); return await new Response(a.body.pipeThrough(new TransformStream())).text()`, "xyz"},
		{`return await new Request('http://a/', {method: 'POST', body: new Response('xyz').body, duplex: 'half'}).text()`, "xyz"},
		{`return await new Blob(['xyz']).stream().getReader().read().then(r => r.value.length)`, "3"},
		{`return new Response(null).body`, "null"},
		{`return await new Response('').body.getReader().read().then(r => r.done)`, "true"},
		{`const a = new Response('x'); a.body; a.body; return await a.text()`, "x"},
	})
}

// What is answered cannot be changed afterwards: bytes are copied for each answer, those of a Blob, which nobody can
// change, are shared.
func TestBody_bytesOfAnAnswer(t *testing.T) {
	r, _ := newTestRealm(t)
	v, err := r.VM.RunString(`
		const bytes = new Uint8Array([120]), kept = new Blob([bytes]), early = new Response(bytes)
		bytes[0] = 121;
		[early, new Response(bytes), new Response(kept), new Response(kept)]`)
	if err != nil {
		t.Fatal(err)
	}
	var data [4][]byte
	for i := range data {
		s, ok := half[*response](v.ToObject(r.VM).Get(strconv.Itoa(i)).ToObject(r.VM))
		if !ok {
			t.Fatalf("%d is no response", i)
		}
		data[i] = s.content().data
	}
	if got := string(bytes.Join(data[:], nil)); got != "xyxx" {
		t.Errorf("the bodies are %q, want xyxx", got)
	}
	if &data[2][0] != &data[3][0] {
		t.Error("the bytes of a Blob are copied for each answer")
	}
}

func BenchmarkBody_passedOn(b *testing.B) {
	r, _ := newTestRealm(b)
	f, err := r.VM.RunString(`(() => { const a = new Response('body'); return new Response(a.body, a) })`)
	if err != nil {
		b.Fatal(err)
	}
	must(r.VM.Set("f", f))
	loop, err := r.VM.RunString(`(n) => { for (let i = 0; i < n; i++) f() }`)
	if err != nil {
		b.Fatal(err)
	}
	run, _ := goja.AssertFunction(loop)
	b.ReportAllocs()
	b.ResetTimer()
	if _, err := run(goja.Undefined(), r.VM.ToValue(b.N)); err != nil {
		b.Fatal(err)
	}
}
