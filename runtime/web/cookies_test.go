package web

import (
	"fmt"
	"strings"
	"testing"

	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/edge/exchange"
)

func TestCookie(t *testing.T) {
	expect(t, [][2]string{
		{`return JSON.stringify(new Cookie('a', 'b'))`, `{"name":"a","value":"b","path":"/","secure":false,"sameSite":"lax","httpOnly":false,"partitioned":false}`},
		{`return JSON.stringify(new Cookie('a=b c; Domain=.Example.com; Max-Age=60; Expires=Fri, 07 Aug 2029 08:04:19 GMT; Secure; SameSite=NONE; HttpOnly; Partitioned'))`,
			`{"name":"a","value":"b c","domain":"example.com","path":"/","expires":"2029-08-07T08:04:19.000Z","maxAge":60,"secure":true,"sameSite":"none","httpOnly":true,"partitioned":true}`},
		{`return new Cookie({name: 'a', value: 'b', domain: 'X.y', path: '/q', maxAge: 1.9, expires: 1}).toString()`, `a=b; Domain=x.y; Path=/q; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=1; SameSite=Lax`},
		{`return [new Cookie({name: 'a'}).serialize(), new Cookie(new Cookie('a', 'b', {path: ''})), Cookie.from('a', 1, {sameSite: 'Strict'}), Cookie.parse('a="%41"; path=x')].join()`,
			`a=; Path=/; SameSite=Lax,a=b; SameSite=Lax,a=1; Path=/; SameSite=Strict,a=%22%2541%22; Path=/; SameSite=Lax`},
		{`const c = new Cookie('a', 'b'); c.value = ';'; c.domain = 'd.e'; c.path = ''; c.expires = new Date(0); c.maxAge = 0; c.secure = c.httpOnly = c.partitioned = 1; c.sameSite = 'none'; return [c, c.isExpired(), c.name]`,
			`a=%3B; Domain=d.e; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Secure; HttpOnly; Partitioned; SameSite=None,true,a`},
		{`const c = new Cookie('a', 'b', {domain: 'd', expires: 1, maxAge: 1, path: '/x'}); c.domain = c.expires = c.maxAge = null; c.path = undefined; return [c, c.domain, c.expires, c.maxAge, c.isExpired()].map(String)`,
			`a=b; Path=/; SameSite=Lax,null,undefined,undefined,false`},
		{`return [new Cookie('a', 'b', {expires: 1.5}).expires.getTime(), new Cookie('a', 'b', {expires: '2029-08-07T08:04:19Z'}).expires.toISOString(), new Cookie('a', 'b', {expires: -1}).expires instanceof Date, new Cookie('a', 'b', {expires: 1}).isExpired(), new Cookie('a', 'b', {expires: 1, maxAge: 1}).isExpired()]`,
			`1500,2029-08-07T08:04:19.000Z,true,true,false`},
		{`const c = new Cookie('a', 'b'); c.name = 'x'; return c.name + Object.prototype.toString.call(c)`, `a[object Cookie]`},
		{`class Mine extends Cookie { get twice() { return this.value + this.value } } return new Mine('a', 'b').twice`, `bb`},
		{`return Object.keys(Object.getOwnPropertyDescriptors(Cookie.prototype)).join()`, `constructor,name,value,domain,path,expires,maxAge,secure,sameSite,httpOnly,partitioned,isExpired,toString,serialize,toJSON`},

		{`new Cookie`, `throws TypeError: Cookie: 1 argument(s) required...`},
		{`Cookie('a', 'b')`, `throws TypeError: Class constructor Cookie cannot be invoked without 'new'`},
		{`new Cookie({})`, `throws TypeError: Cookie: the object must have a name`},
		{`new Cookie('a')`, `throws TypeError: Cookie: a cookie must begin with a name, "=" and a value, got "a"`},
		{`Cookie.parse('a b=c')`, `throws TypeError: Cookie.parse: name must be a token...`},
		{`Cookie.parse('a=b\nc')`, `throws TypeError: Cookie.parse: a cookie must not hold control characters, got '\n'`},
		{`new Cookie('a;', 'b')`, `throws TypeError: Cookie: name must be a token...`},
		{`new Cookie('a', 'b', 5)`, `throws TypeError: Cookie: the options must be an object, got a number`},
		{`new Cookie('a', 'b', {domain: 'a\r\nb'})`, `throws TypeError: Cookie: domain must be a host name...`},
		{`const c = new Cookie('a', 'b'); try { c.path = ';' } catch (e) { return e + c.path }`, `TypeError: Cookie.path: path must be of printable ASCII without ";", got ";"/`},
		{`new Cookie('a', 'b').sameSite = ''`, `throws TypeError: Cookie: sameSite must be...`},
		{`new Cookie('a', 'b').sameSite = 'x'`, `throws TypeError: Cookie.sameSite: sameSite must be "strict", "lax" or "none", got "x"`},
		{`new Cookie('a', 'b', {expires: NaN})`, `throws TypeError: Cookie: expires must be a Date or seconds since 1970, got NaN`},
		{`new Cookie('a', 'b', {expires: 1e300})`, `throws TypeError: Cookie: expires must be a Date or seconds since 1970...`},
		{`new Cookie('a', 'b', {expires: 8e12})`, `throws TypeError: Cookie: expires must be in the years 1601 to 9999, got...`},
		{`new Cookie('a', 'b', {expires: new Date(NaN)})`, `throws TypeError: Cookie: expires must be a valid Date, or seconds since 1970, got "Invalid Date"`},
		{`new Cookie('a', 'b', {expires: 'soon'})`, `throws TypeError: Cookie: expires must be a valid Date, or seconds since 1970, got "soon"`},
		{`new Cookie('a', 'b', {expires: new Proxy(new Date, {})})`, `throws ...`},
		{`new Cookie('a', 'b', {expires: Symbol()})`, `throws TypeError: Cannot convert a Symbol value to a string`},
		{`globalThis.Date = function() { throw 7 }; try { new Cookie('a', 'b', {expires: 'x'}) } catch (e) { return e }`, `7`},
		{`globalThis.Date = function() { return {} }; new Cookie('a', 'b', {expires: 'x'})`, `throws TypeError: Cookie: expires must be a valid Date...`},
		{`new Cookie('a', 'b', {maxAge: Infinity})`, `throws TypeError: Cookie: maxAge must be a number of seconds, got +Inf`},
		{`new Cookie('a', 'b', {maxAge: Symbol()})`, `throws TypeError...`},
		{`new Cookie('a', 'b', {maxAge: 5n})`, `throws TypeError...`},
		{`new Cookie('__Host-a', 'b').toString()`, `throws TypeError: Cookie.toString: "__Host-a" must be set with secure: true, or browsers drop it`},
		{`Cookie.prototype.toString.call({})`, `throws TypeError: toString: illegal invocation...`},
	})
}

