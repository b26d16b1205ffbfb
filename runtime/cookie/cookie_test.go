package cookie

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestCookie_Field(t *testing.T) {
	for _, c := range []struct {
		cookie Cookie
		want   string
	}{
		{Cookie{Name: "a", Value: "x y;\r\n\"%é!~*'()"}, `a=x%20y%3B%0D%0A%22%25%C3%A9!~*'()`},
		{Cookie{Name: "a", Expires: time.Unix(0, 0), SameSite: Lax, Path: "/"}, "a=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; SameSite=Lax"},
		{Cookie{Name: "__Host-a", Path: "/", Secure: true, SameSite: None}, "__Host-a=; Path=/; Secure; SameSite=None"},
		{Cookie{Name: "__Secure-a", Domain: "b.c", Secure: true}, "__Secure-a=; Domain=b.c; Secure"},
		{Cookie{Name: "a b"}, "name must be a token..."},
		{Cookie{}, "name must be a token..."},
		{Cookie{Name: "a", Domain: "b;c"}, "domain must be a host name..."},
		{Cookie{Name: "a", Domain: "b\nc"}, "domain must be a host name..."},
		{Cookie{Name: "a", Path: "/;"}, "path must be of printable ASCII..."},
		{Cookie{Name: "a", Path: "/\n"}, "path must be of printable ASCII..."},
		{Cookie{Name: "a", Path: "/" + strings.Repeat("x", 1024)}, "domain and path may have 1024 bytes each, got 0 and 1025"},
		{Cookie{Name: "a", Expires: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, "expires must be in the years 1601 to 9999, got 10000"},
		{Cookie{Name: "a", SameSite: "Lax"}, `sameSite must be "strict", "lax" or "none", got "Lax"`},
		{Cookie{Name: "__secure-a"}, `"__secure-a" must be set with secure: true, or browsers drop it`},
		{Cookie{Name: "__Host-a", Path: "/"}, `"__Host-a" must be set with secure: true, or browsers drop it`},
		{Cookie{Name: "__Host-a", Secure: true, Path: "/b"}, `"__Host-a" must be set with path "/" and no domain...`},
		{Cookie{Name: "__Host-a", Secure: true, Path: "/", Domain: "b.c"}, `"__Host-a" must be set with path "/" and no domain...`},
		{Cookie{Name: "a", Value: strings.Repeat("é", 683)}, `"a" is too long: name and encoded value may have 4096 bytes, or browsers drop it`},
		{Cookie{Name: "a", Value: strings.Repeat("b", 4096)}, `"a" is too long...`},
		{Cookie{Name: "a", Value: strings.Repeat("b", 4095)}, "a=" + strings.Repeat("b", 4095)},
	} {
		got, err := c.cookie.Field()
		if err != nil {
			got = err.Error()
		}
		if prefix, cut := strings.CutSuffix(c.want, "..."); got != c.want && !(cut && strings.HasPrefix(got, prefix)) {
			t.Errorf("%+v\n got  %s\n want %s", c.cookie, got, c.want)
		}
	}
}

func TestCookie_Expired(t *testing.T) {
	now := time.Unix(1000, 0)
	for _, c := range []struct {
		cookie Cookie
		want   bool
	}{
		{Cookie{}, false},
		{Cookie{Expires: now}, true},
		{Cookie{Expires: now.Add(1)}, false},
		{Cookie{Expires: now, MaxAge: 1, HasMaxAge: true}, false},
		{Cookie{HasMaxAge: true}, true},
	} {
		if got := c.cookie.Expired(now); got != c.want {
			t.Errorf("%+v: got %v", c.cookie, got)
		}
	}
}

func TestParse(t *testing.T) {
	for field, want := range map[string]string{
		"":                          "[]",
		"a=1; b=2;a=3":              `[{"a" "1"} {"b" "2"} {"a" "3"}]`,
		"d; =e; f=;;g==h; i = j\t;": `[{"f" ""} {"g" "=h"} {"i" "j"}]`,
		"a=%41%C3%A9; b=%zz%41; c=%FF; d=\"x y\"; e=a,b": `[{"a" "Aé"} {"b" "%zz%41"} {"c" "%FF"} {"d" "\"x y\""} {"e" "a,b"}]`,
		"__%48ost-a=b; \xff=\xff":                        `[{"__%48ost-a" "b"} {"�" "�"}]`,
	} {
		if got := fmt.Sprintf("%q", Parse(field)); got != want {
			t.Errorf("%q\n got  %s\n want %s", field, got, want)
		}
	}
}

// Whatever a client sends is read, and what is set is read back as it was.
func FuzzParse(f *testing.F) {
	f.Add("a=b; c=%41", "a b")
	f.Add("=;;=\xff", "é\x00;,%")
	f.Fuzz(func(t *testing.T, field, value string) {
		for _, p := range Parse(field) {
			if p.Name == "" || strings.ContainsAny(p.Name, ";=") || !utf8.ValidString(p.Name) || !utf8.ValidString(p.Value) {
				t.Errorf("%q: %q", field, p)
			}
		}
		if !utf8.ValidString(value) {
			return
		}
		c := Cookie{Name: "n", Value: value, Path: "/"}
		set, err := c.Field()
		if err != nil {
			return // too long
		}
		pair, _, _ := strings.Cut(set, ";")
		if got := Parse("x=y; " + pair); !slices.Equal(got, []Pair{{"x", "y"}, {"n", value}}) {
			t.Errorf("%q was read back as %q", value, got)
		}
	})
}

// A cookie that was read is written, unless it breaks a rule; what was written is read as the same cookie.
func FuzzParseSet(f *testing.F) {
	f.Add("a=b; Path=/; Domain=.X.y; Expires=Sun, 06 Nov 1994 08:49:37 GMT; Max-Age=-1; Secure; HttpOnly; Partitioned; SameSite=None")
	f.Add("__Host-a=; expires=1-1-1 1:1:1")
	f.Fuzz(func(t *testing.T, field string) {
		c, err := ParseSet(field)
		if err != nil {
			return
		}
		set, err := c.Field()
		if err != nil {
			return
		}
		if strings.ContainsAny(set, "\r\n\x00") {
			t.Errorf("%q gives %q", field, set)
		}
		again, err := ParseSet(set)
		if err != nil {
			t.Fatalf("%q gives %q, which is not read: %v", field, set, err)
		}
		c.Value = again.Value                        // encoded now
		c.Domain = strings.TrimPrefix(c.Domain, ".") // of several dots one is dropped each time
		if again != c {
			t.Errorf("%q\n gives %+v,\n %q\n gives %+v", field, c, set, again)
		}
	})
}
