package runtime

import (
	"strings"
	"testing"
	"time"

	"github.com/dop251/goja"
)

// evaluate runs a module in a guarded VM and returns what its default export is as a string.
func evaluate(t *testing.T, js *goja.Runtime, module string) (string, error) {
	t.Helper()
	v, err := js.RunProgram(build(t, module).Program)
	if err != nil {
		return "", err
	}
	return v.(*goja.Object).Get("default").String(), nil
}

// What a bundle does natively is bounded as built-ins are.
func TestGuard_refusesInBundles(t *testing.T) {
	for module, want := range map[string]string{
		endless + `export default [...it]`:                                      "RangeError: an iterator",
		endless + `export default Math.max(...it)`:                              "RangeError: an iterator",
		endless + `export default new Date(...it)`:                              "RangeError: an iterator",
		endless + `let [a, ...rest] = it; export default rest`:                  "RangeError: an iterator",
		endless + `let rest; [...rest] = it; export default rest`:               "RangeError: an iterator",
		endless + `export default (([...rest]) => rest)(it)`:                    "RangeError: an iterator",
		endless + `for (const [[...rest]] of [[it]]) rest; export default 1`:    "RangeError: an iterator",
		endless + `try { throw it } catch ([...rest]) {} export default 1`:      "RangeError: an iterator",
		`export default [...new Array(1e9).keys()]`:                             "RangeError: an iterator",
		`export default [...new Array(1e9)]`:                                    "RangeError: an array",
		`export default Math.max(...new Array(2e5))`:                            "RangeError: an array",
		`export default {...new Array(1e6)}`:                                    "RangeError: an array",
		`[][Symbol.iterator]().__proto__.next = Array; export default [...[1]]`: "RangeError: an iterator",
		`let a = 2n, b = 100000000n; export default a ** b`:                     "RangeError: a BigInt of 100000000 bits",
		`let a = 1n, b = 10n ** 9n; export default a << b`:                      "RangeError: a BigInt of 1000000001 bits",
		`let a = 2n, b = 100000000n; a **= b; export default a`:                 "RangeError: a BigInt of 100000000 bits",
		`let a = BigInt(1), b = BigInt(1e9); a <<= b; export default a`:         "RangeError: a BigInt of 1000000001 bits",
		`export default BigInt("9".repeat(5e6))`:                                "RangeError: BigInt: a text",
		`export default (1n).constructor("9".repeat(5e6))`:                      "RangeError: BigInt: a text",
		`let o = {a: 2n}, b = 100000000n; o.a **= b; export default o.a`:        "TypeError: a BigInt cannot be",
		`let a = 1n; export default a << 2`:                                     "TypeError",
		`export default 1 << globalThis["Big" + "Int"](1)`:                      "TypeError: Cannot mix", // mentioned, so it exists
		`export default globalThis[["B", "igInt"].join("")](1)`:                 "TypeError",             // not mentioned
		`let get = Object.getOwnPropertyNames(DataView.prototype).filter(k => k.startsWith("getB")); export default DataView.prototype[get[0]]()`: "TypeError",
	} {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			if got, err := evaluate(t, guarded1(t), module); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s\n got  %.100s, %v\n want %s", module, got, err, want)
			}
		})
	}
}

