package web

import "github.com/dop251/goja"

// customEvent is the Go half of a CustomEvent (DOM 2.4).
type customEvent struct {
	event
	detail goja.Value
}

var customEventClass = expose("CustomEvent")

func init() {
	customEventClass.parent, customEventClass.length = eventClass, 1
	customEventClass.construct = func(r *Realm, c goja.ConstructorCall) any {
		e := &customEvent{detail: goja.Null()}
		if v := field(r.initEvent("CustomEvent", &e.event, c), "detail"); v != nil {
			e.detail = v
		}
		return e
	}
	customEventClass.members = []member{
		getter("detail", func(_ *Realm, e *customEvent) goja.Value { return e.detail }),
		method("initCustomEvent", 1, func(r *Realm, e *customEvent, c goja.FunctionCall) goja.Value {
			if !e.dispatching {
				e.reset(text(c.Argument(0)), c.Argument(1).ToBoolean(), c.Argument(2).ToBoolean())
				if e.detail = goja.Null(); len(c.Arguments) > 3 {
					e.detail = c.Argument(3)
				}
			}
			return goja.Undefined()
		}),
	}
}
