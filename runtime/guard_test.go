package runtime

import (
	"strings"
	"testing"

	"github.com/dop251/goja"
)

func guarded1(t *testing.T) *goja.Runtime {
	t.Helper()
	js := goja.New()
	guard(js)
	return js
}

// endless defines an iterable that never ends and of which nothing is JavaScript.
const endless = "var it = {next: Object.bind(null, {value: 1})}; it[Symbol.iterator] = Object.bind(null, it); "

// Calls that would take seconds or the process are refused before they begin.
func TestGuard_refusesAmplifiers(t *testing.T) {
	for code, want := range map[string]string{
		`'a'.repeat(2**40)`:                                         "RangeError: repeat: a string of 1099511627776 code units is too long",
		`'a'.padStart(1e9)`:                                         "RangeError: padStart",
		`'a'.padEnd(1e9, 'bc')`:                                     "RangeError: padEnd: a string",
		`'a'.repeat(1e5).replaceAll('a', 'b'.repeat(1e5))`:          "RangeError: replaceAll",
		`new Array(1e9).fill(0)`:                                    "RangeError: an array of 1000000000 elements",
		`Array.from({length: 1e9})`:                                 "RangeError: an array",
		`Array.prototype.indexOf.call({length: 2**53-1}, 1)`:        "RangeError: an array",
		`Array.prototype.forEach.call({length: 2**53-1}, () => {})`: "RangeError: an array",
		`var a = []; a[4e9] = 1; a.length = 4e9; a.sort()`:          "RangeError: an array",
		`(function(){}).apply(null, {length: 2**32-1})`:             "RangeError: an array",
		`new Array(1e6).fill('x'.repeat(10000)).join()`:             "RangeError: join",
		`Object.keys(new Uint8Array(1e8))`:                          "RangeError: an array",
		`Object.keys(new Array(1e8))`:                               "RangeError: an array",
		`new Uint8Array(1e8).join()`:                                "RangeError: an array",
		`String.raw({raw: {length: 1e9}})`:                          "RangeError: an array",
		`Array(1000).join('x'.repeat(1e7))`:                         "RangeError: join",
		`new ArrayBuffer(1e10)`:                                     "RangeError: ArrayBuffer: 10000000000 bytes are too many",
		`new Uint8Array(2e9)`:                                       "RangeError: Uint8Array",
		`new Float64Array({length: 1e9})`:                           "RangeError: an array",
		`new RegExp('a'.repeat(10000))`:                             "RangeError: RegExp: a pattern of 10000 code units",
		`new RegExp('\\p{Nonsense}', 'u')`:                          "SyntaxError",
		`eval('1')`:                                                 "EvalError: eval",
		`new Function('return 1')`:                                  "EvalError: Function",
		`(async function(){}).constructor('return 1')`:              "EvalError: AsyncFunction",
		`(function*(){}).constructor('return 1')`:                   "EvalError: GeneratorFunction",
		`(() => {}).constructor('return 1')`:                        "EvalError: Function",
		// Conversions happen once: neither a wrapper nor a value that changes gets past a check.
		"new String('abc').repeat(2**40)":                                                          "RangeError: repeat",
		"''.repeat.call({toString() { return 'abc' }}, 2**40)":                                     "RangeError: repeat",
		"var i = 0; 'xx'.repeat({valueOf() { return i++ ? 1 : 2**33 }})":                           "RangeError: repeat",
		"new String('a').padStart({valueOf() { return 2**33 }})":                                   "RangeError: padStart",
		"''.repeat.call(Symbol(), 1)":                                                              "TypeError",
		"''.padEnd.call(Symbol(), 1)":                                                              "TypeError",
		"''.concat.call(Symbol(), 1)":                                                              "TypeError",
		"''.concat(Symbol())":                                                                      "TypeError",
		"''.replace.call(Symbol(), 'a', 'b')":                                                      "TypeError",
		"''.split.call(Symbol(), 'a')":                                                             "TypeError",
		"''.match.call(Symbol(), 'a')":                                                             "TypeError",
		"''.normalize.call(Symbol())":                                                              "TypeError",
		"''.repeat.call(null, 1)":                                                                  "TypeError",
		"new ArrayBuffer({valueOf() { return 2**36 }})":                                            "RangeError: ArrayBuffer",
		"var n = 0; new ArrayBuffer({valueOf() { return n++ ? 1 : 2**36 }})":                       "RangeError: ArrayBuffer",
		"var n = 0; Array.from({get length() { return n++ ? 1 : 3e9 }})":                           "RangeError: an array",
		"new Uint8Array({get length() { return 2**36 }})":                                          "RangeError: an array",
		"Uint8Array.from({length: 2**36})":                                                         "RangeError: an array",
		"[].forEach.call(new Proxy([], {get(t, k) { return k === 'length' ? 2e9 : 1 }}), Boolean)": "RangeError: an array",
		"[].concat({length: 2e9, [Symbol.isConcatSpreadable]: true})":                              "RangeError: an array",
		"[].concat(...Array(100).fill(new Array(1e5)))":                                            "RangeError: an array",
		"Array(1000).fill(new Array(4e6)).flat()":                                                  "RangeError: an array",
		"[1, 2].flatMap(() => new Array(1e9))":                                                     "RangeError: an array",
		"var a = []; a[0] = a; a.flat(Infinity)":                                                   "RangeError: flat",
		"var a = []; for (var i = 0; i < 5000; i++) a = [a]; String(a)":                            "RangeError: join",
		"'a'.concat(...Array(100).fill('x'.repeat(1e6)))":                                          "RangeError: concat",
		"String.raw({raw: Array(100).fill('x'.repeat(1e6))})":                                      "RangeError: raw",
		"Array(100).fill({toString: ''.valueOf.bind('x'.repeat(1e6))}).join()":                     "RangeError: join",
		"Array(100).fill({toLocaleString: ''.valueOf.bind('x'.repeat(1e6))}).toLocaleString()":     "RangeError: toLocaleString",
		"'a'.repeat(60000).replace(/a/g, '$`')":                                                    "RangeError: replace",
		"'a'.repeat(60000).replace(/a/g, \"$'\")":                                                  "RangeError: replace",
		"'a'.repeat(60000).replaceAll('a', '$`')":                                                  "RangeError: replaceAll",
		"'a'.repeat(4000).replace(/(?=(a+))/g, '$1'.repeat(100))":                                  "RangeError: replace",
		"'a'.repeat(60000).replace(/a{100}/g, '$&'.repeat(1e4))":                                   "RangeError: replace",
		"RegExp.prototype[Symbol.replace].call(/a/g, 'a'.repeat(1e5), 'x'.repeat(1e6))":            "RangeError: replace",
		"'a'.repeat(1e5).replace(/a/g, ''.valueOf.bind('x'.repeat(1e6)))":                          "RangeError: replace",
		"[...'a'.repeat(4e6).matchAll(/a/g)]":                                                      "RangeError",
		"'a'.repeat(4e6).match(/a/g)":                                                              "RangeError: [Symbol.match]",
		"'a'.repeat(4e6).split(/a/)":                                                               "RangeError: [Symbol.split]",
		"'a'.repeat(4e6).split('')":                                                                "RangeError: split",
		"'a'.match('b'.repeat(1e5))":                                                               "RangeError: RegExp: a pattern",
		"'a'.match({toString() { return 'b'.repeat(1e5) }})":                                       "RangeError: RegExp: a pattern",
		"new RegExp({toString() { return 'b'.repeat(1e5) }})":                                      "RangeError: RegExp: a pattern",
		"/a/.compile('b'.repeat(1e5))":                                                             "RangeError: RegExp: a pattern",
		"Object.keys(new Array(1e6))":                                                              "RangeError: an array",
		"Object.entries('x'.repeat(1e6))":                                                          "RangeError: an array",
		"Object.assign({}, new Uint8Array(1e6))":                                                   "RangeError: an array",
		"Object.keys(new String('x'.repeat(1e6)))":                                                 "RangeError: an array",
		"Array(1e6).fill(1).sort()":                                                                "RangeError: an array",
		"new Uint8Array(1e6).sort(Math.max)":                                                       "RangeError: an array",
		// Iterators that never end, without any JavaScript.
		endless + "Array.from(it)":         "RangeError: an iterator",
		endless + "new Set(it)":            "RangeError: an iterator",
		endless + "new Uint8Array(it)":     "RangeError: an iterator",
		endless + "new AggregateError(it)": "RangeError: an iterator",
		endless + "new Set().union({size: 1, has: Array, keys: Object.bind(null, it)})":          "RangeError: an iterator",
		endless + "it.next = Object.bind(null, {value: [1, 2]}); new Map(it)":                    "RangeError: an iterator",
		endless + "it.next = Object.bind(null, {value: [1, 2]}); Object.fromEntries(it)":         "RangeError: an iterator",
		endless + "it.next = Object.bind(null, {value: [{}, 2]}); new WeakMap(it)":               "RangeError: an iterator",
		"Array.from(new Array(1e9).keys())":                                                      "RangeError: an iterator",
		"var a = [1]; Set.prototype.add = a.push.bind(a); new Set(a); Array.from({length: 1e9})": "RangeError: an array",
	} {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			_, err := guarded1(t).RunString(code)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s\n got  %v\n want %s", code, err, want)
			}
		})
	}
}

