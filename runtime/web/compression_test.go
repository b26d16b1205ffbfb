package web

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"runtime"
	"testing"
	"time"
)

// gather is JavaScript for all bytes of a stream.
const gather = `const gather = async (stream) => {
	const out = [], r = stream.getReader()
	for (let x; !(x = await r.read()).done;) out.push(...x.value)
	return new Uint8Array(out)
};
const text = (b) => String.fromCharCode(...b), bytes = (s) => Uint8Array.from(s, (c) => c.charCodeAt(0));
const through = (t, ...chunks) => gather(ReadableStream.from(chunks).pipeThrough(t));
`

func TestCompression(t *testing.T) {
	var cases [][2]string
	for _, format := range []string{"gzip", "deflate", "deflate-raw"} {
		cases = append(cases,
			[2]string{gather + `return text(await through(new DecompressionStream('` + format + `'), await through(new CompressionStream('` + format + `'), bytes('hello '), bytes('there').buffer)))`, "hello there"},
			[2]string{gather + `const z = await through(new CompressionStream('` + format + `'), bytes('byte by byte'))
				return text(await through(new DecompressionStream('` + format + `'), ...[...z].map((b) => new Uint8Array([b]))))`, "byte by byte"},
			[2]string{gather + `return (await through(new DecompressionStream('` + format + `'), await through(new CompressionStream('` + format + `')))).length`, "0"},
			[2]string{gather + `const z = await through(new CompressionStream('` + format + `'), bytes('cut'))
				await through(new DecompressionStream('` + format + `'), z.slice(0, -1))`, "throws TypeError: DecompressionStream: the compressed data ended too early"},
			[2]string{gather + `const z = await through(new CompressionStream('` + format + `'), bytes('more'))
				await through(new DecompressionStream('` + format + `'), z, bytes('x'))`, "throws TypeError: DecompressionStream: there is data after the end..."},
		)
	}
	expect(t, append(cases, [][2]string{
		{gather + `await through(new DecompressionStream('gzip'), bytes('this is not gzip'))`, "throws TypeError: DecompressionStream: the compressed data is not valid..."},
		{gather + `await through(new CompressionStream('gzip'), 'text')`, "throws TypeError: a chunk must be an ArrayBuffer or a view of one, got a string"},
		{`new CompressionStream('br')`, `throws TypeError: CompressionStream: the format must be "gzip", "deflate" or "deflate-raw", got "br"`},
		{`new DecompressionStream()`, "throws TypeError: DecompressionStream: 1 argument(s) required, but only 0 present"},
		{`return Object.keys(CompressionStream.prototype).join() + String(new CompressionStream('gzip'))`, "readable,writable[object CompressionStream]"},
	}...))
}

func TestDecompression_isBounded(t *testing.T) {
	var z bytes.Buffer
	w, err := gzip.NewWriterLevel(&z, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 32<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, h := newTestRealm(t)
	must(r.VM.GlobalObject().Set("z", r.uint8Array(z.Bytes())))
	got := evalIn(t, r, h, `let n = 0
		try {
			await ReadableStream.from([z]).pipeThrough(new DecompressionStream('gzip')).pipeTo(new WritableStream({ write(b) { n += b.length } }))
		} catch (e) { return e.message + '|' + (n <= 17 << 20) }`)
	if want := fmt.Sprintf("DecompressionStream: the output is more than %d times the input|true", inflateRatioMax); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTextStreams(t *testing.T) {
	expect(t, [][2]string{
		{gather + `return (await through(new TextEncoderStream(), 'a\ud83d', '\ude00', '\ud800')).join()`, "97,240,159,152,128,239,191,189"},
		{`const out = []
		  await ReadableStream.from([new Uint8Array([0xe2, 0x82]), new Uint8Array([0xac])]).pipeThrough(new TextDecoderStream()).pipeTo(new WritableStream({ write(s) { out.push(s) } }))
		  return out.join('|')`, "€"},
		{`const d = new TextDecoderStream('utf-16le', { fatal: true }); return [d.encoding, d.fatal, d.ignoreBOM].join()`, "utf-16le,true,false"},
		{gather + `await through(new TextDecoderStream('utf-8', { fatal: true }), new Uint8Array([0xff]))`, "throws TypeError..."},
		{`return new TextEncoderStream().encoding`, "utf-8"},
	})
}

func TestDecompression_forgottenStreamsLeaveNothing(t *testing.T) {
	r, h := newTestRealm(t)
	before := runtime.NumGoroutine()
	evalIn(t, r, h, `for (let i = 0; i < 100; i++) new DecompressionStream('gzip').writable.getWriter().write(new Uint8Array([31])); return 1`)
	deadline := time.Now().Add(10 * time.Second)
	for runtime.NumGoroutine() > before+10 {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
		runtime.GC()
		runtime.Gosched()
	}
	runtime.KeepAlive(r)
}
