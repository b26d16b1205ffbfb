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

// Calls that would take seconds or the process are refused before they begin.
func TestGuard_refusesAmplifiers(t *testing.T) {
	js := guarded1(t)
	for code, want := range map[string]string{
		`'a'.repeat(2**40)`:                                         "RangeError: repeat: a string of 1099511627776 code units is too long",
		`'a'.padStart(1e9)`:                                         "RangeError: padStart",
		`'a'.padEnd(1e9, 'bc')`:                                     "RangeError: padStart/padEnd",
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
	} {
		_, err := js.RunString(code)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got  %v\n want %s", code, err, want)
		}
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
