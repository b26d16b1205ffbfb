package runtime

import (
	"reflect"
	"slices"
	"strconv"

	"github.com/dop251/goja"
)

var (
	arrayType = reflect.TypeFor[[]any]()
	proxyType = reflect.TypeFor[goja.Proxy]()
)

// callbackFewMax is the length up to which a callback is called without counting: making the function that counts would
// cost more than the calls.
const callbackFewMax = 32

// plain reports whether o is an array: its length cannot run code.
func plain(o *goja.Object) bool { return o.ExportType() == arrayType }

// length checks the number of elements that a built-in is to walk.
func (g *guards) length(n float64, most int) int {
	if n > float64(most) {
		panic(g.rangeError("an array of %.0f elements is too long for a built-in function; at most %d", n, most))
	}
	g.spend(int(max(0, n)))
	return int(max(0, n))
}

// fixed is v for a built-in that walks it as an array, and its length, which is at most that. An array is itself;
// another object is seen through a Proxy whose length is what it was when it was first asked for.
func (g *guards) fixed(v goja.Value, most int) (goja.Value, int) {
	if s, ok := v.(goja.String); ok {
		return v, g.length(float64(s.Length()), slowLengthMax)
	}
	o, ok := v.(*goja.Object)
	if !ok {
		return v, 0
	}
	if plain(o) {
		return o, g.length(o.Get("length").ToFloat(), most)
	}
	n := g.js.ToValue(0)
	if length := o.Get("length"); length != nil {
		n = length.ToNumber()
	}
	count := g.length(n.ToFloat(), min(most, slowLengthMax))
	proxy := g.js.NewProxy(o, &goja.ProxyTrapConfig{
		Get: func(target *goja.Object, name string, receiver goja.Value) goja.Value {
			if name == "length" {
				return n
			}
			return target.Get(name)
		},
		GetIdx: func(target *goja.Object, i int, receiver goja.Value) goja.Value {
			g.spend(callWork)
			return target.Get(strconv.Itoa(i))
		},
	})
	return g.js.ToValue(proxy), count
}

// walk calls m on c.This as fixed makes it. What returns its this returns the object itself.
func (g *guards) walk(m method, c goja.FunctionCall, this goja.Value) goja.Value {
	seen := c.This
	c.This = this
	v := m.call(c)
	if v == this {
		return seen
	}
	return v
}

func guardWalk(g *guards, m method, c goja.FunctionCall) goja.Value {
	this, _ := g.fixed(c.This, arrayLengthMax)
	return g.walk(m, c, this)
}

func guardCallback(g *guards, m method, c goja.FunctionCall) goja.Value {
	this, n := g.fixedOrTyped(c.This, arrayLengthMax)
	if n > callbackFewMax {
		c = with(c, 0, g.counted(c.Argument(0)))
	}
	return g.walk(m, c, this)
}

func guardSort(g *guards, m method, c goja.FunctionCall) goja.Value {
	this, n := g.fixedOrTyped(c.This, slowLengthMax)
	if n > callbackFewMax {
		c = with(c, 0, g.counted(c.Argument(0)))
	}
	return g.walk(m, c, this)
}

// fixedOrTyped is fixed, and leaves typed arrays as they are: their methods do not ask for the property length.
func (g *guards) fixedOrTyped(v goja.Value, most int) (goja.Value, int) {
	if o, ok := v.(*goja.Object); ok && typed(o) {
		return v, g.length(float64(typedLength(o)), most)
	}
	return g.fixed(v, most)
}

// typed reports whether o is a typed array.
func typed(o *goja.Object) bool {
	t := o.ExportType()
	return t != nil && t.Kind() == reflect.Slice && t != arrayType
}

// typedLength is the number of elements of a typed array, whatever its properties say.
func typedLength(o *goja.Object) int {
	return reflect.ValueOf(o.Export()).Len()
}

// list is the elements of an array-like, read once.
func (g *guards) list(v goja.Value) []goja.Value {
	this, _ := g.fixed(v, arrayLengthMax)
	var elements []goja.Value
	g.elements(this, &elements)
	return elements
}

