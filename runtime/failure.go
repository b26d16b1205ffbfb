package runtime

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/runtime/bundle"
	"github.com/fortunadws/fortuna/runtime/web"
)

// Failure is why code did not do what was asked, for a person to read.
type Failure struct {
	Code     string            // stable: "handler_error", "cpu_budget", "deadline", "no_capacity", "no_app", ...
	Status   int               // what the client got
	Message  string            // "TypeError: x is not a function"; a limit is named with its value and config key
	Stack    string            // source-mapped lines, innermost first; "" if there is none
	Position bundle.Position   // where, in the source; Line is 0 if unknown
	Frame    string            // the code around Position
	Hint     string            // what to do about it, or ""
	Request  *exchange.Request // nil for top-level code
	Unserved bool              // no code has seen the request: another node may have room for it
}

// Error is the message with the position.
func (f *Failure) Error() string {
	if f.Position.Line > 0 {
		return fmt.Sprintf("%s (%s:%d:%d)", f.Message, f.Position.File, f.Position.Line, f.Position.Column)
	}
	return f.Message
}

// failures with nothing to say about code.
func failNoApp() *Failure {
	return &Failure{Code: "no_app", Status: 503, Unserved: true, Message: "no version of the app is running yet"}
}

func failNoCapacity(queue int) *Failure {
	return &Failure{Code: "no_capacity", Status: 503, Unserved: true,
		Message: fmt.Sprintf("%d requests are waiting for a VM already: limits.queue_max = %d", queue, queue),
		Hint:    "are handlers slow, or more than limits.in_flight_max of them parked in each VM?"}
}

func failOverload() *Failure {
	return &Failure{Code: "overload", Status: 503, Unserved: true,
		Message: "more requests come than can be computed, and have for a while: this one would only wait",
		Hint:    "add a core or a node, or make the handlers that compute cheaper"}
}

func failNoRoute(q *exchange.Request) *Failure {
	return &Failure{Code: "no_route", Status: 404, Message: "no route matches " + q.Method + " " + q.Path}
}

func failMethod(q *exchange.Request, allow []string) *Failure {
	return &Failure{Code: "method_not_allowed", Status: 405,
		Message: fmt.Sprintf("%s is not allowed for %s; use %s", q.Method, q.Path, strings.Join(allow, ", "))}
}

func failDeadline(b bound) *Failure {
	return &Failure{Code: "deadline", Status: 504,
		Message: fmt.Sprintf("the handler has not answered within %d ms: limits.%s = %d", b.Milliseconds(), b.key, b.Milliseconds()),
		Hint:    "is a promise never settled? Set a higher limits." + b.key + " in fortuna.toml if the answer takes that long"}
}

func failQueued(b bound) *Failure {
	return &Failure{Code: "queue_deadline", Status: 503,
		Message: fmt.Sprintf("the request has waited %d ms for a VM: limits.%s = %d", b.Milliseconds(), b.key, b.Milliseconds()),
		Hint:    "are handlers slow, or is the app asked for more than this machine can compute?"}
}

func failPaced(l Limits) *Failure {
	return &Failure{Code: "paced", Status: 503,
		Message: fmt.Sprintf("the last %d or more requests like this one were stopped, and as many wait as can be tried within %d ms: limits.wall_ms = %d", stopsMax, l.Wall.Milliseconds(), l.Wall.Milliseconds()),
		Hint:    "mend the handler that computes for more than limits.cpu_ms"}
}

func failLost() *Failure {
	return &Failure{Code: "vm_retired", Status: 500,
		Message: "the VM that the handler ran in was discarded: the turn of another request was stopped in it"}
}

func failWaitUntil(l Limits) *Failure {
	return &Failure{Code: "wait_until", Status: 200,
		Message: fmt.Sprintf("what was given to ctx.waitUntil has not ended within %d ms of the answer: limits.wait_until_ms = %d", l.WaitUntil.Milliseconds(), l.WaitUntil.Milliseconds())}
}

func failHandler(message string) *Failure {
	return &Failure{Code: "handler_error", Status: 500, Message: message}
}

