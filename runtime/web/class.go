package web

import (
	"strings"

	"github.com/dop251/goja"
)

// class describes an interface of the platform (Web IDL 3.7); each VM builds it when code first mentions it.
//
// A file that defines one declares `var xClass = expose("X")` and fills the rest in an init function, because the
// functions in it mention the variable.
type class struct {
	name    string
	index   int
	parent  *class
	builtin string // name of a JavaScript global to inherit from: "Error"
	length  int    // of the constructor
	hidden  bool   // not a property of the global object

	// scripted returns the constructor of a class that JavaScript of ours defines; the fields below are unused then.
	scripted func(r *Realm) *goja.Object

	// construct returns the Go half of a new object; nil means "Illegal constructor".
	construct func(r *Realm, c goja.ConstructorCall) any

	members   []member // of the prototype
	statics   []member // of the constructor
	constants []constant
	iterator  string // the method that is also [Symbol.iterator]
	async     string // the method that is also [Symbol.asyncIterator]
}

// member is a method, or an accessor when get is set.
type member struct {
	name     string
	length   int
	call     func(r *Realm, c goja.FunctionCall) goja.Value
	get, set func(r *Realm, c goja.FunctionCall) goja.Value
}

// constant is a number on both constructor and prototype.
type constant struct {
	name  string
	value int
}

// classes lists every class of the platform by index; globals finds the visible ones by name.
var (
	classes []*class
	globals = map[string]*class{}
)

// expose declares a class that the global object shows.
func expose(name string) *class {
	c := conceal(name)
	c.hidden = false
	globals[name] = c
	return c
}

// conceal declares a class that code meets only through its objects.
func conceal(name string) *class {
	c := &class{name: name, index: len(classes), hidden: true}
	classes = append(classes, c)
	return c
}

// method is a member whose this must have a Go half of type T.
func method[T any](name string, length int, f func(r *Realm, t T, c goja.FunctionCall) goja.Value) member {
	return member{name: name, length: length, call: func(r *Realm, c goja.FunctionCall) goja.Value {
		return f(r, this[T](r, name, c), c)
	}}
}

// getter is a read-only accessor whose this must have a Go half of type T.
func getter[T any](name string, f func(r *Realm, t T) goja.Value) member {
	return member{name: name, get: func(r *Realm, c goja.FunctionCall) goja.Value {
		return f(r, this[T](r, name, c))
	}}
}

// accessor is a readable and writable property whose this must have a Go half of type T.
func accessor[T any](name string, get func(r *Realm, t T) goja.Value, set func(r *Realm, t T, v goja.Value)) member {
	m := getter(name, get)
	m.set = func(r *Realm, c goja.FunctionCall) goja.Value {
		set(r, this[T](r, name, c), c.Argument(0))
		return goja.Undefined()
	}
	return m
}

// replaceable is a getter whose property code may put a value of its own in place of, on the object that it assigns to, which
// may be a Proxy (Web IDL 3.3.12, [Replaceable]).
func replaceable[T any](name string, get func(r *Realm, t T) goja.Value) member {
	m := getter(name, get)
	m.set = func(r *Realm, c goja.FunctionCall) goja.Value {
		o, ok := c.This.(*goja.Object)
		if !ok {
			panic(r.TypeError("%s: illegal invocation: this is not the right kind of object", name))
		}
		if err := o.DefineDataProperty(name, c.Argument(0), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE); err != nil {
			panic(err)
		}
		return goja.Undefined()
	}
	return m
}

// static is a method of the constructor.
func static(name string, length int, f func(r *Realm, c goja.FunctionCall) goja.Value) member {
	return member{name: name, length: length, call: f}
}

func this[T any](r *Realm, name string, c goja.FunctionCall) T {
	t, ok := half[T](c.This)
	if !ok {
		panic(r.TypeError("%s: illegal invocation: this is not the right kind of object", name))
	}
	return t
}

// built is a class in one VM.
type built struct {
	constructor *goja.Object
	prototype   *goja.Object
}

