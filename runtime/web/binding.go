package web

import (
	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// Binding is what a name in env stands for.
type Binding interface {
	// Value makes it for one VM.
	Value(r *Realm) goja.Value
}

// Scope is what bindings keep for one invocation, over all its turns.
type Scope struct {
	Request *exchange.Request
	Seen    uint64 // the last revision of the key-value state that the client is known to have seen
}

// Class is an interface whose objects only a binding makes.
type Class = class

// Member is a method or an accessor of a Class.
type Member = member

// NewClass declares a class before there is any VM: in a variable.
func NewClass(name string) *Class { return conceal(name) }

// Define gives the class its members. One that is called iterator is also [Symbol.asyncIterator].
func (c *class) Define(members []Member, asyncIterator string) {
	c.members, c.async = members, asyncIterator
}

// Method is a method whose this is an object made with a half of type T. Fewer arguments than length are a TypeError.
func Method[T any](name string, length int, f func(r *Realm, t T, c goja.FunctionCall) goja.Value) Member {
	return method(name, length, f)
}

// Getter is a read-only property of objects made with a half of type T.
func Getter[T any](name string, f func(r *Realm, t T) goja.Value) Member { return getter(name, f) }

// Accessor is a property that may be set, of objects made with a half of type T.
func Accessor[T any](name string, get func(r *Realm, t T) goja.Value, set func(r *Realm, t T, v goja.Value)) Member {
	return accessor(name, get, set)
}

// Make is a new object of class c; half is what its methods are called with.
func (r *Realm) Make(c *Class, half any) *goja.Object { return r.make(c, half) }

// Scope is that of the invocation whose code runs; nil while the app loads.
func (r *Realm) Scope() *Scope { return r.host.Scope() }

// Text converts v to text without lone surrogates.
func Text(v goja.Value) string { return text(v) }

// Kind names v for an error message: "undefined", "a number", "an object".
func Kind(v goja.Value) string { return kind(v) }

// Nullish reports whether v is absent, undefined or null.
func Nullish(v goja.Value) bool { return nullish(v) }

// Options returns v as an object to read options from; nil when there is none. what begins the message of a TypeError.
func (r *Realm) Options(what string, v goja.Value) *goja.Object { return r.dictionary(what, v) }

// Field is a member of options, nil when it is missing or undefined.
func Field(o *goja.Object, name string) goja.Value { return field(o, name) }

// Each calls step for each item of an iterable.
func (r *Realm) Each(what string, v goja.Value, step func(v goja.Value)) { r.sequence(what, v, step) }

// ParseJSON is JSON.parse.
func (r *Realm) ParseJSON(s string) goja.Value { return r.parseJSON(s) }

// StringifyJSON is JSON.stringify; what has no JSON is a TypeError that begins with what.
func (r *Realm) StringifyJSON(what string, v goja.Value) []byte { return r.stringifyJSON(what, v) }

// Bytes is the memory of a buffer or a view, not a copy.
func (r *Realm) Bytes(v goja.Value) (b []byte, ok bool) { return r.bytes(v) }

// Readable is a ReadableStream of b, which must not change.
func (r *Realm) Readable(b []byte) *goja.Object {
	o, _ := r.readableOf(b)
	return o
}

// Content gives f all bytes of v, which is text, a buffer, a view, a Blob or a ReadableStream, and returns what f returns, or
// a promise of it. A stream of more than bytesMax is a TypeError that names limit.
func (r *Realm) Content(what string, v goja.Value, bytesMax int, limit string, f func(b []byte) goja.Value) goja.Value {
	o, _ := v.(*goja.Object)
	switch {
	case o == nil:
		return f(immutableBytes(text(v)))
	case r.isReadable(o):
		if r.locked(o) || r.disturbed(o) {
			panic(r.TypeError("%s: the ReadableStream is locked or has been read from", what))
		}
		p, resolve, reject := r.VM.NewPromise()
		r.then(r.readAtMost(o, bytesMax, limit), func(v goja.Value) {
			b, _ := r.bytes(v)
			var out goja.Value
			if thrown := r.try(func() { out = f(b) }); thrown != nil {
				must(reject(thrown))
			} else {
				must(resolve(out))
			}
		}, func(reason goja.Value) { must(reject(reason)) })
		return r.VM.ToValue(p)
	}
	if b, ok := r.bytes(o); ok {
		return f(append([]byte(nil), b...))
	}
	if b, ok := half[*blob](o); ok {
		return f(b.data)
	}
	panic(r.TypeError("%s: the value must be a string, an ArrayBuffer, a typed array, a Blob or a ReadableStream, got %s; for an object use JSON.stringify", what, kind(v)))
}

// Resolved is a promise that is fulfilled with v already.
func (r *Realm) Resolved(v goja.Value) goja.Value { return r.resolved(v) }

// Promised runs f at once and returns a promise of what it returns; what it throws is the reason.
func (r *Realm) Promised(f func() goja.Value) goja.Value { return r.promised(f) }

// unavailable is the Go half of an error that says that state cannot be reached now.
type unavailable struct{}

// Unavailable is an Error called UnavailableError: state cannot be reached for the moment. If code does not catch it, the
// client is told to come again.
func (r *Realm) Unavailable(message string) *goja.Object {
	o := r.newError("Error", message)
	must(o.DefineDataProperty("name", r.VM.ToValue("UnavailableError"), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE))
	attach(o, unavailable{})
	return o
}

// IsUnavailable reports whether v was made by Unavailable.
func IsUnavailable(v goja.Value) bool {
	_, ok := half[unavailable](v)
	return ok
}
