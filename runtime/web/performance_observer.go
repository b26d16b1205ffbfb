package web

import (
	"slices"

	"github.com/dop251/goja"
)

// performanceObserver is the Go half of a PerformanceObserver (Performance Timeline 5).
type performanceObserver struct {
	object   *goja.Object
	callback goja.Callable
	single   bool     // observes by type: more types may be added
	types    []string // observed; none when disconnected
	queue    []*goja.Object
}

// performanceObservations is a list of entries: what an observer's callback gets.
type performanceObservations struct{ performance }

var (
	performanceObserverClass          = expose("PerformanceObserver")
	performanceObserverEntryListClass = expose("PerformanceObserverEntryList")
)

// performanceTypes are the entry types there are, in the order of the alphabet.
var performanceTypes = []string{"mark", "measure"}

func init() {
	performanceObserverClass.length = 1
	performanceObserverClass.construct = func(r *Realm, c goja.ConstructorCall) any {
		f, ok := goja.AssertFunction(c.Argument(0))
		if !ok {
			panic(r.TypeError("PerformanceObserver: the callback must be a function, got %s", kind(c.Argument(0))))
		}
		return &performanceObserver{object: c.This, callback: f}
	}
	performanceObserverClass.members = []member{
		method("observe", 0, func(r *Realm, w *performanceObserver, c goja.FunctionCall) goja.Value {
			r.observe(w, r.dictionary("PerformanceObserver.observe: options", c.Argument(0)))
			return goja.Undefined()
		}),
		method("disconnect", 0, func(r *Realm, w *performanceObserver, _ goja.FunctionCall) goja.Value {
			w.types, w.queue, w.single = nil, nil, false
			p := r.timeline()
			p.observers = slices.DeleteFunc(p.observers, func(o *performanceObserver) bool { return o == w })
			return goja.Undefined()
		}),
		method("takeRecords", 0, func(r *Realm, w *performanceObserver, _ goja.FunctionCall) goja.Value {
			taken := performance{entries: w.queue}
			w.queue = nil
			return taken.list(r, func(*performanceEntry) bool { return true })
		}),
	}
	performanceObserverClass.statics = []member{{name: "supportedEntryTypes", get: func(r *Realm, _ goja.FunctionCall) goja.Value {
		return r.frozen("supportedEntryTypes", performanceTypes)
	}}}
	performanceObserverEntryListClass.members = entryGetters(func(l *performanceObservations) *performance { return &l.performance })
}

// frozen is a frozen array of strings, the same one at every call with this key.
func (r *Realm) frozen(key string, list []string) goja.Value {
	freeze, _ := goja.AssertFunction(r.intrinsic("Object", "freeze"))
	key = "frozen " + key
	if r.intrinsics[key] == nil {
		v, err := freeze(goja.Undefined(), r.strings(list))
		must(err)
		r.intrinsics[key] = v
	}
	return r.intrinsics[key]
}

// timeline is the VM's Performance, whatever code has made of the global's name.
func (r *Realm) timeline() *performance {
	if r.intrinsics["performance"] == nil {
		if r.intrinsics == nil {
			r.intrinsics = map[string]goja.Value{}
		}
		r.intrinsics["performance"] = r.make(performanceClass, &performance{origin: began})
	}
	p, _ := half[*performance](r.intrinsics["performance"])
	return p
}

// observe adds w, or what it observes (Performance Timeline 5.1.2).
func (r *Realm) observe(w *performanceObserver, o *goja.Object) {
	const what = "PerformanceObserver.observe"
	many, one := field(o, "entryTypes"), field(o, "type")
	switch {
	case many == nil && one == nil:
		panic(r.TypeError("%s: the options need entryTypes or type", what))
	case many != nil && one != nil:
		panic(r.TypeError("%s: give entryTypes or type, not both", what))
	case many != nil && w.single, one != nil && !w.single && w.types != nil:
		panic(r.Exception("InvalidModificationError", "%s: this observer has been given the other of entryTypes and type", what))
	}
	var types []string
	add := func(v goja.Value) bool {
		if t := text(v); slices.Contains(performanceTypes, t) && !slices.Contains(types, t) {
			types = append(types, t)
		}
		return true
	}
	if many != nil {
		if _, ok := many.(*goja.Object); !ok {
			panic(r.TypeError("%s: entryTypes must be an array, got %s", what, kind(many)))
		}
		r.VM.ForOf(many, add)
	} else {
		add(one)
	}
	if len(types) == 0 {
		return // nothing of it exists here: the standard has that ignored
	}
	p := r.timeline()
	if one != nil {
		w.single = true
		if v := field(o, "buffered"); v != nil && v.ToBoolean() {
			for _, entry := range p.entries {
				if e, _ := half[*performanceEntry](entry); e.kind == types[0] {
					w.enqueue(r, entry)
				}
			}
		}
		if !slices.Contains(w.types, types[0]) {
			w.types = append(w.types, types[0])
		}
	} else {
		w.types = types
	}
	if !slices.Contains(p.observers, w) {
		p.observers = append(p.observers, w)
	}
}

// enqueue keeps an entry for the callback, which runs when the code that made it has ended its turn.
func (w *performanceObserver) enqueue(r *Realm, entry *goja.Object) {
	if len(w.queue) >= performanceEntriesMax {
		return
	}
	w.queue = append(w.queue, entry)
	if len(w.queue) > 1 {
		return
	}
	r.then(goja.Undefined(), func(goja.Value) {
		if len(w.queue) == 0 {
			return
		}
		l := &performanceObservations{performance{entries: w.queue}}
		w.queue = nil
		r.reporting(func() {
			if _, err := w.callback(w.object, r.make(performanceObserverEntryListClass, l), w.object); err != nil {
				panic(err)
			}
		})
	}, func(goja.Value) {})
}
