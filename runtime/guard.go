package runtime

import (
	"fmt"
	"strings"
	"time"

	"github.com/dlclark/regexp2/v2"
	"github.com/dop251/goja"
)

// Bounds on what one call of a built-in may make or walk. goja runs built-ins natively: neither an interrupt nor a
// memory limit reaches into them, so the calls that amplify are checked before they start. They are not configurable:
// beyond them a turn would take seconds, far over any CPU budget.
const (
	stringUnitsMax   = 64 << 20  // UTF-16 code units of a string made by a built-in
	arrayLengthMax   = 4 << 20   // elements a built-in walks or makes where each takes some nanoseconds
	iteratedMax      = 1 << 20   // values a built-in takes from an iterator
	slowLengthMax    = 256 << 10 // elements where each is named, compared or looked up
	argumentsMax     = 128 << 10 // arguments of a call that are spread: goja takes quadratic time
	promisesMax      = 32 << 10  // promises that one call waits for
	matchUnitsMax    = 2 << 20   // code units searched for every match of a pattern
	bufferBytesMax   = 128 << 20 // of an ArrayBuffer or typed array
	normalizeMax     = 1 << 20   // code units given to normalize and localeCompare
	patternUnitsMax  = 8 << 10   // of a regular expression made at run time
	nestingMax       = 500       // arrays in arrays that join and flat go into: they recurse
	regexpTimeoutMax = 2 * time.Second
)

func init() {
	// goja answers "no match" when this fires, which code could take for the truth: it must be longer than any CPU
	// budget, so that the interrupt waiting behind it stops the turn first.
	regexp2.DefaultMatchTimeout = regexpTimeoutMax
}

// native is a built-in function of one VM.
type native = func(goja.FunctionCall) goja.Value

// method is a guarded built-in.
type method struct {
	name string
	call native
}

// A guardian makes a call of m, or refuses it with a panic for code to catch. What could run code between a check and the
// call is converted once: m gets primitives, and objects that it cannot find different when it looks again.
type guardian func(g *guards, m method, c goja.FunctionCall) goja.Value

// guards holds what the guards of one VM share.
type guards struct {
	js       *goja.Runtime
	idle     native // a function that does nothing, in JavaScript: goja looks for interrupts when it begins
	unpolled int    // work since it was last called

	reflectApply native
	push, slice  native
	values       goja.Value // %Array.prototype.values%
	arrayIterate *goja.Object
	arrayNext    goja.Value
	nesting      []*goja.Object // the arrays being joined or flattened
}

// guarded lists the methods that are guarded: the object, by its path from the global object, and their names.
var guarded = []struct {
	object, methods string
	guard           guardian
}{
	{"String.prototype", "repeat", guardRepeat},
	{"String.prototype", "padStart padEnd", guardPad},
	{"String.prototype", "concat", guardConcatText},
	{"String.prototype", "replace replaceAll", guardReplace},
	{"String.prototype", "match matchAll search", guardMatch},
	{"String.prototype", "split", guardSplit},
	{"String.prototype", "normalize localeCompare", guardNormalize},
	{"String", "raw", guardRaw},

	{"Array.prototype", "fill indexOf lastIndexOf includes reverse copyWithin slice splice shift unshift toReversed toSpliced with", guardWalk},
	{"Array.prototype", "map forEach filter some every reduce reduceRight find findIndex findLast findLastIndex", guardCallback},
	{"Array.prototype", "sort toSorted", guardSort},
	{"Array.prototype", "flat", guardFlat},
	{"Array.prototype", "flatMap", guardFlatMap},
	{"Array.prototype", "concat", guardConcat},
	{"Array.prototype", "join toLocaleString", guardJoin},
	{"Array", "from", guardFrom},

	{"Object", "keys values entries assign getOwnPropertyNames getOwnPropertyDescriptors freeze seal isFrozen isSealed defineProperties", guardIndexed},
	{"Object", "fromEntries", guardIterable},
	{"Reflect", "ownKeys", guardIndexed},
	{"Function.prototype", "apply", guardArguments(1)},
	{"Reflect", "apply", guardArguments(2)},
	{"Reflect", "construct", guardArguments(1)},
	{"Promise", "all allSettled any race", guardPromises},
}

// guardedTyped are those of %TypedArray%.prototype.
var guardedTyped = []struct {
	methods string
	guard   guardian
}{
	{"join", guardJoinTyped},
	{"toLocaleString", guardJoin},
	{"sort toSorted", guardSort},
	{"map filter forEach reduce reduceRight some every find findIndex findLast findLastIndex", guardCallback},
}

// guardScript makes what guards need of JavaScript, once compiled for all VMs.
var guardScript = goja.MustCompile("guard.js", "[() => {}, function(){}, async function(){}, function*(){}, (a, b) => a ** b, (a, b) => a << b]", true)

