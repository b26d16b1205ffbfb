package web

import (
	"runtime"
	"testing"
)

func TestAbort(t *testing.T) {
	expect(t, [][2]string{
		{`const c = new AbortController; let n = 0; c.signal.onabort = e => { n += e.isTrusted && e.type === 'abort' && e.target === c.signal ? 1 : 9 }; c.abort(); c.abort(); return [n, c.signal.aborted, c.signal.reason.name].join()`, "1,true,AbortError"},
		{`AbortSignal.abort('x').throwIfAborted()`, "throws x"},
		{`return new AbortController().signal.throwIfAborted()`, "undefined"},
		{`new AbortSignal`, "throws TypeError: Illegal constructor..."},
		{`const s = AbortSignal.timeout(1); await new Promise(r => s.onabort = r); return s.reason.name`, "TimeoutError"},
		{`AbortSignal.timeout(-1)`, "throws TypeError: AbortSignal.timeout: the time must be..."},
		{`const a = new AbortController, b = new AbortController, s = AbortSignal.any([a.signal, b.signal]); b.abort(7); a.abort(8); return s.reason`, "7"},
		{`const a = new AbortController, s = AbortSignal.any([AbortSignal.any([a.signal])]); let seen; s.onabort = () => { seen = s.aborted }; a.abort(); return seen`, "true"},
		{`return AbortSignal.any([AbortSignal.abort(1), AbortSignal.abort(2)]).reason + String(AbortSignal.any([]).aborted)`, "1false"},
		{`AbortSignal.any([1])`, "throws TypeError: AbortSignal.any: every item..."},
		{`const c = new AbortController, t = new EventTarget; let n = 0; t.addEventListener('x', () => n++, {signal: c.signal}); t.dispatchEvent(new Event('x')); c.abort(); t.dispatchEvent(new Event('x')); return n`, "1"},
		{`const order = [], a = new AbortController, s = AbortSignal.any([a.signal]); s.onabort = () => order.push('dependent'); a.signal.onabort = () => order.push('source', s.aborted); a.abort(); return order.join()`, "source,true,dependent"},
	})
}

func TestAbort_sourceLetsDependentsGo(t *testing.T) {
	r, h := newTestRealm(t)
	evalIn(t, r, h, `globalThis.c = new AbortController; globalThis.n = 0`)
	c, _ := half[*abortController](r.VM.Get("c"))
	for range 20 {
		evalIn(t, r, h, `for (let i = 0; i < 100; i++) { const f = () => {}, s = AbortSignal.any([c.signal]); s.addEventListener('abort', f); s.removeEventListener('abort', f) }
			AbortSignal.any([c.signal]).onabort = () => n++`)
		runtime.GC()
	}
	if got := len(c.signal.dependents); got > 1000 {
		t.Errorf("the source still knows %d of 2020 dependent signals that nobody can reach", got)
	}
	if got := evalIn(t, r, h, `c.abort(); return n`); got != "20" {
		t.Errorf("%s of 20 observed dependent signals were aborted", got)
	}
}
