package web

import (
	"testing"

	"github.com/dop251/goja"
)

func TestLanguage(t *testing.T) {
	expect(t, [][2]string{
		{`return [Symbol.asyncIterator, Symbol.dispose, Symbol.asyncDispose].map(String).join()`,
			"Symbol(Symbol.asyncIterator),Symbol(Symbol.dispose),Symbol(Symbol.asyncDispose)"},
		{`return JSON.stringify(Object.groupBy([1, 2, 3], (x) => x % 2 ? 'odd' : 'even'))`, `{"odd":[1,3],"even":[2]}`},
		{`return Object.getPrototypeOf(Object.groupBy([], String))`, "null"},
		{`const k = {}; return Map.groupBy([1, 2], () => k).get(k).join()`, "1,2"},
		{`Object.groupBy(null, String)`, "throws TypeError: Object.groupBy: the items must be iterable, got null"},
		{`const { promise, resolve } = Promise.withResolvers(); resolve(5); return await promise`, "5"},
		{`return await Promise.try((a) => a + 1, 1)`, "2"},
		{`await Promise.try(() => { throw new RangeError('x') })`, "throws RangeError: x"},
		{`return (await Array.fromAsync([1, Promise.resolve(2)], (x) => x * 2)).join()`, "2,4"},
		{`return (await Array.fromAsync({ length: 2, 0: 'a', 1: 'b' })).join()`, "a,b"},
		{`return (await Array.fromAsync(ReadableStream.from(['x', 'y']))).join()`, "x,y"},
		{`return 'a\ud800'.isWellFormed() + '' + 'a\ud83d\ude00'.isWellFormed() + 'x\udc00y'.toWellFormed()`, "falsetruex\ufffdy"},
		{`return RegExp.escape('foo.bar-1 $')`, `\x66oo\.bar\x2d1\x20\$`},
		{`return new RegExp('^' + RegExp.escape('(a+b)\n\u2028') + '$').test('(a+b)\n\u2028')`, "true"},
		{`const o = {}; Error.captureStackTrace(o); return typeof o.stack`, "string"},
		{`return Math.sumPrecise([1e308, 1e308, -1e308, -1e308, 0.1, 0.2])`, "0.30000000000000004"},
		{`return Object.is(Math.sumPrecise([]), -0) + String(Math.sumPrecise([Infinity, -Infinity]))`, "trueNaN"},
		{`const a = new Uint8Array([1, 2]).buffer, b = a.transfer(3); return a.detached + [...new Uint8Array(b)].join()`, "true1,2,0"},
		{`return Uint8Array.from('ab', (c) => c.charCodeAt(0)).join() + Int16Array.from([1, 2]) + Uint8Array.from.length`, "97,981,21"},
		{`new ArrayBuffer(1).transfer(-1)`, "throws RangeError: ArrayBuffer.prototype.transfer..."},
		{`const w = new WeakRef({ a: 1 }); return w.deref().a + String(w)`, "1[object WeakRef]"},
		{`const f = new FinalizationRegistry(() => {}), k = {}; f.register({}, 1, k); return f.unregister(k) + String(f.unregister(k))`, "truefalse"},
		{`return [Object.groupBy, Array.fromAsync, Promise.try, ''.isWellFormed].map((f) => f.name + f.length).join()`,
			"groupBy2,fromAsync1,try1,isWellFormed0"},
		{`return Object.getOwnPropertyDescriptor(Map, 'groupBy').enumerable`, "false"},
	})
}

func TestIteratorHelpers(t *testing.T) {
	expect(t, [][2]string{
		{`return [1, 2, 3].values().map((x) => x * 2).filter((x) => x > 2).toArray().join()`, "4,6"},
		{`function* n() { for (let i = 0;; i++) yield i } return n().drop(2).take(3).toArray().join()`, "2,3,4"},
		{`return [1, 2].values().flatMap((x) => [x, x]).reduce((a, b) => a + b)`, "6"},
		{`return [1, 2].values().some((x) => x === 2) + String([1].values().every((x) => x > 1)) + new Set([5]).values().find((x) => x)`, "truefalse5"},
		{`let s = ''; new Map([['a', 1]]).entries().forEach(([k, v], i) => { s += k + v + i }); return s`, "a10"},
		{`let closed = 0; function* g() { try { yield 1; yield 2 } finally { closed++ } }
		  const it = g().map((x) => x); it.next(); it.return(); return closed + String(it.next().done)`, "1true"},
		{`let closed = 0; function* g() { try { yield 1 } finally { closed++ } }
		  try { g().map(() => { throw 1 }).next() } catch {} return closed`, "1"},
		{`return Iterator.from({ next() { return { done: true } } }) instanceof Iterator`, "true"},
		{`class Two extends Iterator { n = 0; next() { return { value: this.n, done: this.n++ > 1 } } } return new Two().toArray().join()`, "0,1"},
		{`new Iterator`, "throws TypeError: Iterator is an abstract class: extend it"},
		{`[].values().map(1)`, "throws TypeError: Iterator.prototype.map: a function is needed, got number"},
		{`[].values().take(NaN)`, "throws RangeError: Iterator.prototype.take..."},
		{`[].values().reduce((a) => a)`, "throws TypeError: Iterator.prototype.reduce: the iterator is empty and there is no initial value"},
		{`return String([].values().map((x) => x)) + Iterator.prototype[Symbol.toStringTag]`, "[object Iterator Helper]Iterator"},
	})
}

func TestUnmentioned(t *testing.T) {
	all := Features(1<<len(features) - 1)
	if got := Unmentioned(`export default (q) => new Response("hi")`); got != all {
		t.Errorf("a plain handler is thought to mention %b", all&^got)
	}
	if got := Unmentioned(`h.get("transfer-encoding"); escapeHtml(s); try { f() } catch {}`); got != all {
		t.Errorf("look-alikes are thought to mention %b", all&^got)
	}
	for i, source := range []string{
		`Symbol.dispose`, `Object.groupBy(a)`, `Promise.withResolvers()`, `Array["fromAsync"](a)`, `s.toWellFormed()`, `RegExp.escape(s)`,
		`Error.captureStackTrace(e)`, `b.transfer()`, `Math.sumPrecise(a)`, `Uint8Array.from(s)`, `d.toLocaleDateString()`, `m.values().map(f)`,
	} {
		if Unmentioned(source)&(1<<i) != 0 {
			t.Errorf("%s does not lead to %q", source, features[i].name)
		}
	}
	r := New(goja.New(), &testHost{t: t}, Options{Unmentioned: all})
	v, err := r.VM.RunString(`typeof Object.groupBy + typeof Iterator + [1].values().map((x) => x + 1).toArray()`)
	if err != nil {
		t.Fatal(err)
	}
	if got := v.String(); got != "undefinedfunction2" {
		t.Errorf("with nothing mentioned: %s", got)
	}
}

func BenchmarkInstallLanguage(b *testing.B) {
	for name, source := range map[string]string{"everything": "", "handler": `export default (q) => new Response("hi")`} {
		b.Run(name, func(b *testing.B) {
			var opts Options
			if source != "" {
				opts.Unmentioned = Unmentioned(source)
			}
			b.ReportAllocs()
			for b.Loop() {
				installLanguage(&Realm{VM: goja.New(), opts: opts, built: make([]*built, len(classes))})
			}
		})
	}
}
