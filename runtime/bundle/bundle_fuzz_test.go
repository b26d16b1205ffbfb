package bundle

import (
	"testing"
	"time"

	"github.com/dop251/goja"
)

// FuzzScan feeds the lexer, the measure and the source map: none may panic, and each token moves on.
func FuzzScan(f *testing.F) {
	for _, c := range towers {
		f.Add(c.before+c.level+c.level+c.core+c.end+c.after, 0)
	}
	f.Add("<a b='c'>{d}</a>", 1)
	f.Add(`class A { get; static set = "\u{10FFFF}" } /\p{L}[\P{Lu}]/u`, 0)
	f.Fuzz(func(t *testing.T, source string, as int) {
		l := newLexer(source, language(uint(as)%3))
		at := 0
		for k := l.next(); k.kind != tokenEOF; k = l.next() {
			if k.start < at || k.end <= k.start || k.end > len(source) {
				t.Fatalf("token %+v after %d", k, at)
			}
			at = k.end
		}
		if err := measure(source, "x.js", l.language); err != nil {
			if _, ok := err.(*Error); !ok {
				t.Fatal(err)
			}
		}
		m, err := parseMap([]byte(`{"version":3,"sources":["a"],"mappings":"AAAA,CAAC,CAAC;AACA,GAAG"}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := mend(source, m); err != nil {
			if _, ok := err.(*Error); !ok {
				t.Fatal(err)
			}
		}
		if rewritten, err := RewriteRegexp(source); err == nil && rewritten == "" && source != "" {
			t.Fatal("a pattern vanished")
		}
	})
}

// FuzzDecode feeds a file as an untrusted peer may send it.
func FuzzDecode(f *testing.F) {
	f.Add("return 1", `{"version":3,"sources":["a"],"mappings":"AAAA"}`)
	f.Add(`(() => { "use strict"; return {} })()`, `{"version":3,"sources":["a"],"mappings":";;AAAA,DDDD"}`)
	f.Fuzz(func(t *testing.T, code, mapping string) {
		b, err := Decode([]byte(marker+hashOf(code)+" a.js\n"+code+"\n"), []byte(mapping))
		if err != nil {
			return
		}
		again, err := Decode(b.Encode(), b.SourceMap)
		if err != nil || again.Hash != b.Hash || string(again.SourceMap) != string(b.SourceMap) {
			t.Fatalf("not the same again: %v", err)
		}
		b.Frame(Position{"a", 1, 1})
		b.Position(1, 1)
	})
}

// FuzzBuild builds: what esbuild accepts, goja compiles, or the error says why; and running it does not panic.
func FuzzBuild(f *testing.F) {
	f.Add("export default 1")
	f.Add("class A { get; set = 1 } export { A }")
	f.Add("await 1; export default /\\p{L}/u.test(`\\u{10FFFF}`)")
	f.Fuzz(func(t *testing.T, code string) {
		b, err := Build(Options{Root: tree(t, "a.js", code), Entry: "a.js"})
		if err != nil {
			if _, ok := err.(*Error); !ok {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		vm := goja.New()
		Unguarded(vm)
		vm.SetMaxCallStackSize(100)
		timer := time.AfterFunc(100*time.Millisecond, func() { vm.Interrupt("enough") })
		defer timer.Stop()
		if _, err := vm.RunProgram(b.Program); err != nil {
			return // user code may throw
		}
	})
}
