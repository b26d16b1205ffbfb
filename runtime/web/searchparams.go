package web

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/dop251/goja"
)

// pair is a name-value pair of a query or form: well-formed UTF-8, decoded.
type pair struct{ name, value string }

// searchParams is the Go half of a URLSearchParams (URL 6.2).
type searchParams struct {
	list []pair
	size int        // bytes of names and values
	url  *urlRecord // whose query follows the list, if any
}

// Bounds of what a URLSearchParams holds. What comes over the network is smaller by far.
const (
	pairsMax      = 100_000
	queryBytesMax = 8 << 20 // of names and values; encoding makes it three times as much at most
)

var searchParamsClass = expose("URLSearchParams")

func init() {
	searchParamsClass.construct = func(r *Realm, c goja.ConstructorCall) any {
		p := &searchParams{}
		if v := c.Argument(0); !goja.IsUndefined(v) {
			p.list = r.searchPairs(v)
			p.size = pairsBytes(p.list)
		}
		return p
	}
	searchParamsClass.members = append([]member{
		getter("size", func(r *Realm, p *searchParams) goja.Value { return r.VM.ToValue(len(p.list)) }),
		method("append", 2, func(r *Realm, p *searchParams, c goja.FunctionCall) goja.Value {
			added := pair{text(c.Argument(0)), text(c.Argument(1))}
			p.size = r.checkPairs("URLSearchParams.append", len(p.list)+1, p.size+added.bytes())
			p.update(append(p.list, added))
			return goja.Undefined()
		}),
		method("delete", 1, func(r *Realm, p *searchParams, c goja.FunctionCall) goja.Value {
			matches := matcher(c)
			p.update(slices.DeleteFunc(p.list, matches))
			p.size = pairsBytes(p.list)
			return goja.Undefined()
		}),
		method("get", 1, func(r *Realm, p *searchParams, c goja.FunctionCall) goja.Value {
			name := text(c.Argument(0))
			for i := range p.list {
				if p.list[i].name == name {
					return r.VM.ToValue(p.list[i].value)
				}
			}
			return goja.Null()
		}),
		method("getAll", 1, func(r *Realm, p *searchParams, c goja.FunctionCall) goja.Value {
			name, all := text(c.Argument(0)), []any{}
			for i := range p.list {
				if p.list[i].name == name {
					all = append(all, p.list[i].value)
				}
			}
			return r.VM.NewArray(all...)
		}),
		method("has", 1, func(r *Realm, p *searchParams, c goja.FunctionCall) goja.Value {
			return r.VM.ToValue(slices.ContainsFunc(p.list, matcher(c)))
		}),
		method("set", 2, func(r *Realm, p *searchParams, c goja.FunctionCall) goja.Value {
			name, value := text(c.Argument(0)), text(c.Argument(1))
			r.checkPairs("URLSearchParams.set", len(p.list)+1, p.size+len(name)+len(value))
			p.set(name, value)
			p.size = pairsBytes(p.list)
			return goja.Undefined()
		}),
		method("sort", 0, func(r *Realm, p *searchParams, _ goja.FunctionCall) goja.Value {
			slices.SortStableFunc(p.list, func(a, b pair) int { return compareUnits(a.name, b.name) })
			p.update(p.list)
			return goja.Undefined()
		}),
		method("toString", 0, func(r *Realm, p *searchParams, _ goja.FunctionCall) goja.Value {
			return r.VM.ToValue(serializeQuery(p.list))
		}),
	}, pairs("URLSearchParams Iterator", func(r *Realm, p *searchParams, i int) (goja.Value, goja.Value, bool) {
		if i >= len(p.list) {
			return nil, nil, false
		}
		return r.VM.ToValue(p.list[i].name), r.VM.ToValue(p.list[i].value), true
	})...)
	searchParamsClass.iterator = "entries"
}

// matcher is what has and delete look for: a name, and a value unless that argument is undefined.
func matcher(c goja.FunctionCall) func(pair) bool {
	name := text(c.Argument(0))
	v := c.Argument(1)
	if goja.IsUndefined(v) {
		return func(p pair) bool { return p.name == name }
	}
	value := text(v)
	return func(p pair) bool { return p.name == name && p.value == value }
}

// set gives the first pair called name the value and drops the others, or appends one.
func (p *searchParams) set(name, value string) {
	kept, done := p.list[:0], false
	for _, q := range p.list {
		if q.name == name {
			if done {
				continue
			}
			q.value, done = value, true
		}
		kept = append(kept, q)
	}
	if !done {
		kept = append(kept, pair{name, value})
	}
	p.update(kept)
}

// update makes list the pairs and writes them into the URL.
func (p *searchParams) update(list []pair) {
	clear(p.list[min(len(list), len(p.list)):])
	p.list = list
	if u := p.url; u != nil {
		u.query = serializeQuery(list)
		u.hasQuery = u.query != ""
		u.trimOpaque()
	}
}

func (p pair) bytes() int { return len(p.name) + len(p.value) }

func pairsBytes(list []pair) (size int) {
	for i := range list {
		size += list[i].bytes()
	}
	return size
}

