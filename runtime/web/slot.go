package web

import "github.com/dop251/goja"

// slotKey is the property under which an object of the platform keeps its Go half.
//
// The object itself is an ordinary one, so subclasses, private fields, expandos and symbols behave as the language
// says; goja's own ways to attach Go data (reflected structs, dynamic objects) break one or the other. It is not
// enumerable, so that no copy of an object has it, and constant, so that an object keeps its half.
var slotKey = goja.NewSymbol("fortuna.slot")

// slot is a value that carries a Go half through JavaScript. Code that digs it out sees undefined.
type slot struct {
	goja.Value
	half any
}

// attach makes half the Go half of o.
func attach(o *goja.Object, half any) {
	must(o.DefineDataPropertySymbol(slotKey, &slot{goja.Undefined(), half}, goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_FALSE))
}

// half returns the Go half of v if it is one of type T.
func half[T any](v goja.Value) (t T, ok bool) {
	o, isObject := v.(*goja.Object)
	if !isObject || isProxy(o) { // a trap would be handed the key
		return t, false
	}
	s, isSlot := o.GetSymbol(slotKey).(*slot)
	if !isSlot {
		return t, false
	}
	t, ok = s.half.(T)
	return t, ok
}
