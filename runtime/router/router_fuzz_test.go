package router

import (
	"slices"
	"strings"
	"testing"
)

// model is the slow truth: every pattern is tried against the path, and the best that has the method wins.
type model []string // "method pattern"

func (l model) match(method, path string) (value string, params []Param, allow []string, ok bool) {
	var best []segment
	var have string // the method of the best so far
	for _, v := range l {
		m, pattern, _ := strings.Cut(v, " ")
		segments, err := parse(pattern)
		if err != nil {
			continue
		}
		captured, fits := fit(segments, path)
		if !fits {
			continue
		}
		if m != method && m != "" && !(method == "HEAD" && m == "GET") {
			allow = append(allow, m)
			if m == "GET" {
				allow = append(allow, "HEAD")
			}
			continue
		}
		switch c := compare(segments, best); {
		case !ok || c < 0:
		case c == 0 && rank(m, method) < rank(have, method):
		default:
			continue
		}
		value, params, best, have, ok = v, captured, segments, m, true
	}
	if ok {
		return value, params, nil, true
	}
	slices.Sort(allow)
	return "", nil, slices.Compact(allow), false
}

// rank orders the methods that can answer: the method itself, GET for HEAD, any.
func rank(have, method string) int {
	switch {
	case have == method:
		return 0
	case method == "HEAD" && have == "GET":
		return 1
	default:
		return 2
	}
}

func compare(a, b []segment) int {
	return slices.CompareFunc(a, b, func(x, y segment) int { return int(x.kind) - int(y.kind) })
}

func fit(pattern []segment, path string) (params []Param, ok bool) {
	if !strings.HasPrefix(path, "/") {
		return nil, false
	}
	parts := strings.Split(path[1:], "/")
	for i, s := range pattern {
		if i >= len(parts) {
			return nil, false
		}
		switch s.kind {
		case kindText:
			if decode(parts[i]) != s.text {
				return nil, false
			}
		case kindParam:
			if parts[i] == "" {
				return nil, false
			}
			params = append(params, Param{s.text, decode(parts[i])})
		case kindWild:
			return append(params, Param{"*", decodeTail(strings.Join(parts[i:], "/"))}), true
		}
	}
	return params, len(parts) == len(pattern)
}

func FuzzMatch(f *testing.F) {
	f.Add("GET /\n /a\nGET /a/:b\nPOST /a/*\nGET /:x/b", "GET", "/a/b")
	f.Add("GET /a\nHEAD /a\n /a\n /:a/:b/*\nGET /%2f", "HEAD", "/%2F")
	f.Add("GET /a%2525\nGET /a%25", "GET", "/a%25")
	f.Fuzz(func(t *testing.T, routes, method, path string) {
		r := New[string]()
		var l model
		for _, v := range strings.Split(routes, "\n") {
			m, pattern, ok := strings.Cut(v, " ")
			if ok && len(l) < 50 && r.Add(m, pattern, v) == nil {
				l = append(l, v)
			}
		}
		if method == "" {
			return // no request is without one; it would ask for the patterns of any method
		}
		value, params, allow, ok := l.match(method, path)
		m, gotAllow, gotOK := r.Match(method, path)
		if m.Value != value || !slices.Equal(m.Params, params) || !slices.Equal(gotAllow, allow) || gotOK != ok {
			t.Fatalf("routes %q, %s %q:\ngot  %v %q %v\nwant %q %v %q %v", l, method, path, m, gotAllow, gotOK, value, params, allow, ok)
		}
	})
}
