package web

import "github.com/dop251/goja"

// ExecutionContext is what the third argument of a handler can do: Workers' ExecutionContext.
type ExecutionContext interface {
	// WaitUntil keeps the invocation going after its answer until v, a promise, is settled.
	WaitUntil(v goja.Value)

	// TraceID is the W3C trace that the request is part of, 32 hexadecimal digits, or "".
	TraceID() string
}

var executionContextClass = conceal("ExecutionContext")

func init() {
	executionContextClass.members = []member{
		method("waitUntil", 1, func(_ *Realm, x ExecutionContext, c goja.FunctionCall) goja.Value {
			x.WaitUntil(c.Argument(0))
			return goja.Undefined()
		}),
		getter("traceId", func(r *Realm, x ExecutionContext) goja.Value {
			if id := x.TraceID(); id != "" {
				return r.VM.ToValue(id)
			}
			return goja.Undefined()
		}),
		// There is no origin behind the node to pass the request to: an exception is always answered here.
		method("passThroughOnException", 0, func(*Realm, ExecutionContext, goja.FunctionCall) goja.Value {
			return goja.Undefined()
		}),
	}
}

// NewExecutionContext is the ctx argument for x.
func (r *Realm) NewExecutionContext(x ExecutionContext) *goja.Object {
	return r.make(executionContextClass, x)
}

// Then calls ok or failed, in a turn, when v, a promise or any other value, is settled.
func (r *Realm) Then(v goja.Value, ok func(v goja.Value), failed func(reason goja.Value)) {
	r.then(v, ok, failed)
}
