package web

import (
	"strings"
	"testing"
)

// What is frozen in one VM is the same in another; what cannot be is named.
func TestFreeze(t *testing.T) {
	from, _ := newTestRealm(t)
	to, _ := newTestRealm(t)
	for source, want := range map[string]string{
		`undefined`: `undefined`,
		`null`:      `null`,
		`({a: 1, b: [1.5, "x", null, true, undefined], "__proto__x": {}})`: `{"a":1,"b":[1.5,"x",null,true,null],"__proto__x":{}}`,
		`[new Date(7).getTime(), "é\u0000"]`:                               `[7,"é\u0000"]`,
		`({d: new Date(7), bytes: new Uint8Array([1, 2])})`:                `{"d":"1970-01-01T00:00:00.007Z","bytes":{"0":1,"1":2}}`,
		`new Uint8Array([3]).buffer`:                                       `{"0":3}`,
	} {
		v, err := from.VM.RunString(source)
		if err != nil {
			t.Fatal(err)
		}
		f := from.Freeze("test", v, 10_000)
		if err := to.VM.Set("thawed", to.Thaw(f)); err != nil {
			t.Fatal(err)
		}
		got, err := to.VM.RunString(`thawed === undefined ? "undefined" : JSON.stringify(thawed)`)
		if err != nil || got.String() != want {
			t.Errorf("%s: got %v, %v, want %s", source, got, err, want)
		}
	}
	for source, want := range map[string]string{
		`new Map()`:         "a Map cannot be kept",
		`({f() {}})`:        "cannot be kept",
		`Symbol("x")`:       "a Symbol cannot be kept",
		`10n`:               "cannot be kept",
		`new Headers()`:     "a Headers cannot be kept",
		`new Proxy({}, {})`: "cannot be kept",
		`(() => { const a = {}; a.a = a; return a })()`: "deeper than 100",
		`"x".repeat(20_000)`:                            "more than 10000 bytes",
		`new Array(4_000_000_000)`:                      "more than 10000 bytes",
	} {
		v, err := from.VM.RunString(source)
		if err != nil {
			t.Fatal(err)
		}
		ex := from.VM.Try(func() { from.Freeze("test", v, 10_000) })
		if ex == nil || !strings.Contains(ex.Error(), want) {
			t.Errorf("%s: got %v, want %q", source, ex, want)
		}
	}
}