// class returns c as built in this VM.
func (r *Realm) class(c *class) *built {
	if b := r.built[c.index]; b != nil {
		return b
	}
	b := &built{}
	r.built[c.index] = b
	if c.scripted != nil {
		b.constructor = c.scripted(r)
		b.prototype, _ = b.constructor.Get("prototype").(*goja.Object)
		return b
	}

	constructor := r.VM.ToValue(func(call goja.ConstructorCall) *goja.Object {
		if c.construct == nil {
			panic(r.TypeError("Illegal constructor: %s objects are not made with new", c.name))
		}
		if call.NewTarget == nil && (call.This.Prototype() != b.prototype || r.calledPlainly(c.name)) {
			panic(r.TypeError("Class constructor %s cannot be invoked without 'new'", c.name))
		}
		if len(call.Arguments) < c.length {
			panic(r.TypeError("%s: %d argument(s) required, but only %d present", c.name, c.length, len(call.Arguments)))
		}
		attach(call.This, c.construct(r, call))
		return nil
	}).(*goja.Object)
	b.constructor = constructor
	b.prototype = constructor.Get("prototype").(*goja.Object)
	rename(constructor, c.name, c.length, r)

	switch {
	case c.parent != nil:
		p := r.class(c.parent)
		must(constructor.SetPrototype(p.constructor))
		must(b.prototype.SetPrototype(p.prototype))
	case c.builtin != "":
		p := r.intrinsic("globalThis", c.builtin).(*goja.Object)
		must(b.prototype.SetPrototype(p.Get("prototype").(*goja.Object)))
	}
	must(constructor.DefineDataProperty("prototype", b.prototype, goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_FALSE))
	must(b.prototype.DefineDataPropertySymbol(goja.SymToStringTag, r.VM.ToValue(c.name), goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE))
	for _, m := range c.members {
		r.define(b.prototype, m)
	}
	for _, m := range c.statics {
		r.define(constructor, m)
	}
	for _, k := range c.constants {
		for _, o := range []*goja.Object{constructor, b.prototype} {
			must(o.DefineDataProperty(k.name, r.VM.ToValue(k.value), goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_TRUE))
		}
	}
	if c.iterator != "" {
		must(b.prototype.DefineDataPropertySymbol(goja.SymIterator, b.prototype.Get(c.iterator), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE))
	}
	if c.async != "" {
		must(b.prototype.DefineDataPropertySymbol(r.asyncIterator(), b.prototype.Get(c.async), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE))
	}
	return b
}

// calledPlainly reports whether constructor name is being called without new. goja tells constructors nothing about it,
// but a plain call has a native frame of its own on the stack and new has none.
func (r *Realm) calledPlainly(name string) bool {
	frames := r.VM.CaptureCallStack(1, r.frame[:0])
	return len(frames) == 1 && frames[0].SrcName() == "<native>" && frames[0].FuncName() == name
}

// define adds a member as Web IDL says: enumerable, configurable, accessors named "get x".
func (r *Realm) define(o *goja.Object, m member) {
	if m.call != nil {
		must(o.DefineDataProperty(m.name, r.function(m.name, m.length, m.call), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE))
		return
	}
	get, set := goja.Value(r.function("get "+m.name, 0, m.get)), goja.Undefined()
	if m.set != nil {
		set = r.function("set "+m.name, 1, m.set)
	}
	must(o.DefineAccessorProperty(m.name, get, set, goja.FLAG_TRUE, goja.FLAG_TRUE))
}

// function is a native function with a name and a length. Missing required arguments are a TypeError.
func (r *Realm) function(name string, length int, f func(r *Realm, c goja.FunctionCall) goja.Value) *goja.Object {
	o := r.VM.ToValue(func(c goja.FunctionCall) goja.Value {
		if len(c.Arguments) < length {
			panic(r.TypeError("%s: %d argument(s) required, but only %d present", strings.TrimPrefix(name, "set "), length, len(c.Arguments)))
		}
		return f(r, c)
	}).(*goja.Object)
	rename(o, name, length, r)
	return o
}

func rename(o *goja.Object, name string, length int, r *Realm) {
	must(o.DefineDataProperty("name", r.VM.ToValue(name), goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE))
	must(o.DefineDataProperty("length", r.VM.ToValue(length), goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE))
}

// make returns a new object of class c with the Go half given.
func (r *Realm) make(c *class, half any) *goja.Object {
	o := r.VM.CreateObject(r.class(c).prototype)
	attach(o, half)
	return o
}

// must turns an error that only a bug of ours can cause into a panic.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
