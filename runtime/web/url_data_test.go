package web

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/dop251/goja"
)

// The cases of Web Platform Tests that differ here, by name, each list in the order of its file. A case that starts
// to pass must leave its list.
var (
	knownURL     = []string{}
	knownSetters = []string{}
	knownASCII   = []string{}
	knownPercent = []string{}
)

// readCases reads the objects of one of the data files; strings between them are comments.
func readCases[T any](t *testing.T, name string) []T {
	t.Helper()
	b, err := os.ReadFile("testdata/url/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		t.Fatal(err)
	}
	var cases []T
	for _, m := range raw {
		if m[0] != '{' {
			continue
		}
		var c T
		if err := json.Unmarshal(m, &c); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	if len(cases) == 0 {
		t.Fatalf("%s has no cases", name)
	}
	return cases
}

// compareFailures reports how the failures differ from those that are known.
func compareFailures(t *testing.T, failures map[string]string, known []string) {
	t.Helper()
	for name, why := range failures {
		if !slices.Contains(known, name) {
			t.Errorf("%s: %s", name, why)
		}
	}
	for _, name := range known {
		if failures[name] == "" {
			t.Errorf("%s passes now: take it off the list", name)
		}
	}
}

func TestURL_data(t *testing.T) {
	type expected struct {
		Input                                                    string
		Base                                                     *string
		Failure                                                  bool
		Href, Protocol, Username, Password, Host, Hostname, Port string
		Pathname, Search, Hash                                   string
		Origin                                                   *string
	}
	failures := map[string]string{}
	for _, c := range readCases[expected](t, "urltestdata.json") {
		name, base := c.Input, (*urlRecord)(nil)
		if c.Base != nil {
			name += " against " + *c.Base
			base, _ = parseURL(*c.Base, nil)
		}
		u, err := parseURL(c.Input, base)
		if c.Base != nil && base == nil {
			err = errRelative
		}
		if c.Failure != (err != nil) {
			failures[name] = fmt.Sprintf("failure %v, got error %v", c.Failure, err)
		}
		if err != nil || c.Failure {
			continue
		}
		check := func(part, got, want string) {
			if got != want {
				failures[name] += fmt.Sprintf("%s %q, want %q; ", part, got, want)
			}
		}
		check("href", u.href(), c.Href)
		check("protocol", u.protocol(), c.Protocol)
		check("username", u.user, c.Username)
		check("password", u.secret, c.Password)
		check("host", u.host(), c.Host)
		check("hostname", u.hostname(), c.Hostname)
		check("port", u.port(), c.Port)
		check("pathname", u.pathname(), c.Pathname)
		check("search", u.search(), c.Search)
		check("hash", u.hash(), c.Hash)
		if c.Origin != nil {
			check("origin", u.origin(), *c.Origin)
		}
	}
	compareFailures(t, failures, knownURL)
}

func TestURL_setterData(t *testing.T) {
	b, err := os.ReadFile("testdata/url/setters_tests.json")
	if err != nil {
		t.Fatal(err)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		t.Fatal(err)
	}
	r, _ := newTestRealm(t)
	set, err := r.VM.RunString(`(href, attribute, value, parts) => {
		const u = new URL(href)
		u[attribute] = value
		return JSON.stringify(Object.fromEntries(parts.map(p => [p, u[p]])))
	}`)
	if err != nil {
		t.Fatal(err)
	}
	call, _ := goja.AssertFunction(set)
	failures := map[string]string{}
	for attribute, m := range raw {
		if attribute == "comment" {
			continue
		}
		var cases []struct {
			Href     string
			NewValue string `json:"new_value"`
			Expected map[string]string
		}
		if err := json.Unmarshal(m, &cases); err != nil {
			t.Fatal(err)
		}
		for _, c := range cases {
			name := fmt.Sprintf("%s of %s = %q", attribute, c.Href, c.NewValue)
			var parts []any
			for part := range c.Expected {
				parts = append(parts, part)
			}
			v, err := call(goja.Undefined(), r.VM.ToValue(c.Href), r.VM.ToValue(attribute), r.VM.ToValue(c.NewValue), r.VM.NewArray(parts...))
			if err != nil {
				failures[name] = err.Error()
				continue
			}
			var got map[string]string
			if err := json.Unmarshal([]byte(v.String()), &got); err != nil {
				t.Fatal(err)
			}
			for part, want := range c.Expected {
				if got[part] != want {
					failures[name] += fmt.Sprintf("%s %q, want %q; ", part, got[part], want)
				}
			}
		}
	}
	compareFailures(t, failures, knownSetters)
}

func TestURL_asciiData(t *testing.T) {
	type expected struct {
		Input  string
		Output *string
	}
	failures := map[string]string{}
	for _, c := range readCases[expected](t, "toascii.json") {
		u, err := parseURL("https://"+c.Input+"/x", nil)
		switch {
		case c.Output == nil && err == nil:
			failures[c.Input] = "want a failure, got " + u.hostname()
		case c.Output != nil && err != nil:
			failures[c.Input] = fmt.Sprintf("want %s, got %v", *c.Output, err)
		case c.Output != nil && u.hostname() != *c.Output:
			failures[c.Input] = fmt.Sprintf("want %s, got %s", *c.Output, u.hostname())
		}
	}
	compareFailures(t, failures, knownASCII)
}

func TestURL_percentData(t *testing.T) {
	type expected struct {
		Input  string
		Output map[string]string
	}
	failures := map[string]string{}
	for _, c := range readCases[expected](t, "percent-encoding.json") {
		want := c.Output["utf-8"]
		if got := percentEncode(c.Input, specialQuerySet); got != want {
			failures[c.Input] = fmt.Sprintf("want %s, got %s", want, got)
		}
	}
	compareFailures(t, failures, knownPercent)
}
