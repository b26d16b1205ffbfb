package web

import "github.com/dop251/goja"

// errorEvent is the Go half of an ErrorEvent (HTML 8.1.4.6).
type errorEvent struct {
	event
	message, filename string
	line, column      uint32
	value             goja.Value // what was thrown
}

var errorEventClass = expose("ErrorEvent")

func init() {
	errorEventClass.parent, errorEventClass.length = eventClass, 1
	errorEventClass.construct = func(r *Realm, c goja.ConstructorCall) any {
		e := &errorEvent{value: goja.Undefined()}
		init := r.initEvent("ErrorEvent", &e.event, c)
		if v := field(init, "colno"); v != nil {
			e.column = uint32(toInt32(v))
		}
		if v := field(init, "error"); v != nil {
			e.value = v
		}
		if v := field(init, "filename"); v != nil {
			e.filename = text(v)
		}
		if v := field(init, "lineno"); v != nil {
			e.line = uint32(toInt32(v))
		}
		if v := field(init, "message"); v != nil {
			e.message = text(v)
		}
		return e
	}
	errorEventClass.members = []member{
		getter("message", func(r *Realm, e *errorEvent) goja.Value { return r.VM.ToValue(e.message) }),
		getter("filename", func(r *Realm, e *errorEvent) goja.Value { return r.VM.ToValue(e.filename) }),
		getter("lineno", func(r *Realm, e *errorEvent) goja.Value { return r.VM.ToValue(e.line) }),
		getter("colno", func(r *Realm, e *errorEvent) goja.Value { return r.VM.ToValue(e.column) }),
		getter("error", func(_ *Realm, e *errorEvent) goja.Value { return e.value }),
	}
}
