package web

import "github.com/dop251/goja"

// webSocket is the Go half of a WebSocket: one end of a WebSocketPair, as in Workers. The other end is in the same VM, or
// a client's, once the pair has been sent with a Response.
type webSocket struct {
	eventTarget
	object   *goja.Object
	peer     *webSocket
	link     SocketLink // to the client, when this is the server's end of a pair that was sent
	accepted bool
	state    int
	waiting  []socketItem // what peer has said, until this end is accepted or sent
}

// socketItem is a message, or the end.
type socketItem struct {
	text   bool
	p      []byte
	end    bool
	code   int
	reason string
}

// SocketLink is a client, as the server's end of a pair has it.
type SocketLink interface {
	Accept()
	Send(text bool, p []byte)
	Close(code int, reason string)
}

// SocketEnd is the server's end of a pair whose other end was sent with a Response.
type SocketEnd struct {
	r *Realm
	s *webSocket
}

var webSocketClass = expose("WebSocket")

func init() {
	webSocketClass.parent = eventTargetClass
	webSocketClass.construct = func(r *Realm, _ goja.ConstructorCall) any {
		panic(r.Exception("NotSupportedError", "WebSocket: connecting to others is not supported yet; new WebSocketPair() and ctx.upgrade answer those who connect here"))
	}
	webSocketClass.constants = []constant{
		{"CONNECTING", SocketConnecting}, {"OPEN", SocketOpen}, {"CLOSING", SocketClosing}, {"CLOSED", SocketClosed},
		{"READY_STATE_CONNECTING", SocketConnecting}, {"READY_STATE_OPEN", SocketOpen},
		{"READY_STATE_CLOSING", SocketClosing}, {"READY_STATE_CLOSED", SocketClosed},
	}
	webSocketClass.members = []member{
		method("accept", 0, func(r *Realm, s *webSocket, _ goja.FunctionCall) goja.Value {
			s.accept(r)
			return goja.Undefined()
		}),
		method("send", 1, func(r *Realm, s *webSocket, c goja.FunctionCall) goja.Value {
			text, p := r.Message("WebSocket.send", c.Argument(0))
			if !s.accepted {
				panic(r.Exception("InvalidStateError", "WebSocket.send: call accept() first"))
			}
			if s.state == SocketOpen {
				s.tell(r, socketItem{text: text, p: p})
			}
			return goja.Undefined()
		}),
		method("close", 0, func(r *Realm, s *webSocket, c goja.FunctionCall) goja.Value {
			code, reason := r.closeArguments("WebSocket.close", c)
			if s.state == SocketOpen {
				s.state = SocketClosing
				s.tell(r, socketItem{end: true, code: code, reason: reason})
			}
			return goja.Undefined()
		}),
		getter("readyState", func(r *Realm, s *webSocket) goja.Value { return r.VM.ToValue(s.state) }),
		getter("url", func(*Realm, *webSocket) goja.Value { return goja.Null() }),
		getter("protocol", func(r *Realm, _ *webSocket) goja.Value { return r.VM.ToValue("") }),
		getter("extensions", func(r *Realm, _ *webSocket) goja.Value { return r.VM.ToValue("") }),
		attribute[*webSocket]("open"), attribute[*webSocket]("message"), attribute[*webSocket]("close"), attribute[*webSocket]("error"),
	}
}

// webSocketPairClass makes { 0: client, 1: server }.
var webSocketPairClass = expose("WebSocketPair")

func init() {
	webSocketPairClass.construct = func(r *Realm, c goja.ConstructorCall) any {
		client, server := &webSocket{state: SocketOpen}, &webSocket{state: SocketOpen}
		client.peer, server.peer = server, client
		for i, s := range []*webSocket{client, server} {
			s.object = r.make(webSocketClass, s)
			must(c.This.DefineDataProperty(r.VM.ToValue(i).String(), s.object, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE))
		}
		return &struct{}{}
	}
}

// accept begins to hear what the other end says.
func (s *webSocket) accept(r *Realm) {
	if s.accepted {
		panic(r.Exception("InvalidStateError", "WebSocket.accept: it was called already"))
	}
	if s.peer.link != nil {
		panic(r.Exception("InvalidStateError", "WebSocket.accept: this end was sent with a Response: it is the client's"))
	}
	s.accepted = true
	if s.link != nil {
		s.link.Accept()
	}
	s.hearSoon(r)
}

// tell says something to the other end.
func (s *webSocket) tell(r *Realm, i socketItem) {
	switch {
	case s.link != nil && i.end:
		s.link.Close(i.code, i.reason)
	case s.link != nil:
		s.link.Send(i.text, i.p)
	default:
		s.peer.waiting = append(s.peer.waiting, i)
		s.peer.hearSoon(r)
	}
}

// hearSoon fires what waits, in a turn of its own.
func (s *webSocket) hearSoon(r *Realm) {
	if !s.accepted || len(s.waiting) == 0 {
		return
	}
	ticket, err := r.host.Begin("WebSocket")
	if err != nil {
		panic(r.TypeError("%s", err))
	}
	ticket.Settle(func() error {
		waiting := s.waiting
		s.waiting = nil
		for _, i := range waiting {
			if i.end {
				s.ended(r, i.code, i.reason, true)
				s.peer.state = SocketClosed
			} else {
				s.hear(r, i.text, i.p)
			}
		}
		return nil
	})
}

func (s *webSocket) hear(r *Realm, isText bool, p []byte) {
	if s.state == SocketClosed {
		return
	}
	e := &messageEvent{source: goja.Null()}
	if isText {
		e.data = r.VM.ToValue(string(p))
	} else {
		e.data = r.VM.ToValue(r.VM.NewArrayBuffer(p))
	}
	r.fire(s, s.object, messageEventClass, e, "message")
}

func (s *webSocket) ended(r *Realm, code int, reason string, clean bool) {
	if s.state == SocketClosed {
		return
	}
	s.state = SocketClosed
	if code == 0 {
		code = 1005
	}
	r.fire(s, s.object, closeEventClass, &closeEvent{clean: clean, code: code, reason: reason}, "close")
}

// Accepted reports whether the handler hears the client already.
func (e *SocketEnd) Accepted() bool { return e.s.accepted }

// Bind connects the end with its client. What was said before is said now.
func (e *SocketEnd) Bind(l SocketLink) {
	e.s.link = l
	waiting := e.s.peer.waiting
	e.s.peer.waiting = nil
	for _, i := range waiting {
		e.s.tell(e.r, i)
	}
}

// Hear fires a message of the client. It runs in a turn.
func (e *SocketEnd) Hear(isText bool, p []byte) { e.s.hear(e.r, isText, p) }

// Ended fires the end. It runs in a turn.
func (e *SocketEnd) Ended(code int, reason string, clean bool) {
	if !clean && code == 1006 {
		o := e.r.newEvent(eventClass, &event{}, "error")
		h, _ := half[anEvent](o)
		e.r.dispatch(e.s.asTarget(), e.s.object, o, h.base())
	}
	e.s.ended(e.r, code, reason, clean)
}
