package runtime

import (
	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/runtime/web"
)

// aheadBytesMax is how much of a stream is handed to the exchange before its peer must have taken what came before. The
// connection holds about as much again.
const aheadBytesMax = 64 << 10

// piecesMax is how many chunks are gathered before they are sent: small ones would use up the budget of a turn.
const piecesMax = 128

// reply is what an invocation has to say to its exchange. What a turn gives is sent when it is over, because sending is
// not code's time: all of it at once, or piece by piece when the answer is a stream.
type reply struct {
	part                           // to be sent
	unsent bool                    // it will be, when the turn that runs is over
	begun  bool                    // the exchange has the head
	ahead  int                     // bytes sent since the peer is known to have taken what came before
	taken  *ticket                 // to be settled when the peer has; nil if nothing waits for that
	cancel func(reason goja.Value) // stops the stream that is the answer; nil when it is none, or at its end
}

// part is a part of an answer.
type part struct {
	status  int // with it the head; 0: that was sent
	header  []exchange.Field
	body    []byte
	more    [][]byte // behind body
	drained func()   // to be told when the peer has taken it
	last    bool
	broken  bool   // the rest will never come
	upgrade opener // instead of all else: the connection becomes a WebSocket
}

// opener is a socket that has yet to be opened, on its exchange's loop.
type opener interface {
	open(x exchange.Exchange, header []exchange.Field)
}

// give hands the part to the exchange, on its loop.
func (p *part) give(x exchange.Exchange) {
	if p.upgrade != nil {
		p.upgrade.open(x, p.header)
		return
	}
	if p.status != 0 {
		x.Head(p.status, p.header)
	}
	if len(p.body) > 0 && x.Write(p.body) != nil {
		return // the client has left, and the exchange has ended by itself
	}
	for _, b := range p.more {
		if x.Write(b) != nil {
			return
		}
	}
	switch {
	case p.broken:
		x.Abort()
	case p.last:
		x.End()
	case p.drained != nil:
		x.Drained(p.drained)
	}
}

// respond answers with a Response object. It runs in a turn.
func (inv *invocation) respond(v goja.Value) {
	var a web.Answer
	var err error
	// v may be a Proxy, whose traps throw.
	if ex := inv.vm.js.Try(func() { a, err = inv.vm.realm.Answer(v) }); ex != nil {
		inv.fail(inv.vm.failure(ex))
		return
	}
	a.Header = append(a.Header, inv.vm.realm.SetCookies(inv.object)...)
	switch {
	case inv.answered: // the client has left meanwhile
	case err != nil:
		f := failHandler("TypeError: " + err.Error())
		f.Hint = "return new Response(...) or Response.json(...), or a promise of one"
		inv.fail(f)
	case inv.keepVisit(a):
	default:
		inv.complete(a)
	}
}

// complete gives the answer. It runs in a turn.
func (inv *invocation) complete(a web.Answer) {
	a.Header = inv.sessionFields(a.Header)
	switch {
	case inv.answered:
	case a.Socket != nil:
		inv.couple(a)
	case a.Stream != nil:
		inv.stream(a)
	default:
		inv.answer(a.Status, a.Header, a.Body)
	}
}

// answer completes the exchange.
func (inv *invocation) answer(status int, header []exchange.Field, body []byte) {
	if inv.answered {
		return
	}
	inv.answered = true
	inv.reply.part = part{status: status, header: header, body: body, last: true}
	inv.sendSoon()
}

// stream answers with the chunks of a stream as they come, no faster than the client takes them. It runs in a turn.
func (inv *invocation) stream(a web.Answer) {
	if inv.ctx == nil {
		inv.park()
	}
	p := &inv.reply
	p.status, p.header = a.Status, a.Header
	p.cancel = func(goja.Value) {} // until there is one
	inv.sendSoon()
	if inv.request.Method == "HEAD" {
		inv.finish()
	}
	cancel := inv.vm.realm.Send(a.Stream, inv.write, inv.finish, func(reason goja.Value) {
		if !inv.answered {
			inv.fail(inv.vm.thrown(reason))
		}
	})
	if inv.answered {
		cancel(goja.Undefined())
	} else {
		p.cancel = cancel
		inv.bondStream()
	}
}

// write takes a chunk of the stream. It reports whether next will be called when another is wanted; if not, the stream
// goes on by itself.
func (inv *invocation) write(chunk []byte, next func() error) (later bool) {
	p, v := &inv.reply, inv.vm
	switch {
	case inv.answered: // nobody wants more
		return true
	case len(chunk) == 0:
		return false
	}
	if p.body == nil {
		p.body = chunk
	} else {
		p.more = append(p.more, chunk)
	}
	p.ahead += len(chunk)
	inv.sendSoon()
	// What goes on at once does so in the turn that runs, with its budget and in the name of its invocation.
	if p.ahead < aheadBytesMax && len(p.more) < piecesMax && v.owner == inv && v.current == inv {
		return false
	}
	t := inv.ticket()
	p.taken = t
	p.drained = func() {
		t.Settle(func() error {
			p.ahead, p.taken = 0, nil
			return next()
		})
	}
	return true
}

// lose ends the sockets of a VM, and its other streams, when one turn has ended abruptly: the engine has dropped the jobs
// they waited for. If it runs none any more, it ends all that waits there: nothing would until its deadline.
func (v *vm) lose(culprit *invocation) {
	for p := range v.pairs {
		p.stop()
	}
	deaf := v.deaf()
	for inv := range v.parked {
		if inv == culprit || !deaf && inv.reply.cancel == nil {
			continue
		}
		v.after = append(v.after, func() {
			if !inv.answered {
				inv.fail(failLost())
				inv.settle()
			}
		})
	}
}

// finish is the end of the stream.
func (inv *invocation) finish() {
	if !inv.answered {
		inv.answered, inv.reply.last, inv.reply.cancel = true, true, nil
		inv.sendSoon()
	}
}

// fail answers with a failure, unless the answer is out, and reports it. A stream that has begun is broken off.
func (inv *invocation) fail(f *Failure) {
	f.Request = inv.request
	if f.Message != "TypeError: "+web.BodyLost { // that was the client, and edge has told of it
		inv.dep.rt.report(f)
	}
	switch {
	case inv.answered:
	case inv.reply.begun:
		inv.answered, inv.reply.broken, inv.reply.cancel = true, true, nil
		inv.sendSoon()
	case inv.run != nil:
		inv.run.failed(f)
		inv.answer(f.Status, nil, nil)
	default:
		inv.reply.cancel = nil
		status, header, body := inv.dep.rt.page(f)
		inv.answer(status, inv.sessionFields(header), body) // what was saved before it failed is the client's to know
	}
}

// sendSoon sends what there is: at the end of the turn that runs.
func (inv *invocation) sendSoon() {
	switch v := inv.vm; {
	case v == nil || !v.busy:
		inv.send()
	case inv.reply.unsent:
	case v.owner == inv:
		inv.reply.unsent = true
	default: // in another invocation's turn: they share a promise
		inv.reply.unsent = true
		v.after = append(v.after, inv.send, inv.settle)
	}
}

// send hands what there is to the exchange, on its own loop.
func (inv *invocation) send() {
	r := &inv.reply
	r.unsent, r.begun = false, true
	if !r.last {
		inv.spent = 0 // a stream has its budget anew with every piece: it may go on for ever, but not compute for ever
	}
	if inv.vm != nil && inv.vm.loop != nil {
		r.give(inv.x)
	} else {
		p := r.part
		inv.home.Post(func() { p.give(inv.x) })
	}
	r.part = part{}
}
