package web

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/dop251/goja"
)

// TestStringify_asNodeDoes compares with what Node 20 makes of the same expressions; null stands for undefined.
func TestStringify_asNodeDoes(t *testing.T) {
	data, err := os.ReadFile("testdata/json/stringify.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases map[string]*string
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	r, _ := newTestRealm(t)
	for code, want := range cases {
		v, err := r.VM.RunString(code)
		switch {
		case err != nil:
			t.Errorf("%s: %v", code, err)
		case want == nil && !goja.IsUndefined(v), want != nil && v.String() != *want:
			t.Errorf("%s\n got  %v\n want %v", code, v, want)
		}
	}
}

func TestStringify(t *testing.T) {
	expect(t, [][2]string{
		{`return JSON.stringify.name + JSON.stringify.length`, "stringify3"},
		{`JSON.stringify(1n)`, "throws TypeError: Do not know how to serialize a BigInt"},
		{`JSON.stringify(Object(1n))`, "throws TypeError: Do not know how to serialize a BigInt"},
		{`BigInt.prototype.toJSON = function () { return String(this) }; return JSON.stringify({a: 1n})`, `{"a":"1"}`},
		{`return JSON.stringify({a: JSON.rawJSON('1e1000')})`, `{"a":1e1000}`},
		{`const o = {}; o.me = o; JSON.stringify(o)`,
			"throws TypeError: Converting circular structure to JSON\n    --> starting at object with constructor 'Object'\n    --- property 'me' closes the circle"},
		{`const o = {a: [{}]}; o.a[0].b = o; JSON.stringify([o])`,
			"throws TypeError: Converting circular structure to JSON\n    --> starting at object with constructor 'Object'\n" +
				"    |     property 'a' -> object with constructor 'Array'\n    |     property '0' -> object with constructor 'Object'\n    --- property 'b' closes the circle"},
		{`let o = {}; for (let i = 0; i < 1e5; i++) o = {o}; JSON.stringify(o)`, "throws RangeError: JSON.stringify: the value nests more than 1000 levels deep"},
		{`const a = []; a.length = 4e9; JSON.stringify(a)`, "throws RangeError: JSON.stringify: an array of 4000000000 elements..."},
		{`let o = {x: 'y'.repeat(1000)}; for (let i = 0; i < 30; i++) o = [o, o]; JSON.stringify(o)`, "throws RangeError: JSON.stringify: the text is longer..."},
		{`JSON.stringify({get a() { throw new Error('in getter') }})`, "throws Error: in getter"},
		{`return await Response.json({a: [1, {b: 'é'}]}).text()`, `{"a":[1,{"b":"é"}]}`},
		{`Response.json(undefined)`, "throws TypeError: Response.json: undefined cannot be written as JSON"},
		{`Response.json(() => {})`, "throws TypeError: Response.json: a function cannot be written as JSON"},
		{`return await Response.json(null).text()`, "null"},
	})
}

// What is parsed and written again means the same, and nothing panics.
func FuzzStringify(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.5e1,true,null,"x\u00e9\ud800"]}`, `"\ud83d\ude00"`, `[[[]]]`, `1e999`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, _ := newTestRealm(t)
		var v goja.Value
		s = strings.ToValidUTF8(s, "") // bodies and sources have been decoded
		if r.try(func() { v = r.parseJSON(s) }) != nil {
			return
		}
		var text []byte
		if thrown := r.try(func() { text = r.stringifyJSON("test", v) }); thrown != nil {
			t.Fatalf("%q: %v", s, thrown)
		}
		native, _ := goja.AssertFunction(goja.New().Get("JSON").(*goja.Object).Get("stringify"))
		want, err := native(goja.Undefined(), v)
		if err != nil || want.String() != string(text) {
			t.Fatalf("%q: got %s, goja makes %v %v", s, text, want, err)
		}
	})
}

func BenchmarkStringify(b *testing.B) {
	for name, value := range map[string]string{
		"hello": `({hello: 'world'})`, "nested": "(" + jsonSample + ")", "list": `Array.from({length: 100}, (_, i) => ({id: i, name: 'item ' + i}))`,
	} {
		r, _ := newTestRealm(b)
		v, err := r.VM.RunString(value)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r.stringifyJSON("bench", v)
			}
		})
		b.Run(name+"/goja", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.(*goja.Object).MarshalJSON(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
