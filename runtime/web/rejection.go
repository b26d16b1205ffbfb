package web

import "github.com/dop251/goja"

// rejectionEvent is the Go half of a PromiseRejectionEvent (HTML 8.1.4.7).
type rejectionEvent struct {
	event
	promise, reason goja.Value
}

var rejectionEventClass = expose("PromiseRejectionEvent")

func init() {
	rejectionEventClass.parent, rejectionEventClass.length = eventClass, 2
	rejectionEventClass.construct = func(r *Realm, c goja.ConstructorCall) any {
		e := &rejectionEvent{reason: goja.Undefined()}
		init := r.initEvent("PromiseRejectionEvent", &e.event, c)
		var ok bool
		if e.promise, ok = field(init, "promise").(*goja.Object); !ok {
			panic(r.TypeError("PromiseRejectionEvent: promise must be a Promise, got %s", kind(field(init, "promise"))))
		}
		if v := field(init, "reason"); v != nil {
			e.reason = v
		}
		return e
	}
	rejectionEventClass.members = []member{
		getter("promise", func(_ *Realm, e *rejectionEvent) goja.Value { return e.promise }),
		getter("reason", func(_ *Realm, e *rejectionEvent) goja.Value { return e.reason }),
	}
}

// Unhandled fires unhandledrejection at the global object, for a rejected promise that nobody listens to at the end
// of a turn. It reports whether code took care of it by preventDefault.
func (r *Realm) Unhandled(p *goja.Promise) bool {
	return !r.fireRejection("unhandledrejection", p)
}

// Handled fires rejectionhandled at the global object, for a promise given to Unhandled that somebody listens to
// after all.
func (r *Realm) Handled(p *goja.Promise) { r.fireRejection("rejectionhandled", p) }

func (r *Realm) fireRejection(typ string, p *goja.Promise) bool {
	e := &rejectionEvent{promise: r.VM.ToValue(p), reason: p.Result()}
	e.cancelable = typ == "unhandledrejection"
	return r.fireGlobal(rejectionEventClass, e, typ)
}
