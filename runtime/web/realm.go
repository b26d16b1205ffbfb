// Package web is the web platform inside one VM: URL, Headers, Request, Response, fetch, streams, timers, crypto
// and the rest of the WinterTC minimum common API (ECMA-429), on Go-backed objects.
//
// It does not know where requests come from, which handler runs or how long it may: that is Host's business.
//
// A Realm is the platform of one VM. Nothing is built until code mentions it: the global object's prototype looks
// names up in the table of classes and functions and defines what was asked for, so an idle VM costs a few kB.
package web

import (
	"fmt"

	"github.com/dop251/goja"
)

// UserAgent is navigator.userAgent and what fetch sends: one product token, no version (ECMA-429).
const UserAgent = "fortuna"

// Realm is the web platform of one VM. It is used on the VM's goroutine only.
type Realm struct {
	VM   *goja.Runtime
	host Host
	opts Options

	built      []*built
	iterators  map[string]*goja.Object
	intrinsics map[string]goja.Value
	await      goja.Callable      // see then
	nothing    goja.Callable      // see pause
	frame      [1]goja.StackFrame // see calledPlainly
	events     events
	timers     timers
	cloning    map[string]goja.Value
}

// Options of a realm; they are shared by all realms of a deployment and never change.
type Options struct {
	// Egress decides which addresses fetch may reach; nil denies private ranges.
	Egress *Egress

	// FetchResponseBytes is how long the body of a response to fetch may be; 0 means the constant of that name.
	FetchResponseBytes int64

	// Unmentioned are parts of the language that the code cannot reach; see the function of that name. They are not
	// installed; zero installs everything.
	Unmentioned Features
}

// New gives vm the web platform.
func New(vm *goja.Runtime, host Host, opts Options) *Realm {
	r := &Realm{VM: vm, host: host, opts: opts, built: make([]*built, len(classes))}
	r.keep()
	global := vm.GlobalObject()
	lazy := vm.NewDynamicObject(&lazyGlobals{r: r, global: global, defined: map[string]bool{}})
	must(lazy.SetPrototype(global.Prototype()))
	must(global.SetPrototype(lazy))
	installLanguage(r)
	r.installJSON()
	return r
}

// values holds the globals that are not classes: functions, namespaces, singletons. A file adds its own in init.
var values = map[string]func(r *Realm) goja.Value{}

// exposeFunction declares a global function.
func exposeFunction(name string, length int, f func(r *Realm, c goja.FunctionCall) goja.Value) {
	values[name] = func(r *Realm) goja.Value { return r.function(name, length, f) }
}

// exposeValue declares a global that make builds on first mention.
func exposeValue(name string, make func(r *Realm) goja.Value) { values[name] = make }

func init() {
	exposeValue("self", func(r *Realm) goja.Value { return r.VM.GlobalObject() })
}

// lazyGlobals is the prototype of the global object: it builds a global the first time it is mentioned.
type lazyGlobals struct {
	r       *Realm
	global  *goja.Object
	defined map[string]bool // built once: deleting a global does not bring it back
}

func (l *lazyGlobals) Get(name string) goja.Value {
	if l.defined[name] {
		return nil
	}
	if c := globals[name]; c != nil {
		return l.put(name, l.r.class(c).constructor, goja.FLAG_FALSE)
	}
	if v := values[name]; v != nil {
		return l.put(name, v(l.r), goja.FLAG_TRUE)
	}
	return nil
}

func (l *lazyGlobals) put(name string, v goja.Value, enumerable goja.Flag) goja.Value {
	l.defined[name] = true
	must(l.global.DefineDataProperty(name, v, goja.FLAG_TRUE, goja.FLAG_TRUE, enumerable))
	return v
}

func (l *lazyGlobals) Has(name string) bool {
	return !l.defined[name] && (globals[name] != nil || values[name] != nil)
}

func (l *lazyGlobals) Set(string, goja.Value) bool { return false }
func (l *lazyGlobals) Delete(string) bool          { return true }
func (l *lazyGlobals) Keys() []string              { return nil }

// TypeError is a new TypeError for code to catch: panic with it.
func (r *Realm) TypeError(format string, args ...any) *goja.Object {
	return r.newError("TypeError", fmt.Sprintf(format, args...))
}

// RangeError is a new RangeError for code to catch: panic with it.
func (r *Realm) RangeError(format string, args ...any) *goja.Object {
	return r.newError("RangeError", fmt.Sprintf(format, args...))
}

func (r *Realm) newError(constructor, message string) *goja.Object {
	o, err := r.VM.New(r.intrinsic("globalThis", constructor), r.VM.ToValue(message))
	must(err)
	return o
}

// asyncIterator is Symbol.asyncIterator, which goja lacks.
func (r *Realm) asyncIterator() *goja.Symbol { return symAsyncIterator }

// Inspect is v as console.log would show it.
func (r *Realm) Inspect(v goja.Value) string { return r.inspect(v) }
