package web

import (
	"slices"

	"github.com/dop251/goja"
)

// eventTarget is the Go half of an EventTarget (DOM 2.7); the halves of its subclasses embed it.
type eventTarget struct {
	listeners []*listener
	changed   func() // called when listeners has changed; nil when nobody minds
}

// anEventTarget is the Go half of an EventTarget or of a subclass.
type anEventTarget interface{ asTarget() *eventTarget }

func (t *eventTarget) asTarget() *eventTarget { return t }

// listener is an event listener (DOM 2.7), or the handler of an on... attribute (HTML 8.1.8.1).
type listener struct {
	typ                    string
	callback               *goja.Object
	capture, once, passive bool
	attribute              bool
	removed                bool
	forget                 func() // stops listening to the signal that would remove it; nil without one
}

var eventTargetClass = expose("EventTarget")

func init() {
	eventTargetClass.construct = func(*Realm, goja.ConstructorCall) any { return &eventTarget{} }
	eventTargetClass.members = []member{
		onTarget("addEventListener", 2, (*Realm).addEventListener),
		onTarget("removeEventListener", 2, (*Realm).removeEventListener),
		onTarget("dispatchEvent", 1, (*Realm).dispatchEvent),
	}
	for _, m := range eventTargetClass.members {
		exposeFunction(m.name, m.length, func(r *Realm, c goja.FunctionCall) goja.Value { return m.call(r, c) })
	}
}

// onTarget is a method whose this must be an EventTarget. The global object is one; this is undefined when its
// methods are called by their bare names.
func onTarget(name string, length int, f func(*Realm, *eventTarget, goja.FunctionCall) goja.Value) member {
	return member{name: name, length: length, call: func(r *Realm, c goja.FunctionCall) goja.Value {
		if nullish(c.This) {
			c.This = r.VM.GlobalObject()
		}
		if c.This == r.VM.GlobalObject() {
			return f(r, &r.events.global, c)
		}
		return f(r, this[anEventTarget](r, name, c).asTarget(), c)
	}}
}

func (r *Realm) addEventListener(t *eventTarget, c goja.FunctionCall) goja.Value {
	l := &listener{typ: text(c.Argument(0))}
	l.callback = r.listenerCallback("addEventListener", c.Argument(1))
	var signal *abortSignal
	if options, ok := c.Argument(2).(*goja.Object); ok {
		truth := func(name string) bool {
			v := field(options, name)
			return v != nil && v.ToBoolean()
		}
		l.capture, l.once, l.passive = truth("capture"), truth("once"), truth("passive")
		if v := field(options, "signal"); v != nil {
			if signal, ok = half[*abortSignal](v); !ok {
				panic(r.TypeError("addEventListener: signal must be an AbortSignal, got %s", kind(v)))
			}
		}
	} else {
		l.capture = c.Argument(2).ToBoolean()
	}
	if l.callback == nil || signal != nil && signal.aborted() || t.find(l.typ, l.callback, l.capture) >= 0 {
		return goja.Undefined()
	}
	t.add(l)
	if signal != nil {
		l.forget = signal.onAbort(func() { t.remove(l) })
	}
	return goja.Undefined()
}

func (r *Realm) removeEventListener(t *eventTarget, c goja.FunctionCall) goja.Value {
	typ, callback := text(c.Argument(0)), r.listenerCallback("removeEventListener", c.Argument(1))
	capture := false
	if options, ok := c.Argument(2).(*goja.Object); ok {
		v := field(options, "capture")
		capture = v != nil && v.ToBoolean()
	} else {
		capture = c.Argument(2).ToBoolean()
	}
	if i := t.find(typ, callback, capture); i >= 0 {
		t.remove(t.listeners[i])
	}
	return goja.Undefined()
}

// listenerCallback converts EventListener?: nil is null.
func (r *Realm) listenerCallback(what string, v goja.Value) *goja.Object {
	if nullish(v) {
		return nil
	}
	o, ok := v.(*goja.Object)
	if !ok {
		panic(r.TypeError("%s: the listener must be a function, an object with handleEvent, or null, got %s", what, kind(v)))
	}
	return o
}

// find is where the listener with these three is, or -1.
func (t *eventTarget) find(typ string, callback *goja.Object, capture bool) int {
	return slices.IndexFunc(t.listeners, func(l *listener) bool {
		return !l.attribute && l.typ == typ && l.callback == callback && l.capture == capture
	})
}

func (t *eventTarget) add(l *listener) {
	t.listeners = append(t.listeners, l)
	if t.changed != nil {
		t.changed()
	}
}