// checkPairs throws a RangeError when n pairs of size bytes are beyond the bounds, and returns size.
func (r *Realm) checkPairs(what string, n, size int) int {
	if n > pairsMax {
		panic(r.RangeError("%s: there may be %d pairs, got one more", what, pairsMax))
	}
	if size > queryBytesMax {
		panic(r.RangeError("%s: all names and values may have %d bytes, got %d", what, queryBytesMax, size))
	}
	return size
}

// queryPairs parses a query that code gives.
func (r *Realm) queryPairs(what, query string) []pair {
	r.checkPairs(what, strings.Count(query, "&")+1, len(query))
	return parseQuery(query)
}

// searchPairs converts what the constructor takes: a sequence of pairs, a record or a string (URL 6.2).
func (r *Realm) searchPairs(v goja.Value) []pair {
	o, ok := v.(*goja.Object)
	if !ok {
		return r.queryPairs("URLSearchParams", strings.TrimPrefix(text(v), "?"))
	}
	var list []pair
	if it := o.GetSymbol(goja.SymIterator); !nullish(it) {
		size := 0
		r.VM.ForOf(o, func(v goja.Value) bool {
			r.pause()
			added := r.searchPair(v)
			size = r.checkPairs("URLSearchParams", len(list)+1, size+added.bytes())
			list = append(list, added)
			return true
		})
		return list
	}
	return r.searchRecord(o)
}

func (r *Realm) searchPair(v goja.Value) pair {
	o, ok := v.(*goja.Object)
	if !ok || nullish(o.GetSymbol(goja.SymIterator)) {
		panic(r.TypeError("URLSearchParams: each element must be a pair of name and value, got %s", kind(v)))
	}
	var parts []string
	r.VM.ForOf(o, func(v goja.Value) bool {
		parts = append(parts, text(v))
		return len(parts) < 3
	})
	switch len(parts) {
	case 0, 1:
		panic(r.TypeError("URLSearchParams: each element must be a pair of name and value, got one of %d parts", len(parts)))
	case 3:
		panic(r.TypeError("URLSearchParams: each element must be a pair of name and value, got one of more than 2 parts"))
	}
	return pair{parts[0], parts[1]}
}

// searchRecord reads a record (Web IDL 3.2.19); keys that become equal as USVString keep the place of the first and the
// value of the last. Object.entries does the reading because Go strings cannot name keys with lone surrogates.
func (r *Realm) searchRecord(o *goja.Object) []pair {
	entries, _ := goja.AssertFunction(r.intrinsic("Object", "entries"))
	all, err := entries(goja.Undefined(), o)
	if err != nil {
		panic(err)
	}
	var list []pair
	at, size := map[string]int{}, 0
	array := all.(*goja.Object)
	n := int(array.Get("length").ToInteger())
	for i := range n { // by index: ForOf would ask Array.prototype, which code can change
		r.pause()
		e := array.Get(strconv.Itoa(i)).(*goja.Object)
		name, value := text(e.Get("0")), text(e.Get("1"))
		if i, seen := at[name]; seen {
			list[i].value = value
			continue
		}
		at[name] = len(list)
		list = append(list, pair{name, value})
		size = r.checkPairs("URLSearchParams", len(list), size+len(name)+len(value))
	}
	return list
}

// parseQuery is the application/x-www-form-urlencoded parser (URL 5.1); s has no leading "?".
func parseQuery(s string) []pair {
	if s == "" {
		return nil
	}
	list := make([]pair, 0, min(strings.Count(s, "&")+1, 32)) // a body of "&" has no pairs
	for s != "" {
		var field string
		field, s, _ = strings.Cut(s, "&")
		if field == "" {
			continue
		}
		name, value, _ := strings.Cut(field, "=")
		list = append(list, pair{formDecode(name), formDecode(value)})
	}
	return list
}

func formDecode(s string) string {
	if strings.IndexByte(s, '+') >= 0 {
		s = strings.ReplaceAll(s, "+", " ")
	}
	return decodeUTF8String(percentDecode(s))
}

// serializeQuery is the application/x-www-form-urlencoded serializer (URL 5.2).
func serializeQuery(list []pair) string {
	size := 0
	for i := range list {
		size += len(list[i].name) + len(list[i].value) + 2
	}
	b := make([]byte, 0, size)
	for i := range list {
		if i > 0 {
			b = append(b, '&')
		}
		b = appendForm(b, list[i].name)
		b = append(b, '=')
		b = appendForm(b, list[i].value)
	}
	return string(b)
}

func appendForm(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == ' ':
			b = append(b, '+')
		case percentSets[c]&formSet != 0:
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		default:
			b = append(b, c)
		}
	}
	return b
}

// compareUnits compares well-formed strings by UTF-16 code units: as by code points, but surrogate pairs come before
// U+E000.
func compareUnits(a, b string) int {
	for {
		x, n := utf8.DecodeRuneInString(a)
		y, m := utf8.DecodeRuneInString(b)
		switch {
		case n == 0 || m == 0:
			return n - m
		case x == y:
			a, b = a[n:], b[m:]
			continue
		case (x >= 0x10000) == (y >= 0x10000):
			return int(x - y)
		case x >= 0x10000:
			return compareUnit(0xD800, y)
		}
		return compareUnit(x, 0xD800)
	}
}

func compareUnit(x, y rune) int {
	if x < y {
		return -1
	}
	return 1
}
