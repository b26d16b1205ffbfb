package web

import (
	"strings"
	"testing"

	"github.com/dop251/goja"
)

func TestReadableStream(t *testing.T) {
	expect(t, [][2]string{
		{`const s = new ReadableStream({ start(c) { c.enqueue('a'); c.enqueue('b'); c.close() } })
		  const r = s.getReader(), out = []
		  for (let x; !(x = await r.read()).done;) out.push(x.value)
		  return out.join() + s.locked`, "a,btrue"},
		{`let n = 0; const s = new ReadableStream({ pull(c) { c.enqueue(++n); if (n === 3) c.close() } }, { highWaterMark: 0 })
		  const it = s.values(), out = []
		  for (let x; !(x = await it.next()).done;) out.push(x.value)
		  return out.join() + s.locked`, "1,2,3false"},
		{`const r = ReadableStream.from([1, Promise.resolve(2)]).getReader()
		  return [(await r.read()).value, (await r.read()).value, (await r.read()).done].join()`, "1,2,true"},
		{`const [a, b] = ReadableStream.from(['x']).tee()
		  return (await a.getReader().read()).value + (await b.getReader().read()).value`, "xx"},
		{`let why; const s = new ReadableStream({ cancel(r) { why = r } }); await s.cancel('enough'); return why`, "enough"},
		{`await new ReadableStream({ start(c) { c.error(new RangeError('no')) } }).getReader().read()`, "throws RangeError: no"},
		{`new ReadableStream(1)`, "throws TypeError: ReadableStream: the underlying source must be an object, got a number"},
		{`new ReadableStream({ type: 'other' })`, `throws TypeError: the type of an underlying source must be "bytes" or undefined, got "other"`},
		{`const s = new ReadableStream; s.getReader(); s.getReader()`, "throws TypeError: getReader: the stream is locked"},
		{`ReadableStream.prototype.getReader.call({})`, "throws TypeError: getReader: illegal invocation..."},
		{`new ReadableStreamDefaultController()`, "throws TypeError: Illegal constructor..."},
	})
}

func TestReadableStream_bytes(t *testing.T) {
	expect(t, [][2]string{
		{`const s = new ReadableStream({ type: 'bytes', pull(c) { const v = c.byobRequest.view; v[0] = 7; c.byobRequest.respond(1) } })
		  const r = s.getReader({ mode: 'byob' }), given = new Uint8Array(4)
		  const { value } = await r.read(given)
		  return value.length + '.' + value[0] + '.' + value.buffer.byteLength + '.' + given.byteLength`, "1.7.4.0"},
		{`const s = new ReadableStream({ type: 'bytes', start(c) { c.enqueue(new Uint8Array([1, 2, 3])); c.close() } })
		  const r = s.getReader({ mode: 'byob' })
		  const a = await r.read(new Uint8Array(2)), b = await r.read(new Uint8Array(2)), c = await r.read(new Uint8Array(2))
		  return [a.value, b.value, c.done].join('|')`, "1,2|3|true"},
		{`const s = new ReadableStream({ type: 'bytes', start(c) { c.enqueue(new Uint8Array([1])); c.enqueue(new Uint8Array([2, 3])) } })
		  return (await s.getReader({ mode: 'byob' }).read(new Uint8Array(8), { min: 3 })).value.join()`, "1,2,3"},
		{`const s = new ReadableStream({ type: 'bytes', autoAllocateChunkSize: 8, pull(c) { c.byobRequest.view[0] = 5; c.byobRequest.respond(1) } })
		  return (await s.getReader().read()).value.join()`, "5"},
		{`const [a, b] = new ReadableStream({ type: 'bytes', start(c) { c.enqueue(new Uint8Array([9])) } }).tee()
		  const x = (await a.getReader().read()).value, y = (await b.getReader({ mode: 'byob' }).read(new Uint8Array(1))).value
		  return x[0] + y[0] + String(x.buffer === y.buffer)`, "18false"},
		{`new ReadableStream({ type: 'bytes', start(c) { c.enqueue('text') } })`,
			"throws TypeError: enqueue: the chunk must be an ArrayBufferView (a Uint8Array, say), got a string"},
		{`new ReadableStream().getReader({ mode: 'byob' })`, "throws TypeError: getReader: a byob reader needs a byte stream..."},
	})
}

