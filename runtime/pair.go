package runtime

import (
	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/runtime/web"
)

// pair is a socket in Workers' form: its listeners are closures, so it lives in one VM for its life, and its deployment
// lives as long. When either goes, its client is told to come again.
type pair struct {
	*socket
	vm  *vm
	dep *Deployment
	end *web.SocketEnd
}

// couple answers with the other end of a pair. It runs in a turn.
func (inv *invocation) couple(a web.Answer) {
	if _, err := exchange.CheckUpgrade(inv.request, a.Header); err != nil {
		p := noUpgrade(err)
		inv.answer(p.status, p.header, p.body)
		return
	}
	if inv.answered || !inv.dep.acquire() {
		return
	}
	p := &pair{socket: &socket{rt: inv.dep.rt, home: inv.home, request: inv.request}, vm: inv.vm, dep: inv.dep, end: a.Socket}
	p.socket.pair = p
	inv.bondOf(p.socket)
	if p.vm.pairs == nil {
		p.vm.pairs = map[*pair]struct{}{}
	}
	p.vm.pairs[p] = struct{}{}
	p.vm.inflight++
	p.dep.keep(p)
	p.heard = p.end.Accepted()
	p.end.Bind(p)
	inv.answered = true
	inv.reply.part = part{upgrade: p.socket, header: a.Header, last: true}
	inv.sendSoon()
	// Those before were told when it went.
	switch {
	case p.vm.retired:
		p.stop()
	case p.rt.current.Load() != p.dep:
		p.replace()
	}
}

// Accept is the handler beginning to hear.
func (p *pair) Accept() {
	p.on(p.vm, func() {
		p.heard = true
		p.with(func(exchange.Socket) { p.pump() })
	})
}

// Send is server.send.
func (p *pair) Send(text bool, m []byte) {
	p.on(p.vm, func() { p.with(func(exchange.Socket) { p.send(text, m) }) })
}

// Close is server.close.
func (p *pair) Close(code int, reason string) {
	p.on(p.vm, func() { p.with(func(peer exchange.Socket) { peer.Close(code, reason) }) })
}

// begin has the listeners hear an event. On home.
func (p *pair) begin(e *socketEvent) {
	if !p.dep.acquire() {
		e.End()
		return
	}
	inv := &invocation{x: e, home: p.home, request: p.request, dep: p.dep, route: &p.dep.events, event: e, began: now()}
	p.vm.post(func() {
		inv.vm = p.vm
		if p.vm.retired { // its state is in doubt, and its clients are told to come again
			p.dep.release()
			p.home.Post(e.End)
		} else {
			inv.serve()
		}
		if e.kind == closed {
			p.release()
		}
	})
}

// hear fires the event at the listeners. It runs in a turn.
func (p *pair) hear(e *socketEvent) (goja.Value, error) {
	switch e.kind {
	case messaged:
		p.end.Hear(e.text, e.p)
	case closed:
		p.end.Ended(e.code, e.reason, e.clean)
	}
	return goja.Undefined(), nil
}

// release lets go of the VM. On its goroutine.
func (p *pair) release() {
	if _, held := p.vm.pairs[p]; !held {
		return
	}
	delete(p.vm.pairs, p)
	p.vm.inflight--
	p.vm.settled()
	p.dep.lose(p)
	p.dep.release()
}

// part closes the socket, because what it lives in goes. From anywhere.
func (p *pair) part(code int, reason string) {
	p.home.Post(func() { p.with(func(peer exchange.Socket) { peer.Close(code, reason) }) })
}

// stop tells the client that the VM is not to go on.
func (p *pair) stop() { p.part(1011, "the app was stopped") }

// replace tells it that there is another deployment.
func (p *pair) replace() { p.part(1012, "the app has changed") }

// keep counts a pair of the deployment.
func (d *Deployment) keep(p *pair) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pairs == nil {
		d.pairs = map[*pair]struct{}{}
	}
	d.pairs[p] = struct{}{}
}

func (d *Deployment) lose(p *pair) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.pairs, p)
}

// partPairs tells the clients of all pairs to come again: to the deployment that follows.
func (d *Deployment) partPairs() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for p := range d.pairs {
		p.replace()
	}
}
