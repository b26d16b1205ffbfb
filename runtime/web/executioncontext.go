package web

import (
	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// ExecutionContext is what the third argument of a handler can do: Workers' ExecutionContext.
type ExecutionContext interface {
	// WaitUntil keeps the invocation going after its answer until v, a promise, is settled.
	WaitUntil(v goja.Value)

	// Upgrade answers that the connection is a WebSocket, whose events go to the websocket handlers with data. It reports
	// false, and answers nothing, when the request does not ask for one.
	Upgrade(header []exchange.Field, data goja.Value) bool

	// Publish sends a message to every socket that has subscribed to a topic; it returns its bytes, or 0 if there is none.
	Publish(topic string, text bool, p []byte) int

	// Subscribers counts them.
	Subscribers(topic string) int

	// Session is ctx.session; it throws when there is none.
	Session() goja.Value

	// Sessions is ctx.sessions; it throws when there are none.
	Sessions() goja.Value

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
		method("upgrade", 1, func(r *Realm, x ExecutionContext, c goja.FunctionCall) goja.Value {
			if _, ok := half[*request](c.Argument(0)); !ok {
				panic(r.TypeError("ctx.upgrade: the first argument must be the Request, got %s", kind(c.Argument(0))))
			}
			options, header := r.dictionary("ctx.upgrade: the options", c.Argument(1)), &headers{}
			if v := field(options, "headers"); v != nil {
				r.fill(header, "ctx.upgrade", v)
			}
			return r.VM.ToValue(x.Upgrade(header.list, field(options, "data")))
		}),
		method("publish", 2, func(r *Realm, x ExecutionContext, c goja.FunctionCall) goja.Value {
			text, p := r.Message("ctx.publish", c.Argument(1))
			return r.VM.ToValue(x.Publish(r.Topic("ctx.publish", c.Argument(0)), text, p))
		}),
		method("subscriberCount", 1, func(r *Realm, x ExecutionContext, c goja.FunctionCall) goja.Value {
			return r.VM.ToValue(x.Subscribers(r.Topic("ctx.subscriberCount", c.Argument(0))))
		}),
		getter("session", func(_ *Realm, x ExecutionContext) goja.Value { return x.Session() }),
		getter("sessions", func(_ *Realm, x ExecutionContext) goja.Value { return x.Sessions() }),
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
