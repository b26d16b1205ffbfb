package web

import "testing"

func TestURLPattern(t *testing.T) {
	expect(t, [][2]string{
		{`const p = new URLPattern("/users/:id", "https://example.com"); return p.exec("https://example.com/users/17").pathname.groups.id`, "17"},
		{`const p = new URLPattern({ pathname: "/a/*" }); return p.test({ pathname: "/a/b" }) + " " + p.test("https://x/b")`, "true false"},
		{`const p = new URLPattern({ pathname: "/:__proto__" }); return Object.keys(p.exec("https://x/a").pathname.groups) + ""`, "__proto__"},
		{`return new URLPattern("/a", "https://x", { ignoreCase: true }).test("https://x/A")`, "true"},
		{`return new URLPattern({ pathname: "/a" }, { ignoreCase: true }).test("https://x/A")`, "true"},
		{`return new URLPattern({ pathname: "/a" }, undefined).test("https://x/A")`, "false"},
		{`return new URLPattern().pathname + new URLPattern(null).hash + new URLPattern(undefined, null).search`, "***"},
		{`return new URLPattern({ pathname: "/(\\d+)" }).hasRegExpGroups + " " + new URLPattern({ pathname: "/:a" }).hasRegExpGroups`, "true false"},
		{`return JSON.stringify(new URLPattern({ pathname: "/a" }).exec({ pathname: "/a", x: 1 }).inputs)`, `[{"pathname":"/a"}]`},
		{`return JSON.stringify(new URLPattern({ pathname: "/a" }).exec("a", "https://x").inputs)`, `["a","https://x"]`},
		{`return new URLPattern({ pathname: "/a" }).exec("no URL")`, "null"},
		{`return new URLPattern(new URL("https://x/a?b#c")).hostname`, "x"},
		{`const read = []; new URLPattern(new Proxy({}, { get(o, k) { read.push(k) } })); return read + ""`,
			"baseURL,hash,hostname,password,pathname,port,protocol,search,username"},
		{`return [URLPattern.length, URLPattern.prototype.test.length, Object.prototype.toString.call(new URLPattern)] + ""`, "0,0,[object URLPattern]"},

		{`new URLPattern("/a")`, `throws TypeError: URLPattern: "/a" is relative...`},
		{`new URLPattern({}, "https://x")`, "throws TypeError: URLPattern: a base URL goes with a string..."},
		{`new URLPattern({ pathname: "/:a/:a" })`, `throws TypeError: URLPattern: the pathname pattern "/:a/:a": two groups are called "a"`},
		{`new URLPattern({ port: "99999" })`, `throws TypeError: URLPattern: the port pattern "99999": its port is not a number from 0 to 65535`},
		{`new URLPattern({ baseURL: "x" })`, `throws TypeError: URLPattern: the base URL "x": it is relative and no base was given`},
		{`new URLPattern({}, {}).test({}, "https://x")`, "throws TypeError: URLPattern.test: a base URL..."},
		{`new URLPattern("https://x", "https://x", 1)`, "throws TypeError: URLPattern: options must be an object, got a number"},
		{`new URLPattern(Symbol())`, "throws TypeError: ..."},
		{`URLPattern()`, "throws TypeError: Class constructor URLPattern cannot be invoked without 'new'"},
		{`URLPattern.prototype.test.call({})`, "throws TypeError: test: illegal invocation..."},
		{`new URLPattern({ pathname: "/" + "a".repeat(9000) })`, "throws RangeError: ..."},
		{`new URLPattern({ pathname: "/((?:a|aa)+)" }).test({ pathname: "/" + "a".repeat(64) + "!" })`, "throws RangeError: URLPattern.test: the pathname pattern..."},
		{`new URLPattern({ pathname: "*a".repeat(500) }).test({ pathname: "a".repeat(1e6) })`, "throws RangeError: ..."},
	})
}
