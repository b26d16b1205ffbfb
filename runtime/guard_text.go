package runtime

import (
	"strings"

	"github.com/dop251/goja"
)

// text converts a value to a string, as ToString of ECMA-262 (7.1.17) does.
func (g *guards) text(v goja.Value) goja.String {
	s, ok := v.(goja.String)
	if !ok {
		primitive := v.ToString() // of numbers and the like, itself
		if _, ok := primitive.(*goja.Symbol); ok {
			panic(g.js.NewTypeError("Cannot convert a Symbol value to a string"))
		}
		if s, ok = primitive.(goja.String); !ok {
			s = g.js.ToValue(primitive.String()).(goja.String)
		}
	}
	g.spend(s.Length() / 8)
	return s
}

// textOr is text, and the value itself where undefined has a meaning of its own.
func (g *guards) textOr(v goja.Value) goja.Value {
	if goja.IsUndefined(v) {
		return v
	}
	return g.text(v)
}

// units checks the length of a string that a built-in would make.
func (g *guards) units(what string, n float64) {
	if n > stringUnitsMax {
		panic(g.rangeError("%s: a string of %.0f code units is too long; at most %d", what, n, stringUnitsMax))
	}
}

// nullish reports whether v is undefined or null, which methods of strings do not take as this: goja throws.
func nullish(v goja.Value) bool {
	return v == nil || goja.IsUndefined(v) || goja.IsNull(v)
}

func guardRepeat(g *guards, m method, c goja.FunctionCall) goja.Value {
	if nullish(c.This) {
		return m.call(c)
	}
	s, count := g.text(c.This), c.Argument(0).ToNumber()
	g.units(m.name, float64(s.Length())*max(0, count.ToFloat()))
	return m.call(goja.FunctionCall{This: s, Arguments: []goja.Value{count}})
}

func guardPad(g *guards, m method, c goja.FunctionCall) goja.Value {
	if nullish(c.This) {
		return m.call(c)
	}
	s, n := g.text(c.This), c.Argument(0).ToNumber()
	if n.ToFloat() <= float64(s.Length()) {
		return s
	}
	g.units(m.name, n.ToFloat())
	return m.call(goja.FunctionCall{This: s, Arguments: []goja.Value{n, g.textOr(c.Argument(1))}})
}

func guardConcatText(g *guards, m method, c goja.FunctionCall) goja.Value {
	if nullish(c.This) {
		return m.call(c)
	}
	s := g.text(c.This)
	total := float64(s.Length())
	args := make([]goja.Value, len(c.Arguments))
	for i, v := range c.Arguments {
		t := g.text(v)
		total += float64(t.Length())
		args[i] = t
	}
	g.units(m.name, total)
	return m.call(goja.FunctionCall{This: s, Arguments: args})
}

func guardNormalize(g *guards, m method, c goja.FunctionCall) goja.Value {
	if nullish(c.This) {
		return m.call(c)
	}
	s, other := g.text(c.This), g.textOr(c.Argument(0))
	for _, v := range []goja.Value{s, other} {
		if t, ok := v.(goja.String); ok && t.Length() > normalizeMax {
			panic(g.rangeError("%s: a string of %d code units is too long; at most %d", m.name, t.Length(), normalizeMax))
		}
	}
	return m.call(with(goja.FunctionCall{This: s, Arguments: c.Arguments}, 0, other))
}

// guardRaw is String.raw (22.1.2.4), which is short enough to be written anew: its parts are read once.
func guardRaw(g *guards, m method, c goja.FunctionCall) goja.Value {
	if nullish(c.Argument(0)) {
		return m.call(c)
	}
	raw := c.Argument(0).ToObject(g.js).Get("raw")
	if nullish(raw) {
		return m.call(c)
	}
	parts := g.list(raw.ToObject(g.js))
	var texts []goja.String
	for i, part := range parts {
		texts = append(texts, g.text(part))
		if i+1 < len(parts) && i+1 < len(c.Arguments) {
			texts = append(texts, g.text(c.Arguments[i+1]))
		}
	}
	return g.joined("raw", texts, nil)
}

// joined is texts with separator between them; nil is none.
func (g *guards) joined(what string, texts []goja.String, separator goja.String) goja.Value {
	total := 0.0
	if separator != nil {
		total = float64(separator.Length()) * float64(max(0, len(texts)-1))
	}
	for _, t := range texts {
		total += float64(t.Length())
	}
	g.units(what, total)
	var b goja.StringBuilder
	b.Grow(int(total))
	for i, t := range texts {
		if i > 0 && separator != nil {
			b.WriteString(separator)
		}
		b.WriteString(t)
	}
	return b.String()
}

