package web

import (
	"strings"
	"unicode/utf8"

	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// ServerSocket is what the first argument of the websocket handlers can do: Bun's ServerWebSocket. Data is a copy that is
// kept outside of every VM, so that any may handle the next event.
type ServerSocket interface {
	Send(text bool, p []byte) int // bytes; -1 when the peer is behind, 0 when the message was dropped
	Ping(p []byte) int
	Close(code int, reason string)
	Terminate()
	State() int // as WebSocket.readyState
	Buffered() int
	Remote() string
	Protocol() string
	Subscribe(topic string) error
	Unsubscribe(topic string)
	Subscribed(topic string) bool
	Publish(topic string, text bool, p []byte) int
	Data() goja.Value
	SetData(v goja.Value)
}

var serverSocketClass = conceal("ServerWebSocket")

// The states of a socket, as readyState (WebSockets, section 3.1).
const (
	SocketConnecting = iota
	SocketOpen
	SocketClosing
	SocketClosed
)

func init() {
	send := func(name string, message func(r *Realm, what string, v goja.Value) (bool, []byte)) member {
		return method(name, 1, func(r *Realm, s ServerSocket, c goja.FunctionCall) goja.Value {
			text, p := message(r, "ws."+name, c.Argument(0))
			return r.VM.ToValue(s.Send(text, p))
		})
	}
	serverSocketClass.members = []member{
		send("send", (*Realm).Message),
		send("sendText", func(r *Realm, what string, v goja.Value) (bool, []byte) { return true, r.textMessage(what, v) }),
		send("sendBinary", func(r *Realm, what string, v goja.Value) (bool, []byte) { return false, r.binaryMessage(what, v) }),
		method("ping", 0, func(r *Realm, s ServerSocket, c goja.FunctionCall) goja.Value {
			var p []byte
			if v := c.Argument(0); !goja.IsUndefined(v) {
				_, p = r.Message("ws.ping", v)
			}
			if len(p) > 125 {
				panic(r.RangeError("ws.ping: a ping has at most 125 bytes, got %d", len(p)))
			}
			return r.VM.ToValue(s.Ping(p))
		}),
		method("close", 0, func(r *Realm, s ServerSocket, c goja.FunctionCall) goja.Value {
			code, reason := r.closeArguments("ws.close", c)
			if code == 0 {
				code = 1000 // as Bun
			}
			s.Close(code, reason)
			return goja.Undefined()
		}),
		method("terminate", 0, func(_ *Realm, s ServerSocket, _ goja.FunctionCall) goja.Value {
			s.Terminate()
			return goja.Undefined()
		}),
		method("getBufferedAmount", 0, func(r *Realm, s ServerSocket, _ goja.FunctionCall) goja.Value { return r.VM.ToValue(s.Buffered()) }),
		method("subscribe", 1, func(r *Realm, s ServerSocket, c goja.FunctionCall) goja.Value {
			if err := s.Subscribe(r.Topic("ws.subscribe", c.Argument(0))); err != nil {
				panic(r.Exception("QuotaExceededError", "ws.subscribe: %s", err))
			}
			return goja.Undefined()
		}),
		method("unsubscribe", 1, func(r *Realm, s ServerSocket, c goja.FunctionCall) goja.Value {
			s.Unsubscribe(r.Topic("ws.unsubscribe", c.Argument(0)))
			return goja.Undefined()
		}),
		method("isSubscribed", 1, func(r *Realm, s ServerSocket, c goja.FunctionCall) goja.Value {
			return r.VM.ToValue(s.Subscribed(r.Topic("ws.isSubscribed", c.Argument(0))))
		}),
		method("publish", 2, func(r *Realm, s ServerSocket, c goja.FunctionCall) goja.Value {
			text, p := r.Message("ws.publish", c.Argument(1))
			return r.VM.ToValue(s.Publish(r.Topic("ws.publish", c.Argument(0)), text, p))
		}),
		// What a handler sends leaves together anyway.
		method("cork", 1, func(r *Realm, _ ServerSocket, c goja.FunctionCall) goja.Value {
			f, ok := goja.AssertFunction(c.Argument(0))
			if !ok {
				panic(r.TypeError("ws.cork: the argument must be a function, got %s", kind(c.Argument(0))))
			}
			v, err := f(goja.Undefined(), c.This)
			if err != nil {
				panic(err)
			}
			return v
		}),
		getter("readyState", func(r *Realm, s ServerSocket) goja.Value { return r.VM.ToValue(s.State()) }),
		getter("remoteAddress", func(r *Realm, s ServerSocket) goja.Value { return r.VM.ToValue(s.Remote()) }),
		getter("protocol", func(r *Realm, s ServerSocket) goja.Value { return r.VM.ToValue(s.Protocol()) }),
		accessor("data", func(_ *Realm, s ServerSocket) goja.Value { return s.Data() }, func(_ *Realm, s ServerSocket, v goja.Value) { s.SetData(v) }),
	}
}

// NewServerSocket is the ws argument for s.
func (r *Realm) NewServerSocket(s ServerSocket) *goja.Object { return r.make(serverSocketClass, s) }

// TopicBytesMax bounds the name of a topic.
const TopicBytesMax = 256

// Topic converts the name of a topic.
func (r *Realm) Topic(what string, v goja.Value) string {
	s := text(v)
	if s == "" || len(s) > TopicBytesMax {
		panic(r.RangeError("%s: a topic has 1 to %d bytes, got %d", what, TopicBytesMax, len(s)))
	}
	return s
}

// Message converts what is sent: text, or bytes, which are copied because code may change them.
func (r *Realm) Message(what string, v goja.Value) (isText bool, p []byte) {
	if _, ok := v.(*goja.Object); !ok {
		return true, r.textMessage(what, v)
	}
	return false, r.binaryMessage(what, v)
}

func (r *Realm) textMessage(what string, v goja.Value) []byte {
	switch v.(type) {
	case *goja.Object, *goja.Symbol:
		panic(r.TypeError("%s: the message must be text, an ArrayBuffer or a view of one, got %s", what, kind(v)))
	}
	s := text(v)
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return []byte(s)
}

func (r *Realm) binaryMessage(what string, v goja.Value) []byte {
	b, ok := r.bytes(v)
	if !ok {
		panic(r.TypeError("%s: the message must be text, an ArrayBuffer or a view of one, got %s; JSON.stringify makes text of it", what, kind(v)))
	}
	return append([]byte(nil), b...)
}

// closeArguments converts the arguments of close(code, reason) (WebSockets, section 3.1). code is 0 if there is none.
func (r *Realm) closeArguments(what string, c goja.FunctionCall) (code int, reason string) {
	if v := c.Argument(0); !goja.IsUndefined(v) {
		if code = int(v.ToInteger()); !exchange.ValidClose(code) {
			panic(r.Exception("InvalidAccessError", "%s: the code must be 1000 to 1003, 1007 to 1014 or 3000 to 4999, got %s", what, v))
		}
	}
	if v := c.Argument(1); !goja.IsUndefined(v) {
		if reason = strings.ToValidUTF8(text(v), "\uFFFD"); len(reason) > 123 {
			panic(r.Exception("SyntaxError", "%s: the reason has at most 123 bytes, got %d", what, len(reason)))
		}
	}
	return code, reason
}

// MessageValue is what a handler is given of a message: text, or bytes as a Uint8Array.
func (r *Realm) MessageValue(isText bool, p []byte) goja.Value {
	if isText {
		return r.VM.ToValue(string(p))
	}
	return r.uint8Array(p)
}