// guard puts the guards into a fresh VM and takes out the ways to make code from strings.
func guard(js *goja.Runtime) {
	g := &guards{js: js}
	global := js.GlobalObject()
	made, err := js.RunProgram(guardScript)
	must(err)
	samples := made.(*goja.Object)
	g.idle = callable(samples.Get("0"))
	array := global.Get("Array").(*goja.Object).Get("prototype").(*goja.Object)
	g.reflectApply = callable(global.Get("Reflect").(*goja.Object).Get("apply"))
	g.push, g.slice = callable(array.Get("push")), callable(array.Get("slice"))
	g.values = array.Get("values")
	g.arrayIterate = callable(g.values)(goja.FunctionCall{This: samples}).(*goja.Object).Prototype()
	g.arrayNext = g.arrayIterate.Get("next")

	for _, e := range guarded {
		o := global
		for name := range strings.SplitSeq(e.object, ".") {
			o = o.Get(name).(*goja.Object)
		}
		g.wrapAll(o, e.methods, e.guard)
	}
	regexp := global.Get("RegExp").(*goja.Object).Get("prototype").(*goja.Object)
	for symbol, guard := range map[*goja.Symbol]guardian{
		goja.SymReplace: guardReplaceMatches, goja.SymMatch: guardEveryMatch, goja.SymMatchAll: guardEveryMatch, goja.SymSplit: guardEveryMatch,
	} {
		original := regexp.GetSymbol(symbol)
		f := g.wrapped("["+symbol.String()+"]", original.(*goja.Object), guard)
		must(regexp.DefineDataPropertySymbol(symbol, f, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE))
	}
	g.wrapAll(regexp, "compile", guardCompile)
	g.buffers(global)
	g.iterables(global)
	g.patterns(global)
	g.forbidEval(global, samples)
	g.inserted(global, samples)
}

// wrapAll guards the methods of o whose names are listed.
func (g *guards) wrapAll(o *goja.Object, names string, guard guardian) {
	for name := range strings.FieldsSeq(names) {
		if original, ok := o.Get(name).(*goja.Object); ok {
			must(o.DefineDataProperty(name, g.wrapped(name, original, guard), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE))
		}
	}
}

// wrapped is the guarded form of a built-in.
func (g *guards) wrapped(name string, original *goja.Object, guard guardian) *goja.Object {
	m := method{name, callable(original)}
	f := g.js.ToValue(func(c goja.FunctionCall) goja.Value { return guard(g, m, c) }).(*goja.Object)
	g.define(f, "name", g.js.ToValue(name))
	if n := original.Get("length"); n.ToInteger() != 0 {
		g.define(f, "length", n)
	}
	return f
}

func (g *guards) define(o *goja.Object, name string, v goja.Value) {
	must(o.DefineDataProperty(name, v, goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE))
}

// must turns an error that only a bug of ours can cause into a panic.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// callable is what calls v, or nil.
func callable(v goja.Value) native {
	if o, ok := v.(*goja.Object); ok {
		if f, ok := o.Export().(native); ok {
			return f
		}
		if f, ok := goja.AssertFunction(o); ok { // a Proxy, or a class, which throws
			return func(c goja.FunctionCall) goja.Value {
				v, err := f(c.This, c.Arguments...)
				must(err)
				return v
			}
		}
	}
	return nil
}

// Work, in units of about a nanosecond, between two looks for an interrupt, and of a call of a function.
const (
	pollWork = 64 << 10
	callWork = pollWork / 16
)

// spend counts work that native code does without the interpreter, and stops it when an interrupt waits.
func (g *guards) spend(work int) {
	if g.unpolled += work; g.unpolled >= pollWork {
		g.unpolled = 0
		g.idle(goja.FunctionCall{This: goja.Undefined()})
	}
}

// counted is a function that calls f, for native code that calls it often: f may be native too, and then no
// interpreter would see an interrupt.
func (g *guards) counted(v goja.Value) goja.Value {
	f := callable(v)
	if f == nil {
		return v
	}
	return g.js.ToValue(func(c goja.FunctionCall) goja.Value {
		g.spend(callWork)
		return f(c)
	})
}

// with is c with argument i replaced. The caller's arguments stay as they are: they may be the elements of an array.
func with(c goja.FunctionCall, i int, v goja.Value) goja.FunctionCall {
	if i < len(c.Arguments) {
		c.Arguments = append([]goja.Value(nil), c.Arguments...)
		c.Arguments[i] = v
	}
	return c
}

func (g *guards) fail(constructor, message string) *goja.Object {
	o, err := g.js.New(g.js.GlobalObject().Get(constructor), g.js.ToValue(message))
	must(err)
	return o
}

func (g *guards) rangeError(format string, args ...any) *goja.Object {
	return g.fail("RangeError", fmt.Sprintf(format, args...))
}