// delegate calls the method by that symbol of the first argument, when that is an object which has one.
func (g *guards) delegate(c goja.FunctionCall, symbol *goja.Symbol, args ...goja.Value) (goja.Value, bool) {
	o, ok := c.Argument(0).(*goja.Object)
	if !ok || nullish(c.This) {
		return nil, false
	}
	f := o.GetSymbol(symbol)
	if nullish(f) {
		return nil, false
	}
	call := callable(f)
	if call == nil {
		panic(g.js.NewTypeError("%s of the first argument is not a function", symbol))
	}
	return call(goja.FunctionCall{This: o, Arguments: append([]goja.Value{c.This}, args...)}), true
}

// needsGlobal throws when name is called with a regular expression that has not the flag g (22.1.3.14, 22.1.3.20).
func (g *guards) needsGlobal(name string, v goja.Value) {
	o, ok := v.(*goja.Object)
	if !ok {
		return
	}
	match := o.GetSymbol(goja.SymMatch)
	if nullish(match) || !match.ToBoolean() {
		return
	}
	flags := o.Get("flags")
	if nullish(flags) || !strings.Contains(g.text(flags).String(), "g") {
		panic(g.js.NewTypeError("String.prototype.%s called with a regular expression without the flag g", name))
	}
}

func guardMatch(g *guards, m method, c goja.FunctionCall) goja.Value {
	symbol := goja.SymMatch
	switch m.name {
	case "search":
		symbol = goja.SymSearch
	case "matchAll":
		symbol = goja.SymMatchAll
		g.needsGlobal(m.name, c.Argument(0))
	}
	if v, ok := g.delegate(c, symbol); ok {
		return v
	}
	if nullish(c.This) {
		return m.call(c)
	}
	s, pattern := g.text(c.This), g.textOr(c.Argument(0))
	g.patternUnits(pattern)
	g.matchUnits(m.name, s)
	return m.call(goja.FunctionCall{This: s, Arguments: []goja.Value{pattern}})
}

// matchUnits checks the length of a string that is searched for every match.
func (g *guards) matchUnits(what string, s goja.String) {
	if n := s.Length(); n > matchUnitsMax {
		panic(g.rangeError("%s: a string of %d code units is too long to search for every match; at most %d", what, n, matchUnitsMax))
	}
}

// patternUnits checks the length of a regular expression.
func (g *guards) patternUnits(v goja.Value) {
	if s, ok := v.(goja.String); ok && s.Length() > patternUnitsMax {
		panic(g.rangeError("RegExp: a pattern of %d code units is too long; at most %d", s.Length(), patternUnitsMax))
	}
}

func guardSplit(g *guards, m method, c goja.FunctionCall) goja.Value {
	if v, ok := g.delegate(c, goja.SymSplit, c.Argument(1)); ok {
		return v
	}
	if nullish(c.This) {
		return m.call(c)
	}
	s, limit := g.text(c.This), c.Argument(1)
	if !goja.IsUndefined(limit) {
		limit = limit.ToNumber()
	}
	separator := g.textOr(c.Argument(0))
	if by, ok := separator.(goja.String); ok && s.Length()/max(1, by.Length()) > matchUnitsMax {
		pieces := s.Length()
		if by.Length() > 0 {
			pieces = strings.Count(s.String(), by.String())
		}
		if pieces > matchUnitsMax {
			panic(g.rangeError("split: %d pieces are too many; at most %d", pieces, matchUnitsMax))
		}
	}
	return m.call(goja.FunctionCall{This: s, Arguments: []goja.Value{separator, limit}})
}

// guardEveryMatch is for what RegExp.prototype has under Symbol.match and Symbol.split.
func guardEveryMatch(g *guards, m method, c goja.FunctionCall) goja.Value {
	s := g.text(c.Argument(0))
	g.matchUnits(m.name, s)
	if len(c.Arguments) == 0 {
		c.Arguments = []goja.Value{s}
	}
	return m.call(with(c, 0, s))
}

// guardCompile is RegExp.prototype.compile (B.2.4.1), which takes what the constructor takes.
func guardCompile(g *guards, m method, c goja.FunctionCall) goja.Value {
	made, err := g.js.New(g.js.GlobalObject().Get("RegExp"), c.Arguments...)
	must(err)
	return m.call(goja.FunctionCall{This: c.This, Arguments: []goja.Value{made}})
}
