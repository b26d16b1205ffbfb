package runtime

import (
	"errors"

	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/runtime/web"
)

// handle is a socket as one event's handler has it. What it does happens on the socket's loop, in order, soon.
type handle struct {
	s    *socket
	inv  *invocation
	data goja.Value // a copy of the socket's, once the handler has looked at it
}

var _ web.ServerSocket = (*handle)(nil)

// on runs job on the socket's loop: at once if this is it.
func (s *socket) on(v *vm, job func()) {
	if v.loop == s.home {
		job()
	} else {
		s.home.Post(job) // a loop that has ended has no sockets
	}
}

func (h *handle) Send(text bool, p []byte) int {
	s := h.s
	if s.state.Load() != web.SocketOpen {
		return 0
	}
	if s.full.Load() {
		return 0
	}
	s.unsent.Add(int64(len(p)))
	late := s.unsent.Load() > unsentMax
	if late {
		s.behind.Store(true)
	}
	s.on(h.inv.vm, func() { s.send(text, p) })
	switch {
	case s.full.Load():
		return 0
	case late:
		return -1
	}
	return len(p)
}

// unsentMax is how many bytes may be on their way before ws.send says that the peer is behind.
const unsentMax = 64 << 10

// send hands a message to the peer. On home.
func (s *socket) send(text bool, p []byte) {
	if s.full.Load() {
		return
	}
	err := s.peer.Send(text, p)
	s.unsent.Store(int64(s.peer.Buffered()))
	if errors.Is(err, exchange.ErrBehind) {
		s.behind.Store(true)
		s.full.Store(true)
		if s.pair != nil { // whose send returns nothing (WebSockets, section 3.1): a message must not be missing
			s.peer.Close(1013, "the client is too far behind")
		}
	}
	if s.behind.Load() {
		s.rest()
	}
}

// rest tells that the peer is not behind, when this turn's messages have left: if they have not, Drained will.
func (s *socket) rest() {
	s.home.Post(func() {
		n := s.peer.Buffered()
		if s.unsent.Store(int64(n)); n == 0 {
			s.caughtUp()
		}
	})
}

// caughtUp tells the handler that its peer is not behind any more. On home.
func (s *socket) caughtUp() {
	s.full.Store(false)
	if s.behind.CompareAndSwap(true, false) && s.state.Load() != web.SocketClosed {
		s.put(&socketEvent{kind: drained})
	}
}

func (h *handle) Ping(p []byte) int {
	if h.s.state.Load() != web.SocketOpen {
		return 0
	}
	h.s.on(h.inv.vm, func() { _ = h.s.peer.Ping(p) }) // a socket that has closed needs none
	return len(p)
}

func (h *handle) Close(code int, reason string) {
	if h.s.state.CompareAndSwap(web.SocketOpen, web.SocketClosing) {
		h.s.on(h.inv.vm, func() { h.s.peer.Close(code, reason) })
	}
}

func (h *handle) Terminate() { h.s.on(h.inv.vm, h.s.peer.Terminate) }

func (h *handle) State() int       { return int(h.s.state.Load()) }
func (h *handle) Buffered() int    { return int(h.s.unsent.Load()) }
func (h *handle) Remote() string   { return h.s.request.Remote.Addr().String() }
func (h *handle) Protocol() string { return h.s.peer.Protocol() }

func (h *handle) Subscribe(topic string) error {
	return h.s.rt.topics.join(h.s, topic, h.inv.dep.rt.cfg.Limits.TopicsMax)
}
func (h *handle) Unsubscribe(topic string)     { h.s.rt.topics.unsubscribe(h.s, topic) }
func (h *handle) Subscribed(topic string) bool { return h.s.rt.topics.has(h.s, topic) }
func (h *handle) Publish(topic string, text bool, p []byte) int {
	return h.s.rt.publish(topic, text, p, h.s)
}

// Data is a copy that the handler may change: it is kept when the handler returns.
func (h *handle) Data() goja.Value {
	if h.data == nil {
		h.s.mu.Lock()
		kept := h.s.data
		h.s.mu.Unlock()
		h.data = h.inv.vm.realm.Thaw(kept)
	}
	return h.data
}

func (h *handle) SetData(v goja.Value) {
	h.keep(v)
	h.data = v
}

// save keeps what the handler has made of the data.
func (h *handle) save() {
	if h.data != nil {
		h.keep(h.data)
	}
}

func (h *handle) keep(v goja.Value) {
	kept := h.inv.vm.realm.Freeze("ws.data", v, h.inv.dep.rt.cfg.Limits.SocketBytesMax)
	h.s.mu.Lock()
	h.s.data = kept
	h.s.mu.Unlock()
}

// Upgrade is ctx.upgrade.
func (inv *invocation) Upgrade(header []exchange.Field, data goja.Value) bool {
	if inv.answered || inv.event != nil || inv.reply.begun {
		return false
	}
	if _, err := exchange.CheckUpgrade(inv.request, header); err != nil {
		return false
	}
	realm, rt := inv.vm.realm, inv.dep.rt
	if inv.dep.sockets == nil {
		panic(realm.TypeError("ctx.upgrade: the app has no websocket handlers: export default { fetch, websocket: { message(ws, message) {} } }"))
	}
	s := &socket{rt: rt, home: inv.home, request: inv.request}
	if data != nil {
		s.data = realm.Freeze("ctx.upgrade: data", data, rt.cfg.Limits.SocketBytesMax)
	}
	if v := inv.visit; v != nil && (v.Changed() && !v.Renewal()) {
		panic(realm.TypeError("ctx.upgrade: the session has changes: await ctx.session.save() before"))
	}
	inv.bondOf(s)
	inv.answered = true
	inv.reply.part = part{upgrade: s, header: inv.sessionFields(header), last: true}
	inv.sendSoon()
	return true
}

// Publish is ctx.publish.
func (inv *invocation) Publish(topic string, text bool, p []byte) int {
	return inv.dep.rt.publish(topic, text, p, nil)
}

// Subscribers is ctx.subscriberCount.
func (inv *invocation) Subscribers(topic string) int { return inv.dep.rt.topics.count(topic) }
