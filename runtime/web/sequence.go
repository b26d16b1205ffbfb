package web

import "github.com/dop251/goja"

// sequence converts v to a sequence (Web IDL 3.2.21) and calls step with each item. v must be an iterable object;
// what names it, in the plural, for the error.
func (r *Realm) sequence(what string, v goja.Value, step func(v goja.Value)) {
	o, isObject := v.(*goja.Object)
	if !isObject {
		panic(r.TypeError("%s must be an array or another iterable object, got %s", what, kind(v)))
	}
	begin, ok := goja.AssertFunction(o.GetSymbol(goja.SymIterator))
	if !ok {
		panic(r.TypeError("%s must be an array or another iterable object, got %s without Symbol.iterator", what, kind(v)))
	}
	once := r.VM.NewObject() // ForOf would read Symbol.iterator a second time, which code can see
	must(once.SetSymbol(goja.SymIterator, func(goja.FunctionCall) goja.Value {
		it, err := begin(o)
		if err != nil {
			panic(err)
		}
		return it
	}))
	r.VM.ForOf(once, func(v goja.Value) bool {
		step(v)
		return true
	})
}
