package web

import "github.com/dop251/goja"

// closeEvent is the Go half of a CloseEvent (WebSockets, section 6).
type closeEvent struct {
	event
	clean  bool
	code   int
	reason string
}

var closeEventClass = expose("CloseEvent")

func init() {
	closeEventClass.parent, closeEventClass.length = eventClass, 1
	closeEventClass.construct = func(r *Realm, c goja.ConstructorCall) any {
		e := &closeEvent{}
		init := r.initEvent("CloseEvent", &e.event, c)
		if v := field(init, "wasClean"); v != nil {
			e.clean = v.ToBoolean()
		}
		if v := field(init, "code"); v != nil {
			e.code = int(uint16(v.ToInteger()))
		}
		if v := field(init, "reason"); v != nil {
			e.reason = text(v)
		}
		return e
	}
	closeEventClass.members = []member{
		getter("wasClean", func(r *Realm, e *closeEvent) goja.Value { return r.VM.ToValue(e.clean) }),
		getter("code", func(r *Realm, e *closeEvent) goja.Value { return r.VM.ToValue(e.code) }),
		getter("reason", func(r *Realm, e *closeEvent) goja.Value { return r.VM.ToValue(e.reason) }),
	}
}
