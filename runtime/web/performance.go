package web

import (
	"slices"
	"time"

	"github.com/dop251/goja"
)

// performanceEntriesMax is how many marks and measures a VM keeps; the oldest give way.
const performanceEntriesMax = 1_000

// began is the time origin of all VMs: asking the clock for each would cost more than it is worth.
var began = time.Now()

// performance is the Go half of the one Performance object of a VM (High Resolution Time 7, User Timing 3).
type performance struct {
	eventTarget
	origin  time.Time // carries Go's monotonic clock, so a step of the wall clock changes no difference
	entries []*goja.Object

	observers []*performanceObserver
}

// performanceEntry is a mark or a measure; times are in milliseconds since the origin.
type performanceEntry struct {
	kind, name      string
	start, duration float64
	detail          goja.Value
}

var (
	performanceClass        = expose("Performance")
	performanceEntryClass   = expose("PerformanceEntry")
	performanceMarkClass    = expose("PerformanceMark")
	performanceMeasureClass = expose("PerformanceMeasure")
)

func init() {
	exposeValue("performance", func(r *Realm) goja.Value {
		r.timeline()
		return r.intrinsics["performance"]
	})
	performanceClass.parent = eventTargetClass
	performanceClass.members = append([]member{
		method("now", 0, func(r *Realm, p *performance, _ goja.FunctionCall) goja.Value { return r.VM.ToValue(p.now()) }),
		getter("timeOrigin", func(r *Realm, p *performance) goja.Value { return r.VM.ToValue(p.timeOrigin()) }),
		method("toJSON", 0, func(r *Realm, p *performance, _ goja.FunctionCall) goja.Value {
			o := r.VM.NewObject()
			must(o.Set("timeOrigin", p.timeOrigin()))
			return o
		}),
		method("mark", 1, (*Realm).performanceMark),
		method("measure", 1, (*Realm).performanceMeasure),
		method("clearMarks", 0, clearEntries("mark")),
		method("clearMeasures", 0, clearEntries("measure")),
	}, entryGetters(func(p *performance) *performance { return p })...)
	performanceEntryClass.members = []member{
		getter("name", func(r *Realm, e *performanceEntry) goja.Value { return r.VM.ToValue(e.name) }),
		getter("entryType", func(r *Realm, e *performanceEntry) goja.Value { return r.VM.ToValue(e.kind) }),
		getter("startTime", func(r *Realm, e *performanceEntry) goja.Value { return r.VM.ToValue(e.start) }),
		getter("duration", func(r *Realm, e *performanceEntry) goja.Value { return r.VM.ToValue(e.duration) }),
		method("toJSON", 0, func(r *Realm, e *performanceEntry, _ goja.FunctionCall) goja.Value {
			o := r.VM.NewObject()
			must(o.Set("name", e.name))
			must(o.Set("entryType", e.kind))
			must(o.Set("startTime", e.start))
			must(o.Set("duration", e.duration))
			must(o.Set("detail", e.detail))
			return o
		}),
	}
	detail := getter("detail", func(_ *Realm, e *performanceEntry) goja.Value { return e.detail })
	performanceMarkClass.parent, performanceMarkClass.members = performanceEntryClass, []member{detail}
	performanceMeasureClass.parent, performanceMeasureClass.members = performanceEntryClass, []member{detail}
	performanceMarkClass.length = 1
	performanceMarkClass.construct = func(r *Realm, c goja.ConstructorCall) any {
		return r.newMark(r.timeline(), c.Argument(0), c.Argument(1))
	}
}

// entryGetters are the methods of a class whose half T has entries.
func entryGetters[T any](of func(t T) *performance) []member {
	return []member{
		method("getEntries", 0, func(r *Realm, t T, _ goja.FunctionCall) goja.Value {
			return of(t).list(r, func(*performanceEntry) bool { return true })
		}),
		method("getEntriesByType", 1, func(r *Realm, t T, c goja.FunctionCall) goja.Value {
			kind := text(c.Argument(0))
			return of(t).list(r, func(e *performanceEntry) bool { return e.kind == kind })
		}),
		method("getEntriesByName", 1, func(r *Realm, t T, c goja.FunctionCall) goja.Value {
			name, kind := text(c.Argument(0)), ""
			if v := c.Argument(1); !goja.IsUndefined(v) {
				kind = text(v)
			}
			return of(t).list(r, func(e *performanceEntry) bool { return e.name == name && (kind == "" || e.kind == kind) })
		}),
	}
}

func (p *performance) now() float64 { return tenths(time.Since(p.origin)) }

// tenths is d in milliseconds, to a tenth: a finer clock would let code time what shares its processor.
func tenths(d time.Duration) float64 { return float64(d/(100*time.Microsecond)) / 10 }

func (p *performance) timeOrigin() float64 { return float64(p.origin.UnixMicro()/100) / 10 }