// failure explains an error of a turn. It runs in the turn, as it may run code. The concrete types are asked for, because
// errors.As would have goja run code outside of everything.
func (v *vm) failure(err error) *Failure {
	limits := v.dep.rt.cfg.Limits
	switch e := err.(type) {
	case *Failure:
		return e
	case *goja.InterruptedError:
		b := bound{"cpu_ms", limits.CPU}
		if v.owner != nil {
			b = v.owner.cpu()
		}
		f := &Failure{Code: "cpu_budget", Status: 503,
			Message: fmt.Sprintf("the handler computed for more than %d ms: limits.%s = %d", b.Milliseconds(), b.key, b.Milliseconds()),
			Hint:    "is it an endless loop? Set a higher limits." + b.key + " in fortuna.toml if it needs that long"}
		if v.loading {
			f.Code = "startup_budget"
			f.Message = fmt.Sprintf("the top level of the app computed for more than %d ms: limits.startup_ms = %d", limits.StartUp.Milliseconds(), limits.StartUp.Milliseconds())
			f.Hint = "move work into a handler, or set a higher limits.startup_ms in fortuna.toml"
		}
		if e.Value() == overMemory {
			f.Code = "memory"
			f.Message = fmt.Sprintf("memory grew by more than %d bytes in one turn of the handler: limits.turn_bytes = %d", limits.TurnBytesMax, limits.TurnBytesMax)
			f.Hint = "does a string or an array grow without end? Set a higher limits.turn_bytes in fortuna.toml if it needs that much"
		}
		v.locate(f, frames(e.Stack()))
		if p := v.dep.bundle.Loop(f.Position); p != f.Position {
			f.Position, f.Frame = p, v.dep.bundle.Frame(p)
		}
		return f
	case *goja.StackOverflowError:
		f := failHandler(fmt.Sprintf("RangeError: calls nest more than %d deep: limits.call_stack_max = %d", limits.CallStackMax, limits.CallStackMax))
		f.Code = "call_stack"
		v.locate(f, frames(e.Stack()))
		return f
	case *goja.Exception:
		f := v.thrown(e.Value())
		if f.Stack == "" {
			v.locate(f, frames(e.Stack()))
		}
		return f
	case *thrown:
		return v.thrown(e.value)
	case *panicked:
		return &Failure{Code: "vm_panic", Status: 500,
			Message: fmt.Sprintf("the JavaScript engine failed: %v", e.value), Stack: e.stack,
			Hint: "this is a bug in fortuna or goja; the VM has been discarded"}
	}
	return failHandler(err.Error())
}

// thrown explains a thrown value: an Error with its stack, or anything else.
func (v *vm) thrown(reason goja.Value) *Failure {
	f := failHandler("")
	// What fails when it is shown is shown as far as it came.
	_ = v.js.Try(func() {
		o, ok := reason.(*goja.Object)
		if !ok {
			f.Message = "Uncaught " + v.realm.Inspect(reason)
			return
		}
		stack := o.Get("stack")
		if stack == nil || goja.IsUndefined(stack) {
			f.Message = "Uncaught " + v.realm.Inspect(reason)
			return
		}
		f.Message = o.String()
		for _, line := range strings.Split(stack.String(), "\n") {
			if m := stackLine.FindStringSubmatch(line); m != nil {
				f.Stack += strings.TrimRight(fmt.Sprintf("    at %s%s:%s:%s)", m[1], m[2], m[3], m[4]), " ") + "\n"
			}
		}
	})
	if f.Message == "" {
		f.Message = "Uncaught exception"
	}
	f.Hint = advice(f.Message)
	if web.IsUnavailable(reason) {
		f.Code, f.Status = "state_unavailable", 503
		f.Hint = "the client is asked to come again: state is not reachable for the moment"
	}
	v.locate(f, f.Stack)
	return f
}

// stackLine is a line of goja's Error.stack: "\tat f (src/index.ts:2:52(13))" or "\tat src/index.ts:2:52(13)".
var stackLine = regexp.MustCompile(`^\s*at (.*?\(|)([^()]+):(\d+):(\d+)(?:\(\d+\))?\)?$`)

// frames writes a goja stack as thrown writes one.
func frames(stack []goja.StackFrame) string {
	var b strings.Builder
	for i, s := range stack {
		if i == 20 {
			break
		}
		if p := s.Position(); p.Line > 0 {
			name := s.FuncName()
			if name == "" {
				name = "<anonymous>"
			}
			fmt.Fprintf(&b, "    at %s (%s:%d:%d)\n", name, p.Filename, p.Line, p.Column)
		}
	}
	return b.String()
}

// locate fills in stack, position and frame from lines as frames writes them.
func (v *vm) locate(f *Failure, stack string) {
	var kept strings.Builder
	for _, line := range strings.Split(strings.TrimRight(stack, "\n"), "\n") {
		m := stackLine.FindStringSubmatch(line)
		if m == nil || strings.HasPrefix(m[2], "native") {
			continue
		}
		fmt.Fprintf(&kept, "    at %s%s:%s:%s", m[1], m[2], m[3], m[4])
		if strings.HasSuffix(m[1], "(") {
			kept.WriteByte(')')
		}
		kept.WriteByte('\n')
		if f.Position.Line == 0 {
			p := bundle.Position{File: m[2]}
			p.Line, _ = strconv.Atoi(m[3])
			p.Column, _ = strconv.Atoi(m[4])
			if frame := v.dep.bundle.Frame(p); frame != "" {
				f.Position, f.Frame = p, frame
			}
		}
	}
	f.Stack = kept.String()
}
