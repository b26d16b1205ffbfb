package web

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
)

// urlPatternFailures are the cases of the suite that do not hold, by number.
var urlPatternFailures = map[int]string{}

// urlPatternCheck is a function of one case of the suite that returns what is wrong with it, or "". What the suite
// leaves out is implied: a component of the pattern is the one given, or the base URL's, or "*"; a component of the
// match is empty, and the only group of a "*".
const urlPatternCheck = `(c) => {
	const components = ["protocol", "username", "password", "hostname", "port", "pathname", "search", "hash"];
	const specific = ["protocol", "hostname", "port", "pathname", "search", "hash"];
	const throws = f => { try { f() } catch (e) { return e instanceof TypeError } return false };
	if (c.expected_obj === "error") return throws(() => new URLPattern(...c.pattern)) ? "" : "no TypeError";
	const p = new URLPattern(...c.pattern);
	const empty = c.exactly_empty_components || [], given = c.pattern[0], expected = c.expected_obj || {};
	const base = typeof given === "object" ? given.baseURL : typeof c.pattern[1] === "string" ? c.pattern[1] : undefined;
	for (const k of components) {
		let want = "*";
		if (k in expected) want = expected[k];
		else if (empty.includes(k)) want = "";
		else if (typeof given === "object" && given[k]) want = given[k];
		else if (typeof given === "object" && specific.slice(0, Math.max(0, specific.indexOf(k))).some(e => e in given)) want = "*";
		else if (base && specific.includes(k)) want = new URL(base)[k].replace(k === "protocol" ? /:$/ : k === "search" ? /^\?/ : k === "hash" ? /^#/ : /^\b\B/, "");
		if (p[k] !== want) return k + ": got " + p[k] + ", want " + want;
	}
	if (c.expected_match === "error")
		return throws(() => p.test(...c.inputs)) && throws(() => p.exec(...c.inputs)) ? "" : "no TypeError from test and exec";
	if (!("inputs" in c)) return "";
	if (p.test(...c.inputs) !== !!c.expected_match) return "test: got " + p.test(...c.inputs);
	const got = p.exec(...c.inputs);
	if (!c.expected_match) return got === null ? "" : "exec: got " + JSON.stringify(got);
	const show = o => JSON.stringify(o, (k, v) => v === undefined ? "undefined" : v && typeof v === "object" && !Array.isArray(v) ?
		Object.fromEntries(Object.entries(v).sort(([a], [b]) => a < b ? -1 : 1)) : v);
	const want = { inputs: c.expected_match.inputs || c.inputs };
	for (const k of components) {
		want[k] = c.expected_match[k] || { input: "", groups: empty.includes(k) ? {} : { 0: "" } };
		for (const [name, v] of Object.entries(want[k].groups)) if (v === null) want[k].groups[name] = undefined;
	}
	return show(got) === show(want) ? "" : "exec: got " + show(got) + ", want " + show(want);
}`

// TestURLPattern_suite runs the cases of the Web Platform Tests.
func TestURLPattern_suite(t *testing.T) {
	data, err := os.ReadFile("../urlpattern/testdata/urlpatterntestdata.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []json.RawMessage
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 366 {
		t.Fatalf("the suite has %d cases", len(cases))
	}
	r, h := newTestRealm(t)
	passed := 0
	for i, c := range cases {
		got := evalIn(t, r, h, "return ("+urlPatternCheck+")(JSON.parse("+strconv.Quote(string(c))+"))")
		known, failing := urlPatternFailures[i]
		switch {
		case got == "":
			passed++
			if failing {
				t.Errorf("case %d holds now, and is listed as %q", i, known)
			}
		case !failing || !strings.Contains(got, known):
			t.Errorf("case %d: %s\n%s", i, got, c)
		}
	}
	t.Logf("%d of %d cases hold", passed, len(cases))
}