// list is the entries that want accepts, in the order of their start.
func (p *performance) list(r *Realm, want func(e *performanceEntry) bool) goja.Value {
	var all []*goja.Object
	for _, o := range p.entries {
		if e, _ := half[*performanceEntry](o); want(e) {
			all = append(all, o)
		}
	}
	slices.SortStableFunc(all, func(a, b *goja.Object) int {
		x, _ := half[*performanceEntry](a)
		y, _ := half[*performanceEntry](b)
		switch {
		case x.start < y.start:
			return -1
		case x.start > y.start:
			return 1
		}
		return 0
	})
	items := make([]any, len(all))
	for i, o := range all {
		items[i] = o
	}
	return r.VM.NewArray(items...)
}

// keep records an entry and tells the observers of its type.
func (p *performance) keep(r *Realm, o *goja.Object) *goja.Object {
	e, _ := half[*performanceEntry](o)
	for _, w := range p.observers {
		if slices.Contains(w.types, e.kind) {
			w.enqueue(r, o)
		}
	}
	if len(p.entries) == performanceEntriesMax {
		p.entries = slices.Delete(p.entries, 0, 1)
	}
	p.entries = append(p.entries, o)
	return o
}

func clearEntries(kind string) func(r *Realm, p *performance, c goja.FunctionCall) goja.Value {
	return func(_ *Realm, p *performance, c goja.FunctionCall) goja.Value {
		all, name := goja.IsUndefined(c.Argument(0)), text(c.Argument(0))
		p.entries = slices.DeleteFunc(p.entries, func(o *goja.Object) bool {
			e, _ := half[*performanceEntry](o)
			return e.kind == kind && (all || e.name == name)
		})
		return goja.Undefined()
	}
}

func (r *Realm) performanceMark(p *performance, c goja.FunctionCall) goja.Value {
	return p.keep(r, r.make(performanceMarkClass, r.newMark(p, c.Argument(0), c.Argument(1))))
}

// newMark reads a PerformanceMarkOptions (User Timing 3.1).
func (r *Realm) newMark(p *performance, name, options goja.Value) *performanceEntry {
	e := &performanceEntry{kind: "mark", name: text(name), start: p.now(), detail: goja.Null()}
	o := r.dictionary("performance.mark: options", options)
	if v := field(o, "startTime"); v != nil {
		if e.start = v.ToFloat(); !(e.start >= 0) {
			panic(r.TypeError("performance.mark: startTime must not be negative, got %v", v))
		}
	}
	if v := field(o, "detail"); v != nil {
		e.detail, _ = r.clone("performance.mark: detail", v, nil)
	}
	return e
}

// performanceMeasure is measure(name, startOrOptions, endMark) (User Timing 3.1.3).
func (r *Realm) performanceMeasure(p *performance, c goja.FunctionCall) goja.Value {
	e := &performanceEntry{kind: "measure", name: text(c.Argument(0)), detail: goja.Null()}
	end := p.now()
	if o, ok := c.Argument(1).(*goja.Object); ok {
		start, stop, duration, detail := field(o, "start"), field(o, "end"), field(o, "duration"), field(o, "detail")
		switch {
		case start == nil && stop == nil && duration == nil && detail == nil: // {} says nothing
		case !goja.IsUndefined(c.Argument(2)):
			panic(r.TypeError("performance.measure: give the end in the options or as the third argument, not both"))
		case start == nil && stop == nil:
			panic(r.TypeError("performance.measure: the options need start or end"))
		case start != nil && stop != nil && duration != nil:
			panic(r.TypeError("performance.measure: start, end and duration cannot all be given"))
		}
		if detail != nil {
			e.detail, _ = r.clone("performance.measure: detail", detail, nil)
		}
		switch {
		case stop != nil:
			end = r.momentOf(p, stop)
		case duration != nil:
			end = r.momentOf(p, start) + duration.ToFloat()
		}
		switch {
		case start != nil:
			e.start = r.momentOf(p, start)
		case duration != nil:
			e.start = end - duration.ToFloat()
		}
	} else {
		if v := c.Argument(1); !nullish(v) {
			e.start = r.momentOf(p, r.VM.ToValue(text(v)))
		}
		if v := c.Argument(2); !goja.IsUndefined(v) {
			end = r.momentOf(p, r.VM.ToValue(text(v)))
		}
	}
	e.duration = end - e.start
	return p.keep(r, r.make(performanceMeasureClass, e))
}

// momentOf is a time in milliseconds, or that of the latest mark of a name.
func (r *Realm) momentOf(p *performance, v goja.Value) float64 {
	if _, isString := v.(goja.String); !isString {
		t := v.ToFloat()
		if !(t >= 0) {
			panic(r.TypeError("performance.measure: a time must not be negative, got %v", v))
		}
		return t
	}
	name := text(v)
	for _, o := range slices.Backward(p.entries) {
		if e, _ := half[*performanceEntry](o); e.kind == "mark" && e.name == name {
			return e.start
		}
	}
	panic(r.Exception("SyntaxError", "performance.measure: there is no mark called %q", cut(name, 100)))
}
