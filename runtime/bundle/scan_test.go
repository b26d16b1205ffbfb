package bundle

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// towers are constructs that a recursive parser descends into: text before, a level, the core, its end, text after.
var towers = []struct{ before, level, core, end, after string }{
	{"x=", "(", "1", ")", ""},
	{"x=", "[", "1", "]", ""},
	{"x=", "{a:", "1", "}", ""},
	{"", "{", "", "}", ""},
	{"x=", "1+", "1", "", ""},
	{"x=", "1,", "1", "", ""},
	{"x=", "a=", "1", "", ""},
	{"x=", "a?b:", "1", "", ""},
	{"x=", "a?", "1", ":b", ""},
	{"x=a", ".b", "", "", ""},
	{"x=f", "()", "", "", ""},
	{"x=a", "?.b", "", "", ""},
	{"x=", "!", "a", "", ""},
	{"x=", "a**", "1", "", ""},
	{"x=", "()=>", "1", "", ""},
	{"x=", "function(){return ", "1", "}", ""},
	{"", "if(a)b;else ", "b", "", ""},
	{"", "if(a){}else ", "b", "", ""},
	{"", "if(a)\n", "b", "", ""},
	{"", "for(;;)", "b", "", ""},
	{"", "while(a)", "b", "", ""},
	{"", "do ", "b", ";while(1)", ""},
	{"x=", "`${", "1", "}`", ""},
	{"x=", "a&&", "1", "", ""},
	{"x=", "class extends ", "Object", "{}", ""},
	{"", "function f(){", "", "}", ""},
	{"x=", "async()=>", "1", "", ""},
	{"x=", "new ", "A", "", ""},
	{"let ", "[", "a", "]", "=1"},
	{"x=f", "`a`", "", "", ""},
	{"", "a:", "b", "", ""},
	{"x=", "[/[(]/,", "1", "]", ""},
}

// Whatever is a million levels high is refused, and at the height that just passes, esbuild and goja survive. They run
// in a child process, for if they did not, they would take the test with them.
func TestMeasure_towers(t *testing.T) {
	const variable = "FORTUNA_TEST_TOWER"
	if n := os.Getenv(variable); n != "" {
		var i, height int
		if _, err := fmt.Sscan(n, &i, &height); err != nil {
			t.Fatal(err)
		}
		dir := tree(t, "index.js", tower(i, height))
		b, err := Build(Options{Root: dir, Entry: "index.js"})
		fmt.Printf("survived: %v %v\n", b != nil, err)
		return
	}
	for i, c := range towers {
		t.Run(c.before+c.level, func(t *testing.T) {
			t.Parallel()
			if source := tower(i, 1e6); measure(source[:min(len(source), Limits.SourceBytesMax)], "x.js", languageJS) == nil {
				t.Error("a million levels were not refused")
			}
			height := 1
			for measure(tower(i, height*2), "x.js", languageJS) == nil {
				height *= 2
			}
			cmd := exec.Command(os.Args[0], "-test.run=^TestMeasure_towers$", "-test.v")
			cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %d", variable, i, height))
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "survived: true") {
				t.Errorf("%d levels: %v\n%.500s", height, err, out)
			}
		})
	}
}

func tower(i, height int) string {
	c := towers[i]
	return c.before + strings.Repeat(c.level, height) + c.core + strings.Repeat(c.end, height) + c.after
}

// What people and tools write in bulk is not taken for a tower.
func TestMeasure_passes(t *testing.T) {
	for name, source := range map[string]string{
		"statements":             strings.Repeat("a.b(c, 'd');\n", 50_000),
		"without semicolons":     strings.Repeat("const a = b.c(d)\nif (a) { b() }\nlabel: e++\n", 20_000),
		"functions":              strings.Repeat("function f(a, b) { return a / b / 2 }\n", 30_000),
		"classes":                "class A {\n" + strings.Repeat("#a = 1; get b() { return this.#a }\nc\n", 30_000) + "}",
		"array":                  "x=[" + strings.Repeat("'a',[1,2],{b:3},", 50_000) + "]",
		"object":                 "x={" + strings.Repeat("a: 1, b() {}, ", 50_000) + "}",
		"one declaration":        "var x=1" + strings.Repeat(",y=function(a){return a?1:2}", 30_000),
		"switch":                 "switch(a){" + strings.Repeat("case 1: case 'b': { c() } break\n", 30_000) + "}",
		"ladder":                 strings.Repeat("if (a) { b() } else ", 2_000) + "{}",
		"loops":                  strings.Repeat("for (a of b) if (a) while (b) c()\ndo d(); while (e)\n", 20_000),
		"arguments":              "f(" + strings.Repeat("a+b,", 50_000) + "1)",
		"enum":                   "enum E {" + strings.Repeat("A, B = 2, ", 30_000) + "}",
		"interface":              "interface I {\n" + strings.Repeat("a?: string\nb: { c: number }\n", 30_000) + "}",
		"brackets in strings":    strings.Repeat("a('(((', \"[[[\", `{{{${b}`, /[(]\\(/.test('{'))\n", 20_000),
		"brackets in comments":   strings.Repeat("/* ((( ' */ a() // {{{ '\n", 20_000),
		"division after bracket": strings.Repeat("a = (b) / c[1] / d; e = {f: '/'}\n", 20_000),
	} {
		if err := measure(source, "x.ts", languageJS); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := measure("{"+strings.Repeat(`"a": [1, {"b": null}], `, 50_000)+`"z": 1}`, "x.json", languageJSON); err != nil {
		t.Errorf("JSON: %v", err)
	}
	jsx := "export default () => <main>" + strings.Repeat("<p class='x'>it's {a / b} `(((` of <b>bold</b> text<br/></p>\n", 10_000) + "</main>"
	if err := measure(jsx, "x.tsx", languageJSX); err != nil {
		t.Errorf("JSX: %v", err)
	}
	if err := measure("x="+strings.Repeat("<a>", 1e5), "x.jsx", languageJSX); err == nil {
		t.Error("JSX: a hundred thousand open tags were not refused")
	}
}

// A file that would overflow esbuild's stack is refused, with its place, before esbuild sees it.
func TestBuild_refusesTowers(t *testing.T) {
	e := refuse(t, "index.js", "import './deep.js'", "deep.js", "\nx = "+strings.Repeat("(", 1_000_000))
	if got := e.Error(); !strings.HasPrefix(got, "deep.js:2:1005: the code is nested too deep: 1001 brackets") {
		t.Errorf("got %q", got)
	}
	e = refuse(t, "index.js", strings.Repeat("do ", 1001)+"b"+strings.Repeat(";while(1)", 1001))
	if got := e.Error(); !strings.HasPrefix(got, "index.js:1:3001: this statement is too long or too deep") {
		t.Errorf("got %q", got)
	}
	e = refuse(t, "index.js", "import './large.txt'", "large.txt", strings.Repeat("x", Limits.SourceBytesMax+1))
	if got := e.Error(); !strings.HasPrefix(got, "large.txt: the file is too large") {
		t.Errorf("got %q", got)
	}
}
