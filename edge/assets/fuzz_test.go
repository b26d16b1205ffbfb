package assets

import (
	"strings"
	"testing"
)

// Rules are read or refused, and what they send elsewhere never becomes another host, whatever path is asked.
func FuzzRedirects(f *testing.F) {
	f.Add("/a /b 301", "/a")
	f.Add("/a/* /:splat", "/a//evil.example")
	f.Add("/:x/:y /:y/:x 302", "/\\evil/b")
	f.Add("/* /x?y=:splat#z 308", "/\r\nSet-Cookie: a")
	f.Fuzz(func(t *testing.T, rule, path string) {
		var r redirects
		if r.parse(rule, false) != nil {
			return
		}
		decoded, ok := decode(path)
		if !ok {
			return
		}
		m, ok := r.match(decoded)
		if !ok {
			return
		}
		local := !strings.HasPrefix(strings.Fields(rule)[1], "http")
		if local && (!strings.HasPrefix(m.to, "/") || strings.HasPrefix(m.to, "//")) || strings.ContainsAny(m.to, "\r\n\x00") {
			t.Errorf("%q sends %q to %q", rule, path, m.to)
		}
	})
}

// A field of a rule is one line, and is added to what there is.
func FuzzHeaders(f *testing.F) {
	f.Add("/x/*", "X-A: :splat", "/x/y")
	f.Add("/:a", "! Content-Type", "/b")
	f.Fuzz(func(t *testing.T, path, field, asked string) {
		var h headerRules
		if strings.ContainsAny(path+field, "\n") || strings.TrimSpace(path) == "" || h.parse(strings.TrimSpace(path), false) != nil {
			return
		}
		if line := strings.TrimSpace(field); line == "" || h.parse(line, true) != nil {
			return
		}
		for _, got := range h.apply(asked, nil) {
			if !fieldName.MatchString(got.Name) || strings.ContainsAny(got.Value, "\x00") {
				t.Errorf("%q: field %+v", field, got)
			}
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"/a%20b", "/%2e%2e/x", "/%2f", "/%5c", "/%", "/%zz", "//a", "/a%00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		p, ok := decode(path)
		if !ok {
			return
		}
		if !strings.HasPrefix(p, "/") || strings.ContainsAny(p, "\\\x00") || strings.Count(p, "/") != strings.Count(path, "/") {
			t.Errorf("%q is %q", path, p)
		}
		if again, ok := decode(escape(p)); !ok || strings.TrimLeft(again, "/") != strings.TrimLeft(p, "/") {
			t.Errorf("%q is %q, and as a place %q", path, p, again)
		}
	})
}
