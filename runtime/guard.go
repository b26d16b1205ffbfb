package runtime

import (
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2/v2"
	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/runtime/bundle"
)

// Bounds on what one call of a built-in may make or walk. goja runs built-ins natively: neither an interrupt nor a
// memory limit reaches into them, so the calls that amplify are checked before they start. They are not configurable:
// beyond them a turn would take seconds, far over any CPU budget.
const (
	stringUnitsMax   = 64 << 20  // UTF-16 code units of a string made by a built-in
	arrayLengthMax   = 4 << 20   // elements a built-in walks or makes
	bufferBytesMax   = 128 << 20 // of an ArrayBuffer or typed array
	normalizeMax     = 1 << 20   // code units given to normalize and localeCompare
	patternUnitsMax  = 8 << 10   // of a regular expression made at run time
	regexpTimeoutMax = 2 * time.Second
)

func init() {
	// goja answers "no match" when this fires, which code could take for the truth: it must be longer than any CPU
	// budget, so that the interrupt waiting behind it stops the turn first.
	regexp2.DefaultMatchTimeout = regexpTimeoutMax
}

// check looks at a call before it happens and panics with an error for code to catch.
type check func(g *guards, c goja.FunctionCall)

// guards holds what checks need of one VM.
type guards struct {
	js *goja.Runtime
}

// guarded lists the calls that are checked: the object, by its path from the global object, and its methods.
var guarded = []struct {
	object  string
	methods string
	check   check
}{
	{"String.prototype", "repeat", func(g *guards, c goja.FunctionCall) {
		g.stringLength("repeat", float64(length(c.This))*max(0, c.Argument(0).ToFloat()))
	}},
	{"String.prototype", "padStart padEnd", func(g *guards, c goja.FunctionCall) {
		g.stringLength("padStart/padEnd", c.Argument(0).ToFloat())
	}},
	{"String.prototype", "replaceAll replace", func(g *guards, c goja.FunctionCall) { g.replacement(c) }},
	{"String.prototype", "normalize localeCompare", func(g *guards, c goja.FunctionCall) {
		if n := length(c.This); n > normalizeMax {
			panic(g.rangeError("normalize/localeCompare: a string of %d code units is too long; at most %d", n, normalizeMax))
		}
	}},
	{"Array.prototype", "fill indexOf lastIndexOf includes reverse copyWithin sort concat flat map forEach filter some every reduce " +
		"reduceRight find findIndex findLast findLastIndex flatMap slice splice shift unshift toSorted toReversed toSpliced with",
		func(g *guards, c goja.FunctionCall) { g.arrayLength(c.This) }},
	{"Array.prototype", "join toString toLocaleString", func(g *guards, c goja.FunctionCall) { g.joined(c) }},
	{"String", "raw", func(g *guards, c goja.FunctionCall) {
		if o, ok := c.Argument(0).(*goja.Object); ok {
			g.arrayLength(o.Get("raw"))
		}
	}},
	{"Object", "keys values entries assign getOwnPropertyNames getOwnPropertyDescriptors freeze seal isFrozen isSealed", func(g *guards, c goja.FunctionCall) {
		for _, a := range c.Arguments {
			g.indexed(a)
		}
	}},
	{"Reflect", "ownKeys", func(g *guards, c goja.FunctionCall) { g.indexed(c.Argument(0)) }},
	{"Array", "from", func(g *guards, c goja.FunctionCall) { g.arrayLength(c.Argument(0)) }},
	{"Function.prototype", "apply", func(g *guards, c goja.FunctionCall) { g.arrayLength(c.Argument(1)) }},
	{"Reflect", "apply", func(g *guards, c goja.FunctionCall) { g.arrayLength(c.Argument(2)) }},
	{"Reflect", "construct", func(g *guards, c goja.FunctionCall) { g.arrayLength(c.Argument(1)) }},
}

