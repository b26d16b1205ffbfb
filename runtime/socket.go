package runtime

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/kv/session"
	"github.com/fortunadws/fortuna/runtime/web"
)

// socketHandlers are what `websocket: { open, message, close, drain }` of the default export holds, as indices into
// app.handlers; -1 if there is none.
type socketHandlers struct {
	open, message, close, drain int
}

// otherwise says where what Bun sets beside the handlers is set here.
var otherwise = map[string]string{
	"maxPayloadLength":         "limits.websocket_message_bytes",
	"idleTimeout":              "limits.websocket_idle_ms",
	"backpressureLimit":        "limits.unsent_bytes",
	"perMessageDeflate":        "server.websocket_deflate",
	"sendPings":                "limits.websocket_idle_ms: a ping is sent at half of it",
	"closeOnBackpressureLimit": "limits.unsent_bytes: what is sent beyond it is dropped, and ws.send returns 0",
	"publishToSelf":            "ctx.publish, which reaches every subscriber; ws.publish reaches all but its own",
}

// addSockets reads the websocket object.
func (a *app) addSockets(o *goja.Object) error {
	w, ok := o.Get("websocket").(*goja.Object)
	if !ok {
		return nil
	}
	h := &socketHandlers{-1, -1, -1, -1}
	places := map[string]*int{"open": &h.open, "message": &h.message, "close": &h.close, "drain": &h.drain}
	for _, name := range w.Keys() {
		place, known := places[name]
		if !known {
			f := &Failure{Code: "bad_websocket", Status: 500, Message: fmt.Sprintf("websocket.%s is not a handler: they are open, message, close and drain", name)}
			if key := otherwise[name]; key != "" {
				f.Hint = "in fortuna.toml: " + key
			}
			return f
		}
		v := w.Get(name)
		call, ok := goja.AssertFunction(v)
		if !ok {
			return &Failure{Code: "bad_websocket", Status: 500, Message: fmt.Sprintf("websocket.%s must be a function", name)}
		}
		*place = a.add(w, v, call)
	}
	a.sockets = h
	return nil
}

// socket is a WebSocket whose events go to the websocket handlers, of whichever deployment is current, in any of its VMs.
// While nothing comes it is this struct: its data is kept here.
type socket struct {
	rt      *Runtime // where it was opened
	home    exchange.Loop
	request *exchange.Request
	state   atomic.Int32 // as WebSocket.readyState
	unsent  atomic.Int64 // bytes, as of its last turn on home
	behind  atomic.Bool  // ws.send has said so: drain is due
	full    atomic.Bool  // a message was dropped: so are those behind it, until drain

	mu   sync.Mutex
	data web.Frozen

	// Touched on home only.
	peer    exchange.Socket              // nil until open
	early   []func(peer exchange.Socket) // to do then
	heard   bool                         // somebody hears its events
	waiting []*socketEvent
	running bool // an event has not ended its synchronous part

	topics map[string]struct{} // guarded by rt.topics
	pair   *pair               // whose VM it lives in; nil in the form of handlers
	bond   *session.Bond       // to the session of who opened it; nil without one
}

// open is the connection becoming a WebSocket. On home.
func (s *socket) open(x exchange.Exchange, header []exchange.Field) {
	peer, err := x.Upgrade(header, s)
	if err != nil { // the client has left, or the server drains
		refuseSocket(x, err)
		s.bond.Release()
		if s.early = nil; s.pair != nil {
			s.state.Store(web.SocketClosed)
			s.put(&socketEvent{kind: closed, code: 1006})
		}
		return
	}
	s.peer = peer
	s.state.Store(web.SocketOpen)
	for _, job := range s.early {
		job(peer)
	}
	s.early = nil
	if s.pair == nil {
		s.heard = true
		s.put(&socketEvent{kind: opened})
	}
	s.pump()
}

// with runs job when there is a peer. On home.
func (s *socket) with(job func(peer exchange.Socket)) {
	if s.peer != nil {
		job(s.peer)
	} else if s.state.Load() == web.SocketConnecting {
		s.early = append(s.early, job)
	}
}

// refuseSocket answers a request that cannot become a WebSocket.
func refuseSocket(x exchange.Exchange, err error) {
	refused, ok := err.(*exchange.HandshakeError)
	if !ok {
		return // nobody is there to be answered
	}
	p := noUpgrade(refused)
	p.give(x)
}

// noUpgrade is the answer to a request that does not ask for a WebSocket by the rules.
func noUpgrade(e *exchange.HandshakeError) part {
	header := append(slices.Clone(e.Header), exchange.Field{Name: "Content-Type", Value: "text/plain; charset=utf-8"})
	return part{status: e.Status, header: header, body: []byte(e.Message + "\n"), last: true}
}

// Message is a message having come. The next is asked for when its handler has returned.
func (s *socket) Message(text bool, p []byte) {
	s.put(&socketEvent{kind: messaged, text: text, p: p})
}

