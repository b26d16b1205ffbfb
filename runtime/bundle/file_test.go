package bundle

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dop251/goja"
)

func TestLoad(t *testing.T) {
	made := build(t, "src/index.ts", "export default (n: number): never => {\n  throw new Error('é' + n)\n}")
	path := filepath.Join(t.TempDir(), "app.js")
	for file, data := range map[string][]byte{path: made.Encode(), path + ".map": made.SourceMap} {
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if b.Hash != made.Hash || b.Entry != made.Entry || b.Code != made.Code || !bytes.Equal(b.SourceMap, made.SourceMap) {
		t.Errorf("got %+v, want %+v", b, made)
	}
	_, ns := run(t, b)
	f, _ := goja.AssertFunction(ns.Get("default"))
	if _, err := f(goja.Undefined()); err == nil || !strings.Contains(err.(*goja.Exception).String(), "src/index.ts:2:9") {
		t.Errorf("stack: %v", err)
	}
	const want = "src/index.ts:2:9\n  1 | export default (n: number): never => {\n>"
	if got := b.Frame(Position{"src/index.ts", 2, 9}); !strings.HasPrefix(got, want) {
		t.Errorf("frame: got\n%s\nwant\n%s", got, want)
	}
	if got := b.Frame(Position{"other.ts", 2, 9}); got != "" {
		t.Errorf("frame of an unknown file: %q", got)
	}
}

func TestDecode_refuses(t *testing.T) {
	b := build(t, "index.js", "export default 1")
	good := string(b.Encode())
	sign := func(code string) string { return marker + hashOf(code) + " index.js\n" + code + "\n" }
	for _, c := range []struct{ name, data, mapping, want string }{
		{"empty", "", "{}", "not a fortuna bundle"},
		{"other file", "export default 1\n", "{}", "not a fortuna bundle"},
		{"other version", strings.Replace(good, "bundle 1", "bundle 9", 1), "{}", "another version"},
		{"no entry", marker + "abc\n", "{}", "not whole"},
		{"cut short", good[:len(good)-10], string(b.SourceMap), "changed or cut short"},
		{"map is no JSON", good, "", "source map"},
		{"map of another version", good, `{"version":2}`, "version must be 3"},
		{"map leads outside", good, `{"version":3,"sources":[],"mappings":"AAAA"}`, "outside its sources"},
		{"map goes backwards", good, `{"version":3,"sources":["a"],"mappings":"AAAA,DAAA"}`, "backwards"},
		{"map is too far", good, `{"version":3,"sources":["a"],"mappings":"AAggggggggggA"}`, "VLQ"},
		{"no script", sign("let let"), string(b.SourceMap), "does not understand"},
		{"goja panics", sign(`"\u{10FFFF}"`), string(b.SourceMap), "cannot compile"},
		{"too deep", sign(strings.Repeat("(", 1e6)), string(b.SourceMap), "nested too deep"},
		{"too long", sign("1" + strings.Repeat("+1", 2e6)), string(b.SourceMap), "statement is too long"},
		{"too large", sign(strings.Repeat("a;", 3<<20)), string(b.SourceMap), "too large"},
	} {
		if _, err := Decode([]byte(c.data), []byte(c.mapping)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", c.name, err, c.want)
		}
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none.js")); !os.IsNotExist(err) && err == nil {
		t.Errorf("no file: %v", err)
	}
}
