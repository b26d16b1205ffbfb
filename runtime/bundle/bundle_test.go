package bundle

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dop251/goja"
)

// tree writes files, given as name and content by turns, into a new directory.
func tree(t testing.TB, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		path := filepath.Join(dir, filepath.FromSlash(files[i]))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[i+1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// build bundles a tree of files, the first of which is the entry.
func build(t testing.TB, files ...string) *Bundle {
	t.Helper()
	b, err := Build(Options{Root: tree(t, files...), Entry: files[0]})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// refuse bundles a tree that must not bundle.
func refuse(t testing.TB, files ...string) *Error {
	t.Helper()
	b, err := Build(Options{Root: tree(t, files...), Entry: files[0]})
	e, ok := err.(*Error)
	if !ok {
		t.Fatalf("%s: got %v (%T), want an *Error", files[1], err, err)
	}
	if b == nil || b.Program != nil {
		t.Fatalf("beside an error: got bundle %v, want one with nothing but Inputs", b)
	}
	return e
}

// run runs a bundle in a fresh VM and returns its exports; a promise must be settled by then.
func run(t testing.TB, b *Bundle) (*goja.Runtime, *goja.Object) {
	t.Helper()
	vm := goja.New()
	Unguarded(vm)
	v, err := vm.RunProgram(b.Program)
	if err != nil {
		t.Fatalf("%v\n%s", err, b.Code)
	}
	if p, ok := v.Export().(*goja.Promise); ok {
		if p.State() != goja.PromiseStateFulfilled {
			t.Fatalf("promise is %v: %v", p.State(), p.Result())
		}
		v = p.Result()
	}
	return vm, v.ToObject(vm)
}

func TestBuild(t *testing.T) {
	b := build(t,
		"src/index.ts", `
import { double } from "./lib";
import data from "./data.json";
import text from "./page.html";
enum Color { Red = 1 }
export default { fetch(n: number): string { return text + double(n) + data.a + Color.Red } };
export let count = 0;
export const bump = () => ++count;
export { double as "a-b" };
`,
		"src/lib.ts", `export const double = (n: number) => n * 2`,
		"src/data.json", `{"a": 7}`,
		"src/page.html", `<p>`)
	vm, ns := run(t, b)
	vm.Set("ns", ns)
	v, err := vm.RunString(`[ns.default.fetch(4), ns.count, ns.bump(), ns.count, ns["a-b"](4), Object.keys(ns).sort().join()].join(" ")`)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := v.String(), "<p>871 0 1 1 8 a-b,bump,count,default"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(b.Inputs) != 4 || !strings.HasSuffix(b.Inputs[1], "src/index.ts") {
		t.Errorf("inputs: %q", b.Inputs)
	}
}

func TestBuild_awaitsAtTop(t *testing.T) {
	b := build(t, "index.js", `const x = await Promise.resolve(3); export default x`)
	if _, ns := run(t, b); ns.Get("default").ToInteger() != 3 {
		t.Errorf("default: %v", ns.Get("default"))
	}
}

func TestProgram_stack(t *testing.T) {
	b := build(t, "src/index.ts", "interface A { b: string }\nexport default function f(a: A): void { const s: string = a.b; throw new Error(s) }\n")
	vm, ns := run(t, b)
	f, _ := goja.AssertFunction(ns.Get("default"))
	_, err := f(goja.Undefined(), vm.NewObject())
	if err == nil {
		t.Fatal("did not throw")
	}
	got := err.(*goja.Exception).String()
	if !strings.Contains(got, "src/index.ts:2:70") {
		t.Errorf("stack %q", got)
	}
}