func TestWritableStream(t *testing.T) {
	expect(t, [][2]string{
		{`const got = []; const s = new WritableStream({ write(x) { got.push(x) }, close() { got.push('end') } })
		  const w = s.getWriter(); w.write(1); w.write(2); await w.close(); return got.join()`, "1,2,end"},
		{`const w = new WritableStream({}, { highWaterMark: 2 }).getWriter(); w.write(1); return w.desiredSize`, "1"},
		{`let why; const s = new WritableStream({ abort(r) { why = r } }); await s.abort('stop'); return why`, "stop"},
		{`let c; const s = new WritableStream({ start(x) { c = x } }); s.abort('stop'); return c.signal.aborted + c.signal.reason`, "truestop"},
		{`let c; const s = new WritableStream({ start(x) { c = x } }); const { signal } = c; s.abort('now'); return signal.reason`, "now"},
		{`const w = new WritableStream({ write() { throw new RangeError('full') } }).getWriter(); await w.write(1)`, "throws RangeError: full"},
		{`new WritableStream({ type: 'bytes' })`, "throws RangeError: WritableStream: the type..."},
	})
}

func TestPipe(t *testing.T) {
	expect(t, [][2]string{
		{`const got = []
		  await ReadableStream.from([1, 2, 3]).pipeTo(new WritableStream({ write(x) { got.push(x) } }))
		  return got.join()`, "1,2,3"},
		{`const double = new TransformStream({ transform(x, c) { c.enqueue(x * 2) }, flush(c) { c.enqueue('end') } })
		  const out = []
		  await ReadableStream.from([1, 2]).pipeThrough(double).pipeTo(new WritableStream({ write(x) { out.push(x) } }))
		  return out.join()`, "2,4,end"},
		{`const a = new AbortController(); let cancelled, aborted
		  const p = new ReadableStream({ cancel(r) { cancelled = r } }).pipeTo(new WritableStream({ abort(r) { aborted = r } }), { signal: a.signal })
		  a.abort('enough')
		  try { await p } catch (e) { return [e, cancelled, aborted].join() }`, "enough,enough,enough"},
		{`const t = new TransformStream({ transform() { throw new RangeError('bad') } })
		  await ReadableStream.from([1]).pipeThrough(t).getReader().read()`, "throws RangeError: bad"},
	})
}

func TestStreams_lookLikePlatformClasses(t *testing.T) {
	expect(t, [][2]string{
		{`return Object.keys(ReadableStream.prototype).join()`, "locked,cancel,getReader,pipeThrough,pipeTo,tee,values"},
		{`return [ReadableStream, WritableStream, TransformStream, CountQueuingStrategy].map((c) => c.name + c.length).join()`,
			"ReadableStream0,WritableStream0,TransformStream0,CountQueuingStrategy1"},
		{`return String(new ReadableStream) + String(new ReadableStream().values())`, "[object ReadableStream][object ReadableStream AsyncIterator]"},
		{`return Object.getOwnPropertyDescriptor(globalThis, 'ReadableStream') === undefined && ReadableStream && Object.getOwnPropertyDescriptor(globalThis, 'ReadableStream').enumerable`, "false"},
		{`return Object.getOwnPropertyNames(new ReadableStream).length + Object.getOwnPropertySymbols(new ReadableStream).length`, "0"},
		{`class S extends ReadableStream { two() { return 2 } } return new S().two() + String(new S() instanceof ReadableStream)`, "2true"},
	})
}

