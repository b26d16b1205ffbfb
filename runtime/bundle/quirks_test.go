package bundle

import (
	"strings"
	"testing"
)

// TestLacks bundles what goja lacks or misreads and runs it on the real goja. A want that begins with "!" is part of
// the error of a build that must not succeed.
func TestLacks(t *testing.T) {
	for _, c := range []struct{ code, want string }{
		{`class A { get; set = 2; async = 3 } const a = new A; export default [a.get, a.set, a.async].join()`, ",2,3"},
		{`class A { static get = 1; static set; get x() { return 5 } async y() {} set z(v) {} } export default A.get + new A().x`, "6"},
		{`const A = class { #p = 1; async; get() { return this.#p } }; export default new A().get()`, "1"},
		{`export default "\u{10FFFF}".length + "\u{0010ffff}".codePointAt(0).toString(16)`, "210ffff"},
		{"export default `\U0010FFFF${1}\\u{10FFFF}`.length", "5"},
		{`export default String.raw` + "`\\\\u{10FFFF}`", `\\u{10FFFF}`},
		{`export default "\\u{10FFFF}"`, `\u{10FFFF}`},
		{`export default {"\u{10FFFF}": 1}["\u{10FFFF}"]`, "1"},
		{`export default /^[\u{10000}-\u{10FFFF}]$/u.test("\u{10FFFF}")`, "true"},
		{"export default /^\U0010FFFF$/u.test('\\u{10FFFF}') + '' + /é/.test('é') + /[\U0001F600]/u.test('\U0001F600')", "truetruetrue"},
		{`export default "aÉß1ж".replace(/\p{L}/gu, "x")`, "xxx1x"},
		{`export default "aB1".replace(/[^\p{Lu}\d]/gu, "-")`, "-B1"},
		{`export default "aB1".replace(/\P{Lu}/gu, "-")`, "-B-"},
		{`export default "αa".replace(/\p{Script=Greek}|\p{sc=Cyrillic}/gu, "g")`, "ga"},
		{`export default "\u{1F600}x".replace(/\p{Emoji_Presentation}/u, "e") + /\p{Extended_Pictographic}/u.test("☺")`, "extrue"},
		{`export default /^\p{ID_Start}\p{ID_Continue}*$/u.test("été_1") + "" + /\p{White_Space}/u.test("\u3000")`, "truetrue"},
		{`export default /\p{Alphabetic}/u.test("ª") + "" + /\p{gc=Decimal_Number}/u.test("٣") + /\p{Any}/u.test("\u{10FFFF}")`, "truetruetrue"},
		{`export default /\p{L}/.test("p{L}")`, "true"},
		{`export default "p".replace(/\\p{L}/u, "") + 1`, "p1"},
		{`export default /\p{Klingon}/u`, `!\p{Klingon}`},
		{`export default /\p{Script_Extensions=Greek}/u`, `!Script_Extensions`},
		{`export default /a/d`, "!flags d and v"},
		{`export default /[a--b]/v`, "!flags d and v"},
		{`const o = { async *g() { yield 1; yield 2 } }; globalThis.Symbol.asyncIterator ??= Symbol("a"); let r = []; for await (const x of o.g()) r.push(x); export default r.join()`, "1,2"},
		{`export default typeof import.meta.url`, "string"},
		{`export default await import("./lib.js").then(m => m.x)`, "7"},
		{`const n = "./lib.js"; export default import(globalThis.n)`, "!import"},
		{`let r; try { await import("nothing-like-it") } catch (e) { r = "caught" } export default r`, "caught"},
		{`label: for (const i of [1]) { continue label } export default 1 / 2 / 1`, "0.5"},
		{`export default (() => { class A { static { this.x = 3 } } return A.x })()`, "3"},
		{`export default #!`, "!"},
		{`import { x } from "./lib.js"; import * as ns from "./lib.js"; export default x + ns.x + Object.keys(ns).length`, "15"},
		{`const { x } = require("./lib.js"); module.exports = x`, "7"},
		{`export default 0xe+1 + 1e+1`, "25"},
		{`export default ((a) => { a = a++ / 2; return a /1/ 1 })(4)`, "2"},
		{`function f() { return /[/"]/.test("/") } if (f()) /'/.test(""); export default f()`, "true"},
		{`export default (function () {} / 1) + ""`, "NaN"},
		{"export default `${{ a: `${1}/${/}/.test('}')}` }.a}`", "1/true"},
		{`export default "\u2028".length + ` + "`\u2029`.length", "2"},
	} {
		t.Run(c.code, func(t *testing.T) {
			for _, minify := range []Minify{MinifyNone, MinifySyntax, MinifyWhitespace, MinifyAll} {
				dir := tree(t, "index.js", c.code, "lib.js", "export const x = 7")
				b, err := Build(Options{Root: dir, Entry: "index.js", Minify: minify})
				if want, refused := strings.CutPrefix(c.want, "!"); refused {
					e, ok := err.(*Error)
					if !ok || !strings.Contains(e.Error(), want) || e.Messages[0].File != "index.js" {
						t.Fatalf("got error %v, want one with %q in index.js", err, want)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				_, ns := run(t, b)
				if got := ns.Get("default").String(); got != c.want {
					t.Errorf("minify %d: got %q, want %q\n%s", minify, got, c.want, b.Code)
				}
				if i := strings.IndexFunc(b.Code, func(r rune) bool { return r > 0x7e }); i >= 0 {
					t.Errorf("minify %d: not ASCII at %d\n%s", minify, i, b.Code)
				}
			}
		})
	}
}
