package web

import (
	"math"
	"strings"

	"github.com/dop251/goja"
)

// params is an AlgorithmIdentifier being read: its members are converted on the VM's goroutine, before the work
// begins (Web Cryptography API 18.4).
type params struct {
	r    *Realm
	what string
	name string
	o    *goja.Object // nil when the identifier was a string
}

// paramsOf reads the name of an AlgorithmIdentifier; the other members wait for the algorithm to ask.
func (r *Realm) paramsOf(what string, v goja.Value) *params {
	p := &params{r: r, what: what}
	if o, ok := v.(*goja.Object); ok {
		p.o = o
		n := field(o, "name")
		if n == nil {
			panic(r.TypeError("%s: the algorithm has no name", what))
		}
		p.name = text(n)
	} else {
		p.name = text(v)
	}
	return p
}

func (p *params) required(name string) goja.Value {
	v := field(p.o, name)
	if v == nil {
		panic(p.r.TypeError("%s: algorithm %s needs %q", p.what, p.name, name))
	}
	return v
}

// bytes is a copy of a required member.
func (p *params) bytes(name string) []byte {
	return p.r.bufferSource(p.what+": "+name, p.required(name))
}

// optionalBytes is a copy of a member, or nil.
func (p *params) optionalBytes(name string) []byte {
	if v := field(p.o, name); v != nil {
		return p.r.bufferSource(p.what+": "+name, v)
	}
	return nil
}

// count is a required integer from 0 to max, converted as [EnforceRange] says.
func (p *params) count(name string, max float64) int {
	return p.r.enforceRange(p.what+": "+name, p.required(name), max)
}

// optionalCount is like count; otherwise is the value when the member is missing.
func (p *params) optionalCount(name string, max float64, otherwise int) int {
	if v := field(p.o, name); v != nil {
		return p.r.enforceRange(p.what+": "+name, v, max)
	}
	return otherwise
}

func (p *params) text(name string) string { return text(p.required(name)) }

// hash is the digest that member hash names.
func (p *params) hash() string {
	h := p.r.paramsOf(p.what, p.required("hash"))
	name := strings.ToUpper(h.name)
	if _, ok := digests[name]; !ok {
		panic(p.r.Exception("NotSupportedError", "%s: there is no digest called %q", p.what, cut(h.name, 50)))
	}
	return name
}

// key is a required member that is a CryptoKey.
func (p *params) key(name string) *cryptoKey {
	v := p.required(name)
	k, ok := half[*cryptoKey](v)
	if !ok {
		panic(p.r.TypeError("%s: %s must be a CryptoKey, got %s", p.what, name, kind(v)))
	}
	return k
}

// refuse throws the DOMException that the standard names for this failure.
func (p *params) refuse(exception, format string, args ...any) {
	panic(p.r.Exception(exception, p.what+": "+format, args...))
}

// bufferSource is a copy of the bytes of an ArrayBuffer or a view.
func (r *Realm) bufferSource(what string, v goja.Value) []byte {
	if o, ok := v.(*goja.Object); ok && !isProxy(o) {
		if b, ok := r.bytes(o); ok {
			return append([]byte{}, b...)
		}
	}
	panic(r.TypeError("%s must be an ArrayBuffer or a view of one, got %s", what, kind(v)))
}

// enforceRange converts v to an integer from 0 to max (Web IDL 3.3.6).
func (r *Realm) enforceRange(what string, v goja.Value, max float64) int {
	f := math.Trunc(v.ToFloat())
	if math.IsNaN(f) || f < 0 || f > max {
		panic(r.TypeError("%s must be a number from 0 to %.0f, got %v", what, max, v))
	}
	return int(f)
}