// remove takes l off; a dispatch that is under way passes it over.
func (t *eventTarget) remove(l *listener) {
	if l.removed {
		return
	}
	l.removed = true
	if l.forget != nil {
		l.forget()
	}
	if i := slices.Index(t.listeners, l); i >= 0 {
		t.listeners = slices.Delete(slices.Clone(t.listeners), i, i+1) // a dispatch may hold the old slice
	}
	if t.changed != nil {
		t.changed()
	}
}

func (r *Realm) dispatchEvent(t *eventTarget, c goja.FunctionCall) goja.Value {
	o := c.Argument(0)
	h, ok := half[anEvent](o)
	if !ok {
		panic(r.TypeError("dispatchEvent: the argument must be an Event, got %s", kind(o)))
	}
	e := h.base()
	if e.dispatching || !e.initialized {
		panic(r.Exception("InvalidStateError", "dispatchEvent: the event is being dispatched already"))
	}
	e.trusted = false
	return r.VM.ToValue(r.dispatch(t, c.This.(*goja.Object), o.(*goja.Object), e))
}

// dispatch runs the listeners of t, whose object is target, for event e, whose object is o (DOM 2.9: here a path
// has one item). It reports false when a listener cancelled the event.
func (r *Realm) dispatch(t *eventTarget, target, o *goja.Object, e *event) bool {
	e.dispatching, e.target, e.current, e.phase = true, target, target, phaseTarget
	defer func() {
		e.dispatching, e.current, e.phase = false, nil, phaseNone
		e.stopped, e.stoppedNow, e.passive = false, false, false
	}()
	if t == &r.events.global && globalAttributes[e.typ] {
		t.setAttribute(e.typ, target.Get("on"+e.typ))
	}
	for _, capture := range []bool{true, false} {
		if e.stopped {
			break
		}
		for _, l := range t.listeners {
			if l.removed || l.typ != e.typ || l.capture != capture {
				continue
			}
			if l.once {
				t.remove(l)
			}
			e.passive = l.passive
			r.reporting(func() { r.listen(l, target, o, e) })
			e.passive = false
			if e.stoppedNow {
				break
			}
		}
	}
	return !e.canceled
}

// listen calls one listener.
func (r *Realm) listen(l *listener, target, o *goja.Object, e *event) {
	f, callable := goja.AssertFunction(l.callback)
	self := goja.Value(target)
	if !callable && l.attribute {
		return
	}
	if !callable {
		self = l.callback
		if f, callable = goja.AssertFunction(l.callback.Get("handleEvent")); !callable {
			panic(r.TypeError("EventTarget: the listener for %q is an object whose handleEvent is not a function", l.typ))
		}
	}
	args, cancels := []goja.Value{o}, false
	if report, ok := half[*errorEvent](o); ok && l.attribute && target == r.VM.GlobalObject() {
		// onerror of the global object is the one handler that gets five arguments, and cancels by true.
		args = []goja.Value{
			r.VM.ToValue(report.message), r.VM.ToValue(report.filename), r.VM.ToValue(report.line), r.VM.ToValue(report.column),
			report.value,
		}
		cancels = true
	}
	v, err := f(self, args...)
	if err != nil {
		panic(err)
	}
	if l.attribute && v.StrictEquals(r.VM.ToValue(cancels)) {
		e.cancel()
	}
}

// fire dispatches an event of the platform at target, whose half is t. It reports false when a listener cancelled it.
func (r *Realm) fire(t anEventTarget, target *goja.Object, c *class, h anEvent, typ string) bool {
	if len(t.asTarget().listeners) == 0 && target != r.VM.GlobalObject() { // whose handlers are properties
		return true
	}
	return r.dispatch(t.asTarget(), target, r.newEvent(c, h, typ), h.base())
}

// attribute is the on... property for events of type typ (HTML 8.1.8.1): a function or another object, or null.
func attribute[T anEventTarget](typ string) member {
	return accessor("on"+typ, func(_ *Realm, h T) goja.Value {
		if l := h.asTarget().attributeOf(typ); l != nil {
			return l.callback
		}
		return goja.Null()
	}, func(_ *Realm, h T, v goja.Value) { h.asTarget().setAttribute(typ, v) })
}

func (t *eventTarget) attributeOf(typ string) *listener {
	i := slices.IndexFunc(t.listeners, func(l *listener) bool { return l.attribute && l.typ == typ })
	if i < 0 {
		return nil
	}
	return t.listeners[i]
}

// setAttribute makes v the handler for typ. A handler that replaces another runs in its place in the order.
func (t *eventTarget) setAttribute(typ string, v goja.Value) {
	callback, isObject := v.(*goja.Object)
	l := t.attributeOf(typ)
	switch {
	case isObject && l != nil:
		l.callback = callback
	case isObject:
		t.add(&listener{typ: typ, callback: callback, attribute: true})
	case l != nil:
		t.remove(l)
	}
}
