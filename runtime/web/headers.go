package web

import (
	"slices"
	"strings"

	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// headers is the Go half of a Headers object (Fetch 5.1): fields in the order they came, names as spelled.
type headers struct {
	list      []exchange.Field
	immutable bool
	sorted    []exchange.Field // what iteration shows, until the next change
}

// Bounds of what code puts into a Headers. Servers and clients take much less.
const (
	headerFieldsMax = 1000
	headersBytesMax = 1 << 20
)

var headersClass = expose("Headers")

func init() {
	headersClass.construct = func(r *Realm, c goja.ConstructorCall) any {
		h := &headers{}
		if v := c.Argument(0); !goja.IsUndefined(v) {
			r.fill(h, "Headers", v)
		}
		return h
	}
	headersClass.members = append([]member{
		method("append", 2, func(r *Realm, h *headers, c goja.FunctionCall) goja.Value {
			n, v := r.headerName("Headers.append", c.Argument(0)), r.headerValue("Headers.append", c.Argument(1))
			r.mutable(h, "append")
			r.add(h, "Headers.append", n, v)
			return goja.Undefined()
		}),
		method("delete", 1, func(r *Realm, h *headers, c goja.FunctionCall) goja.Value {
			n := r.headerName("Headers.delete", c.Argument(0))
			r.mutable(h, "delete")
			h.delete(n)
			return goja.Undefined()
		}),
		method("get", 1, func(r *Realm, h *headers, c goja.FunctionCall) goja.Value {
			if v, ok := h.get(r.headerName("Headers.get", c.Argument(0))); ok {
				return r.latin1(v)
			}
			return goja.Null()
		}),
		method("has", 1, func(r *Realm, h *headers, c goja.FunctionCall) goja.Value {
			return r.VM.ToValue(h.has(r.headerName("Headers.has", c.Argument(0))))
		}),
		method("set", 2, func(r *Realm, h *headers, c goja.FunctionCall) goja.Value {
			n, v := r.headerName("Headers.set", c.Argument(0)), r.headerValue("Headers.set", c.Argument(1))
			r.mutable(h, "set")
			r.room(h, "Headers.set", n, v)
			h.set(n, v)
			return goja.Undefined()
		}),
		method("getSetCookie", 0, func(r *Realm, h *headers, _ goja.FunctionCall) goja.Value {
			var all []any
			for _, f := range h.list {
				if exchange.EqualFold(f.Name, "set-cookie") {
					all = append(all, r.latin1(f.Value))
				}
			}
			return r.VM.NewArray(all...)
		}),
	}, pairs("Headers Iterator", func(r *Realm, h *headers, i int) (goja.Value, goja.Value, bool) {
		all := h.sort()
		if i >= len(all) {
			return nil, nil, false
		}
		return r.VM.ToValue(all[i].Name), r.latin1(all[i].Value), true
	})...)
	headersClass.iterator = "entries"
}

func (h *headers) has(name string) bool {
	for i := range h.list {
		if exchange.EqualFold(h.list[i].Name, name) {
			return true
		}
	}
	return false
}

// get joins the values of all fields called name with ", " (Fetch 2.2.2).
func (h *headers) get(name string) (value string, ok bool) {
	var joined strings.Builder // of two or more
	for i := range h.list {
		switch f := &h.list[i]; {
		case !exchange.EqualFold(f.Name, name):
		case !ok:
			value, ok = f.Value, true
		default:
			if joined.Len() == 0 {
				joined.WriteString(value)
			}
			joined.WriteString(", ")
			joined.WriteString(f.Value)
		}
	}
	if joined.Len() > 0 {
		value = joined.String()
	}
	return value, ok
}

func (h *headers) append(name, value string) {
	h.list, h.sorted = append(h.list, exchange.Field{Name: name, Value: value}), nil
}

// set replaces the first field called name, and drops the others.
func (h *headers) set(name, value string) {
	kept, done := h.list[:0], false
	for _, f := range h.list {
		if exchange.EqualFold(f.Name, name) {
			if done {
				continue
			}
			f.Value, done = value, true
		}
		kept = append(kept, f)
	}
	h.list, h.sorted = kept, nil
	if !done {
		h.append(name, value)
	}
}

func (h *headers) delete(name string) {
	h.list = slices.DeleteFunc(h.list, func(f exchange.Field) bool { return exchange.EqualFold(f.Name, name) })
	h.sorted = nil
}

// clone is a copy that can be changed.
func (h *headers) clone() *headers { return &headers{list: slices.Clone(h.list)} }

// sort is "sort and combine" (Fetch 2.2.2): lower-case names in order, values joined, Set-Cookie kept apart.
func (h *headers) sort() []exchange.Field {
	if h.sorted != nil {
		return h.sorted
	}
	all := make([]exchange.Field, len(h.list))
	for i, f := range h.list {
		all[i] = exchange.Field{Name: strings.ToLower(f.Name), Value: f.Value}
	}
	slices.SortStableFunc(all, func(a, b exchange.Field) int { return strings.Compare(a.Name, b.Name) })
	combined := all[:0]
	for len(all) > 0 {
		same := 1
		for same < len(all) && all[same].Name == all[0].Name && all[0].Name != "set-cookie" {
			same++
		}
		f := all[0]
		if same > 1 {
			values := make([]string, same)
			for i := range values {
				values[i] = all[i].Value
			}
			f.Value = strings.Join(values, ", ")
		}
		combined, all = append(combined, f), all[same:]
	}
	h.sorted = combined
	return combined
}

// fill appends what a HeadersInit says: a Headers, pairs, or a record (Fetch 5.1). what names the caller in errors.
func (r *Realm) fill(h *headers, what string, init goja.Value) {
	if other, ok := half[*headers](init); ok {
		h.list = append(h.list, other.list...)
		return
	}
	o, ok := init.(*goja.Object)
	if !ok {
		panic(r.TypeError("%s: headers must be a Headers, an array of pairs or an object, got %s", what, kind(init)))
	}
	if it := o.GetSymbol(goja.SymIterator); !nullish(it) {
		r.VM.ForOf(o, func(pair goja.Value) bool {
			var nv []goja.Value
			if p, ok := pair.(*goja.Object); ok {
				r.VM.ForOf(p, func(v goja.Value) bool { nv = append(nv, v); return len(nv) < 3 })
			}
			if len(nv) != 2 {
				panic(r.TypeError("%s: each header must be a pair of name and value, got %s", what, kind(pair)))
			}
			r.add(h, what, r.headerName(what, nv[0]), r.headerValue(what, nv[1]))
			return true
		})
		return
	}
	for _, k := range o.Keys() {
		if v := o.Get(k); v != nil { // a getter may have deleted it
			r.add(h, what, r.headerName(what, r.VM.ToValue(k)), r.headerValue(what, v))
		}
	}
}

// add appends a field that code gives.
func (r *Realm) add(h *headers, what, name, value string) {
	r.room(h, what, name, value)
	h.append(name, value)
}

// room throws a RangeError when one more field would be beyond the bounds.
func (r *Realm) room(h *headers, what, name, value string) {
	if len(h.list) >= headerFieldsMax {
		panic(r.RangeError("%s: there are %d fields already, which is the most; %q does not fit", what, len(h.list), name))
	}
	size := len(name) + len(value)
	for i := range h.list {
		size += len(h.list[i].Name) + len(h.list[i].Value)
	}
	if size > headersBytesMax {
		panic(r.RangeError("%s: all names and values may have %d bytes, and %q would make it %d", what, headersBytesMax, name, size))
	}
}

func (r *Realm) mutable(h *headers, what string) {
	if h.immutable {
		panic(r.TypeError("Headers.%s: these headers are immutable; make a copy with new Headers(headers)", what))
	}
}

// headerName converts and checks a field name: a token (RFC 9110 5.6.2).
func (r *Realm) headerName(what string, v goja.Value) string {
	s := text(v)
	if !isToken(s) {
		panic(r.TypeError("%s: %q is not a valid header name", what, s))
	}
	return s
}

// headerValue converts, trims and checks a field value: no NUL, CR or LF (Fetch 2.2.2).
func (r *Realm) headerValue(what string, v goja.Value) string {
	s := strings.Trim(r.byteString(what, v), " \t\r\n")
	if i := strings.IndexAny(s, "\x00\r\n"); i >= 0 {
		panic(r.TypeError("%s: a header value must not contain %q", what, s[i]))
	}
	return s
}

// isToken reports whether s is a token (RFC 9110 5.6.2).
func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if !tokenBytes[s[i]] {
			return false
		}
	}
	return s != ""
}

var tokenBytes = func() (t [256]bool) {
	for _, c := range "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" {
		t[c] = true
	}
	return t
}()
