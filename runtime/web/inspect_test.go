package web

import (
	"strings"
	"testing"
)

// logged runs code and returns what it wrote to the console.
func logged(t *testing.T, code string) string {
	t.Helper()
	r, h := newTestRealm(t)
	if out := evalIn(t, r, h, code); out != "undefined" {
		t.Errorf("%s\n %s", code, out)
	}
	return strings.Join(h.lines, "\n")
}

// expectLog compares what each piece of code logs.
func expectLog(t *testing.T, cases [][2]string) {
	t.Helper()
	for _, c := range cases {
		if got := logged(t, c[0]); got != c[1] {
			t.Errorf("%s\n got  %s\n want %s", c[0], got, c[1])
		}
	}
}

func TestInspect_notation(t *testing.T) {
	expectLog(t, [][2]string{
		{`console.log(1, -0, 'a', true, null, undefined, 10n, Symbol('x'))`, `1 -0 a true null undefined 10n Symbol(x)`},
		{`console.log({a: 1, 'b-c': 'x', [Symbol('s')]: 1, f() {}})`, `{ a: 1, 'b-c': 'x', f: [Function: f], [Symbol(s)]: 1 }`},
		{`console.log([1, "it's", [1, [2, [3]]]], [,,1,,])`, `[ 1, "it's", [ 1, [ 2, [Array] ] ] ] [ <2 empty items>, 1, <1 empty item> ]`},
		{`console.log({a: {b: {c: {d: 1}}}})`, `{ a: { b: { c: [Object] } } }`},
		{`console.log(new Map([['a', {x: 1}]]), new Set([1, 'a']), new Map)`, `Map(1) { 'a' => { x: 1 } } Set(2) { 1, 'a' } Map(0) {}`},
		{`class Foo { x = 1; #p = 2 }; console.log(new Foo, Foo, class extends Foo {})`, `Foo { x: 1 } [class Foo] [class (anonymous) extends Foo]`},
		{`const o = {a: 1}; o.self = o; console.log(o)`, `<ref *1> { a: 1, self: [Circular *1] }`},
		{`console.log(() => {}, async function g() {}, function* h() {})`, `[Function (anonymous)] [AsyncFunction: g] [GeneratorFunction: h]`},
		{`console.log(new Date(0), new Date(NaN), /a+/g, Object.create(null))`, `1970-01-01T00:00:00.000Z Invalid Date /a+/g [Object: null prototype] {}`},
		{`console.log(Promise.resolve(1), new Promise(() => {}), new WeakMap)`, `Promise { 1 } Promise { <pending> } WeakMap { <items unknown> }`},
		{`console.log(new Uint8Array([1, 2]), new ArrayBuffer(2))`, `Uint8Array(2) [ 1, 2 ] ArrayBuffer { [Uint8Contents]: <00 00>, byteLength: 2 }`},
		{`console.log([new Number(1), new String('abc'), Object(1n)])`, `[ [Number: 1], [String: 'abc'], [BigInt: 1n] ]`},
		{`console.log({a: 'x'.repeat(50), b: 'y'.repeat(30)})`, "{\n  a: '" + strings.Repeat("x", 50) + "',\n  b: '" + strings.Repeat("y", 30) + "'\n}"},
		{`console.log(Array.from({length: 10}, (_, i) => i * 7))`, "[\n   0,  7, 14, 21, 28,\n  35, 42, 49, 56, 63\n]"},
		{`console.log(Array(102).fill('abc'))`, "[\n" + strings.Repeat("  'abc', 'abc', 'abc', 'abc', 'abc', 'abc', 'abc', 'abc',\n", 12) +
			"  'abc', 'abc', 'abc', 'abc',\n  ... 2 more items\n]"},
	})
}

func TestInspect_platformObjects(t *testing.T) {
	expectLog(t, [][2]string{
		{`console.log(new Headers({A: '1', 'x-y': '2'}))`, `Headers { a: '1', 'x-y': '2' }`},
		{`console.log(new DOMException('m', 'AbortError').name)`, `AbortError`},
		{`class H extends Headers {}; console.log(new H)`, `H {}`},
	})
	for _, c := range [][2]string{
		{`console.log(new Response('x', {status: 404}))`, "status: 404"},
		{`console.log(new Request('http://a.b/c'))`, "url: 'http://a.b/c'"},
		{`console.log(new URL('http://a.b/c?d'))`, "href: 'http://a.b/c?d'"},
		{`console.log(new URLSearchParams('a=1'))`, "'a' => '1'"},
		{`console.log(crypto.subtle, navigator)`, "SubtleCrypto {} Navigator {"},
		{`console.log(new DOMException('gone', 'AbortError'))`, "DOMException [AbortError: gone]"},
		{`console.log(new TypeError('bad', {cause: new Error('deep')}))`, "[cause]: Error: deep\n"},
		{`class MyError extends Error {}; console.log(new MyError('m'))`, "MyError: m\n    at "},
		{`console.log(new AggregateError([new Error('one')], 'many'))`, "Error: one"},
	} {
		if got := logged(t, c[0]); !strings.Contains(got, c[1]) || strings.Contains(got, "fortuna.slot") {
			t.Errorf("%s\n got  %s\n want it to contain %s", c[0], got, c[1])
		}
	}
}