// elements lets goja read the elements of an array-like: as arguments.
func (g *guards) elements(v goja.Value, into *[]goja.Value) {
	take := g.js.ToValue(func(c goja.FunctionCall) goja.Value {
		*into = slices.Clone(c.Arguments)
		return goja.Undefined()
	})
	g.reflectApply(goja.FunctionCall{This: goja.Undefined(), Arguments: []goja.Value{take, goja.Undefined(), v}})
}

// guardArguments is for what takes its arguments as an array-like at index i.
func guardArguments(i int) guardian {
	return func(g *guards, m method, c goja.FunctionCall) goja.Value {
		if _, ok := c.Argument(i).(*goja.Object); !ok {
			return m.call(c)
		}
		list, _ := g.fixed(c.Argument(i), iteratedMax)
		return m.call(with(c, i, list))
	}
}

// guardIndexed is for what makes a name of each element of its arguments.
func guardIndexed(g *guards, m method, c goja.FunctionCall) goja.Value {
	for _, v := range c.Arguments {
		g.indexed(v)
	}
	return m.call(c)
}

// indexed checks a value whose elements would be named one by one.
func (g *guards) indexed(v goja.Value) {
	switch t := v.(type) {
	case goja.String:
		g.length(float64(t.Length()), slowLengthMax)
	case *goja.Object:
		switch {
		case plain(t):
			g.length(t.Get("length").ToFloat(), slowLengthMax)
		case typed(t):
			g.length(float64(typedLength(t)), slowLengthMax)
		case t.ClassName() == "String": // its length cannot be changed
			g.length(t.Get("length").ToFloat(), slowLengthMax)
		}
	}
}

// isArray is IsArray of ECMA-262 (7.2.2).
func isArray(o *goja.Object) bool {
	for o != nil && o.ExportType() == proxyType {
		o = o.Export().(goja.Proxy).Target()
	}
	return o != nil && plain(o)
}

func guardConcat(g *guards, m method, c goja.FunctionCall) goja.Value {
	total := 0
	spread := func(v goja.Value) goja.Value {
		o, ok := v.(*goja.Object)
		if !ok {
			total++
			return v
		}
		if plain(o) {
			total += g.length(o.Get("length").ToFloat(), arrayLengthMax)
			return v
		}
		spreads := isArray(o)
		if s := o.GetSymbol(goja.SymIsConcatSpreadable); s != nil && !goja.IsUndefined(s) {
			spreads = s.ToBoolean()
		}
		if !spreads { // as an element, whatever it says when it is asked again
			total++
			return g.js.NewArray(v)
		}
		list := g.list(o)
		total += len(list)
		return g.array(list)
	}
	args := make([]goja.Value, len(c.Arguments))
	this := c.This
	if !nullish(this) {
		if o := this.ToObject(g.js); plain(o) {
			spread(o)
		} else {
			this = spread(o)
		}
	}
	for i, v := range c.Arguments {
		args[i] = spread(v)
	}
	g.length(float64(total), arrayLengthMax)
	return m.call(goja.FunctionCall{This: this, Arguments: args})
}

// array is a new array of elements.
func (g *guards) array(elements []goja.Value) *goja.Object {
	items := make([]any, len(elements))
	for i, v := range elements {
		items[i] = v
	}
	return g.js.NewArray(items...)
}

// guardFlat is Array.prototype.flat (23.1.3.13) anew: what it finds in the array is read once.
func guardFlat(g *guards, m method, c goja.FunctionCall) goja.Value {
	if nullish(c.This) {
		return m.call(c)
	}
	o := c.This.ToObject(g.js)
	depth := 1.0
	if d := c.Argument(0); !goja.IsUndefined(d) {
		depth = d.ToNumber().ToFloat()
	}
	var flat []goja.Value
	walked := 0
	g.flatten(o, depth, 0, &walked, &flat)
	if !plain(o) {
		return g.array(flat)
	}
	empty := g.slice(goja.FunctionCall{This: o, Arguments: []goja.Value{g.js.ToValue(0), g.js.ToValue(0)}})
	g.push(goja.FunctionCall{This: empty, Arguments: flat})
	return empty
}