func TestCookieMap(t *testing.T) {
	expect(t, [][2]string{
		{`const m = new CookieMap('a=1; b=%32; a=3'); return [m.size, m.get('a'), m.get('b'), m.get('c'), m.has('b'), m.has('c'), [...m].join(';'), JSON.stringify(m)].join('|')`,
			`3|1|2||true|false|a,1;b,2;a,3|{"a":"1","b":"2"}`},
		{`return [new CookieMap({a: 1, 'k k': 'é'}), new CookieMap([['a', '%41'], new Set('bc')]), new CookieMap(new CookieMap('a=1')), new CookieMap, new CookieMap(null)].map(m => JSON.stringify([...m]) + m.toSetCookieHeaders()).join()`,
			`[["a","1"],["k k","é"]],[["a","%41"],["b","c"]],[["a","1"]],[],[]`},
		{`const m = new CookieMap('keep=ONE; change=TWO; drop=THREE; drop=3'); m.set('change', 'FOUR'); m.delete('drop'); m.set('new', 1); m.set('change', 'é'); return [JSON.stringify([...m]), m.size, m.get('drop'), ...m.toSetCookieHeaders()].join('|')`,
			`[["new","1"],["change","é"],["keep","ONE"]]|3||drop=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; SameSite=Lax|new=1; Path=/; SameSite=Lax|change=%C3%A9; Path=/; SameSite=Lax`},
		{`const m = new CookieMap; m.set('a', ''); m.set({name: 'b', value: 'c', maxAge: 5}); m.set(new Cookie('d', 'e', {secure: true})); m.set('f', 'g', {path: '/h', httpOnly: true, name: 'x'}); return [JSON.stringify(m), ...m.toSetCookieHeaders()].join('|')`,
			`{"a":"","b":"c","d":"e","f":"g"}|a=; Path=/; SameSite=Lax|b=c; Path=/; Max-Age=5; SameSite=Lax|d=e; Path=/; Secure; SameSite=Lax|f=g; Path=/h; HttpOnly; SameSite=Lax`},
		{`const m = new CookieMap; m.delete('a', {path: '/b', domain: 'C.d', secure: true}); m.delete({name: 'b', path: ''}); m.delete('c', {}); m.delete('__Host-d'); return m.toSetCookieHeaders().map(s => s.replace(' Expires=Thu, 01 Jan 1970 00:00:00 GMT;', '')).join('|')`,
			`a=; Domain=c.d; Path=/b; SameSite=Lax|b=; SameSite=Lax|c=; Path=/; SameSite=Lax|__Host-d=; Path=/; Secure; SameSite=Lax`},
		{`const m = new CookieMap('a=1; b=2'); const all = []; m.forEach(function(v, k, o) { all.push(k, v, o === m, this.x) }, {x: 7}); return [...all, ...m.keys(), ...m.values(), m.entries().toString(), m[Symbol.iterator] === m.entries, Object.prototype.toString.call(m)].join()`,
			`a,1,true,7,b,2,true,7,a,b,1,2,[object CookieMap Iterator],true,[object CookieMap]`},
		{`const c = new Cookie('a', '1'), m = new CookieMap; m.set(c); c.value = '2'; return m.get('a') + m.toSetCookieHeaders()`, `1a=1; Path=/; SameSite=Lax`},
		{`const m = new CookieMap; m.set('__proto__', 'x'); return JSON.stringify(m)`, `{"__proto__":"x"}`},

		{`new CookieMap(5)`, `throws TypeError: CookieMap: takes the text of a Cookie header, an array of pairs or an object, got a number`},
		{`new CookieMap([['a']])`, `throws TypeError: CookieMap: each cookie must be a pair of name and value, got 1 parts`},
		{`new CookieMap([['a', 'b', 'c']])`, `throws TypeError: CookieMap: each cookie must be a pair of name and value, got more than 2 parts`},
		{`new CookieMap('a=;'.repeat(1000))`, `throws RangeError: CookieMap: there may be 1000 cookies, got 1001`},
		{`new CookieMap((function*() { for (;;) yield ['a', 'b'] })())`, `throws RangeError: CookieMap: there may be 1000 cookies, got 1001`},
		{`const m = new CookieMap; for (let i = 0; ; i++) m.set('a' + i, '')`, `throws RangeError: CookieMap.set: 1000 cookies are set or deleted already, which is the most; "a1000" does not fit`},
		{`new CookieMap().set('a')`, `throws TypeError: CookieMap.set: takes a name and a value...`},
		{`new CookieMap().set('a b', '')`, `throws TypeError: CookieMap.set: name must be a token...`},
		{`new CookieMap().set('__Secure-a', '')`, `throws TypeError: CookieMap.set: "__Secure-a" must be set with secure: true, or browsers drop it`},
		{`new CookieMap().set('__Host-a', '', {secure: true, path: '/x'})`, `throws TypeError: CookieMap.set: "__Host-a" must be set with path "/" and no domain...`},
		{`new CookieMap().set('a', 'x'.repeat(5000))`, `throws TypeError: CookieMap.set: "a" is too long...`},
		{`new CookieMap().delete({})`, `throws TypeError: CookieMap.delete: the object must have a name`},
		{`new CookieMap().delete('a', {path: '\n'})`, `throws TypeError: CookieMap.delete: path must be of printable ASCII...`},
		{`CookieMap.prototype.get.call(new Map, 'a')`, `throws TypeError: get: illegal invocation...`},
	})
}

