package runtime

import (
	"strings"

	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/runtime/bundle"
)

// buffers bounds ArrayBuffer and the typed arrays, whose constructors allocate what they are told to.
func (g *guards) buffers(global *goja.Object) {
	for name := range strings.FieldsSeq("ArrayBuffer Int8Array Uint8Array Uint8ClampedArray Int16Array Uint16Array Int32Array " +
		"Uint32Array Float32Array Float64Array BigInt64Array BigUint64Array") {
		size := 1.0
		if v := global.Get(name).(*goja.Object).Get("BYTES_PER_ELEMENT"); v != nil && !goja.IsUndefined(v) {
			size = v.ToFloat()
		}
		buffer := name == "ArrayBuffer"
		g.wrapConstructor(global, name, func(args []goja.Value) []goja.Value {
			if len(args) == 0 {
				return args
			}
			first := args[0]
			o, isObject := first.(*goja.Object)
			switch {
			case isObject && !buffer:
				first = g.source(o)
			default:
				first = first.ToNumber()
				if n := first.ToFloat() * size; n > bufferBytesMax {
					panic(g.rangeError("%s: %.0f bytes are too many; at most %d", name, n, bufferBytesMax))
				}
			}
			return append([]goja.Value{first}, args[1:]...)
		})
	}
	typed := global.Get("Uint8Array").(*goja.Object).Prototype() // %TypedArray%
	prototype := typed.Get("prototype").(*goja.Object)
	for _, e := range guardedTyped {
		g.wrapAll(prototype, e.methods, e.guard)
	}
	g.wrapAll(typed, "from", guardFrom)
}

// source is what a typed array is made of: a buffer or a typed array as they are, else something to iterate or walk.
func (g *guards) source(o *goja.Object) goja.Value {
	if _, ok := o.Export().(goja.ArrayBuffer); ok || typed(o) {
		return o
	}
	if nullish(o.GetSymbol(goja.SymIterator)) {
		v, _ := g.fixed(o, arrayLengthMax)
		return v
	}
	return g.own(o, iteratedMax)
}

// patterns bounds regular expressions made at run time, and gives them the property classes that goja would take for
// something that never matches. Those in the source have been seen to when it was bundled.
func (g *guards) patterns(global *goja.Object) {
	g.wrapConstructor(global, "RegExp", func(args []goja.Value) []goja.Value {
		if len(args) == 0 {
			return args
		}
		args = append([]goja.Value(nil), args...)
		for i, v := range args[:min(2, len(args))] {
			o, ok := v.(*goja.Object)
			if i == 0 && ok && (o.ClassName() == "RegExp" || !nullish(o.GetSymbol(goja.SymMatch))) {
				continue
			}
			args[i] = g.textOr(v)
		}
		pattern, ok := args[0].(goja.String)
		if !ok {
			return args
		}
		g.patternUnits(pattern)
		if source := pattern.String(); len(args) > 1 && strings.Contains(args[1].String(), "u") && strings.Contains(source, `\`) {
			rewritten, err := bundle.RewriteRegexp(source)
			if err != nil {
				panic(g.fail("SyntaxError", err.Error()))
			}
			args[0] = g.js.ToValue(rewritten)
		}
		return args
	})
}

// wrapConstructor replaces a global constructor by one whose arguments go through convert first. Prototype, statics and
// subclasses stay as they are.
func (g *guards) wrapConstructor(global *goja.Object, name string, convert func(args []goja.Value) []goja.Value) {
	original := global.Get(name).(*goja.Object)
	construct, _ := goja.AssertConstructor(original)
	var f *goja.Object
	f = g.js.ToValue(func(c goja.ConstructorCall) *goja.Object {
		target := c.NewTarget
		if target == nil {
			target = f
		}
		o, err := construct(target, convert(c.Arguments)...)
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

// forbidEval makes eval and every constructor of functions refuse: their compiler recurses without bound. The samples
// are guardScript's functions.
func (g *guards) forbidEval(global, samples *goja.Object) {
	refuse := func(name string) *goja.Object {
		f := g.js.ToValue(func(goja.ConstructorCall) *goja.Object {
			panic(g.fail("EvalError", name+": code cannot be made from strings here"))
		}).(*goja.Object)
		g.define(f, "name", g.js.ToValue(name))
		return f
	}
	must(global.DefineDataProperty("eval", refuse("eval"), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE))
	for sample, name := range map[string]string{"1": "Function", "2": "AsyncFunction", "3": "GeneratorFunction"} {
		prototype := samples.Get(sample).(*goja.Object).Prototype()
		f := refuse(name)
		must(f.DefineDataProperty("prototype", prototype, goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_FALSE))
		must(prototype.DefineDataProperty("constructor", f, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE))
		if name == "Function" {
			must(global.DefineDataProperty(name, f, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE))
		}
	}
}
