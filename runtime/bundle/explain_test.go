package bundle

import (
	"strings"
	"testing"
)

func TestBuild_explains(t *testing.T) {
	files := []string{
		"src/index.js", "import './lib/a.js'\nimport x from 'left-pad/deep'",
		"src/lib/a.js", "import '../../node_modules/dep/index.js'",
		"node_modules/dep/index.js", "var fs = require('fs'); var o = require('node:os')\nimport('@a/b/c'); import './gone.js'",
		"node_modules/dep/package.json", `{"name":"dep","exports":"./index.js"}`,
	}
	e := refuse(t, append(files, "pnpm-lock.yaml", "")...)
	var got strings.Builder
	for _, m := range e.Messages {
		got.WriteString(m.String() + " | " + strings.Join(m.Notes, " ") + " | " + strings.Join(m.Chain, " ") + "\n")
	}
	const use = "Use the web platform (fetch, crypto, URL, TextEncoder, streams), or a package made for browsers or Workers."
	const chain = "src/index.js src/lib/a.js node_modules/dep/index.js"
	want := `node_modules/dep/index.js:1:18: "fs" is not available in fortuna: it is a part of Node.js | ` + use + ` | ` + chain + `
node_modules/dep/index.js:1:41: "node:os" is not available in fortuna: it is a part of Node.js | ` + use + ` | ` + chain + `
node_modules/dep/index.js:2:8: cannot find the package "@a/b/c" | In the project directory: pnpm add @a/b | ` + chain + `
node_modules/dep/index.js:2:26: cannot find the file "./gone.js" |  | ` + chain + `
src/index.js:2:15: cannot find the package "left-pad/deep" | In the project directory: pnpm add left-pad | src/index.js
`
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}

func TestBuild_refuses(t *testing.T) {
	for _, c := range []struct{ name, code, at, text, note string }{
		{"a.js", "const f = n => import(n)\nexport default f(1)", "a.js:1:16", "import() of a computed name", "as a string"},
		{"b.ts", "let x: = 3", "b.ts:1:8", "Unexpected", ""},
		{"c.js", "import x from './c.js?y' with { type: 'yaml' }", "c.js:1:39", "yaml", ""},
		{"d.js", "import x from 'https://esm.sh/y'", "d.js:1:15", "not loaded over the network", ""},
		{"e.js", "import x from 'cloudflare:sockets'", "e.js:1:15", "a part of Cloudflare Workers", ""},
		{"f.js", "import './f.png'", "f.js:1:8", `".png" cannot be imported`, `with { type: "text" }`},
		{"g.js", "\n\texport const é = ['🙂', /\\p{Nope}/u]", "g.js:2:26", `\p{Nope}`, ""},
	} {
		m := refuse(t, c.name, c.code, "f.png", "").Messages[0]
		if m.Position().String() != c.at || !strings.Contains(m.Text, c.text) || !strings.Contains(strings.Join(m.Notes, " "), c.note) {
			t.Errorf("%s: got %s %q, want %s with %q and %q", c.code, m, m.Notes, c.at, c.text, c.note)
		}
	}
}

func TestMessage_Frame(t *testing.T) {
	m := refuse(t, "src/a.ts", "const a = 1;\n\tlet 🙂 = ;\nlast\n").Messages[0]
	const want = "src/a.ts:2:6\n" +
		"  1 | const a = 1;\n" +
		"> 2 | \tlet 🙂 = ;\n" +
		"    | \t    ^\n" +
		"  3 | last\n"
	if got := m.Frame(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	long := Message{File: "x.js", Line: 1, Column: 501, LineText: strings.Repeat("a", 500) + "b" + strings.Repeat("c", 500)}
	rows := strings.Split(long.Frame(), "\n")
	if i := strings.IndexByte(rows[2], '^'); rows[1][i] != 'b' || len(rows[1]) > 150 {
		t.Errorf("a long line:\n%s", long.Frame())
	}
	if got := (Message{Text: "no place"}).Frame(); got != "" {
		t.Errorf("got %q, want nothing", got)
	}
}
