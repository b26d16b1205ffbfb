package web

import (
	"strings"
	"testing"
)

func TestEventTarget(t *testing.T) {
	expect(t, [][2]string{
		{`const t = new EventTarget, s = []; t.addEventListener('x', () => s.push(1)); t.addEventListener('x', {handleEvent(e) { s.push(e.target === t, this !== t) }}); t.addEventListener('x', () => s.push('c'), true); t.dispatchEvent(new Event('x')); return s.join()`, "c,1,true,true"},
		{`const t = new EventTarget; let n = 0; const f = () => n++; t.addEventListener('x', f); t.addEventListener('x', f); t.addEventListener('x', f, {once: true, capture: true}); t.dispatchEvent(new Event('x')); t.dispatchEvent(new Event('x')); t.removeEventListener('x', f); t.dispatchEvent(new Event('x')); return n`, "3"},
		{`const t = new EventTarget, s = []; t.addEventListener('x', e => { s.push(1); e.stopImmediatePropagation() }); t.addEventListener('x', () => s.push(2)); t.dispatchEvent(new Event('x')); return s.join()`, "1"},
		{`const t = new EventTarget; t.addEventListener('x', e => e.preventDefault()); return [t.dispatchEvent(new Event('x')), t.dispatchEvent(new Event('x', {cancelable: true}))].join()`, "true,false"},
		{`const t = new EventTarget; t.addEventListener('x', e => e.preventDefault(), {passive: true}); return t.dispatchEvent(new Event('x', {cancelable: true}))`, "true"},
		{`class Foo extends EventTarget { #x = 5; get x() { return this.#x } } const f = new Foo; let v; f.addEventListener('x', function (e) { v = this.x + e.target.x }); f.dispatchEvent(new Event('x')); return v`, "10"},
		{`class E extends Event { constructor() { super('e', {bubbles: true}) } } const e = new E; return [e.type, e.bubbles, e instanceof Event, e.isTrusted, e.eventPhase, Event.AT_TARGET].join()`, "e,true,true,false,0,2"},
		{`const t = new EventTarget, e = new Event('x'); t.addEventListener('x', () => t.dispatchEvent(e)); const w = []; addEventListener('error', e => { w.push(e.error.name); e.preventDefault() }); t.dispatchEvent(e); return w.join()`, "InvalidStateError"},
		{`const t = new EventTarget, s = []; t.addEventListener('x', () => t.addEventListener('x', () => s.push('late'))); t.dispatchEvent(new Event('x')); return s.length`, "0"},
		{`const t = new EventTarget, s = [], f = () => s.push(2); t.addEventListener('x', () => t.removeEventListener('x', f)); t.addEventListener('x', f); t.dispatchEvent(new Event('x')); return s.length`, "0"},
		{`return new CustomEvent('x', {detail: 5}).detail + String(new CustomEvent('x').detail)`, "5null"},
		{`new Event()`, "throws TypeError: Event: 1 argument(s) required..."},
		{`new EventTarget().dispatchEvent({})`, "throws TypeError: dispatchEvent: the argument must be an Event..."},
		{`new EventTarget().addEventListener('x', 1)`, "throws TypeError: addEventListener: the listener must be..."},
		{`new EventTarget().addEventListener('x', null, {signal: null})`, "throws TypeError: addEventListener: signal must be an AbortSignal..."},
		{`let e; addEventListener('x', function (v) { e = this === globalThis && v.target === self }); dispatchEvent(new Event('x')); return e`, "true"},
	})
}

func TestReport(t *testing.T) {
	for code, want := range map[string]string{
		`const t = new EventTarget; let n = 0; t.addEventListener('x', () => { throw new Error('boom') }); t.addEventListener('x', () => n++); t.dispatchEvent(new Event('x')); return n`: "1|Uncaught Error: boom",
		`const t = new EventTarget; t.addEventListener('x', {}); t.dispatchEvent(new Event('x')); return 1`:                                                                               "1|Uncaught TypeError: EventTarget: the listener",
		`reportError(5); return 1`: "1|Uncaught 5",
		`addEventListener('error', e => { e.preventDefault() }); reportError(5); return 1`:                                                                                    "1|",
		`let seen; onerror = (...args) => { seen = args.length + args[0]; return true }; reportError(5); return seen`:                                                         "5Uncaught 5|",
		`onerror = () => { throw 6 }; reportError(5); return 1`:                                                                                                               "1|Uncaught 6\nUncaught 5",
		`queueMicrotask(() => { throw 7 }); await 0; await 0; return 1`:                                                                                                       "1|Uncaught 7",
		`setTimeout(() => { throw 8 }); await new Promise(r => setTimeout(r, 1)); return 1`:                                                                                   "1|Uncaught 8",
		`addEventListener('error', e => { e.preventDefault(); globalThis.seen = e.lineno > 0 && e.error }); queueMicrotask(() => { throw 9 }); await 0; await 0; return seen`: "9|",
	} {
		r, h := newTestRealm(t)
		got := evalIn(t, r, h, code) + "|" + strings.Join(h.lines, "\n")
		if !strings.HasPrefix(got, want) || strings.HasSuffix(want, "|") && got != want {
			t.Errorf("%s\n got  %s\n want %s", code, got, want)
		}
	}
}

func TestRejection(t *testing.T) {
	r, h := newTestRealm(t)
	evalIn(t, r, h, `globalThis.seen = []; addEventListener('unhandledrejection', e => { seen.push(e.reason); e.preventDefault() }); onrejectionhandled = e => seen.push(e.promise instanceof Promise)`)
	p, _, reject := r.VM.NewPromise()
	must(reject(r.VM.ToValue("why")))
	if !r.Unhandled(p) {
		t.Error("the event was cancelled, and Unhandled does not say so")
	}
	r.Handled(p)
	if got := evalIn(t, r, h, `return seen.join()`); got != "why,true" {
		t.Errorf("got %s", got)
	}
}
