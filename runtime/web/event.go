package web

import (
	"time"

	"github.com/dop251/goja"
)

// Phases of an event (DOM 2.2).
const (
	phaseNone      = 0
	phaseCapturing = 1
	phaseTarget    = 2
	phaseBubbling  = 3
)

// event is the Go half of an Event (DOM 2.2); the halves of its subclasses embed it.
type event struct {
	typ                           string
	bubbles, cancelable, composed bool
	trusted                       bool
	at                            time.Time

	target, current *goja.Object // nil is null
	phase           int
	initialized     bool
	dispatching     bool
	stopped         bool // stopPropagation
	stoppedNow      bool // stopImmediatePropagation
	canceled        bool // preventDefault
	passive         bool // a passive listener is running: it cannot cancel
}

// events is what the events of one VM share.
type events struct {
	global    eventTarget  // the global object as an EventTarget
	isTrusted *goja.Object // the getter every event has
	origin    time.Time    // when the first event was made: timeStamp counts from it
	reporting bool         // an error event is being dispatched
}

// anEvent is the Go half of an Event or of a subclass.
type anEvent interface{ base() *event }

func (e *event) base() *event { return e }

var eventClass = expose("Event")

func init() {
	eventClass.length = 1
	eventClass.construct = func(r *Realm, c goja.ConstructorCall) any {
		e := &event{}
		r.initEvent("Event", e, c)
		return e
	}
	read := func(name string, f func(r *Realm, e *event) goja.Value) member {
		return getter(name, func(r *Realm, e anEvent) goja.Value { return f(r, e.base()) })
	}
	write := func(name string, get func(r *Realm, e *event) goja.Value, set func(e *event, v bool)) member {
		return accessor(name, func(r *Realm, e anEvent) goja.Value { return get(r, e.base()) },
			func(r *Realm, e anEvent, v goja.Value) { set(e.base(), v.ToBoolean()) })
	}
	do := func(name string, f func(e *event)) member {
		return method(name, 0, func(_ *Realm, e anEvent, _ goja.FunctionCall) goja.Value {
			f(e.base())
			return goja.Undefined()
		})
	}
	target := func(_ *Realm, e *event) goja.Value { return orNull(e.target) }
	eventClass.members = []member{
		read("type", func(r *Realm, e *event) goja.Value { return r.VM.ToValue(e.typ) }),
		read("target", target),
		read("srcElement", target),
		read("currentTarget", func(_ *Realm, e *event) goja.Value { return orNull(e.current) }),
		method("composedPath", 0, func(r *Realm, e anEvent, _ goja.FunctionCall) goja.Value {
			if current := e.base().current; current != nil {
				return r.VM.NewArray(current)
			}
			return r.VM.NewArray()
		}),
		read("eventPhase", func(r *Realm, e *event) goja.Value { return r.VM.ToValue(e.phase) }),
		do("stopPropagation", func(e *event) { e.stopped = true }),
		write("cancelBubble", func(r *Realm, e *event) goja.Value { return r.VM.ToValue(e.stopped) },
			func(e *event, v bool) { e.stopped = e.stopped || v }),
		do("stopImmediatePropagation", func(e *event) { e.stopped, e.stoppedNow = true, true }),
		read("bubbles", func(r *Realm, e *event) goja.Value { return r.VM.ToValue(e.bubbles) }),
		read("cancelable", func(r *Realm, e *event) goja.Value { return r.VM.ToValue(e.cancelable) }),
		write("returnValue", func(r *Realm, e *event) goja.Value { return r.VM.ToValue(!e.canceled) },
			func(e *event, v bool) {
				if !v {
					e.cancel()
				}
			}),
		do("preventDefault", (*event).cancel),
		read("defaultPrevented", func(r *Realm, e *event) goja.Value { return r.VM.ToValue(e.canceled) }),
		read("composed", func(r *Realm, e *event) goja.Value { return r.VM.ToValue(e.composed) }),
		read("timeStamp", func(r *Realm, e *event) goja.Value {
			return r.VM.ToValue(float64(e.at.Sub(r.events.origin).Microseconds()) / 1000)
		}),
		method("initEvent", 1, func(r *Realm, h anEvent, c goja.FunctionCall) goja.Value {
			if e := h.base(); !e.dispatching {
				e.reset(text(c.Argument(0)), c.Argument(1).ToBoolean(), c.Argument(2).ToBoolean())
			}
			return goja.Undefined()
		}),
	}
	eventClass.constants = []constant{
		{"NONE", phaseNone}, {"CAPTURING_PHASE", phaseCapturing}, {"AT_TARGET", phaseTarget}, {"BUBBLING_PHASE", phaseBubbling},
	}
}

// cancel is preventDefault: "set the canceled flag" (DOM 2.5).
func (e *event) cancel() {
	if e.cancelable && !e.passive {
		e.canceled = true
	}
}

// reset is "initialize" (DOM 2.5), for the methods that make an old event a new one.
func (e *event) reset(typ string, bubbles, cancelable bool) {
	*e = event{typ: typ, bubbles: bubbles, cancelable: cancelable, composed: e.composed, at: e.at, initialized: true}
}

// orNull is o, or null.
func orNull(o *goja.Object) goja.Value {
	if o == nil {
		return goja.Null()
	}
	return o
}

// initEvent is the constructor of every event (DOM 2.5): it sets e from the type and the EventInit, which it
// returns for the members a subclass adds; nil when there is none.
func (r *Realm) initEvent(what string, e *event, c goja.ConstructorCall) *goja.Object {
	e.typ = text(c.Argument(0))
	init := r.dictionary(what+": the options", c.Argument(1))
	truth := func(name string) bool {
		v := field(init, name)
		return v != nil && v.ToBoolean()
	}
	e.bubbles, e.cancelable, e.composed = truth("bubbles"), truth("cancelable"), truth("composed")
	r.startEvent(c.This, e)
	return init
}

// startEvent finishes a new event: its time, and isTrusted, which is the object's own ([LegacyUnforgeable]).
func (r *Realm) startEvent(o *goja.Object, e *event) {
	if r.events.isTrusted == nil {
		r.events.origin = time.Now()
		r.events.isTrusted = r.function("get isTrusted", 0, func(r *Realm, c goja.FunctionCall) goja.Value {
			return r.VM.ToValue(this[anEvent](r, "isTrusted", c).base().trusted)
		})
	}
	e.initialized, e.at = true, time.Now()
	must(o.DefineAccessorProperty("isTrusted", r.events.isTrusted, goja.Undefined(), goja.FLAG_FALSE, goja.FLAG_TRUE))
}

// newEvent is an event that the platform fires, of class c with the half given.
func (r *Realm) newEvent(c *class, h anEvent, typ string) *goja.Object {
	e := h.base()
	e.typ, e.trusted = typ, true
	o := r.make(c, h)
	r.startEvent(o, e)
	return o
}