// What is logged must not act: no getter, no trap and no conversion of the program may run.
func TestInspect_runsNoCode(t *testing.T) {
	expectLog(t, [][2]string{
		{`console.log({get a() { throw 1 }, set a(v) {}, get b() { throw 2 }, set c(v) {}})`, `{ a: [Getter/Setter], b: [Getter], c: [Setter] }`},
		{`const trap = () => { throw 1 };
		  console.log(new Proxy({a: 1}, {get: trap, has: trap, ownKeys: trap, getOwnPropertyDescriptor: trap, getPrototypeOf: trap}))`, `{ a: 1 }`},
		{`const p = new Proxy({}, {get() { throw 1 }, getPrototypeOf() { throw 1 }, getOwnPropertyDescriptor() { throw 1 }});
		  console.log(Object.setPrototypeOf({a: 1}, p))`, `[Object: null prototype] { a: 1 }`},
		{`const {proxy, revoke} = Proxy.revocable({}, {}); revoke(); console.log(proxy)`, `<Revoked Proxy>`},
		{`console.log({toString() { throw 1 }, toJSON() { throw 2 }, [Symbol.toPrimitive]() { throw 3 }})`,
			"{\n  toString: [Function: toString],\n  toJSON: [Function: toJSON],\n  [Symbol(Symbol.toPrimitive)]: [Function: [Symbol.toPrimitive]]\n}"},
		{`console.log('%s %d', {toString() { throw 1 }}, {valueOf() { throw 1 }})`, `{ toString: [Function: toString] } NaN`},
		{`class X { get [Symbol.toStringTag]() { throw 1 } static get name() { throw 1 } }; console.log(new X)`, `{}`},
		{`Object.defineProperty(Object.prototype, 'get', {get() { throw 1 }, configurable: true}); console.log({a: 1})`, `{ a: 1 }`},
		{`console.log({constructor: {name: 'Fake'}})`, `Fake { constructor: { name: 'Fake' } }`},
		{`const e = new Error('x'); Object.defineProperty(e, 'stack', {get() { throw 1 }}); console.log(e)`, `[Error: x]`},
	})
}

func TestInspect_isBounded(t *testing.T) {
	for _, code := range []string{
		`console.log('x'.repeat(1e6))`,
		`console.log({a: 'x'.repeat(1e6)})`,
		`console.log(Array(100).fill('y'.repeat(5000)))`,
		`const o = {}; for (let i = 0; i < 5000; i++) o['key' + i] = 'v'.repeat(100); console.log(o, o, o)`,
		`console.log('%s%s', 'a'.repeat(1e6), 'b'.repeat(1e6))`,
		`const a = []; a[4e9] = 1; console.log(a)`,
		`const a = []; a.length = 4294967295; console.log(a)`,
		`console.log(2n ** 1000000n)`,
		`let o = {}; for (let i = 0; i < 1e5; i++) o = {o}; console.log(o); console.dir(o, {depth: null})`,
		`let p = {}; for (let i = 0; i < 1e4; i++) p = new Proxy(p, {}); console.log(p)`,
		`let e = new Error('0'); for (let i = 0; i < 1000; i++) e = new Error(i, {cause: e}); console.log(e)`,
		`console.log(new Map(Array.from({length: 5000}, (_, i) => [i, 'z'.repeat(1000)])))`,
		`let w = [1]; for (let i = 0; i < 40; i++) w = [w, w]; console.dir(w, {depth: 50})`,
		`console.table(Array.from({length: 3000}, () => ({a: 'q'.repeat(1000)})))`,
		`for (let i = 0; i < 500; i++) console.group(); console.log('a\n'.repeat(1000))`,
		`console.log(new Uint8Array(1e6), new ArrayBuffer(1e6), new Set(Array(1e5).keys()))`,
	} {
		r, h := newTestRealm(t)
		evalIn(t, r, h, code)
		if len(h.lines) == 0 {
			t.Errorf("%s: logged nothing", code)
		}
		for _, l := range h.lines {
			if len(l) > ConsoleLineBytesMax+16 {
				t.Errorf("%s: a line of %d bytes", code, len(l))
			}
		}
	}
}
