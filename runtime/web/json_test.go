package web

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/dop251/goja"
)

func TestJSON_parse(t *testing.T) {
	expect(t, [][2]string{
		{`return JSON.stringify(JSON.parse(' {"a":[1,-2.5e1,true,false,null,"x"],"b":{}} '))`, `{"a":[1,-25,true,false,null,"x"],"b":{}}`},
		{`return JSON.parse('"\\ud800"').length + ' ' + JSON.parse('"\\u00e9\\ud83d\\ude00\\n"')`, "1 é😀\n"},
		{`return Object.is(JSON.parse('-0'), -0)`, "true"},
		{`return JSON.parse('12345678901234567890')`, "12345678901234567000"},
		{`return JSON.parse('1e999')`, "Infinity"},
		{`const o = JSON.parse('{"__proto__": {"x": 1}}'); return Object.keys(o) + o.x + (Object.getPrototypeOf(o) === Object.prototype)`, "__proto__undefinedtrue"},
		{`return JSON.parse('{"a":1,"a":2}').a`, "2"},
		{`return JSON.stringify(JSON.parse('[1,{"a":2}]', (k, v) => typeof v === 'number' ? v * 2 : v))`, `[2,{"a":4}]`},
		{`JSON.parse('')`, "throws SyntaxError: Unexpected end of JSON input"},
		{`JSON.parse('{"broken":')`, "throws SyntaxError: Unexpected end of JSON input"},
		{`JSON.parse('{"a":b}')`, `throws SyntaxError: Unexpected token 'b', "{"a":b}" is not valid JSON`},
		{`JSON.parse('{a:1}')`, "throws SyntaxError: Expected property name or '}' in JSON at position 1 (line 1 column 2)"},
		{`JSON.parse('{"a" 1}')`, "throws SyntaxError: Expected ':' after property name in JSON at position 5..."},
		{`JSON.parse('[1 2]')`, "throws SyntaxError: Expected ',' or ']' after array element in JSON at position 3..."},
		{`JSON.parse('{"a":1,}')`, "throws SyntaxError: Expected double-quoted property name in JSON at position 7..."},
		{`JSON.parse('01')`, "throws SyntaxError: Unexpected number in JSON at position 1..."},
		{`JSON.parse('1.')`, "throws SyntaxError: Unexpected end of JSON input"},
		{`JSON.parse('"\n"')`, "throws SyntaxError: Bad control character in string literal in JSON at position 1..."},
		{`JSON.parse('"\\x"')`, "throws SyntaxError: Bad escaped character in JSON at position 2..."},
		{`JSON.parse('1 x')`, "throws SyntaxError: Unexpected non-whitespace character after JSON at position 2..."},
		{`JSON.parse('[\n 1,\n x]')`, `throws SyntaxError: Unexpected token 'x', "[` + "\n 1,\n" + ` x]" is not valid JSON`},
		{`JSON.parse('['.repeat(5e6))`, "throws SyntaxError: JSON nests more than 1000 levels deep"},
		{`JSON.parse()`, `throws SyntaxError: Unexpected token 'u', "undefined" is not valid JSON`},
	})
}

// What this parser accepts, encoding/json accepts, with the same meaning; and it never panics.
func FuzzParseJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.5e1,true,null,"x\u00e9\ud800"]}`, `[`, `"\`, `-`, `1e`, `{"a"`, "\"\xff\"", `[[[[]]]]`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, _ := newTestRealm(t)
		var v goja.Value
		thrown := r.try(func() { v = r.parseJSON(s) })
		if valid := json.Valid([]byte(s)); valid != (thrown == nil) {
			if valid && strings.Contains(thrown.String(), "levels deep") {
				return
			}
			t.Fatalf("%q: encoding/json says valid=%v, we threw %v", s, valid, thrown)
		}
		if thrown == nil && v == nil {
			t.Fatalf("%q: no value", s)
		}
	})
}

const jsonSample = `{"id":12345,"name":"fortuna","tags":["edge","runtime","js"],"nested":{"ok":true,"ratio":1.25,"none":null},"list":[1,2,3,4,5,6,7,8]}`

func BenchmarkParseJSON(b *testing.B) {
	r, _ := newTestRealm(b)
	b.ReportAllocs()
	for b.Loop() {
		r.parseJSON(jsonSample)
	}
}

func BenchmarkParseJSON_goja(b *testing.B) {
	vm := goja.New()
	parse, _ := goja.AssertFunction(vm.Get("JSON").(*goja.Object).Get("parse"))
	s := vm.ToValue(jsonSample)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parse(goja.Undefined(), s); err != nil {
			b.Fatal(err)
		}
	}
}