func TestGuard_leavesBundlesAlone(t *testing.T) {
	for module, want := range map[string]string{
		`export default [...[1, 2], ..."ab", ...new Set([3]), ...new Map([[4, 5]])].join()`:                                                      "1,2,a,b,3,4,5",
		`let [a, ...b] = [1, 2, 3]; let c; [...c] = "xy"; export default a + "" + b + c`:                                                         "12,3x,y",
		`function* g() { try { yield 1; yield 2 } finally { g.done = 1 } }; let [x] = g(); export default x + "" + [...g()] + g.done`:            "11,21",
		`let f = ([a, ...b], {c: [...d]} = {c: "xy"}, ...[...e]) => [a, b, d, e, f.length].join(); export default f([1, 2, 3], undefined, 4, 5)`: "1,2,3,x,y,4,5,1",
		`let f = ([...r]) => r; try { f(undefined) } catch (e) { globalThis.e = e.name } export default e + f(new Set([1]))`:                     "TypeError1",
		`export default JSON.stringify({...{a: 1}, ...[2], ..."z", ...null})`:                                                                    `{"0":"z","a":1}`,
		`let a = 2n, b = 70n; a **= b; export default a + "" + 3n ** 2n + (1n << 65n) + 2 ** 3 + (1 << 4) + 2 ** "3"`:                            "1180591620717411303424936893488147419103232" + "8168",
		`let a = -8n; export default a << -1n`: "-4",
		`export default "" + (BigInt("12") + BigInt.asUintN(3, 9n)) + String(BigInt(7) === 7n) + (typeof BigInt.prototype.toString) + BigInt.name`: "13truefunctionBigInt",
		`let o = {a: 2}; o.a **= 3; o.a <<= 1; export default o.a + String(0n ** 5n)`:                                                              "160",
		`export default Reflect.ownKeys(globalThis).filter(k => Object.keys(globalThis).includes(k) && String(k).startsWith("fortuna")).length`:    "0",
		`export default [...[1, , 3]].length + [[1, [2]], , 3].flat().length + "" + [1, [2, [3, [4]]]].flat(Infinity)`:                             "61,2,3,4",
		`export default "a1b22".replace(/(\d)(\d)?/g, "<$1$2$$$&>" + " ".repeat(0)) + "John Smith".replace(/(?<f>\w+) (?<l>\w+)/, "$<l> $<f>")`:    "a<1$1>b<22$22>Smith John",
	} {
		got, err := evaluate(t, guarded1(t), module)
		if err != nil || got != want {
			t.Errorf("%s\n got  %v %v\n want %s", module, got, err, want)
		}
	}
}

// Long references are expanded as goja expands short ones.
func TestGuard_expandsReferences(t *testing.T) {
	js := guarded1(t)
	for _, by := range []string{"$&", "$$", "$1", "$2", "$3", "$01", "$10", "$0", "$", "$x", "$<n>", "$<m>", "$<n", "a$1b$2c"} {
		code := "var p = /(?<n>b)(c)?/, s = 'abcabdab', by = '" + by + "'; [s.replace(p, by), (s + 'z'.repeat(2e5)).replace(p, by + 'z'.repeat(0) + '$$'.repeat(200)).slice(0, 40)]"
		v, err := js.RunString(code)
		if err != nil {
			t.Fatal(err)
		}
		short := v.(*goja.Object).Get("0").String()
		long := v.(*goja.Object).Get("1").String()
		native, err := goja.New().RunString("('abcabdab' + 'z'.repeat(2e5)).replace(/(?<n>b)(c)?/, '" + by + "' + '$$'.repeat(200)).slice(0, 40)")
		if err != nil {
			t.Fatal(err)
		}
		if long != native.String() {
			t.Errorf("%s: got %q (short %q), want %q", by, long, short, native)
		}
	}
}

// An interrupt reaches what native code iterates.
func TestGuard_interruptsNativeIteration(t *testing.T) {
	for _, code := range []string{
		endless + `for (;;) { try { Array.from(it) } catch {} }`,
		`var a = Array(1e6).fill(0); for (;;) a.map([].fill.bind(a))`,
		`var a = Array(2e5).fill(0); a.sort([].fill.bind(Array(1e6)))`,
	} {
		js := guarded1(t)
		timer := time.AfterFunc(20*time.Millisecond, func() { js.Interrupt("enough") })
		_, err := js.RunString(code)
		timer.Stop()
		if _, ok := err.(*goja.InterruptedError); !ok {
			t.Errorf("%s: got %v, want an interrupt", code, err)
		}
	}
}

// What the platform writes in JavaScript works in a program that names no BigInt.
func TestGuard_leavesThePlatformWithoutBigInts(t *testing.T) {
	h := start(t, Config{}, `export default async () => {
		const stream = new ReadableStream({ type: "bytes", start(c) { c.enqueue(new Uint8Array([65])); c.close() } });
		const { value } = await stream.getReader().read();
		const copy = structuredClone({ a: new Map([[1, new Uint8Array([2])]]), b: new Set(["c"]), d: new DataView(new ArrayBuffer(3)) });
		return new Response([...value, ...copy.a.get(1), ...copy.b, copy.d.byteLength, (1234.5).toLocaleString("en-US")].join(" "));
	}`)
	if got, want := h.get("/"), "65 2 c 3 1,234.5"; got != want {
		t.Errorf("got %q, want %q; failures %v", got, want, h.failures)
	}
}
