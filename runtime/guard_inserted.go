package runtime

import (
	"math/big"
	"strings"

	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/runtime/bundle"
)

// Bounds on BigInts.
const (
	bigIntBitsMax  = 1 << 20   // of what a power or a shift makes
	bigIntUnitsMax = 256 << 10 // of a text that becomes one: goja takes quadratic time
)

// inserted defines the functions that bundles call around what goja does natively. Samples is what guardScript made.
func (g *guards) inserted(global, samples *goja.Object) {
	g.rest(global)
	power, shift := callable(samples.Get("4")), callable(samples.Get("5"))
	for name, f := range map[string]native{
		bundle.SpreadName:    func(c goja.FunctionCall) goja.Value { return g.iterable(c.Argument(0), iteratedMax) },
		bundle.ArgumentsName: func(c goja.FunctionCall) goja.Value { return g.iterable(c.Argument(0), argumentsMax) },
		bundle.MembersName: func(c goja.FunctionCall) goja.Value {
			g.indexed(c.Argument(0))
			return c.Argument(0)
		},
		bundle.PowerName: func(c goja.FunctionCall) goja.Value {
			return g.bigInts(power, c, "**", func(a, b *big.Int) float64 {
				exponent, _ := new(big.Float).SetInt(b).Float64()
				return float64(new(big.Int).Abs(a).BitLen()-1) * exponent
			})
		},
		bundle.ShiftName: func(c goja.FunctionCall) goja.Value {
			return g.bigInts(shift, c, "<<", func(a, b *big.Int) float64 {
				count, _ := new(big.Float).SetInt(b).Float64()
				return float64(a.BitLen()) + count
			})
		},
		bundle.CompoundName: func(c goja.FunctionCall) goja.Value {
			v := numeric(c.Argument(0))
			if _, ok := v.Export().(*big.Int); ok {
				panic(g.js.NewTypeError("a BigInt cannot be the right side of **= or <<= on a property: write a.b = a.b ** c"))
			}
			return v
		},
		bundle.BigIntsName: func(goja.FunctionCall) goja.Value {
			g.bigIntParser(global)
			return goja.Undefined()
		},
		bundle.NumbersName: func(goja.FunctionCall) goja.Value {
			g.withoutBigInts(global)
			return goja.Undefined()
		},
	} {
		o := g.js.ToValue(f).(*goja.Object)
		g.define(o, "name", g.js.ToValue(strings.TrimPrefix(name, "fortuna:")))
		must(global.DefineDataProperty(name, o, goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_FALSE))
	}
}

// numeric converts an object to a primitive, as operators on numbers do; other values stay.
func numeric(v goja.Value) goja.Value {
	o, ok := v.(*goja.Object)
	if !ok {
		return v
	}
	return o.ToNumber()
}

// bigInts calls operate with two operands, unless they are BigInts whose result would have too many bits.
func (g *guards) bigInts(operate native, c goja.FunctionCall, operator string, bits func(a, b *big.Int) float64) goja.Value {
	a, b := numeric(c.Argument(0)), numeric(c.Argument(1))
	x, ok := a.Export().(*big.Int)
	if y, too := b.Export().(*big.Int); ok && too && x.Sign() != 0 {
		if n := bits(x, y); n > bigIntBitsMax {
			panic(g.rangeError("a BigInt of %.0f bits is too large for %s; at most %d", n, operator, bigIntBitsMax))
		}
	}
	return operate(goja.FunctionCall{This: goja.Undefined(), Arguments: []goja.Value{a, b}})
}

// rest defines the symbol under which every object has what a pattern with a rest iterates over.
func (g *guards) rest(global *goja.Object) {
	symbol := goja.NewSymbol(bundle.RestName)
	must(global.DefineDataProperty(bundle.RestName, symbol, goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_FALSE))
	prototype := global.Get("Object").(*goja.Object).Get("prototype").(*goja.Object)
	get := g.js.ToValue(func(c goja.FunctionCall) goja.Value { return g.iterable(c.This, iteratedMax) })
	must(prototype.DefineAccessorPropertySymbol(symbol, get, nil, goja.FLAG_FALSE, goja.FLAG_FALSE))
}

// withoutBigInts takes out what makes BigInts, for a program whose powers and shifts are not checked. BigInt itself
// stays, because the platform's own JavaScript asks for its prototype.
func (g *guards) withoutBigInts(global *goja.Object) {
	g.replaceBigInt(global, func(goja.FunctionCall) goja.Value {
		panic(g.js.NewTypeError("BigInt: this bundle has no BigInts; it must name BigInt where it uses it"))
	})
	must(global.Delete("BigInt64Array"))
	must(global.Delete("BigUint64Array"))
	view := global.Get("DataView").(*goja.Object).Get("prototype").(*goja.Object)
	must(view.Delete("getBigInt64"))
	must(view.Delete("getBigUint64"))
}

// bigIntParser bounds the text that BigInt reads.
func (g *guards) bigIntParser(global *goja.Object) {
	original := callable(global.Get("BigInt"))
	g.replaceBigInt(global, func(c goja.FunctionCall) goja.Value {
		v := c.Argument(0)
		if o, ok := v.(*goja.Object); ok {
			v = g.text(o) // what no number can stand for: converted once, and exactly
		}
		if s, ok := v.(goja.String); ok && s.Length() > bigIntUnitsMax {
			panic(g.rangeError("BigInt: a text of %d code units is too long; at most %d", s.Length(), bigIntUnitsMax))
		}
		return original(with(c, 0, v))
	})
}

// replaceBigInt makes f the global BigInt.
func (g *guards) replaceBigInt(global *goja.Object, f native) {
	original := global.Get("BigInt").(*goja.Object)
	prototype := original.Get("prototype").(*goja.Object)
	o := g.js.ToValue(f).(*goja.Object)
	for _, key := range original.GetOwnPropertyNames() {
		if key != "prototype" {
			g.define(o, key, original.Get(key))
		}
	}
	must(o.DefineDataProperty("prototype", prototype, goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_FALSE))
	must(prototype.DefineDataProperty("constructor", o, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE))
	must(global.DefineDataProperty("BigInt", o, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE))
}
