package web

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// testHost runs a realm in a test: a VM, its queue of jobs and the lines it logged.
type testHost struct {
	t     testing.TB
	jobs  chan func() error
	open  sync.WaitGroup
	lines []string
}

type testTicket struct{ h *testHost }

func (h *testHost) Begin(string) (Ticket, error) {
	h.open.Add(1)
	return testTicket{h}, nil
}

func (h *testHost) Scope() *Scope { return nil }

func (h *testHost) Log(level Level, text string) { h.lines = append(h.lines, text) }

func (t testTicket) Context() context.Context { return context.Background() }
func (t testTicket) Trace() exchange.Trace    { return exchange.Trace{ID: [16]byte{1}, Span: [8]byte{2}} }
func (t testTicket) Release()                 { t.h.open.Done() }
func (t testTicket) Settle(job func() error)  { t.h.jobs <- job }

func newTestRealm(t testing.TB) (*Realm, *testHost) {
	h := &testHost{t: t, jobs: make(chan func() error, 1000)}
	return New(goja.New(), h, Options{}), h
}

// eval runs code, an async function's body, to its end and returns what it returned, or "throws Name: message".
func eval(t testing.TB, code string) string {
	t.Helper()
	r, h := newTestRealm(t)
	return evalIn(t, r, h, code)
}

func evalIn(t testing.TB, r *Realm, h *testHost, code string) string {
	t.Helper()
	v, err := r.VM.RunString("(async () => {" + code + "\n})()")
	if err != nil {
		return "throws " + err.Error()
	}
	p := v.Export().(*goja.Promise)
	for p.State() == goja.PromiseStatePending {
		select {
		case job := <-h.jobs:
			if err := job(); err != nil {
				t.Errorf("uncaught: %v", err)
			}
			h.open.Done()
		case <-time.After(10 * time.Second):
			t.Fatalf("never settled: %s", code)
		}
	}
	if p.State() == goja.PromiseStateRejected {
		if o, ok := p.Result().(*goja.Object); ok {
			return fmt.Sprintf("throws %s: %s", o.Get("name"), o.Get("message"))
		}
		return "throws " + p.Result().String()
	}
	return p.Result().String()
}

// expect runs every piece of code and compares what it returns; a want that ends in "..." is a prefix.
func expect(t *testing.T, cases [][2]string) {
	t.Helper()
	for _, c := range cases {
		got, want := eval(t, c[0]), c[1]
		if prefix, cut := strings.CutSuffix(want, "..."); got == want || cut && strings.HasPrefix(got, prefix) {
			continue
		}
		t.Errorf("%s\n got  %s\n want %s", c[0], got, want)
	}
}

func TestRealm_globalsAreBuiltOnMention(t *testing.T) {
	expect(t, [][2]string{
		{`return typeof Headers`, "function"},
		{`return 'Headers' in globalThis`, "true"},
		{`return Object.hasOwn(globalThis, 'Headers')`, "false"},
		{`Headers; return Object.hasOwn(globalThis, 'Headers')`, "true"},
		{`delete globalThis.Headers; Headers; delete globalThis.Headers; return typeof Headers`, "undefined"},
		{`globalThis.Headers = 1; return Headers`, "1"},
		{`return self === globalThis`, "true"},
		{`return typeof nothing`, "undefined"},
	})
}

func TestClass_isAnOrdinaryClass(t *testing.T) {
	expect(t, [][2]string{
		{`return Headers.name + Headers.prototype.get.name + Headers.prototype.get.length`, "Headersget1"},
		{`return String(new Headers)`, "[object Headers]"},
		{`class H extends Headers { #x = 1; x() { return this.#x + this.get('a') } } return new H({a: 'b'}).x()`, "1b"},
		{`class H extends Headers {} return new H instanceof Headers && new H instanceof H`, "true"},
		{`Headers.prototype.get.call({}, 'a')`, "throws TypeError: get: illegal invocation..."},
		{`globalThis.Headers()`, "throws TypeError: Class constructor Headers cannot be invoked without 'new'"},
		{`new Headers().append('a')`, "throws TypeError: append: 2 argument(s) required, but only 1 present"},
		{`const h = new Headers; h.extra = 1; h[Symbol.for('x')] = 2; return h.extra + h[Symbol.for('x')]`, "3"},
		{`return new DOMException('m', 'AbortError') instanceof Error`, "true"},
		{`throw new DOMException('m', 'AbortError')`, "throws AbortError: m"},
		{`return new DOMException('m', 'AbortError').code + DOMException.ABORT_ERR`, "40"},
	})
}

func TestHeaders(t *testing.T) {
	expect(t, [][2]string{
		{`return JSON.stringify([...new Headers({B: 1, a: ' x '})])`, `[["a","x"],["b","1"]]`},
		{`const h = new Headers([['a','1'],['A','2']]); return h.get('a')`, "1, 2"},
		{`const h = new Headers([['a','1'],['A','2']]); h.set('a','3'); return h.get('a')`, "3"},
		{`const h = new Headers; h.append('set-cookie','a=1'); h.append('Set-Cookie','b=2'); return JSON.stringify([h.getSetCookie(), [...h]])`,
			`[["a=1","b=2"],[["set-cookie","a=1"],["set-cookie","b=2"]]]`},
		{`return new Headers().get('x')`, "null"},
		{`new Headers({'a b': '1'})`, `throws TypeError: Headers: "a b" is not a valid header name`},
		{`new Headers({a: 'x\r\ny'})`, `throws TypeError: Headers: a header value must not contain '\r'`},
		{`new Headers({a: '\u0100'})`, `throws TypeError: Headers: character 'Ā' cannot be sent in a header...`},
		{`return new Headers({a: '\u00e9'}).get('a') === '\u00e9'`, "true"},
		{`new Headers(1)`, "throws TypeError: Headers: headers must be..."},
		{`new Headers([['a']])`, "throws TypeError: Headers: each header must be a pair..."},
		{`let s=''; new Headers({b:1,a:2}).forEach((v,k)=>{s+=k+v}); return s`, "a2b1"},
		{`return Object.prototype.toString.call(new Headers().entries())`, "[object Headers Iterator]"},
	})
}
