package web

import "testing"

func TestStructuredClone(t *testing.T) {
	expect(t, [][2]string{
		{`return JSON.stringify(structuredClone({a: [1, , 'x', null, undefined], b: {c: true}}))`, `{"a":[1,null,"x",null,null],"b":{"c":true}}`},
		{`const a = structuredClone([1, , 3]); return a.length + String(1 in a)`, "3false"},
		{`const a = []; a.length = 4e9; a.x = 1; const b = structuredClone(a); return b.length + b.x`, "4000000001"},
		{`const o = {}; o.self = o; const c = structuredClone(o); return c !== o && c.self === c`, "true"},
		{`const d = structuredClone(new Date(7)); return d instanceof Date && +d`, "7"},
		{`return String(structuredClone(new Date(NaN)))`, "Invalid Date"},
		{`const r = /a\/b/gi; r.lastIndex = 3; const c = structuredClone(r); return String(c) + c.lastIndex`, `/a\/b/gi0`},
		{`const m = new Map([[{k: 1}, new Set([1, 'a'])]]); const c = structuredClone(m); const [[k, v]] = [...c]; return k.k + [...v].join() + (c instanceof Map)`, "11,atrue"},
		{`const m = new Map; m.set(m, m); const c = structuredClone(m); return c.get(c) === c && c.size`, "1"},
		{`const e = new RangeError('m', {cause: {x: 1}}), c = structuredClone(e); return [c instanceof RangeError, c.name, c.message, c.cause.x, c.stack === e.stack, Object.keys(c).length].join()`, "true,RangeError,m,1,true,0"},
		{`class My extends Error {} const c = structuredClone(new My('m')); return [c.constructor === Error, c.message].join()`, "true,m"},
		{`const e = new Error; e.name = 'Mine'; return structuredClone(e).name`, "Error"},
		{`const u = new Uint16Array([1, 2, 3]).subarray(1), d = new DataView(u.buffer, 2, 2); const c = structuredClone({u, d}); return [c.u.join(), c.u.byteOffset, c.u.buffer === c.d.buffer, c.u.buffer !== u.buffer, c.d.getUint16(0, true), c.u.constructor.name].join(';')`, "2,3;2;true;true;2;Uint16Array"},
		{`const b = new Uint8Array([1, 2]).buffer, c = structuredClone(b, {transfer: [b]}); return b.byteLength + '' + c.byteLength`, "02"},
		{`const u = new Uint8Array([1, 2]), c = structuredClone({u}, {transfer: [u.buffer]}); return u.length + '' + c.u.join()`, "01,2"},
		{`const c = structuredClone([Object(1), Object('s'), Object(false), Object(2n), -0, 3n]); return c.map(v => typeof v).join() + String(c[0] + 0) + c[3] + Object.is(c[4], -0)`, "object,object,object,object,number,bigint12true"},
		{`const f = structuredClone(new File(['x'], 'n', {type: 'a/b', lastModified: 3})); return [f.name, f.type, f.lastModified, await f.text()].join()`, "n,a/b,3,x"},
		{`const e = structuredClone(new DOMException('m', 'AbortError')); return [e instanceof DOMException, e.name, e.message].join()`, "true,AbortError,m"},
		{`const e = new DOMException('m', 'X'); return structuredClone(e).stack === e.stack`, "true"},
		{`class P { constructor() { this.a = 1 } get b() { return 2 } } const c = structuredClone(new P); return JSON.stringify(c) + (c.constructor === Object)`, `{"a":1}true`},
		{`return JSON.stringify(structuredClone(JSON.parse('{"__proto__": 1}')))`, `{"__proto__":1}`},
		{`const o = {get a() { delete this.b; return 1 }, b: 2}; return JSON.stringify(structuredClone(o))`, `{"a":1}`},
		{`structuredClone({get a() { throw new TypeError('mine') }})`, "throws TypeError: mine"},
		{`return structuredClone(undefined)`, "undefined"},
		{`structuredClone()`, "throws TypeError: structuredClone: 1 argument(s) required..."},
	})
}

func TestStructuredClone_refuses(t *testing.T) {
	expect(t, [][2]string{
		{`structuredClone(() => {})`, "throws DataCloneError: structuredClone: function cannot be cloned"},
		{`structuredClone({a: [{go() {}}]})`, "throws DataCloneError: structuredClone: function go at .a.0.go cannot be cloned"},
		{`structuredClone(Symbol('x'))`, "throws DataCloneError: structuredClone: Symbol(x) cannot be cloned"},
		{`structuredClone(new Proxy({}, {}))`, "throws DataCloneError: structuredClone: a Proxy cannot..."},
		{`structuredClone(Promise.resolve())`, "throws DataCloneError: structuredClone: a Promise cannot..."},
		{`structuredClone(new WeakMap)`, "throws DataCloneError: structuredClone: a WeakMap cannot..."},
		{`structuredClone([].values())`, "throws DataCloneError: structuredClone: a Array Iterator cannot..."},
		{`structuredClone(Object(Symbol()))`, "throws DataCloneError: structuredClone: a Symbol cannot..."},
		{`structuredClone(globalThis)`, "throws DataCloneError: structuredClone: the global object cannot..."},
		{`structuredClone(new Headers)`, "throws DataCloneError: structuredClone: a Headers cannot..."},
		{`structuredClone(1, {transfer: [{}]})`, "throws DataCloneError: structuredClone: transfer has an object..."},
		{`const b = new ArrayBuffer(1); structuredClone(1, {transfer: [b, b]})`, "throws DataCloneError: structuredClone: transfer has the same object twice..."},
		{`const b = new ArrayBuffer(1); structuredClone(b, {transfer: [b]}); structuredClone(b)`, "throws DataCloneError: structuredClone: a detached ArrayBuffer cannot..."},
		{`const b = new ArrayBuffer(1); structuredClone(b, {transfer: [b]}); structuredClone(1, {transfer: [b]})`, "throws DataCloneError: structuredClone: a detached ArrayBuffer cannot..."},
		{`let o = {}; for (let i = 0; i < 1e5; i++) o = {o}; structuredClone(o)`, "throws DataCloneError: structuredClone: a value that nests deeper..."},
		{`structuredClone(1, 1)`, "throws TypeError: structuredClone: the options must be an object..."},
	})
}
