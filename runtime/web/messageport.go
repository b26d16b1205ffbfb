package web

import "github.com/dop251/goja"

// messagePort is the Go half of a MessagePort (HTML 9.4.4). Both ends of a channel are in one VM.
type messagePort struct {
	eventTarget
	object  *goja.Object
	peer    *messagePort // nil when closed or moved
	queue   []*messageEvent
	started bool
	gone    bool // moved by a transfer: it cannot be moved again
}

// messageChannel is the Go half of a MessageChannel (HTML 9.4.3).
type messageChannel struct{ port1, port2 *messagePort }

var (
	messagePortClass    = expose("MessagePort")
	messageChannelClass = expose("MessageChannel")
)

func init() {
	messageChannelClass.construct = func(r *Realm, _ goja.ConstructorCall) any {
		c := &messageChannel{r.newPort(), r.newPort()}
		c.port1.peer, c.port2.peer = c.port2, c.port1
		return c
	}
	messageChannelClass.members = []member{
		getter("port1", func(_ *Realm, c *messageChannel) goja.Value { return c.port1.object }),
		getter("port2", func(_ *Realm, c *messageChannel) goja.Value { return c.port2.object }),
	}

	onmessage := attribute[*messagePort]("message")
	set := onmessage.set
	onmessage.set = func(r *Realm, c goja.FunctionCall) goja.Value {
		set(r, c)
		p, _ := half[*messagePort](c.This)
		r.startPort(p)
		return goja.Undefined()
	}
	messagePortClass.parent = eventTargetClass
	messagePortClass.members = []member{
		method("postMessage", 1, (*Realm).postMessage),
		method("start", 0, func(r *Realm, p *messagePort, _ goja.FunctionCall) goja.Value {
			r.startPort(p)
			return goja.Undefined()
		}),
		method("close", 0, func(_ *Realm, p *messagePort, _ goja.FunctionCall) goja.Value {
			if p.peer != nil {
				p.peer.peer, p.peer = nil, nil
			}
			return goja.Undefined()
		}),
		onmessage,
		attribute[*messagePort]("messageerror"),
	}
}

func (r *Realm) newPort() *messagePort {
	p := &messagePort{}
	p.object = r.make(messagePortClass, p)
	return p
}

// moveTo hands p's end of the channel and the messages waiting there to the port n is.
func (p *messagePort) moveTo(n *goja.Object) {
	to, _ := half[*messagePort](n)
	if p.peer != nil {
		to.peer, p.peer.peer = p.peer, to
	}
	to.queue, p.queue, p.peer, p.gone = p.queue, nil, nil, true
}

func (r *Realm) postMessage(p *messagePort, c goja.FunctionCall) goja.Value {
	var transfer goja.Value
	if options, ok := c.Argument(1).(*goja.Object); ok {
		if transfer = options; nullish(options.GetSymbol(goja.SymIterator)) {
			transfer = field(options, "transfer")
		}
	} else {
		r.dictionary("postMessage: the options", c.Argument(1))
	}
	list := r.transferList("postMessage", transfer)
	for _, o := range list {
		if o == p.object {
			panic(r.Exception("DataCloneError", "postMessage: a port cannot be sent through itself"))
		}
	}
	e := &messageEvent{source: goja.Null()}
	var moved []*goja.Object
	e.data, moved = r.clone("postMessage", c.Argument(0), list)
	for _, o := range moved {
		if _, ok := half[*messagePort](o); ok {
			e.ports = append(e.ports, o)
		}
	}
	to := p.peer
	if to == nil {
		return goja.Undefined()
	}
	to.queue = append(to.queue, e)
	if to.started {
		r.deliver(to)
	}
	return goja.Undefined()
}

// startPort begins delivery of what waits at p and what will come.
func (r *Realm) startPort(p *messagePort) {
	if p.started || p.gone {
		return
	}
	p.started = true
	for range p.queue {
		r.deliver(p)
	}
}

// deliver has the next message at p dispatched in a turn of its own.
func (r *Realm) deliver(p *messagePort) {
	t, err := r.host.Begin("postMessage")
	if err != nil {
		panic(r.TypeError("%v", err))
	}
	t.Settle(func() error {
		if len(p.queue) > 0 {
			e := p.queue[0]
			p.queue = p.queue[1:]
			r.fire(p, p.object, messageEventClass, e, "message")
		}
		return nil
	})
}
