package web

import "github.com/dop251/goja"

// messageEvent is the Go half of a MessageEvent (HTML 9.1).
type messageEvent struct {
	event
	data        goja.Value
	origin      string
	lastEventID string
	source      goja.Value // a MessagePort, or null
	ports       []any      // MessagePorts
	shown       goja.Value // ports as an array, once code has seen it: the same one each time
}

var messageEventClass = expose("MessageEvent")

func init() {
	messageEventClass.parent, messageEventClass.length = eventClass, 1
	messageEventClass.construct = func(r *Realm, c goja.ConstructorCall) any {
		e := &messageEvent{data: goja.Null(), source: goja.Null()}
		init := r.initEvent("MessageEvent", &e.event, c)
		if v := field(init, "data"); v != nil {
			e.data = v
		}
		if v := field(init, "lastEventId"); v != nil {
			e.lastEventID = text(v)
		}
		if v := field(init, "origin"); v != nil {
			e.origin = text(v)
		}
		if v := field(init, "ports"); v != nil {
			r.sequence("MessageEvent: the ports", v, func(v goja.Value) {
				if _, ok := half[*messagePort](v); !ok {
					panic(r.TypeError("MessageEvent: every item of ports must be a MessagePort, got %s", kind(v)))
				}
				e.ports = append(e.ports, v)
			})
		}
		if v := field(init, "source"); !nullish(v) {
			if _, ok := half[*messagePort](v); !ok {
				panic(r.TypeError("MessageEvent: source must be a MessagePort or null, got %s", kind(v)))
			}
			e.source = v
		}
		return e
	}
	messageEventClass.members = []member{
		getter("data", func(_ *Realm, e *messageEvent) goja.Value { return e.data }),
		getter("origin", func(r *Realm, e *messageEvent) goja.Value { return r.VM.ToValue(e.origin) }),
		getter("lastEventId", func(r *Realm, e *messageEvent) goja.Value { return r.VM.ToValue(e.lastEventID) }),
		getter("source", func(_ *Realm, e *messageEvent) goja.Value { return e.source }),
		getter("ports", func(r *Realm, e *messageEvent) goja.Value {
			if e.shown == nil {
				array := r.VM.NewArray(e.ports...)
				freeze, _ := goja.AssertFunction(r.intrinsic("Object", "freeze"))
				v, err := freeze(goja.Undefined(), array)
				must(err)
				e.shown = v
			}
			return e.shown
		}),
	}
}
