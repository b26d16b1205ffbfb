package urlpattern

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// testCanon parses URLs with package url and writes text as it is.
var testCanon = Canon{
	URL: func(input string, base *string) (*URL, error) {
		u, err := url.Parse(input)
		if err == nil && base != nil {
			var b *url.URL
			if b, err = url.Parse(*base); err == nil {
				u = b.ResolveReference(u)
			}
		}
		if err == nil && u.Scheme == "" {
			err = errors.New("it is relative")
		}
		if err != nil {
			return nil, err
		}
		secret, _ := u.User.Password()
		return &URL{Opaque: u.Opaque != "", Parts: [Components]string{
			u.Scheme, u.User.Username(), secret, u.Hostname(), u.Port(), u.Opaque + u.Path, u.RawQuery, u.Fragment,
		}}, nil
	},
	DefaultPort: func(scheme string) (string, bool) {
		ports := map[string]string{"http": "80", "https": "443", "ws": "80", "wss": "443", "ftp": "21", "file": ""}
		port, special := ports[scheme]
		return port, special
	},
	Protocol: same, Username: same, Password: same, Hostname: same, Pathname: same, OpaquePathname: same, Search: same, Hash: same,
	Port: func(s, _ string) (string, error) { return s, nil },
}

func same(s string) (string, error) { return s, nil }

func pathname(s string) Init {
	var init Init
	init.Parts[Pathname] = &s
	return init
}

// show is what the groups of the pathname captured: "a=1 b", where b had no part in the match.
func show(m *[Components]Match) string {
	if m == nil {
		return "no match"
	}
	var list []string
	for _, g := range m[Pathname].Groups {
		if g.Matched {
			g.Name += "=" + g.Value
		}
		list = append(list, g.Name)
	}
	return strings.Join(list, " ")
}

