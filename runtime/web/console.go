package web

import (
	"fmt"
	"strings"
	"time"

	"github.com/dop251/goja"
)

// ConsoleLineBytesMax is how much text one call of a console method may log; the rest is cut.
const ConsoleLineBytesMax = 64 << 10

const (
	consoleGroupsMax = 50    // levels of indentation
	consoleLabelsMax = 1_000 // counters and timers
)

// console is the state of the console namespace (Console Standard 1): one for each VM.
type console struct {
	r      *Realm
	groups int
	counts map[string]int
	timers map[string]time.Time
}

func init() {
	exposeValue("console", func(r *Realm) goja.Value {
		c := &console{r: r, counts: map[string]int{}, timers: map[string]time.Time{}}
		o := r.VM.CreateObject(r.VM.NewObject())
		for _, m := range consoleMethods {
			must(o.DefineDataProperty(m.name, r.function(m.name, 0, func(r *Realm, call goja.FunctionCall) goja.Value {
				m.call(c, call.Arguments)
				return goja.Undefined()
			}), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE))
		}
		must(o.DefineDataPropertySymbol(goja.SymToStringTag, r.VM.ToValue("console"), goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE))
		return o
	})
}

// consoleMethods are the functions of the namespace, in the order of the standard.
var consoleMethods = []struct {
	name string
	call func(c *console, args []goja.Value)
}{
	{"assert", (*console).assert},
	{"clear", func(c *console, _ []goja.Value) { c.groups = 0 }},
	{"debug", printer(LevelDebug)},
	{"error", printer(LevelError)},
	{"info", printer(LevelInfo)},
	{"log", printer(LevelLog)},
	{"table", (*console).table},
	{"trace", (*console).trace},
	{"warn", printer(LevelWarn)},
	{"dir", (*console).dir},
	{"dirxml", printer(LevelLog)},
	{"count", (*console).count},
	{"countReset", (*console).countReset},
	{"group", (*console).group},
	{"groupCollapsed", (*console).group},
	{"groupEnd", func(c *console, _ []goja.Value) { c.groups = max(c.groups-1, 0) }},
	{"time", (*console).time},
	{"timeLog", (*console).timeLog},
	{"timeEnd", (*console).timeEnd},
}

func printer(level Level) func(c *console, args []goja.Value) {
	return func(c *console, args []goja.Value) { c.print(level, c.r.format(args)) }
}

// print hands text to the host, indented by the open groups.
func (c *console) print(level Level, text string) {
	if c.groups > 0 {
		margin := strings.Repeat("  ", c.groups)
		text = margin + strings.ReplaceAll(cut(text, ConsoleLineBytesMax), "\n", "\n"+margin)
	}
	if len(text) > ConsoleLineBytesMax {
		text = cut(text, ConsoleLineBytesMax) + "..."
	}
	c.r.host.Log(level, text)
}

func (c *console) assert(args []goja.Value) {
	if len(args) > 0 && args[0].ToBoolean() {
		return
	}
	text := "Assertion failed"
	if len(args) > 1 {
		text += ": " + c.r.format(args[1:])
	}
	c.print(LevelError, text)
}

func (c *console) trace(args []goja.Value) {
	text := "Trace"
	if len(args) > 0 {
		text += ": " + c.r.format(args)
	}
	for _, f := range c.r.VM.CaptureCallStack(10, nil) {
		p := f.Position()
		if p.Line == 0 {
			continue // native: console.trace itself
		}
		name := f.FuncName()
		if name == "" {
			name = "<anonymous>"
		}
		text += fmt.Sprintf("\n    at %s (%s:%d:%d)", name, f.SrcName(), p.Line, p.Column)
	}
	c.print(LevelLog, text)
}

func (c *console) dir(args []goja.Value) {
	n := c.r.newInspector()
	if len(args) > 1 {
		options, _ := args[1].(*goja.Object)
		if v := field(options, "depth"); v != nil {
			n.depth = depthOf(v)
		}
		if v := field(options, "showHidden"); v != nil {
			n.hidden = v.ToBoolean()
		}
	}
	if len(args) > 0 {
		c.print(LevelLog, n.value(args[0], 0))
	} else {
		c.print(LevelLog, "undefined")
	}
}

// depthOf reads the depth option of console.dir: null means everything, up to a bound.
func depthOf(v goja.Value) int {
	const most = 50
	if goja.IsNull(v) || v.ToFloat() > most {
		return most
	}
	return max(int(v.ToInteger()), 0)
}

func (c *console) group(args []goja.Value) {
	if len(args) > 0 {
		c.print(LevelLog, c.r.format(args))
	}
	c.groups = min(c.groups+1, consoleGroupsMax)
}

// label is the name of a counter or timer.
func label(args []goja.Value) string {
	if len(args) == 0 || goja.IsUndefined(args[0]) {
		return "default"
	}
	return cut(text(args[0]), inspectStringMax)
}

func (c *console) count(args []goja.Value) {
	name := label(args)
	if _, known := c.counts[name]; !known && len(c.counts) >= consoleLabelsMax {
		c.print(LevelWarn, fmt.Sprintf("console.count: more than %d counters", consoleLabelsMax))
		return
	}
	c.counts[name]++
	c.print(LevelInfo, fmt.Sprintf("%s: %d", name, c.counts[name]))
}

func (c *console) countReset(args []goja.Value) {
	name := label(args)
	if _, known := c.counts[name]; !known {
		c.print(LevelWarn, fmt.Sprintf("Count for '%s' does not exist", name))
		return
	}
	c.counts[name] = 0
}

func (c *console) time(args []goja.Value) {
	name := label(args)
	if _, known := c.timers[name]; known {
		c.print(LevelWarn, fmt.Sprintf("Timer '%s' already exists", name))
		return
	}
	if len(c.timers) >= consoleLabelsMax {
		c.print(LevelWarn, fmt.Sprintf("console.time: more than %d timers", consoleLabelsMax))
		return
	}
	c.timers[name] = time.Now()
}

func (c *console) timeLog(args []goja.Value) {
	name := label(args)
	began, known := c.timers[name]
	if !known {
		c.print(LevelWarn, fmt.Sprintf("Timer '%s' does not exist", name))
		return
	}
	text := fmt.Sprintf("%s: %s", name, elapsed(time.Since(began)))
	if len(args) > 1 {
		text += " " + c.r.format(args[1:])
	}
	c.print(LevelLog, text)
}

func (c *console) timeEnd(args []goja.Value) {
	name := label(args)
	began, known := c.timers[name]
	if !known {
		c.print(LevelWarn, fmt.Sprintf("Timer '%s' does not exist", name))
		return
	}
	delete(c.timers, name)
	c.print(LevelInfo, fmt.Sprintf("%s: %s", name, elapsed(time.Since(began))))
}

func elapsed(d time.Duration) string {
	if d >= time.Second {
		return fmt.Sprintf("%.3fs", d.Seconds())
	}
	return fmt.Sprintf("%.3gms", float64(d)/float64(time.Millisecond))
}
