package runtime

import (
	"strings"

	"github.com/dop251/goja"
)

// iterable is v for native code that takes all that v iterates over. What is iterated natively passes no interpreter, so
// nothing would stop an iterator that never ends: only arrays that iterate as they should are left as they are; others
// are seen through an iterator that counts.
func (g *guards) iterable(v goja.Value, most int) goja.Value {
	if nullish(v) {
		return v
	}
	o, ok := v.(*goja.Object)
	if ok && plain(o) && o.GetSymbol(goja.SymIterator) == g.values && g.arrayIterate.Get("next") == g.arrayNext {
		g.length(o.Get("length").ToFloat(), most)
		return v
	}
	f := callable(v.ToObject(g.js).GetSymbol(goja.SymIterator))
	if f == nil {
		return v // goja says so
	}
	view := g.js.NewObject()
	must(view.SetSymbol(goja.SymIterator, func(goja.FunctionCall) goja.Value { return g.iterator(f(goja.FunctionCall{This: v}), most) }))
	return view
}

// iterator is an iterator that counts what another gives, and stops it when an interrupt waits.
func (g *guards) iterator(v goja.Value, most int) goja.Value {
	it, ok := v.(*goja.Object)
	if !ok {
		panic(g.js.NewTypeError("Symbol.iterator: got %v, want an iterator", v))
	}
	next := callable(it.Get("next"))
	if next == nil {
		return it // goja says so
	}
	count := 0
	counting := g.js.NewObject()
	must(counting.Set("next", func(goja.FunctionCall) goja.Value {
		if count++; count > most {
			panic(g.rangeError("an iterator gave more than %d values to a built-in function", most))
		}
		g.spend(callWork)
		return next(goja.FunctionCall{This: it})
	}))
	must(counting.Set("return", func(goja.FunctionCall) goja.Value {
		if f := callable(it.Get("return")); f != nil {
			return f(goja.FunctionCall{This: it})
		}
		return g.js.NewObject()
	}))
	return counting
}

// own is iterable, and a copy of an array: what takes the values may run code that makes the array longer.
func (g *guards) own(v goja.Value, most int) goja.Value {
	v = g.iterable(v, most)
	if o, ok := v.(*goja.Object); ok && plain(o) {
		return g.array(g.list(o))
	}
	return v
}

// guardIterable is for what iterates over its first argument.
func guardIterable(g *guards, m method, c goja.FunctionCall) goja.Value {
	return m.call(with(c, 0, g.own(c.Argument(0), iteratedMax)))
}

// guardPromises is guardIterable for what makes promises of the values, which are large.
func guardPromises(g *guards, m method, c goja.FunctionCall) goja.Value {
	return m.call(with(c, 0, g.own(c.Argument(0), promisesMax)))
}

// iterables guards the constructors that iterate over their first argument.
func (g *guards) iterables(global *goja.Object) {
	for name := range strings.FieldsSeq("Map Set WeakMap WeakSet AggregateError") {
		g.wrapConstructor(global, name, func(args []goja.Value) []goja.Value {
			if len(args) == 0 {
				return args
			}
			return append([]goja.Value{g.own(args[0], iteratedMax)}, args[1:]...)
		})
	}
	set := global.Get("Set").(*goja.Object).Get("prototype").(*goja.Object)
	g.wrapAll(set, "difference intersection isDisjointFrom isSubsetOf isSupersetOf symmetricDifference union", guardSetLike)
}

// guardSetLike is for methods of Set that take another set, or what looks like one: its keys are iterated.
func guardSetLike(g *guards, m method, c goja.FunctionCall) goja.Value {
	o, ok := c.Argument(0).(*goja.Object)
	if !ok {
		return m.call(c)
	}
	size, has, keys := o.Get("size"), o.Get("has"), callable(o.Get("keys"))
	view := g.js.NewObject()
	if size != nil {
		must(view.Set("size", size))
	}
	if f := callable(has); f != nil {
		must(view.Set("has", func(c goja.FunctionCall) goja.Value {
			g.spend(callWork)
			return f(goja.FunctionCall{This: o, Arguments: c.Arguments})
		}))
	}
	if keys != nil {
		must(view.Set("keys", func(goja.FunctionCall) goja.Value { return g.iterator(keys(goja.FunctionCall{This: o}), iteratedMax) }))
	}
	return m.call(with(c, 0, view))
}
