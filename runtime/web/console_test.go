package web

import (
	"regexp"
	"slices"
	"testing"
)

func TestConsole(t *testing.T) {
	expectLog(t, [][2]string{
		{`console.log()`, ``},
		{`console.log('%s is %d and %i, %f %j %O %c%%', 'Bob', 42, 42.9, '1.5z', {a: 1}, {b: 2}, 'css', 'rest')`, `Bob is 42 and 42, 1.5 {"a":1} { b: 2 } % rest`},
		{`console.log('100%', 1, 'a%sb', 2)`, `100% 1 a%sb 2`},
		{`console.log('%d %i %f', '0x10', '12px', 'x')`, `16 12 NaN`},
		{`console.log('%s %d %x', Symbol('a'), Symbol('a'))`, `Symbol(a) NaN %x`},
		{`console.log('%s')`, `%s`},
		{`console.log('%', 1)`, `% 1`},
		{`console.assert(true, 'no'); console.assert(false, 'a %s', 'b'); console.assert()`, "Assertion failed: a b\nAssertion failed"},
		{`console.count(); console.count('x'); console.count(); console.countReset(); console.count(); console.countReset('no')`,
			"default: 1\nx: 1\ndefault: 2\ndefault: 1\nCount for 'no' does not exist"},
		{`console.group('G'); console.log('in\nside'); console.group(); console.info('deeper'); console.groupEnd(); console.groupEnd(); console.groupEnd(); console.log('out')`,
			"G\n  in\n  side\n    deeper\nout"},
		{`console.dir({a: {b: 1}}, {depth: 0})`, `{ a: [Object] }`},
		{`console.timeEnd('no'); console.timeLog('no')`, "Timer 'no' does not exist\nTimer 'no' does not exist"},
		{`console.table([{a: 1, b: 'x'}, {a: 2}])`, "┌─────────┬───┬─────┐\n│ (index) │ a │ b   │\n├─────────┼───┼─────┤\n│ 0       │ 1 │ 'x' │\n│ 1       │ 2 │     │\n└─────────┴───┴─────┘"},
		{`console.table(5); console.table([])`, "5\n[]"},
		{`console.table([{a: 1, b: 2}], ['b'])`, "┌─────────┬───┐\n│ (index) │ b │\n├─────────┼───┤\n│ 0       │ 2 │\n└─────────┴───┘"},
		{`const {log} = console; log('detached')`, `detached`},
		{`console.log(Object.prototype.toString.call(console))`, `[object console]`},
	})
}

func TestConsole_timersSayHowLong(t *testing.T) {
	got := logged(t, `console.time('t'); console.time('t'); console.timeLog('t', 1); console.timeEnd('t')`)
	if !regexp.MustCompile(`^Timer 't' already exists\nt: [\d.e-]+m?s 1\nt: [\d.e-]+m?s$`).MatchString(got) {
		t.Errorf("got %q", got)
	}
}

func TestConsole_traceSaysWhere(t *testing.T) {
	got := logged(t, `function f() { console.trace('here') } f()`)
	if !regexp.MustCompile(`^Trace: here\n    at f \(.*:1:\d+\)\n`).MatchString(got) {
		t.Errorf("got %q", got)
	}
}

// levelHost notes the level of each line.
type levelHost struct {
	testHost
	levels []Level
}

func (h *levelHost) Log(level Level, _ string) { h.levels = append(h.levels, level) }

func TestConsole_levels(t *testing.T) {
	r, _ := newTestRealm(t)
	h := &levelHost{}
	r.host = h
	if _, err := r.VM.RunString(`for (const m of ['debug', 'log', 'info', 'warn', 'error', 'assert', 'trace']) console[m]()`); err != nil {
		t.Fatal(err)
	}
	if want := []Level{LevelDebug, LevelLog, LevelInfo, LevelWarn, LevelError, LevelError, LevelLog}; !slices.Equal(h.levels, want) {
		t.Errorf("got %v, want %v", h.levels, want)
	}
}