// guard puts the checks into a fresh VM and takes out the ways to make code from strings.
func guard(js *goja.Runtime) {
	g := &guards{js}
	global := js.GlobalObject()
	for _, e := range guarded {
		o := global
		for name := range strings.SplitSeq(e.object, ".") {
			o = o.Get(name).(*goja.Object)
		}
		for name := range strings.FieldsSeq(e.methods) {
			if original, ok := o.Get(name).(*goja.Object); ok {
				g.wrap(o, name, original, e.check)
			}
		}
	}
	typed := global.Get("Uint8Array").(*goja.Object).Prototype().Get("prototype").(*goja.Object) // %TypedArray%.prototype
	for name := range strings.FieldsSeq("join toLocaleString sort map filter forEach reduce reduceRight") {
		if original, ok := typed.Get(name).(*goja.Object); ok {
			g.wrap(typed, name, original, func(g *guards, c goja.FunctionCall) { g.arrayLength(c.This) })
		}
	}
	g.buffers(global)
	g.patterns(global)
	g.forbidEval(global)
}

// wrap replaces method name of o by one that is checked first.
func (g *guards) wrap(o *goja.Object, name string, original *goja.Object, check check) {
	call := original.Export().(func(goja.FunctionCall) goja.Value)
	f := g.js.ToValue(func(c goja.FunctionCall) goja.Value {
		check(g, c)
		return call(c)
	}).(*goja.Object)
	g.define(f, "name", g.js.ToValue(name))
	g.define(f, "length", original.Get("length"))
	must(o.DefineDataProperty(name, f, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE))
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

// buffers bounds ArrayBuffer and the typed arrays, whose constructors allocate what they are told to.
func (g *guards) buffers(global *goja.Object) {
	for name := range strings.FieldsSeq("ArrayBuffer Int8Array Uint8Array Uint8ClampedArray Int16Array Uint16Array Int32Array " +
		"Uint32Array Float32Array Float64Array BigInt64Array BigUint64Array") {
		size := 1.0
		if v := global.Get(name).(*goja.Object).Get("BYTES_PER_ELEMENT"); v != nil && !goja.IsUndefined(v) {
			size = v.ToFloat()
		}
		g.wrapConstructor(global, name, func(args []goja.Value) []goja.Value {
			if len(args) == 0 {
				return args
			}
			if o, ok := args[0].(*goja.Object); ok {
				g.arrayLength(o)
			} else if n := args[0].ToFloat() * size; n > bufferBytesMax {
				panic(g.rangeError("%s: %.0f bytes are too many; at most %d", name, n, bufferBytesMax))
			}
			return args
		})
	}
}

// patterns bounds regular expressions made at run time, and gives them the property classes that goja would take for
// something that never matches. Those in the source have been seen to when it was bundled.
func (g *guards) patterns(global *goja.Object) {
	g.wrapConstructor(global, "RegExp", func(args []goja.Value) []goja.Value {
		if len(args) == 0 {
			return args
		}
		pattern, ok := args[0].(goja.String)
		if !ok {
			return args
		}
		if n := pattern.Length(); n > patternUnitsMax {
			panic(g.rangeError("RegExp: a pattern of %d code units is too long; at most %d", n, patternUnitsMax))
		}
		if source := pattern.String(); len(args) > 1 && strings.Contains(args[1].String(), "u") && strings.Contains(source, `\`) {
			rewritten, err := bundle.RewriteRegexp(source)
			if err != nil {
				panic(g.fail("SyntaxError", err.Error()))
			}
			if rewritten != source {
				args = append([]goja.Value{g.js.ToValue(rewritten)}, args[1:]...)
			}
		}
		return args
	})
}

// wrapConstructor replaces a global constructor by one whose arguments go through check first. Prototype, statics and
// subclasses stay as they are.
func (g *guards) wrapConstructor(global *goja.Object, name string, check func(args []goja.Value) []goja.Value) {
	original := global.Get(name).(*goja.Object)
	construct, _ := goja.AssertConstructor(original)
	var f *goja.Object
	f = g.js.ToValue(func(c goja.ConstructorCall) *goja.Object {
		target := c.NewTarget
		if target == nil {
			target = f
		}
		o, err := construct(target, check(c.Arguments)...)
		if err != nil {
			panic(err)
		}
		return o
	}).(*goja.Object)
	for _, key := range original.GetOwnPropertyNames() {
		if key != "prototype" {
			g.define(f, key, original.Get(key))
		}
	}
	prototype := original.Get("prototype").(*goja.Object)
	must(f.DefineDataProperty("prototype", prototype, goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_FALSE))
	must(f.SetPrototype(original.Prototype()))
	if species, ok := original.GetSymbol(goja.SymSpecies).(*goja.Object); ok && species == original {
		getter := g.js.ToValue(func(c goja.FunctionCall) goja.Value { return c.This })
		must(f.DefineAccessorPropertySymbol(goja.SymSpecies, getter, nil, goja.FLAG_TRUE, goja.FLAG_FALSE))
	}
	must(prototype.DefineDataProperty("constructor", f, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE))
	must(global.DefineDataProperty(name, f, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE))
}

// forbidEval makes eval and every constructor of functions refuse: their compiler recurses without bound.
func (g *guards) forbidEval(global *goja.Object) {
	refuse := func(name string) *goja.Object {
		f := g.js.ToValue(func(goja.ConstructorCall) *goja.Object {
			panic(g.fail("EvalError", name+": code cannot be made from strings here"))
		}).(*goja.Object)
		g.define(f, "name", g.js.ToValue(name))
		return f
	}
	must(global.DefineDataProperty("eval", refuse("eval"), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE))
	for name, source := range map[string]string{
		"Function": "(function(){})", "AsyncFunction": "(async function(){})", "GeneratorFunction": "(function*(){})",
	} {
		sample, err := g.js.RunString(source)
		if err != nil {
			panic(err)
		}
		prototype := sample.(*goja.Object).Prototype()
		f := refuse(name)
		must(f.DefineDataProperty("prototype", prototype, goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_FALSE))
		must(prototype.DefineDataProperty("constructor", f, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE))
		if name == "Function" {
			must(global.DefineDataProperty(name, f, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE))
		}
	}
}

func (g *guards) fail(constructor, message string) *goja.Object {
	o, err := g.js.New(g.js.GlobalObject().Get(constructor), g.js.ToValue(message))
	must(err)
	return o
}

func (g *guards) rangeError(format string, args ...any) *goja.Object {
	return g.fail("RangeError", fmt.Sprintf(format, args...))
}

func (g *guards) stringLength(what string, units float64) {
	if units > stringUnitsMax {
		panic(g.rangeError("%s: a string of %.0f code units is too long; at most %d", what, units, stringUnitsMax))
	}
}

// arrayLength checks the length of an array or array-like.
func (g *guards) arrayLength(v goja.Value) {
	o, ok := v.(*goja.Object)
	if !ok {
		return
	}
	if n := o.Get("length"); n != nil && n.ToFloat() > arrayLengthMax {
		panic(g.rangeError("an array of %.0f elements is too long for a built-in function; at most %d", n.ToFloat(), arrayLengthMax))
	}
}

// indexed checks an object whose elements are its properties: their names would be made one by one.
func (g *guards) indexed(v goja.Value) {
	o, ok := v.(*goja.Object)
	if !ok {
		return
	}
	switch t := o.ExportType(); {
	case t == nil:
	case t.Kind() == reflect.Slice:
		g.arrayLength(o)
	}
}

// joined checks how long the result of join will be, for arrays long enough to matter.
func (g *guards) joined(c goja.FunctionCall) {
	g.arrayLength(c.This)
	o, ok := c.This.(*goja.Object)
	if !ok {
		return
	}
	n := int(o.Get("length").ToInteger())
	separator := 1
	if s, ok := c.Argument(0).(goja.String); ok {
		separator = length(s)
	}
	total := float64(n) * float64(separator)
	for i := range n {
		total += float64(length(o.Get(fmt.Sprint(i))))
	}
	g.stringLength("join", total)
}

// replacement checks how long the result of replace and replaceAll may be, when they are given strings.
func (g *guards) replacement(c goja.FunctionCall) {
	with, ok := c.Argument(1).(goja.String)
	if !ok {
		return
	}
	in, by := length(c.This), length(with)
	if float64(in+1)*float64(by) <= stringUnitsMax {
		return
	}
	times := in + 1
	if pattern, ok := c.Argument(0).(goja.String); ok {
		times = strings.Count(c.This.String(), pattern.String())
	}
	g.stringLength("replaceAll", float64(in)+float64(times)*float64(by))
}

// length is the length of a string in code units, or in bytes where that is cheaper and not less; 0 for other values.
func length(v goja.Value) int {
	if s, ok := v.(goja.String); ok {
		return s.Length()
	}
	if v == nil {
		return 0
	}
	if _, ok := v.(*goja.Object); ok {
		return 0
	}
	return utf8.RuneCountInString(v.String())
}
