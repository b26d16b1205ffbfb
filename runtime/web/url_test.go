package web

import (
	"strings"
	"testing"
)

func TestURL(t *testing.T) {
	expect(t, [][2]string{
		{`const u = new URL('http://u:p@ex.com:81/a?b#c'); return [u.protocol, u.username, u.password, u.host, u.hostname, u.port, u.pathname, u.search, u.hash, u.origin].join(' ')`,
			"http: u p ex.com:81 ex.com 81 /a ?b #c http://ex.com:81"},
		{`return String(new URL('../x', 'http://ex.com/a/b/c'))`, "http://ex.com/a/x"},
		{`return new URL('x', new URL('http://ex.com/a/b')).href`, "http://ex.com/a/x"},
		{`return JSON.stringify({u: new URL('http://ex.com')})`, `{"u":"http://ex.com/"}`},
		{`return new URL('http://ex.com/\ud800').href`, "http://ex.com/%EF%BF%BD"},
		{`return new URL('http://☃.ex/ä?ö#ü').href`, "http://xn--n3h.ex/%C3%A4?%C3%B6#%C3%BC"},
		{`return [URL.canParse('x'), URL.canParse('x', 'http://a'), URL.canParse('http://a b')].join()`, "false,true,false"},
		{`return [URL.parse('x'), URL.parse('x', 'http://a').href].join()`, ",http://a/x"},
		{`return URL.parse('http://a') instanceof URL`, "true"},
		{`new URL('nope')`, `throws TypeError: Invalid URL: "nope": it is relative and no base was given`},
		{`new URL('x', 'mailto:y')`, `throws TypeError: Invalid URL: "x": it is relative and its base has an opaque path`},
		{`new URL('x', 'y')`, `throws TypeError: Invalid URL: "y": it is relative...`},
		{`new URL('http://a:99999')`, `throws TypeError: Invalid URL: "http://a:99999": its port...`},
		{`new URL('http://1.2.3.999')`, `throws TypeError: Invalid URL: "http://1.2.3.999": its host ends in a number...`},
		{`new URL()`, "throws TypeError: URL: 1 argument(s) required..."},
		{`const u = new URL('http://a'); u.href = 'x'`, "throws TypeError: Invalid URL..."},
		{`const u = new URL('http://a/?b'); try { u.href = 'x' } catch {} return u.href`, "http://a/?b"},
		{`const u = new URL('http://a:1/'); u.port = '80'; u.pathname = '/b c'; u.hash = 'd'; u.host = 'B:2'; return u`, "http://b:2/b%20c#d"},
		{`const u = new URL('blob:https://a.b/c'); return u.origin + ' ' + new URL('data:x').origin`, "https://a.b null"},
	})
}

func TestURL_searchParamsFollowBothWays(t *testing.T) {
	expect(t, [][2]string{
		{`const u = new URL('http://a/?x=1&y=2'); return u.searchParams === u.searchParams && u.searchParams.get('y')`, "2"},
		{`const u = new URL('http://a/?x=1'); u.searchParams.append('y', 'ä b'); return u.href`, "http://a/?x=1&y=%C3%A4+b"},
		{`const u = new URL('http://a/?x=1'); u.searchParams.delete('x'); return u.href`, "http://a/"},
		{`const u = new URL('http://a/?x=1'), p = u.searchParams; u.search = '?z=3'; return p.toString()`, "z=3"},
		{`const u = new URL('http://a/?x=1'), p = u.searchParams; u.href = 'http://b/?q'; return p.toString()`, "q="},
		{`const u = new URL('http://a/?x=%41'); u.searchParams; return u.search`, "?x=%41"},
		{`const u = new URL('data:x  ?a'); u.searchParams.delete('a'); return '<' + u.pathname + '>'`, "<x>"},
	})
}

func TestURLSearchParams(t *testing.T) {
	expect(t, [][2]string{
		{`return new URLSearchParams('?a=1&a=2&b').toString()`, "a=1&a=2&b="},
		{`return new URLSearchParams([['a', '1'], new Set(['b', '2'])]).toString()`, "a=1&b=2"},
		{`return new URLSearchParams({a: 1, b: true}).toString()`, "a=1&b=true"},
		{`return new URLSearchParams(new URLSearchParams('x=y')).toString()`, "x=y"},
		{`return new URLSearchParams({'\ud800': 1, '\ud801': 2}).toString()`, "%EF%BF%BD=2"},
		{`return new URLSearchParams('a=%zz%41+%C3').get('a')`, "%zzA \uFFFD"},
		{`return new URLSearchParams({a: "a b*-._~'"}).toString()`, "a=a+b*-._%7E%27"},
		{`const p = new URLSearchParams('a=1&a=2'); return [p.get('a'), p.get('b'), p.getAll('a').length, p.size].join()`, "1,,2,2"},
		{`const p = new URLSearchParams('a=1&a=2'); return [p.has('a'), p.has('a', '3'), p.has('a', undefined)].join()`, "true,false,true"},
		{`const p = new URLSearchParams('a=1&a=2&b=3'); p.delete('a', '1'); return p.toString()`, "a=2&b=3"},
		{`const p = new URLSearchParams('a=1&b=2&a=3'); p.set('a', '4'); p.set('c', '5'); return p.toString()`, "a=4&b=2&c=5"},
		{`const p = new URLSearchParams('\uffff=1&\u{1f600}=2&a=3'); p.sort(); return [...p.values()].join('')`, "321"},
		{`const p = new URLSearchParams('b=1&a=2&b=0'); p.sort(); return p.toString()`, "a=2&b=1&b=0"},
		{`const p = new URLSearchParams('a=1&b=2&c=3'), seen = []; for (const [k] of p) { seen.push(k); p.delete(k) } return seen.join()`, "a,c"},
		{`return String(new URLSearchParams('a=1').entries())`, "[object URLSearchParams Iterator]"},
		{`new URLSearchParams([['a']])`, "throws TypeError: URLSearchParams: each element must be a pair of name and value, got one of 1 parts"},
		{`new URLSearchParams([1])`, "throws TypeError: URLSearchParams: each element must be a pair of name and value, got a number"},
	})
}

func TestParseURL_boundsDomains(t *testing.T) {
	if _, err := parseURL("http://"+strings.Repeat("ä", domainBytesMax)+"/", nil); err != errDomain {
		t.Errorf("a domain of %d letters beyond ASCII: %v, want %v", domainBytesMax, err, errDomain)
	}
	if _, err := parseURL("http://"+strings.Repeat("a", 1<<20)+"/", nil); err != nil {
		t.Errorf("a long domain in ASCII: %v", err)
	}
}

func TestParseURL_refusesPunycodeThatNothingEncodesTo(t *testing.T) {
	for _, host := range []string{"xn--", "a.xn--", "xn--a", "XN--A-", "xn--ä-eba", "ｘn--", "xn\u00AD--", "xn--ls8h="} {
		if u, err := parseURL("http://"+host+"/", nil); err == nil {
			t.Errorf("%q parses as %q", host, u.hostname())
		}
	}
}