func TestMatchInit(t *testing.T) {
	for _, tt := range []struct {
		pattern, input, want string
		ignoreCase           bool
	}{
		{pattern: "/a/:id", input: "/a/1", want: "id=1"},
		{pattern: "/a/:id", input: "/a/1/2", want: "no match"},
		{pattern: "/a/:id?", input: "/a", want: "id"},
		{pattern: "/a/:id+", input: "/a/1/2", want: "id=1/2"},
		{pattern: "/a/*", input: "/a/", want: "0="},
		{pattern: "/a/*", input: "/a/\n", want: "no match"},
		{pattern: "/a{/*}?", input: "/a", want: "0"},
		{pattern: "*{}**?", input: "x", want: "0=x 1"},
		{pattern: "/:file.:ext", input: "/a.b.c", want: "file=a ext=b.c"},
		{pattern: "/:x-:y", input: "/1-2", want: "x=1 y=2"},
		{pattern: "{/a}+", input: "/a/a", want: ""},
		{pattern: "/É/:x", input: "/é/Y", want: "x=Y", ignoreCase: true},
		{pattern: "/É/:x", input: "/é/Y", want: "no match"},
		{pattern: "/:x(a|ab)c", input: "/abc", want: "x=ab"},
		{pattern: "/(a(?=b).*)", input: "/abc", want: "0=abc"},
		{pattern: "/(a)(b)?/c", input: "/a/c", want: "0=a 1"},
		{pattern: `/(é*)`, want: "error"},
		{pattern: "/:x/:x", want: "error"},
		{pattern: "/{a", want: "error"},
		{pattern: "/a}", want: "error"},
		{pattern: `/a\`, want: "error"},
		{pattern: "/:", want: "error"},
		{pattern: "/((?<n>a))/((?<n>b))", want: "error"},
		{pattern: "/:x((?<n>a))+", want: "error"},
	} {
		p, err := New(&testCanon, pathname(tt.pattern), Options{IgnoreCase: tt.ignoreCase})
		if err != nil {
			if tt.want != "error" {
				t.Errorf("%s: %v", tt.pattern, err)
			}
			continue
		}
		m, err := p.MatchInit(pathname(tt.input))
		if got := show(m); err != nil || got != tt.want {
			t.Errorf("%s with %q: got %q, %v, want %q", tt.pattern, tt.input, got, err, tt.want)
		}
	}
}

// What stands in "()" is a regular expression with the flag v.
func TestMatchInit_regexp(t *testing.T) {
	for _, tt := range []struct {
		pattern    string
		yes, no    string // characters, each matched alone
		ignoreCase bool
	}{
		{pattern: `[a-c]`, yes: "abc", no: "dA"},
		{pattern: `[^a-c]`, yes: "dA☃", no: "ab"},
		{pattern: `[^a-c]`, yes: "d☃", no: "aABC", ignoreCase: true},
		{pattern: `[[a-z]--[aeiou]]`, yes: "bz", no: "aeA"},
		{pattern: `[[a-z]--[aeiou]--b]`, yes: "cz", no: "ab"},
		{pattern: `[\w&&\D&&[^_]]`, yes: "aZ", no: "0_-"},
		{pattern: `[\W]`, yes: "-☃", no: "a0_"},
		{pattern: `[\W]`, yes: "-", no: "Kkſs", ignoreCase: true},
		{pattern: `[\p{Lu}\d]`, yes: "AÉ0", no: "aé-"},
		{pattern: `[\p{Lu}]`, yes: "AaÉé", no: "0", ignoreCase: true},
		{pattern: `\P{L}`, yes: "0-", no: "aé"},
		{pattern: `[^\P{Lu}]`, yes: "AÉ", no: "a0"},
		{pattern: `\p{Script=Greek}`, yes: "αΩ", no: "a"},
		{pattern: `[\u{1F600}-\u{1F64F}]`, yes: "😀", no: "☃a"},
		{pattern: `\x61|\u0062|\cA|\0`, yes: "ab\x01\x00", no: "cx"},
		{pattern: `[\-\&\]\b]`, yes: "-&]\b", no: "a"},
		{pattern: `(?i:a)`, yes: "aA", no: "b"},
		{pattern: `[]`, no: "a]"},
		{pattern: `[^]`, yes: "a]\n☃"},
		{pattern: `a{1}`, yes: "a", no: "b"},
		{pattern: `(?<x>a|b)(?!\k<x>)`, yes: "ab", no: "c"},
		{pattern: `.`, yes: "a☃", no: "\n\r"},
	} {
		p, err := New(&testCanon, pathname("("+tt.pattern+")"), Options{IgnoreCase: tt.ignoreCase})
		if err != nil {
			t.Errorf("%s: %v", tt.pattern, err)
			continue
		}
		if !p.HasRegexpGroups() {
			t.Errorf("%s: HasRegexpGroups is false", tt.pattern)
		}
		for _, c := range tt.yes + tt.no {
			m, err := p.MatchInit(pathname(string(c)))
			if want := strings.ContainsRune(tt.yes, c); err != nil || (m != nil) != want {
				t.Errorf("%s with %q: got %v, %v, want %v", tt.pattern, c, m != nil, err, want)
			}
		}
	}
}

func TestNew_refusesRegexp(t *testing.T) {
	for _, pattern := range []string{
		`[a`, `[b-a]`, `[a-]`, `[a--]`, `[--a]`, `[a&&b--c]`, `[ab--c]`, `[a&&&b]`, `[(]`, `[a/b]`, `[!!]`, `\m`, `[\m]`,
		`\c1`, `\x6`, `\u{110000}`, `\u{}`, `\u{6`, `\01`, `\p{Nothing}`, `\p`, `a{`, `a}`, `a]`, `{1}`, `*`, `a**`, `a{2,1}`,
		`(?R)`, `(?>a)`, `(?#a)`, `(?'n'a)`, `(?<1>a)`, `(?<n-m>a)`, `(?P<n>a)`, `(?x:a)`, `(?<n>a)(?<n>b)`, `\2`, `\k<n>`,
	} {
		if p, err := New(&testCanon, pathname("/("+pattern+")"), Options{}); err == nil {
			t.Errorf("%s: got the pattern %q, want an error", pattern, p.Part(Pathname))
		}
	}
}

func TestParse(t *testing.T) {
	base := "https://example.com/a/b?q#f"
	for _, tt := range []struct {
		input string
		base  *string
		want  string // the components, or "error"
	}{
		{`https://*.example.com:8080/:id\?q=:q#h`, nil, "https * * *.example.com 8080 /:id q=:q h"},
		{`https://u\:p@example.com`, nil, "https u p example.com  * * *"},
		{"http{s}?://example.com/", nil, "http{s}? * * example.com  / * *"},
		{"mailto\\:a@b", nil, "mailto * *   a@b * *"},
		{"/x", &base, "https * * example.com  /x * *"},
		{"?x", &base, "https * * example.com  /a/b x *"},
		{"x", &base, "https * * example.com  /a/x * *"},
		{"/x", nil, "error"},
		{"https://[:address]/", nil, "https * * [:address]  / * *"},
	} {
		p, err := Parse(&testCanon, tt.input, tt.base, Options{})
		if err != nil {
			if tt.want != "error" {
				t.Errorf("%s: %v", tt.input, err)
			}
			continue
		}
		var parts []string
		for c := range Components {
			parts = append(parts, p.Part(c))
		}
		if got := strings.Join(parts, " "); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.input, got, tt.want)
		}
	}
}

// A pattern and what it is matched with are hostile: what would take long is ErrLimit, neither a match nor none.
func TestPattern_limits(t *testing.T) {
	long := strings.Repeat("a", 1<<20)
	for _, tt := range []struct{ name, pattern, input string }{
		{"a long pattern", long, ""},
		{"a long constructor string", "", ""},
		{"backtracking", "/((?:a|aa)+)", "/" + strings.Repeat("a", 64) + "!"},
		{"backtracking to a name", `/((?<n>a+)+\k<n>)`, "/" + strings.Repeat("a", 64) + "b"},
		{"many wildcards", strings.Repeat("*a", 500), long},
		{"many classes", "(" + strings.Repeat(`\P{L}`, 90) + ")", ""},
		{"many properties", "(" + strings.Repeat(`[\p{Lu}&&`, 800) + "a" + strings.Repeat("]", 800) + ")", ""},
		{"many classes without case", "(" + strings.Repeat(`[^\P{L}]`, 90) + ")", ""},
		{"many groups", strings.Repeat("(.*)*-", 1300), long},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var p *Pattern
			var err error
			if tt.pattern == "" {
				p, err = Parse(&testCanon, "https://"+long, nil, Options{})
			} else {
				p, err = New(&testCanon, pathname(tt.pattern), Options{IgnoreCase: true})
			}
			if err == nil {
				var m *[Components]Match
				if m, err = p.MatchInit(pathname(tt.input)); m != nil {
					t.Error("it matched")
				}
			}
			if !errors.Is(err, ErrLimit) {
				t.Errorf("got %v, want ErrLimit", err)
			}
		})
	}
}