func TestReadAll(t *testing.T) {
	for code, want := range map[string]string{
		`ReadableStream.from([new Uint8Array([65]), new Uint8Array([66, 67]).buffer])`: "ABC",
		`new ReadableStream({ start(c) { c.close() } })`:                               "",
		`ReadableStream.from(['text'])`:                                                "TypeError: the body's stream: a chunk must be a Uint8Array, got a string; encode it with TextEncoder...",
		`ReadableStream.from([1])`:                                                     "TypeError: the body's stream: a chunk must be a Uint8Array, got a number",
		`ReadableStream.from([new Uint8Array(9)])`:                                     "TypeError: the body's stream is longer than its limit, eight bytes",
		`(() => { const s = new ReadableStream; s.getReader(); return s })()`:          "TypeError: getReader: the stream is locked",
	} {
		r, h := newTestRealm(t)
		must(r.VM.Set("read", func(c goja.FunctionCall) goja.Value {
			return r.readAtMost(c.Argument(0).(*goja.Object), 8, "eight bytes")
		}))
		got := evalIn(t, r, h, `try { return String.fromCharCode(...await read(`+code+`)) } catch (e) { return String(e) }`)
		if prefix, cut := strings.CutSuffix(want, "..."); got != want && (!cut || !strings.HasPrefix(got, prefix)) {
			t.Errorf("%s\n got  %s\n want %s", code, got, want)
		}
	}
}

func TestReadableOf(t *testing.T) {
	r, h := newTestRealm(t)
	stream, _ := r.readableOf([]byte("hello"))
	must(r.VM.Set("s", stream))
	got := evalIn(t, r, h, `const [a, b] = s.tee(); const f = async (x) => String.fromCharCode(...(await x.read()).value)
		const ra = a.getReader(), rb = b.getReader()
		return [await f(ra), await f(rb), (await ra.read()).done, (await rb.read()).done].join()`)
	if want := "hello,hello,true,true"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	stream, _ = r.readableOf(nil)
	must(r.VM.Set("s", stream))
	if got := evalIn(t, r, h, `return (await s.getReader({ mode: 'byob' }).read(new Uint8Array(1))).done`); got != "true" {
		t.Errorf("byob read of nothing: done is %s", got)
	}
}

func TestReadableFrom_pullsOnlyWhenAsked(t *testing.T) {
	r, h := newTestRealm(t)
	pulls, cancelled := 0, ""
	must(r.VM.Set("s", r.readableFrom(byteSource{
		pull: func(push func([]byte), _ func()) goja.Value {
			pulls++
			push([]byte{byte(pulls)})
			return goja.Undefined()
		},
		cancel: func(reason goja.Value) goja.Value { cancelled = reason.String(); return goja.Undefined() },
	})))
	got := evalIn(t, r, h, `const r = s.getReader(); const a = (await r.read()).value[0], b = (await r.read()).value[0]
		await r.cancel('enough'); return a + b`)
	if got != "3" || pulls != 2 || cancelled != "enough" {
		t.Errorf("got %s after %d pulls, cancelled %q", got, pulls, cancelled)
	}
}

func TestStreams_areNotThereUnlessMentioned(t *testing.T) {
	r, h := newTestRealm(t)
	if got := evalIn(t, r, h, `return typeof Headers`); got != "function" || r.built[streamsKit.index] != nil {
		t.Errorf("Headers is %s; streams were built: %v", got, r.built[streamsKit.index] != nil)
	}
	if r.isReadable(r.VM.NewObject()) || r.built[streamsKit.index] != nil {
		t.Error("asking about an object built the streams")
	}
}

func BenchmarkStreams_firstMention(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		New(goja.New(), &testHost{t: b}, Options{Unmentioned: Unmentioned("")}).streams()
	}
}

func BenchmarkPipe(b *testing.B) {
	r, h := newTestRealm(b)
	b.ReportAllocs()
	for b.Loop() {
		evalIn(b, r, h, `let n = 0
			const s = new ReadableStream({ pull(c) { if (++n > 100) c.close(); else c.enqueue(n) } })
			await s.pipeThrough(new TransformStream()).pipeTo(new WritableStream({ write() {} }))`)
	}
}
