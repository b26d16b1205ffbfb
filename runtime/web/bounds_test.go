package web

import (
	"errors"
	"strings"
	"testing"

	"github.com/dop251/goja"
)

func TestBounds_ofContainers(t *testing.T) {
	expect(t, [][2]string{
		{`const h = new Headers; h.append('a', 'b'); h.forEach(h.append.bind(h, 'set-cookie'))`, "throws RangeError: Headers.append: there are 1000 fields already, which is the most; \"set-cookie\" does not fit"},
		{`const h = new Headers; for (;;) h.append('set-cookie', 'b')`, "throws RangeError: Headers.append: there are 1000 fields..."},
		{`new Headers(Array.from({length: 1001}, () => ['a', 'b']))`, "throws RangeError: Headers: there are 1000 fields..."},
		{`new Headers({a: 'x'.repeat(2 ** 20)})`, "throws RangeError: Headers: all names and values may have 1048576 bytes, and \"a\" would make it 1048577"},
		{`const h = new Headers({a: 'x'.repeat(2 ** 19)}); h.set('b', 'x'.repeat(2 ** 19))`, "throws RangeError: Headers.set: all names and values..."},
		{`const p = new URLSearchParams('a=b'); p.forEach(p.append.bind(p, 'a', 'b'))`, "throws RangeError: URLSearchParams.append: there may be 100000 pairs..."},
		{`const p = new URLSearchParams, s = 'x'.repeat(2 ** 20); for (;;) p.append(s, '')`, "throws RangeError: URLSearchParams.append: all names and values may have 8388608 bytes, got 9437184"},
		{`new URLSearchParams().set('a', 'x'.repeat(2 ** 23))`, "throws RangeError: URLSearchParams.set: all names..."},
		{`new URLSearchParams('a&'.repeat(100000))`, "throws RangeError: URLSearchParams: there may be 100000 pairs..."},
		{`new URL('http://h/?' + 'a&'.repeat(100000)).searchParams`, "throws RangeError: URL.searchParams: there may be 100000 pairs..."},
		{`new URLSearchParams(function* () { for (;;) yield ['a', 'b'] }())`, "throws RangeError: URLSearchParams: there may be 100000 pairs..."},
		{`new URLSearchParams([function* () { for (;;) yield 'a' }()])`, "throws TypeError: URLSearchParams: each element must be a pair..."},
		{`const p = new URLSearchParams; for (let i = 0; i < 20; i++) { p.append('a', 'x'.repeat(2 ** 20)); p.delete('a') } return p.size`, "0"},
		{`const f = new FormData; f.append('a', 'b'); f.forEach(() => f.append('x', 'y'))`, "throws RangeError: FormData.append: there are 10000 entries already, which is the most; \"x\" does not fit"},
		{`const f = new FormData, b = new Blob(['x'.repeat(2 ** 24)]); for (;;) f.append('a', b)`, "throws RangeError: FormData.append: a form may take 67108864 bytes, and \"a\" could make it..."},
		{`const f = new FormData, b = new Blob(['x'.repeat(2 ** 24)]); for (let i = 0; i < 10; i++) f.set('a', b); return f.getAll('a').length`, "1"},
	})
	body := strings.Repeat("a&", pairsMax)
	if _, err := parseForm("application/x-www-form-urlencoded", []byte(body)); err == nil {
		t.Errorf("a form with more than %d fields was read", pairsMax)
	}
}

func TestForEach_overNativeFunctionsCanBeInterrupted(t *testing.T) {
	r, _ := newTestRealm(t)
	calls := 0
	must(r.VM.Set("more", func(c goja.FunctionCall) goja.Value {
		if calls++; calls == 3 {
			r.VM.Interrupt("enough")
		}
		return goja.Undefined()
	}))
	_, err := r.VM.RunString(`new Headers([['a', ''], ['b', ''], ['c', ''], ['d', ''], ['e', '']]).forEach(more)`)
	var interrupted *goja.InterruptedError
	if !errors.As(err, &interrupted) || calls != 3 {
		t.Errorf("after %d calls: %v, want an interrupt after 3", calls, err)
	}
}

func TestHeaders_manyOfOneName(t *testing.T) {
	expect(t, [][2]string{
		{`const h = new Headers; for (let i = 0; i < 999; i++) h.append(i % 2 ? 'A' : 'a', ''+i); h.append('_', 'z'); return [h.get('a').length, [...h].length, [...h][1][1] === h.get('a'), h.get('a').slice(0, 10)].join('|')`, "4883|2|true|0, 1, 2, 3"},
		{`return JSON.stringify([...new Headers([['b','1'],['set-cookie','x'],['B','2'],['set-cookie','y'],['a','']])])`,
			`[["a",""],["b","1, 2"],["set-cookie","x"],["set-cookie","y"]]`},
		{`return JSON.stringify(new Headers([['a',''],['a',''],['a','x']]).get('a'))`, `", , x"`},
	})
}

