package web

import (
	"sync"

	"github.com/dop251/goja"
)

// iterator is the Go half of a platform iterator: next returns the following value, or nil at the end.
type iterator struct {
	next func() goja.Value
}

// iterate returns an iterator object whose prototype is named tag ("Headers Iterator", Web IDL 3.7.10).
func (r *Realm) iterate(tag string, next func() goja.Value) goja.Value {
	proto := r.iterators[tag]
	if proto == nil {
		proto = r.iteratorPrototype(tag)
	}
	o := r.VM.CreateObject(proto)
	attach(o, &iterator{next})
	return o
}

func (r *Realm) iteratorPrototype(tag string) *goja.Object {
	generator, err := r.run(generatorProgram())(goja.Undefined())
	must(err)
	base := generator.(*goja.Object).Prototype().Prototype().Prototype() // %IteratorPrototype%, which has no name

	proto := r.VM.CreateObject(base)
	r.define(proto, method("next", 0, func(r *Realm, it *iterator, _ goja.FunctionCall) goja.Value {
		v := it.next()
		o := r.VM.NewObject()
		if v == nil {
			must(o.Set("value", goja.Undefined()))
		} else {
			must(o.Set("value", v))
		}
		must(o.Set("done", v == nil))
		return o
	}))
	must(proto.DefineDataPropertySymbol(goja.SymToStringTag, r.VM.ToValue(tag), goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE))
	if r.iterators == nil {
		r.iterators = map[string]*goja.Object{}
	}
	r.iterators[tag] = proto
	return proto
}

var generatorProgram = sync.OnceValue(func() *goja.Program {
	return goja.MustCompile("fortuna:generator", `(function*() {})`, true)
})

// pairs gives a class whose half is a list of name-value pairs its iteration (Web IDL "iterable<K, V>"): entries,
// keys, values and forEach over at, which reports false past the end and is asked afresh at every step, so that the
// iteration is live.
func pairs[T any](tag string, at func(r *Realm, t T, i int) (k, v goja.Value, ok bool)) []member {
	over := func(name string, pick func(r *Realm, k, v goja.Value) goja.Value) member {
		return method(name, 0, func(r *Realm, t T, _ goja.FunctionCall) goja.Value {
			i := 0
			return r.iterate(tag, func() goja.Value {
				k, v, ok := at(r, t, i)
				if !ok {
					return nil
				}
				i++
				return pick(r, k, v)
			})
		})
	}
	return []member{
		over("entries", func(r *Realm, k, v goja.Value) goja.Value { return r.VM.NewArray(k, v) }),
		over("keys", func(_ *Realm, k, _ goja.Value) goja.Value { return k }),
		over("values", func(_ *Realm, _, v goja.Value) goja.Value { return v }),
		method("forEach", 1, func(r *Realm, t T, c goja.FunctionCall) goja.Value {
			f, ok := goja.AssertFunction(c.Argument(0))
			if !ok {
				panic(r.TypeError("forEach: the first argument must be a function, got %s", kind(c.Argument(0))))
			}
			for i := 0; ; i++ {
				k, v, ok := at(r, t, i)
				if !ok {
					return goja.Undefined()
				}
				r.pause()
				if _, err := f(c.Argument(1), v, k, c.This); err != nil {
					panic(err)
				}
			}
		}),
	}
}
