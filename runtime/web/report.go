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
	for typ := range globalAttributes {
		exposeValue("on"+typ, func(*Realm) goja.Value { return goja.Null() })
	}
}

// globalAttributes are the events whose on... property of the global object is a handler.
var globalAttributes = map[string]bool{"error": true, "unhandledrejection": true, "rejectionhandled": true}

// reporting runs f, which calls code that has nobody to throw to, and reports what it throws.
func (r *Realm) reporting(f func()) {
	if ex := r.VM.Try(f); ex != nil {
		r.report(ex.Value(), ex.Stack())
	}
}

// uncaught reports what err says was thrown; an error that is no exception, such as an interrupt, it returns.
func (r *Realm) uncaught(err error) error {
	var ex *goja.Exception
	if errors.As(err, &ex) {
		r.report(ex.Value(), ex.Stack())
		return nil
	}
	return err
}

// Report is "report an exception" (HTML 8.1.4.6): it fires an error event at the global object, and writes v to the
// console unless a listener cancelled the event.
func (r *Realm) Report(v goja.Value) { r.report(v, r.VM.CaptureCallStack(10, nil)) }

func (r *Realm) report(v goja.Value, stack []goja.StackFrame) {
	if !r.events.reporting { // an error in a listener for errors only goes to the console
		r.events.reporting = true
		defer func() { r.events.reporting = false }()
		e := &errorEvent{message: "Uncaught exception", value: v}
		e.cancelable = true
		_ = r.try(func() { e.message = "Uncaught " + v.ToString().String() }) // a toString of the program's may throw
		for _, f := range stack {
			if p := f.Position(); p.Line > 0 {
				e.filename, e.line, e.column = p.Filename, uint32(p.Line), uint32(p.Column)
				break
			}
		}
		if !r.fireGlobal(errorEventClass, e, "error") {
			return
		}
	}
	r.host.Log(LevelError, "Uncaught "+r.inspect(v))
}

// fireGlobal dispatches an event of the platform at the global object.
func (r *Realm) fireGlobal(c *class, h anEvent, typ string) bool {
	return r.fire(&r.events.global, r.VM.GlobalObject(), c, h, typ)
}