func TestText_symbol(t *testing.T) {
	const refused = "throws TypeError: Cannot convert a Symbol value to a string"
	expect(t, [][2]string{
		{`new Headers().append(Symbol(), 'a')`, refused},
		{`new Headers().append('a', Symbol('x'))`, refused},
		{`new Headers().append('a', {toString() { return Symbol() }})`, refused},
		{`new Response(Symbol())`, refused},
		{`new Request(Symbol())`, refused},
		{`new URL(Symbol.iterator)`, refused},
		{`new URLSearchParams().has(Symbol())`, refused},
		{`new FormData().append('a', Object(Symbol()))`, refused},
		{`try { new Response(Symbol()) } catch (e) { return e instanceof TypeError }`, "true"},
		{`return new Headers({a: {toString() { return 1 }}}).get('a')`, "1"},
	})
}

func TestSlot_isHiddenAndConstant(t *testing.T) {
	expect(t, [][2]string{
		{`const h = new Headers({a: 1}), s = Object.getOwnPropertySymbols(h); const d = Object.getOwnPropertyDescriptor(h, s[0]); return [s.length, d.writable, d.enumerable, d.configurable].join()`, "1,false,false,false"},
		{`'use strict'; const h = new Headers; h[Object.getOwnPropertySymbols(h)[0]] = 1`, "throws TypeError: Cannot assign to read only property..."},
		{`const h = new Headers({a: 1}); delete h[Object.getOwnPropertySymbols(h)[0]]; return h.get('a')`, "1"},
		{`const copy = {...new Headers}; return Reflect.ownKeys(copy).length`, "0"},
		{`return Reflect.ownKeys(Object.assign({}, new Headers)).length`, "0"},
	})
}

func TestPlatform_survivesReplacedGlobals(t *testing.T) {
	expect(t, [][2]string{
		{`globalThis.Promise = null; return await new Response('a').text()`, "a"},
		{`delete globalThis.RangeError; delete globalThis.TypeError; new Response('', {status: 1})`, "throws RangeError: Response: status..."},
		{`delete globalThis.TypeError; new Response('', 1)`, "throws TypeError: Response: init..."},
		{`delete globalThis.Object; return new URLSearchParams({a: 1}).get('a')`, "1"},
		{`delete Array.prototype[Symbol.iterator]; return new URLSearchParams({a: 1}).get('a')`, "1"},
		{`delete Array.prototype.values; return new Headers({a: 1}).keys().next().value`, "a"},
		{`delete globalThis.Uint8Array; return (await new Response('a').bytes()).length`, "1"},
		{`delete globalThis.Error; return new DOMException('m').message`, "m"},
		{`delete globalThis.SyntaxError; JSON.parse('{')`, "throws TypeError: globalThis.SyntaxError is needed here, and the program has removed it"},
	})
}

func TestClass_edges(t *testing.T) {
	expect(t, [][2]string{
		{`Headers()`, "throws TypeError: Class constructor Headers cannot be invoked without 'new'"},
		{`Reflect.apply(Response, {}, [])`, "throws TypeError: Class constructor Response cannot be invoked without 'new'"},
		{`Response.call(new Response, 'x')`, "throws TypeError: Cannot redefine property..."},
		{`await Response.prototype.text.call({})`, "throws TypeError: text: illegal invocation..."},
		{`URLSearchParams.prototype.get.call(new Headers, 'a')`, "throws TypeError: get: illegal invocation..."},
		{`Headers.prototype.get.call(undefined, 'a')`, "throws TypeError: get: illegal invocation..."},
		{`Headers.prototype.get.call(new Proxy(new Headers, {}), 'a')`, "throws TypeError: get: illegal invocation..."},
		{`return [Headers, Request, Response, URL, URLSearchParams, FormData, Blob].map(c => c.prototype[Symbol.toStringTag]).join()`, "Headers,Request,Response,URL,URLSearchParams,FormData,Blob"},
		{`class R extends Response { get twice() { return this.status * 2 } } const r = new R('', {status: 201}); return [r.twice, r instanceof Response, r instanceof R, String(r)].join()`, "402,true,true,[object Response]"},
		{`const r = Reflect.construct(Response, ['x'], class extends Object {}); return [r instanceof Response, await Response.prototype.text.call(r)].join()`, "false,x"},
	})
}