// Drained is the peer having taken what was unsent.
func (s *socket) Drained() {
	n := s.peer.Buffered()
	if s.unsent.Store(int64(n)); n <= unsentMax { // else more was sent meanwhile, and this will be called again
		s.caughtUp()
	}
}

// Closed is the end.
func (s *socket) Closed(code int, reason string, clean bool) {
	s.state.Store(web.SocketClosed)
	s.rt.topics.leave(s)
	s.bond.Release()
	s.put(&socketEvent{kind: closed, code: code, reason: reason, clean: clean})
}

// put queues an event. On home.
func (s *socket) put(e *socketEvent) {
	e.socket = s
	s.waiting = append(s.waiting, e)
	s.pump()
}

// pump begins the next event, or asks for the next message. On home.
func (s *socket) pump() {
	for !s.running && len(s.waiting) > 0 {
		e := s.waiting[0]
		s.waiting = s.waiting[1:]
		s.running = true
		s.begin(e)
	}
	if !s.running && s.heard && s.state.Load() == web.SocketOpen {
		s.waiting = nil
		s.peer.Next()
	}
}

// begin runs the handler of an event. On home.
func (s *socket) begin(e *socketEvent) {
	if s.pair != nil {
		s.pair.begin(e)
		return
	}
	var d *Deployment
	for d == nil {
		if d = s.rt.latest().current.Load(); d == nil {
			e.End()
			return
		}
		if !d.acquire() {
			d = nil
		}
	}
	handler := -1
	switch h := d.sockets; {
	case h == nil && e.kind != closed: // a deployment without WebSockets
		s.peer.Close(1012, "the app has changed")
	case h == nil:
	case e.kind == opened:
		handler = h.open
	case e.kind == messaged:
		handler = h.message
	case e.kind == drained:
		handler = h.drain
	case e.kind == closed:
		handler = h.close
	}
	if handler < 0 {
		d.release()
		e.End()
		return
	}
	d.dispatch(&invocation{x: e, home: s.home, request: s.request, dep: d, route: &d.events, handler: handler, event: e, began: now()})
}

// socketEvent is something that happens to a socket, as an exchange: its answer is that the handler has returned.
type socketEvent struct {
	silent // it outlives its socket
	socket *socket
	kind   eventKind
	text   bool
	p      []byte
	code   int
	reason string
	clean  bool
	begun  bool // a VM has it
}

type eventKind uint8

const (
	opened eventKind = iota
	messaged
	drained
	closed
)

// run calls the handler. It runs in a turn.
func (e *socketEvent) run(v *vm, inv *invocation) (goja.Value, error) {
	e.begun = true
	if p := e.socket.pair; p != nil {
		return p.hear(e)
	}
	h := &v.app.handlers[inv.handler]
	handle := &handle{s: e.socket, inv: inv}
	args := []goja.Value{v.realm.NewServerSocket(handle)}
	switch e.kind {
	case messaged:
		args = append(args, v.realm.MessageValue(e.text, e.p))
	case closed:
		args = append(args, v.js.ToValue(e.code), v.js.ToValue(e.reason))
	}
	result, err := h.call(h.this, append(args, v.env, v.realm.NewExecutionContext(inv))...)
	handle.save()
	return result, err
}

// settleEvent is the handler of an event having returned: the next event may begin, and what it promised goes on.
func (inv *invocation) settleEvent(result goja.Value) {
	if p, ok := promise(result); ok {
		switch p.State() {
		case goja.PromiseStateRejected:
			inv.vm.handled(p)
			inv.fail(inv.vm.thrown(p.Result()))
		case goja.PromiseStatePending:
			inv.await(result, "")
		}
	}
	inv.answer(200, nil, nil)
}

func (e *socketEvent) Request() *exchange.Request { return e.socket.request }
func (e *socketEvent) Loop() exchange.Loop        { return e.socket.home }
func (e *socketEvent) Abort()                     { e.End() }

// closedAgain is how long after it was refused the last event of a socket is tried again.
const closedAgain = 200 * time.Millisecond

// End goes on with the next event. A socket whose event no VM could take is closed: a message must not be missing. Its
// close handler is tried until there is a VM for it, because nobody else will undo what open did. On home.
func (e *socketEvent) End() {
	s := e.socket
	s.running = false
	if !e.begun && s.dropped(e) {
		if e.kind == closed {
			s.waiting = append([]*socketEvent{e}, s.waiting...)
			time.AfterFunc(closedAgain, func() { s.home.Post(s.pump) }) // a loop that has ended runs no handlers
			return
		}
		if s.state.Load() == web.SocketOpen {
			s.peer.Close(1013, "too many events")
		}
	}
	s.pump()
}

// dropped reports whether a handler would have had the event.
func (s *socket) dropped(e *socketEvent) bool {
	d := s.rt.latest().current.Load()
	if s.pair != nil {
		return !s.pair.vm.retired && e.kind != closed
	}
	if d == nil || d.sockets == nil {
		return false
	}
	switch e.kind {
	case opened:
		return d.sockets.open >= 0
	case messaged:
		return d.sockets.message >= 0
	case closed:
		return d.sockets.close >= 0
	}
	return false
}
