package web

import (
	"slices"
	"time"
	"weak"

	"github.com/dop251/goja"
)

// abortSignal is the Go half of an AbortSignal (DOM 3.2).
//
// A source may live as long as its VM and have a dependent signal for every request, so it holds on only to those
// that somebody observes.
type abortSignal struct {
	eventTarget
	object     *goja.Object
	reason     goja.Value // nil until aborted
	steps      []*abortStep
	sources    []*abortSignal // of a dependent signal: those that no other signal aborts
	dependents []weak.Pointer[abortSignal]
	observed   map[*abortSignal]bool // the dependents that have listeners or steps
}

// abortStep is an abort algorithm.
type abortStep struct{ run func() }

// abortController is the Go half of an AbortController (DOM 3.1).
type abortController struct{ signal *abortSignal }

var (
	abortSignalClass     = expose("AbortSignal")
	abortControllerClass = expose("AbortController")
)

func init() {
	abortControllerClass.construct = func(r *Realm, _ goja.ConstructorCall) any {
		_, s := r.newSignal()
		return &abortController{s}
	}
	abortControllerClass.members = []member{
		getter("signal", func(_ *Realm, a *abortController) goja.Value { return a.signal.object }),
		method("abort", 0, func(r *Realm, a *abortController, c goja.FunctionCall) goja.Value {
			r.abort(a.signal, c.Argument(0))
			return goja.Undefined()
		}),
	}

	abortSignalClass.parent = eventTargetClass
	abortSignalClass.members = []member{
		getter("aborted", func(r *Realm, s *abortSignal) goja.Value { return r.VM.ToValue(s.aborted()) }),
		getter("reason", func(_ *Realm, s *abortSignal) goja.Value {
			if s.reason == nil {
				return goja.Undefined()
			}
			return s.reason
		}),
		method("throwIfAborted", 0, func(_ *Realm, s *abortSignal, _ goja.FunctionCall) goja.Value {
			if s.aborted() {
				panic(s.reason)
			}
			return goja.Undefined()
		}),
		attribute[*abortSignal]("abort"),
	}
	abortSignalClass.statics = []member{
		static("abort", 0, func(r *Realm, c goja.FunctionCall) goja.Value {
			o, s := r.newSignal()
			r.abort(s, c.Argument(0))
			return o
		}),
		static("timeout", 1, func(r *Realm, c goja.FunctionCall) goja.Value {
			delay := r.milliseconds("AbortSignal.timeout", c.Argument(0))
			o, s := r.newSignal()
			r.after("AbortSignal.timeout", delay, func() error {
				r.abort(s, r.Exception("TimeoutError", "The operation timed out after %v", delay))
				return nil
			})
			return o
		}),
		static("any", 1, func(r *Realm, c goja.FunctionCall) goja.Value {
			var signals []*abortSignal
			r.sequence("AbortSignal.any: the signals", c.Argument(0), func(v goja.Value) {
				s, ok := half[*abortSignal](v)
				if !ok {
					panic(r.TypeError("AbortSignal.any: every item must be an AbortSignal, got %s", kind(v)))
				}
				signals = append(signals, s)
			})
			return r.anySignal(signals).object
		}),
	}
}

// newSignal is a new AbortSignal that is not aborted, and its half.
func (r *Realm) newSignal() (*goja.Object, *abortSignal) {
	s := &abortSignal{}
	s.object = r.make(abortSignalClass, s)
	return s.object, s
}

func (s *abortSignal) aborted() bool { return s.reason != nil }

// onAbort has f called once when s aborts, before its listeners; on an aborted signal it does nothing. remove takes
// f off again.
func (s *abortSignal) onAbort(f func()) (remove func()) {
	if s.aborted() {
		return func() {}
	}
	step := &abortStep{f}
	s.steps = append(s.steps, step)
	s.hold()
	return func() {
		s.steps = slices.DeleteFunc(s.steps, func(other *abortStep) bool { return other == step })
		s.hold()
	}
}

// abort is "signal abort" (DOM 3.2): s and the signals that depend on it abort with reason, or with an AbortError
// when it is undefined or nil.
func (r *Realm) abort(s *abortSignal, reason goja.Value) {
	if s.aborted() {
		return
	}
	if reason == nil || goja.IsUndefined(reason) {
		reason = r.Exception("AbortError", "This operation was aborted")
	}
	s.reason = reason
	all := []*abortSignal{s}
	for _, p := range s.dependents {
		if d := p.Value(); d != nil && !d.aborted() {
			d.reason = reason
			all = append(all, d)
		}
	}
	for _, a := range all {
		steps := a.steps
		a.steps = nil
		a.hold()
		a.changed, a.sources, a.dependents, a.observed = nil, nil, nil, nil
		for _, step := range steps {
			step.run()
		}
		r.fire(a, a.object, eventClass, &event{}, "abort")
	}
}

// anySignal is "create a dependent abort signal" (DOM 3.2): it aborts when the first of signals does.
func (r *Realm) anySignal(signals []*abortSignal) *abortSignal {
	_, s := r.newSignal()
	if i := slices.IndexFunc(signals, (*abortSignal).aborted); i >= 0 {
		s.reason = signals[i].reason
		return s
	}
	s.changed = s.hold
	for _, source := range signals {
		if source.sources == nil {
			s.follow(source)
		}
		for _, above := range source.sources {
			s.follow(above)
		}
	}
	return s
}

// follow makes s abort with source.
func (s *abortSignal) follow(source *abortSignal) {
	if !slices.Contains(s.sources, source) {
		s.sources = append(s.sources, source)
		if len(source.dependents) == cap(source.dependents) {
			source.dependents = slices.DeleteFunc(source.dependents, func(p weak.Pointer[abortSignal]) bool { return p.Value() == nil })
		}
		source.dependents = append(source.dependents, weak.Make(s))
	}
}

// hold tells the sources of s whether anybody observes it and waits for it to abort.
func (s *abortSignal) hold() {
	for _, source := range s.sources {
		switch {
		case s.aborted() || len(s.steps) == 0 && len(s.listeners) == 0:
			delete(source.observed, s)
		case source.observed == nil:
			source.observed = map[*abortSignal]bool{s: true}
		default:
			source.observed[s] = true
		}
	}
}

// milliseconds converts [EnforceRange] unsigned long long to a duration, the longest there is when it is longer.
func (r *Realm) milliseconds(what string, v goja.Value) time.Duration {
	f := v.ToNumber().ToFloat()
	if !(f > -1 && f <= 1<<53-1) {
		panic(r.TypeError("%s: the time must be from 0 to 2**53-1 milliseconds, got %v", what, f))
	}
	return time.Duration(min(f, float64(durationMax/time.Millisecond))) * time.Millisecond
}
