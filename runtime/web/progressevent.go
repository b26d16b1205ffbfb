package web

import "github.com/dop251/goja"

// progressEvent is the Go half of a ProgressEvent (XHR 6).
type progressEvent struct {
	event
	computable    bool
	loaded, total float64
}

var progressEventClass = expose("ProgressEvent")

func init() {
	progressEventClass.parent, progressEventClass.length = eventClass, 1
	progressEventClass.construct = func(r *Realm, c goja.ConstructorCall) any {
		e := &progressEvent{}
		init := r.initEvent("ProgressEvent", &e.event, c)
		if v := field(init, "lengthComputable"); v != nil {
			e.computable = v.ToBoolean()
		}
		if v := field(init, "loaded"); v != nil {
			e.loaded = v.ToNumber().ToFloat()
		}
		if v := field(init, "total"); v != nil {
			e.total = v.ToNumber().ToFloat()
		}
		return e
	}
	progressEventClass.members = []member{
		getter("lengthComputable", func(r *Realm, e *progressEvent) goja.Value { return r.VM.ToValue(e.computable) }),
		getter("loaded", func(r *Realm, e *progressEvent) goja.Value { return r.VM.ToValue(e.loaded) }),
		getter("total", func(r *Realm, e *progressEvent) goja.Value { return r.VM.ToValue(e.total) }),
	}
}