func TestRequest_cookies(t *testing.T) {
	expect(t, [][2]string{
		{`const r = new Request('http://h/', {headers: {cookie: 'a=1; b=2'}}); return [r.cookies === r.cookies, r.cookies instanceof CookieMap, ...r.cookies].join()`, `true,true,a,1,b,2`},
		{`const r = new Request('http://h/', {headers: {cookie: 'a=1'}}); r.cookies.set('b', '2'); return [r.headers.get('cookie'), r.clone().cookies.size, r.cookies.size].join()`, `a=1,1,2`},
		{`const r = new Request('http://h/'); r.cookies = {a: 1}; return [r.cookies.a, r.clone().cookies.size].join()`, `1,0`},
		{`const p = new Proxy(new Request('http://h/'), {}); p.cookies = 1; p.params = 2; return [p.cookies, p.params].join()`, `1,2`},
		{`'use strict'; Object.freeze(new Request('http://h/')).cookies = 1`, `throws TypeError...`},
		{`Request.prototype.cookies`, `throws TypeError: cookies: illegal invocation...`},
	})

	r, h := newTestRealm(t)
	o := r.NewRequest(&exchange.Request{Method: "GET", Header: []exchange.Field{{Name: "Cookie", Value: "a=1"}, {Name: "x", Value: "y"}, {Name: "cookie", Value: "b=\"2\""}}}, nil, nil)
	must(r.VM.Set("request", o))
	if got, want := evalIn(t, r, h, `console.log(request); return [...request.cookies].join()`), `a,1,b,"2"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if len(h.lines) != 1 || strings.Contains(h.lines[0], "cookies") {
		t.Errorf("a request in the log shows what looking at it makes: %q", h.lines)
	}
	if got := r.SetCookies(o); got != nil {
		t.Errorf("nothing was changed, and the answer says %v", got)
	}
	evalIn(t, r, h, `request.cookies.delete('a'); request.cookies.set('b', '3')`)
	want := "[{Set-Cookie a=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; SameSite=Lax} {Set-Cookie b=3; Path=/; SameSite=Lax}]"
	if got := fmt.Sprint(r.SetCookies(o)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := evalIn(t, r, h, `request.cookies = 5; return request.cookies + Object.keys(request)`); got != "5cookies" {
		t.Errorf("replaced: got %s", got)
	}
	if got := fmt.Sprint(r.SetCookies(o)); got != want {
		t.Errorf("replaced: got %s, want %s", got, want)
	}
	for _, o := range []*goja.Object{nil, r.VM.NewObject()} {
		if got := r.SetCookies(o); got != nil {
			t.Errorf("%v: got %v", o, got)
		}
	}
}
