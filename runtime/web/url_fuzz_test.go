package web

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzParseURL(f *testing.F) {
	for _, s := range []string{
		"http://127.0.0.1:8787/path?x=1", "https://user:p@ss@Ex.com:443/a/../b?q#f", "file:///C|/x/..", "//h\\x", "mailto:a b?c",
		"non-special://[::1]:80/..//", "..", "?q", "#f", "http://0x7f.1/", "http://☃。com/%2e%2E", "ws://a:b@/", "\t /x\n",
	} {
		f.Add(s, "http://example.com/a/b?c#d")
		f.Add(s, "file:///C:/d/e")
		f.Add(s, "sc:opaque")
	}
	f.Add("ws:x."+strings.Repeat("o", 1100)+"\u0343", "file:///")
	f.Fuzz(func(t *testing.T, input, against string) {
		input, against = strings.ToValidUTF8(input, "\uFFFD"), strings.ToValidUTF8(against, "\uFFFD")
		base, err := parseURL(against, nil)
		var judge *reference
		if err == nil {
			judge = referenceOf(t, base.href())
		} else {
			base = nil
		}
		u, err := parseURL(input, base)
		want := referenceParse(input, judge)
		if (err == nil) != (want != nil) {
			t.Fatalf("%q against %q: error %v, the reference says %v", input, against, err, want)
		}
		if err != nil {
			return
		}
		href := u.href()
		if href != want.href() {
			t.Fatalf("%q against %q: %q, the reference says %q", input, against, href, want.href())
		}
		again, err := parseURL(href, nil)
		if err != nil {
			t.Fatalf("%q does not parse: %v", href, err)
		}
		if *again != *u {
			t.Fatalf("%q is %#v when parsed, and was %#v", href, *again, *u)
		}
	})
}

func FuzzURLSetters(f *testing.F) {
	f.Add("http://example.com/a?b#c", "x:8y", uint8(3))
	f.Add("file:///C:/x", "//y/..", uint8(6))
	f.Add("sc:opaque  ", "", uint8(7))
	f.Fuzz(func(t *testing.T, input, value string, which uint8) {
		u, err := parseURL(input, nil)
		if err != nil {
			return
		}
		setters := []func(*urlRecord, string){
			(*urlRecord).setProtocol, (*urlRecord).setUsername, (*urlRecord).setPassword, (*urlRecord).setHost,
			(*urlRecord).setHostname, (*urlRecord).setPort, (*urlRecord).setPathname, (*urlRecord).setSearch, (*urlRecord).setHash,
		}
		setters[int(which)%len(setters)](u, strings.ToValidUTF8(value, "\uFFFD"))
		href := u.href()
		if !utf8.ValidString(href) {
			t.Fatalf("%q is not well-formed", href)
		}
		again, err := parseURL(href, nil)
		if err != nil {
			t.Fatalf("%q does not parse after setting %q: %v", href, value, err)
		}
		if again.href() != href {
			t.Fatalf("%q is read back as %q", href, again.href())
		}
	})
}

func FuzzSearchParams(f *testing.F) {
	f.Add("a=b&c=%20+d&&=&e")
	f.Add("%C3%28=%F0%9F%92%A9&\xff=1")
	f.Fuzz(func(t *testing.T, s string) {
		list := parseQuery(s)
		text := serializeQuery(list)
		again := parseQuery(text)
		if len(again) != len(list) {
			t.Fatalf("%q has %d pairs, %q has %d", s, len(list), text, len(again))
		}
		for i := range list {
			if !utf8.ValidString(list[i].name) || !utf8.ValidString(list[i].value) {
				t.Fatalf("%q: pair %d is not well-formed", s, i)
			}
			if again[i] != list[i] {
				t.Fatalf("%q: pair %d is %q, read back %q", s, i, list[i], again[i])
			}
		}
	})
}