// flatten appends the elements of o, and those of its arrays down to a depth.
func (g *guards) flatten(o *goja.Object, depth float64, level int, walked *int, into *[]goja.Value) {
	if level > nestingMax {
		panic(g.rangeError("flat: more than %d arrays are nested", nestingMax))
	}
	list := g.list(o)
	*walked += len(list)
	g.length(float64(*walked), iteratedMax)
	for i, v := range list {
		if inner, ok := v.(*goja.Object); ok && depth >= 1 && isArray(inner) {
			g.flatten(inner, depth-1, level+1, walked, into)
			continue
		}
		if goja.IsUndefined(v) && o.Get(strconv.Itoa(i)) == nil { // a hole
			continue
		}
		*into = append(*into, v)
	}
}

func guardFlatMap(g *guards, m method, c goja.FunctionCall) goja.Value {
	this, _ := g.fixed(c.This, arrayLengthMax)
	total := 0
	if f := callable(c.Argument(0)); f != nil {
		c = with(c, 0, g.js.ToValue(func(c goja.FunctionCall) goja.Value {
			g.spend(callWork)
			v := f(c)
			if o, ok := v.(*goja.Object); ok && isArray(o) {
				if !plain(o) {
					o = g.array(g.list(o))
				}
				total += g.length(o.Get("length").ToFloat(), arrayLengthMax)
				g.length(float64(total), arrayLengthMax)
				return o
			}
			return v
		}))
	}
	return g.walk(m, c, this)
}

// guardJoin is join and toLocaleString (23.1.3.18, 23.1.3.32) anew: each element is converted once.
func guardJoin(g *guards, m method, c goja.FunctionCall) goja.Value {
	if nullish(c.This) {
		return m.call(c)
	}
	o := c.This.ToObject(g.js)
	if slices.Contains(g.nesting, o) {
		return g.js.ToValue("")
	}
	if len(g.nesting) >= nestingMax {
		panic(g.rangeError("%s: more than %d arrays are nested", m.name, nestingMax))
	}
	g.nesting = append(g.nesting, o)
	defer func() { g.nesting = g.nesting[:len(g.nesting)-1] }()
	this, n := g.fixed(o, arrayLengthMax)
	separator := g.js.ToValue(",").(goja.String)
	if s := c.Argument(0); m.name == "join" && !goja.IsUndefined(s) {
		separator = g.text(s)
	}
	total := float64(separator.Length()) * float64(n)
	g.units(m.name, total)
	var list []goja.Value
	g.elements(this, &list)
	texts := make([]goja.String, len(list))
	empty := g.js.ToValue("").(goja.String)
	for i, v := range list {
		switch s, ok := v.(goja.String); {
		case nullish(v):
			texts[i] = empty
			continue
		case ok && m.name == "join":
			texts[i] = s
		case m.name == "join":
			texts[i] = g.text(v)
			g.spend(callWork / 8)
		default:
			f := callable(v.ToObject(g.js).Get("toLocaleString"))
			if f == nil {
				panic(g.js.NewTypeError("toLocaleString: an element has no method toLocaleString"))
			}
			texts[i] = g.text(f(goja.FunctionCall{This: v}))
			g.spend(callWork)
		}
		total += float64(texts[i].Length())
		g.units(m.name, total)
	}
	return g.joined(m.name, texts, separator)
}

// guardJoinTyped is join of typed arrays, whose elements are numbers.
func guardJoinTyped(g *guards, m method, c goja.FunctionCall) goja.Value {
	o, ok := c.This.(*goja.Object)
	if !ok || !typed(o) {
		return m.call(c)
	}
	const numberUnitsMax = 25
	n, separator := g.length(float64(typedLength(o)), arrayLengthMax), g.textOr(c.Argument(0))
	width := 1
	if s, ok := separator.(goja.String); ok {
		width = s.Length()
	}
	g.units(m.name, float64(n)*float64(width+numberUnitsMax))
	return m.call(with(c, 0, separator))
}

func guardFrom(g *guards, m method, c goja.FunctionCall) goja.Value {
	if items := c.Argument(0); !nullish(items) {
		if nullish(items.ToObject(g.js).GetSymbol(goja.SymIterator)) {
			items, _ = g.fixed(items, arrayLengthMax)
		} else {
			items = g.iterable(items, iteratedMax)
		}
		c = with(c, 0, items)
	}
	if len(c.Arguments) > 1 {
		c = with(c, 1, g.counted(c.Argument(1)))
	}
	return m.call(c)
}
