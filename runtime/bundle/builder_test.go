package bundle

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dop251/goja"
)

func TestBuilder(t *testing.T) {
	dir := tree(t, "index.js", "export default 1", "b.js", "export const b = 2")
	o := Options{Root: dir, Entry: "index.js"}
	b, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, step := range []struct{ code, want string }{
		{"export default 1", "1"},
		{"import { b } from './b.js'; export default b + 1", "3"},
		{"import { b } from './b.js'; export default (", "!index.js:1:45"},
		{"export default await 4", "4"},
		{"export default await 5; import './b.js'", "5"},
		{"export default 6", "6"},
	} {
		if err := os.WriteFile(filepath.Join(dir, "index.js"), []byte(step.code), 0o644); err != nil {
			t.Fatal(err)
		}
		made, err := b.Build()
		if at, refused := strings.CutPrefix(step.want, "!"); refused {
			if err == nil || !strings.HasPrefix(err.Error(), at) {
				t.Errorf("%s: got %v, want an error at %s", step.code, err, at)
			}
			if len(made.Inputs) != 1 {
				t.Errorf("%s: inputs %q, want the entry", step.code, made.Inputs)
			}
			continue
		}
		if want := 1 + strings.Count(step.code, "b.js"); len(made.Inputs) != want {
			t.Errorf("%s: inputs %q, want %d", step.code, made.Inputs, want)
		}
		if err != nil {
			t.Fatalf("%s: %v", step.code, err)
		}
		if _, ns := run(t, made); ns.Get("default").String() != step.want {
			t.Errorf("%s: got %v, want %s", step.code, ns.Get("default"), step.want)
		}
		if once, err := Build(o); err != nil || once.Hash != made.Hash {
			t.Errorf("%s: built once and built again differ: %v", step.code, err)
		}
	}
}

func TestBuild_sameEverywhere(t *testing.T) {
	files := []string{
		"src/index.tsx", `import { jsx } from "pkg/jsx-runtime"; import x from "pkg"; export default () => <p>{x}</p>; export { jsx }`,
		"node_modules/pkg/package.json", `{"name":"pkg","exports":{".":{"node":"./no.js","workerd":"./yes.js"},"./jsx-runtime":"./jsx.js"}}`,
		"node_modules/pkg/yes.js", "export default 'workerd'",
		"node_modules/pkg/jsx.js", "export const jsx = (tag, props) => tag + props.children",
		"tsconfig.json", `{"compilerOptions":{"jsx":"react-jsx","jsxImportSource":"pkg"}}`,
	}
	a, b := build(t, files...), build(t, files...)
	if a.Hash != b.Hash || a.Code != b.Code || string(a.SourceMap) != string(b.SourceMap) {
		t.Errorf("two directories, two bundles:\n%s\n%s", a.Code, b.Code)
	}
	if a.Entry != "src/index.tsx" || strings.Contains(a.Code+string(a.SourceMap), os.TempDir()) {
		t.Errorf("the directory shows: %s\n%s", a.Code, a.SourceMap)
	}
	_, ns := run(t, a)
	f, _ := goja.AssertFunction(ns.Get("default"))
	if v, err := f(goja.Undefined()); err != nil || v.String() != "pworkerd" {
		t.Errorf("got %v, %v", v, err)
	}
}

func TestBuild_data(t *testing.T) {
	dir := tree(t, "index.js", `
import text from "./a.txt"; import html from "./a.html"; import sql from "./a.sql"; import md from "./a.md";
import bin from "./a.bin"; import json from "./data" with { type: "json" }; import raw from "./lib.js" with { type: "text" };
export default [text, html, sql, md, bin instanceof Uint8Array, bin.length, bin[1], json.a, raw, DEFINED, process.env.NODE_ENV].join("|")`,
		"a.txt", "t", "a.html", "h", "a.sql", "s", "a.md", "m", "a.bin", "\x00\xff\x01", "data", `{"a":1}`, "lib.js", "((")
	b, err := Build(Options{Root: dir, Entry: "index.js", Define: map[string]string{"DEFINED": `"yes"`}})
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Inputs) != 8 {
		t.Errorf("inputs: %q", b.Inputs)
	}
	_, ns := run(t, b)
	if got, want := ns.Get("default").String(), "t|h|s|m|true|3|255|1|((|yes|production"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOpen_refuses(t *testing.T) {
	dir := tree(t, "src/a.js", "")
	for entry, want := range map[string]string{"": "no entry file", "src": "is a directory", "none.js": "no such file"} {
		if _, err := Open(Options{Root: dir, Entry: entry}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error with %q", entry, err, want)
		}
	}
	if _, err := Open(Options{Root: filepath.Join(dir, "none"), Entry: "a.js"}); err == nil {
		t.Error("a directory that is not there was opened")
	}
	b, err := Build(Options{Root: dir, Entry: filepath.Join(dir, "src", "a.js")})
	if err != nil || b.Entry != "src/a.js" {
		t.Errorf("an absolute entry: %v, %v", b, err)
	}
	if b != nil && !slices.ContainsFunc(b.Inputs, func(p string) bool { return strings.HasSuffix(p, "a.js") }) {
		t.Errorf("inputs: %q", b.Inputs)
	}
}

// Rewritten code keeps its places: an error behind several rewrites on one line is still where it was written.
func TestMend_keepsPlaces(t *testing.T) {
	const code = `export default () => { const a = ["\u{10FFFF}", /\p{Lu}/u, class { get = 1 }]; throw new Error("x") }`
	for _, minify := range []Minify{MinifyNone, MinifyAll} {
		b, err := Build(Options{Root: tree(t, "a.js", "\n\n"+code), Entry: "a.js", Minify: minify})
		if err != nil {
			t.Fatal(err)
		}
		_, ns := run(t, b)
		f, _ := goja.AssertFunction(ns.Get("default"))
		_, err = f(goja.Undefined())
		want := Position{"a.js", 3, strings.Index(code, "new Error") + 1}
		if err == nil || !strings.Contains(err.(*goja.Exception).String(), want.String()) {
			t.Errorf("minify %d: got %v, want %s", minify, err.(*goja.Exception).String(), want)
		}
		line := strings.Count(b.Code[:strings.Index(b.Code, "new Error")], "\n")
		column := strings.Index(strings.Split(b.Code, "\n")[line], "new Error")
		if p, ok := b.Position(line+1, column+1); !ok || p != want {
			t.Errorf("minify %d: got %v, want %v", minify, p, want)
		}
	}
}