// What is guarded behaves as before within its bounds.
func TestGuard_leavesTheRestAlone(t *testing.T) {
	js := guarded1(t)
	for code, want := range map[string]string{
		`'ab'.repeat(3) + 'a'.padStart(3) + 'aXa'.replaceAll('a', 'b')`:                                                     "ababab  abXb",
		`String([3,1,2].sort()) + [1,2].map(x => x * 2).join('-')`:                                                          "1,2,32-4",
		`'a1b2'.replace(/\d/g, d => d * 2)`:                                                                                 "a2b4",
		`new Uint8Array([1,2,3]).map(x => x * 2).join()`:                                                                    "2,4,6",
		`new Uint8Array(4) instanceof Uint8Array`:                                                                           "true",
		`class B extends Uint8Array {}; new B(2) instanceof B && new B(2) instanceof Uint8Array`:                            "true",
		`Uint8Array.from([1,2]).constructor === Uint8Array`:                                                                 "true",
		`Uint8Array.BYTES_PER_ELEMENT + Uint8Array.name + Uint8Array.length`:                                                "1Uint8Array3",
		`new Uint8Array(new ArrayBuffer(8), 2, 3).length`:                                                                   "3",
		`ArrayBuffer.isView(new DataView(new ArrayBuffer(1)))`:                                                              "true",
		`Object.keys({length: 1e9}) + Object.keys([1, 2]) + new Uint8Array([1, 2]).join('-') + String.raw` + "`a${1}`" + ``: "length0,11-2a1",
		`new ArrayBuffer(8).slice(2).byteLength`:                                                                            "6",
		`[].fill.name + [].fill.length + [].fill.call({length: 1}, 2)[0]`:                                                   "fill12",
		`(function(a, b) { return a + b }).apply(null, [1, 2])`:                                                             "3",
		`Object.prototype.toString.call(new Uint8Array(1))`:                                                                 "[object Uint8Array]",
		`new RegExp('^\\p{Lu}\\w+$', 'u').test('Éa') + '' + /x/.constructor.name + (/x/.constructor === RegExp)`:            "trueRegExptrue",
		`class R extends RegExp { t(s) { return this.test(s) } }; new R('a+', 'i').t('xA')`:                                 "true",
		`RegExp('a|b').source + RegExp(/c/g).flags + 'a1'.replace(new RegExp('[0-9]'), 'x')`:                                "a|bgax",
		`(() => {}) instanceof Function`:                                                                                    "true",
		`Function.prototype === Object.getPrototypeOf(() => {})`:                                                            "true",
	} {
		v, err := js.RunString(code)
		if err != nil || v.String() != want {
			t.Errorf("%s\n got  %v %v\n want %s", code, v, err, want)
		}
	}
}

func BenchmarkNewVM(b *testing.B) {
	rt := New(Config{})
	if _, err := rt.Deploy(build(b, `export default () => new Response()`)); err != nil {
		b.Fatal(err)
	}
	d := rt.current.Load()
	b.ReportAllocs()
	for b.Loop() {
		v, err := newVM(d)
		if err != nil {
			b.Fatal(err)
		}
		v.close()
	}
}
