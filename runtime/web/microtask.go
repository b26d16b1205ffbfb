package web

import "github.com/dop251/goja"

func init() {
	exposeFunction("queueMicrotask", 1, func(r *Realm, c goja.FunctionCall) goja.Value {
		f, ok := goja.AssertFunction(c.Argument(0))
		if !ok {
			panic(r.TypeError("queueMicrotask: the argument must be a function, got %s", kind(c.Argument(0))))
		}
		r.then(r.resolved(goja.Undefined()), func(goja.Value) {
			r.reporting(func() {
				if _, err := f(goja.Undefined()); err != nil {
					panic(err)
				}
			})
		}, func(goja.Value) {})
		return goja.Undefined()
	})
}