func TestPattern_deep(t *testing.T) {
	for _, pattern := range []string{
		"(" + strings.Repeat("[", 4000) + "a" + strings.Repeat("]", 4000) + ")",
		"(" + strings.Repeat("(?:", 2000) + "a" + strings.Repeat(")", 2000) + ")",
	} {
		p, err := New(&testCanon, pathname(pattern), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if m, err := p.MatchInit(pathname("a")); m == nil || err != nil {
			t.Errorf("got %v, %v", m, err)
		}
	}
}

// The pattern string of a pattern is a pattern that matches the same.
func FuzzNew(f *testing.F) {
	for _, seed := range []string{
		"/:a/*", "{/:a.b}?", "(a|b)+", `\:a`, "[a-z", "/(\\d+)-:x", ":a{b}", "*{}**?", `([[a-z]--b])`, "{:a}:b", ":a(.*)*",
	} {
		f.Add(seed, "/a/b")
	}
	f.Fuzz(func(t *testing.T, pattern, input string) {
		if _, err := Parse(&testCanon, pattern, nil, Options{}); err != nil && err.Error() == "" {
			t.Error("an error says nothing")
		}
		p, err := New(&testCanon, pathname(pattern), Options{})
		if err != nil {
			return
		}
		again, err := New(&testCanon, pathname(p.Part(Pathname)), Options{})
		if err != nil {
			if errors.Is(err, ErrLimit) { // escapes may make it longer than it may be
				return
			}
			t.Fatalf("%q became %q: %v", pattern, p.Part(Pathname), err)
		}
		if again.Part(Pathname) != p.Part(Pathname) {
			t.Fatalf("%q became %q and then %q", pattern, p.Part(Pathname), again.Part(Pathname))
		}
		m, err := p.MatchInit(pathname(input))
		same, againErr := again.MatchInit(pathname(input))
		if err != nil || againErr != nil { // a time limit need not strike twice
			return
		}
		if show(m) != show(same) {
			t.Fatalf("%q with %q: got %s, and %s as %q", pattern, input, show(m), show(same), p.Part(Pathname))
		}
	})
}

func BenchmarkMatchString(b *testing.B) {
	for _, pattern := range []string{"https://example.com/users/17", "https://{*.}?example.com/users/:id", `https://example.com/users/:id(\d+)`} {
		p, err := Parse(&testCanon, pattern, nil, Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(pattern, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if m, err := p.MatchString("https://example.com/users/17", nil); m == nil || err != nil {
					b.Fatal(m, err)
				}
			}
		})
	}
}

func Example() {
	p, err := Parse(&testCanon, "https://example.com/users/:id", nil, Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := p.MatchString("https://example.com/users/17", nil)
	fmt.Println(m[Pathname].Groups, err)
	// Output: [{id 17 true}] <nil>
}
