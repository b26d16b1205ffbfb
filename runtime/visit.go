package runtime

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/runtime/binding"
	"github.com/fortunadws/fortuna/runtime/web"
)

// visit finds out whose request it is and dispatches it: at once, if that is known here. It runs on its loop.
func (d *Deployment) visit(inv *invocation) {
	v, ready, refused := d.rt.cfg.Sessions.Begin(inv.request)
	inv.visit = v
	switch {
	case refused:
		d.refuse(inv.x, failCrossOrigin(inv.request))
	case ready:
		d.dispatch(inv)
	default:
		go func() {
			v.Load()
			if !inv.home.Post(func() { d.known(inv) }) {
				d.release() // the connection has ended, and its goroutine with it
			}
		}()
	}
}

// known goes on when the store was asked. It runs on its loop.
func (d *Deployment) known(inv *invocation) {
	if inv.visit.Refused() {
		d.refuse(inv.x, failState("the state store does not answer, and this route is served to known sessions only"))
		return
	}
	d.dispatch(inv)
}

// Session is ctx.session. It runs in a turn.
func (inv *invocation) Session() goja.Value {
	if inv.visit == nil {
		realm := inv.vm.realm
		if inv.event != nil {
			panic(realm.TypeError("ctx.session: a WebSocket's events have none: read it in fetch, and give what is needed to ctx.upgrade as data"))
		}
		if inv.run != nil {
			panic(realm.TypeError("ctx.session: no visitor has called the %s handler", inv.run.job.Handler))
		}
		panic(realm.TypeError("ctx.session: sessions are off: write [session] into fortuna.toml"))
	}
	return inv.visit.Object(inv.vm.realm, inv.call)
}

// Sessions is ctx.sessions. It runs in a turn.
func (inv *invocation) Sessions() goja.Value {
	s := inv.dep.rt.cfg.Sessions
	if s == nil {
		panic(inv.vm.realm.TypeError("ctx.sessions: sessions are off: write [session] into fortuna.toml"))
	}
	return s.All(inv.vm.realm, inv.visit)
}

// call runs job in a turn of the invocation and waits for it, or for ctx: a loop that has ended runs nothing any more. It is
// called from a goroutine of its own.
func (inv *invocation) call(ctx context.Context, job func() error) error {
	var taken atomic.Bool // by the turn, or by what ends the wait for it
	done := make(chan error, 1)
	inv.vm.post(func() {
		if !taken.CompareAndSwap(false, true) {
			return
		}
		if inv.ended {
			done <- context.Canceled
			return
		}
		var err error
		if f := inv.vm.turn(inv, func() error { err = job(); return nil }); f != nil {
			err = f
		}
		done <- err
		inv.settle()
	})
	select {
	case <-ctx.Done():
		if taken.CompareAndSwap(false, true) {
			return ctx.Err()
		}
	case err := <-done:
		return err
	}
	return <-done
}

// keepVisit makes what the handler changed in the session durable, and then answers with a: a client that has the answer
// can rely on it. It reports false when there is nothing to wait for. It runs in a turn.
func (inv *invocation) keepVisit(a web.Answer) (waits bool) {
	v := inv.visit
	if v == nil || v.Known() != nil || !v.Changed() {
		return false
	}
	if v.Busy() { // code has not awaited its save
		v.WhenSaved(func() {
			if !inv.keepVisit(a) {
				inv.complete(a)
			}
		})
		return true
	}
	if inv.ctx == nil {
		inv.park()
	}
	work, joined := v.Save()
	t := inv.ticket()
	go func() {
		err := work(context.WithoutCancel(t.Context())) // what the handler has done is kept, also when its client has left
		t.Settle(func() error {
			joined(err)
			if err != nil {
				status, code, message := binding.Failure(err)
				if a.Stream != nil {
					inv.vm.realm.Send(a.Stream, func([]byte, func() error) bool { return true }, func() {}, func(goja.Value) {})(goja.Undefined())
				}
				inv.fail(&Failure{Code: code, Status: status, Message: message})
				return nil
			}
			inv.complete(a)
			return nil
		})
	}()
	return true
}

// sessionFields are what the answer says of the session.
func (inv *invocation) sessionFields(header []exchange.Field) []exchange.Field {
	if inv.visit == nil {
		return header
	}
	seen := uint64(0)
	if inv.kept != nil {
		seen = inv.kept.Seen
	}
	fields := inv.visit.Fields(seen)
	inv.visit.Began()
	if len(fields) > 0 {
		header = unshared(header)
	}
	return append(header, fields...)
}

// unshared lets no shared cache keep an answer that has a visitor's cookie, whatever its handler says of it.
func unshared(header []exchange.Field) []exchange.Field {
	header = slices.DeleteFunc(slices.Clone(header), func(f exchange.Field) bool {
		value := strings.ToLower(f.Value)
		return exchange.EqualFold(f.Name, "cache-control") && (strings.Contains(value, "public") || strings.Contains(value, "s-maxage"))
	})
	if !mentions(header, "cache-control") {
		header = append(header, exchange.Field{Name: "Cache-Control", Value: "private"})
	}
	return header
}

func mentions(header []exchange.Field, name string) bool {
	for i := range header {
		if exchange.EqualFold(header[i].Name, name) {
			return true
		}
	}
	return false
}

func failCrossOrigin(q *exchange.Request) *Failure {
	return &Failure{Code: "cross_origin", Status: 403,
		Message: "a page of another origin (" + origin(q) + ") sent this " + q.Method + " with the visitor's session",
		Hint:    `if that is meant, session.trusted_origins = ["https://..."] in fortuna.toml`}
}

func origin(q *exchange.Request) string {
	if o := q.Get("Origin"); o != "" {
		return o
	}
	return q.Get("Sec-Fetch-Site")
}

func failState(message string) *Failure {
	return &Failure{Code: "state_unavailable", Status: 503, Message: message}
}

// bondOf ties a socket to the session of the request that opened it: when that is over, so is the socket.
func (inv *invocation) bondOf(s *socket) {
	if inv.visit == nil {
		return
	}
	s.bond = inv.visit.Bond(func(why string) {
		s.home.Post(func() {
			s.with(func(peer exchange.Socket) { peer.Close(sessionOver, why) })
		})
	})
}

// bondStream ends the stream that is the answer when the session is over.
func (inv *invocation) bondStream() {
	if inv.visit == nil {
		return
	}
	v := inv.vm
	inv.bond = inv.visit.Bond(func(why string) {
		v.post(func() {
			if inv.answered || inv.ended {
				return
			}
			stop := inv.reply.cancel
			inv.finish()
			if f := v.turn(inv, func() error { stop(v.realm.Exception("AbortError", "%s", why)); return nil }); f != nil {
				inv.fail(f)
			}
			inv.settle()
		})
	})
}

// sessionOver is the code with which a WebSocket is closed whose session is over (RFC 6455 7.4.2: private use). The reason is
// session.Expired or session.Ended.
const sessionOver = 4401
