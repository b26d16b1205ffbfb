// Package router leads a method and a path to a value and the parameters that the pattern captured.
//
// It does not know what the value is, nor HTTP beyond methods and paths.
//
// A pattern is a path whose segments are text ("users"), a parameter (":id", one segment that is not empty), or, at
// the end, a wildcard ("*", the rest of the path, perhaps empty). Where several patterns fit, the first segment that
// differs decides: text beats a parameter, a parameter beats a wildcard. Patterns without the request's method are
// passed over. A pattern of text alone costs one map lookup.
package router

import (
	"fmt"
	"slices"
	"strings"
)

// ParamsMax is how many parameters one pattern may have.
const ParamsMax = 16

// Router holds patterns and their values. Add everything first: after that, Match may be called from anywhere.
type Router[T any] struct {
	exact map[string]*leaf[T] // by path: patterns of text that a request can only spell as they stand
	root  node[T]
}

// New returns a Router without patterns.
func New[T any]() *Router[T] {
	return &Router[T]{exact: make(map[string]*leaf[T])}
}

// Param is one captured segment, percent-decoded once; a "/" in it was "%2F". The wildcard's Name is "*"; its value
// keeps each "%2F" as it came, so that every "/" in it is a separator.
type Param struct {
	Name, Value string
}

// Match is where a request leads.
type Match[T any] struct {
	Value   T
	Pattern string  // as it was added
	Params  []Param // in the order of the pattern; nil when it has none
}

// node is one position in the tree of segments.
type node[T any] struct {
	text  map[string]*node[T] // by decoded segment
	param *node[T]
	wild  *leaf[T]
	leaf  *leaf[T] // patterns that end here
}

// leaf is every pattern of one shape. There are few methods, so a list serves.
type leaf[T any] struct {
	entries []entry[T]
}

type entry[T any] struct {
	method  string // empty: any
	pattern string
	names   []string
	value   T
}

// Add leads method and pattern to v; an empty method stands for every method that the pattern has no value of its own
// for. The error says what is wrong with the pattern, or which pattern it collides with. Text in a pattern may be
// percent-encoded or not: "/café" and "/caf%C3%A9" are the same.
func (r *Router[T]) Add(method, pattern string, v T) error {
	if !isToken(method) {
		return fmt.Errorf("route %q: %q is not a method", pattern, method)
	}
	segments, err := parse(pattern)
	if err != nil {
		return fmt.Errorf("route %q: %w", pattern, err)
	}
	e := entry[T]{method: method, pattern: pattern, value: v}
	at, l, plain := &r.root, (*leaf[T])(nil), true
	for _, s := range segments {
		switch s.kind {
		case kindText:
			at = at.child(s.text)
			plain = plain && !strings.ContainsAny(s.text, "/%")
		case kindParam:
			if at.param == nil {
				at.param = new(node[T])
			}
			at = at.param
			e.names = append(e.names, s.text)
		case kindWild:
			if at.wild == nil {
				at.wild = new(leaf[T])
			}
			l = at.wild
			e.names = append(e.names, "*")
		}
	}
	if l == nil {
		if at.leaf == nil {
			at.leaf = new(leaf[T])
		}
		l = at.leaf
	}
	for _, other := range l.entries {
		if other.method == method {
			return fmt.Errorf("route %q: %s is already taken by %q, which fits the same paths",
				pattern, methodName(method), other.pattern)
		}
	}
	l.entries = append(l.entries, e)
	if plain && len(e.names) == 0 {
		var path strings.Builder
		for _, s := range segments {
			path.WriteByte('/')
			path.WriteString(s.text)
		}
		r.exact[path.String()] = l
	}
	return nil
}

func (n *node[T]) child(text string) *node[T] {
	if n.text == nil {
		n.text = make(map[string]*node[T])
	}
	c := n.text[text]
	if c == nil {
		c = new(node[T])
		n.text[text] = c
	}
	return c
}

func methodName(method string) string {
	if method == "" {
		return "any method"
	}
	return method
}

// Match finds where method and path lead; the path is percent-encoded, as in a request. HEAD is answered by GET where
// there is no HEAD. When ok is false and allow is not empty, patterns fit the path but none the method (405): allow is
// their methods, sorted. When allow is empty too, nothing fits (404). Dot segments and empty segments are segments like
// any other.
func (r *Router[T]) Match(method, path string) (m Match[T], allow []string, ok bool) {
	if l := r.exact[path]; l != nil {
		if e := l.entry(method); e != nil {
			return Match[T]{Value: e.value, Pattern: e.pattern}, nil, true
		}
	}
	if path == "" || path[0] != '/' {
		return m, nil, false
	}
	s := search[T]{method: method, path: path}
	if e := s.node(&r.root, 1, 0); e != nil {
		return Match[T]{Value: e.value, Pattern: e.pattern, Params: s.params(e.names)}, nil, true
	}
	slices.Sort(s.allow)
	return m, slices.Compact(s.allow), false
}

// entry is what the leaf has for method, or nil.
func (l *leaf[T]) entry(method string) *entry[T] {
	var get, every *entry[T]
	for i := range l.entries {
		e := &l.entries[i]
		switch e.method {
		case method:
			return e
		case "":
			every = e
		case "GET":
			get = e
		}
	}
	if method == "HEAD" && get != nil {
		return get
	}
	return every
}

// search is one walk over the tree. A node is entered at most once, so its cost is bounded by the number of patterns.
type search[T any] struct {
	method, path string
	spans        [ParamsMax]struct{ from, to int } // of the parameters on the way
	allow        []string
}

// node looks below n for the rest of the path, which begins a segment; params is how many were passed on the way.
func (s *search[T]) node(n *node[T], from, params int) *entry[T] {
	to, last := len(s.path), true
	if i := strings.IndexByte(s.path[from:], '/'); i >= 0 {
		to, last = from+i, false
	}
	raw := s.path[from:to]
	if len(n.text) > 0 {
		if c := n.text[decode(raw)]; c != nil {
			if e := s.below(c, to, params, last); e != nil {
				return e
			}
		}
	}
	if n.param != nil && raw != "" {
		s.spans[params].from, s.spans[params].to = from, to
		if e := s.below(n.param, to, params+1, last); e != nil {
			return e
		}
	}
	if n.wild != nil {
		s.spans[params].from, s.spans[params].to = from, len(s.path)
		return s.leaf(n.wild)
	}
	return nil
}

// below goes on at n after the segment that ends at to.
func (s *search[T]) below(n *node[T], to, params int, last bool) *entry[T] {
	if !last {
		return s.node(n, to+1, params)
	}
	if n.leaf == nil {
		return nil
	}
	return s.leaf(n.leaf)
}

// leaf takes the entry for the method, or notes which methods there are instead.
func (s *search[T]) leaf(l *leaf[T]) *entry[T] {
	e := l.entry(s.method)
	if e == nil {
		for i := range l.entries {
			s.allow = append(s.allow, l.entries[i].method)
			if l.entries[i].method == "GET" {
				s.allow = append(s.allow, "HEAD")
			}
		}
	}
	return e
}

// params are the captured segments under their names.
func (s *search[T]) params(names []string) []Param {
	if len(names) == 0 {
		return nil
	}
	params := make([]Param, len(names))
	for i, name := range names {
		raw := s.path[s.spans[i].from:s.spans[i].to]
		if name == "*" {
			params[i] = Param{name, decodeTail(raw)}
		} else {
			params[i] = Param{name, decode(raw)}
		}
	}
	return params
}
