package runtime

import (
	"context"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/kv/session"
	"github.com/fortunadws/fortuna/runtime/binding"
	"github.com/fortunadws/fortuna/runtime/router"
	"github.com/fortunadws/fortuna/runtime/web"
)

// invocation is one handler call with its budget and deadline, from the request's arrival until the answer is
// complete and everything given to waitUntil is settled. All but its creation happens on its VM's goroutine.
type invocation struct {
	x       exchange.Exchange // touched on home only
	home    exchange.Loop     // the loop of x
	request *exchange.Request
	object  *goja.Object // the Request that code was given; nil if it does not look at it
	dep     *Deployment
	route   *route
	handler int // index into app.handlers
	params  []router.Param
	event   *socketEvent // of a WebSocket; nil for a request
	run     *run         // of a job; nil for a request
	began   int64        // process clock

	taken atomic.Bool     // from the queue, by a worker or by what ends it there
	gone  <-chan struct{} // closed when the client has left; nil if it was never asked

	vm       *vm
	spent    time.Duration // over all turns; since the last piece of a stream was sent
	answered bool          // the answer is complete, or nobody waits for it
	lingers  bool          // answered, and kept by waitUntil
	ended    bool
	stopped  bool // by the watchdog
	waits    int  // promises given to waitUntil that are not settled
	open     int  // tickets out
	reply    reply
	kept     *web.Scope     // made when a binding asks
	visit    *binding.Visit // the session; nil without sessions, and in the events of a socket
	bond     *session.Bond  // of the stream that is the answer; nil without one

	timer *time.Timer // for the deadline; nil for an invocation that neither waits for a worker nor awaits

	// Made when the handler did not answer in its first turn.
	ctx    context.Context
	cancel context.CancelFunc
}

// wait prepares the invocation to wait for a worker: its deadline counts already, and a client that leaves is not served.
// It runs on home.
func (inv *invocation) wait() {
	inv.gone = inv.x.Done()
	inv.timer = time.AfterFunc(inv.left(), func() {
		if inv.taken.CompareAndSwap(false, true) {
			if !inv.home.Post(func() { inv.dep.refuse(inv.x, failQueued(inv.wall())) }) {
				inv.dep.release() // the connection has ended, and its goroutine with it
			}
		} else if v := inv.vm; v != nil {
			v.post(inv.overdue)
		}
	})
}

// bound is a limit of an invocation, and its name in fortuna.toml.
type bound struct {
	key string
	time.Duration
}

// wall is the time until the answer must be ready.
func (inv *invocation) wall() bound {
	if inv.run != nil {
		return bound{"job_ms", inv.dep.rt.cfg.Limits.Job}
	}
	return bound{"wall_ms", inv.dep.rt.cfg.Limits.Wall}
}

// cpu is the time that the handler may compute.
func (inv *invocation) cpu() bound {
	if inv.run != nil {
		return bound{"job_cpu_ms", inv.dep.rt.cfg.Limits.JobCPU}
	}
	return bound{"cpu_ms", inv.dep.rt.cfg.Limits.CPU}
}

// left is the time to the deadline.
func (inv *invocation) left() time.Duration {
	return inv.wall().Duration - time.Duration(now()-inv.began)
}

// shed refuses a waiting invocation because there are too many.
func (inv *invocation) shed() {
	if !inv.taken.CompareAndSwap(false, true) {
		return
	}
	inv.timer.Stop()
	if !inv.home.Post(func() { inv.dep.refuse(inv.x, failOverload()) }) {
		inv.dep.release() // the connection has ended, and its goroutine with it
	}
}

// take gives a waiting invocation to v's worker. It reports false when its time was up, or when nobody waits for it any
// more; then it has been counted out.
func (inv *invocation) take(v *vm) bool {
	inv.vm = v
	if !inv.taken.CompareAndSwap(false, true) {
		return false
	}
	select {
	case <-inv.gone:
		inv.drop()
		return false
	default:
		return true
	}
}

// serve calls the handler. It runs on the VM's goroutine.
func (inv *invocation) serve() {
	v := inv.vm
	v.inflight++
	f := v.turn(inv, func() error {
		result, err := v.app.call(v, inv)
		switch {
		case err != nil:
		case inv.event != nil:
			inv.settleEvent(result)
		case inv.run != nil:
			inv.settleJob(result)
		case !inv.answered: // else it is a WebSocket by now
			inv.settleWith(result)
		}
		return err
	})
	if f != nil {
		inv.fail(f)
	}
	if !inv.answered && inv.ctx == nil {
		inv.park()
	}
	inv.settle()
}

// receive gives job the next piece of the request's body. From any goroutine; so is job called.
func (inv *invocation) receive(job func(piece []byte, err error)) {
	if !inv.home.Post(func() { inv.x.Receive(job) }) { // the connection has ended
		job(nil, exchange.ErrGone)
	}
}

// drop ends an invocation that no VM has begun.
func (inv *invocation) drop() {
	inv.ended = true
	inv.timer.Stop()
	inv.dep.release()
}

// settleWith answers with what the handler returned: a Response, or a promise of one. It runs in a turn.
func (inv *invocation) settleWith(result goja.Value) {
	p, ok := promise(result)
	if !ok {
		inv.respond(result)
		return
	}
	switch p.State() {
	case goja.PromiseStateFulfilled:
		inv.respond(p.Result())
	case goja.PromiseStateRejected:
		inv.vm.handled(p)
		inv.fail(inv.vm.thrown(p.Result()))
	default:
		inv.vm.realm.Then(result, inv.respond, func(reason goja.Value) { inv.fail(inv.vm.thrown(reason)) })
	}
}

// promise returns v as a promise if it is one. The type is asked first, because exporting any other object copies it.
func promise(v goja.Value) (p *goja.Promise, ok bool) {
	if o, isObject := v.(*goja.Object); isObject && o.ExportType() == promiseType {
		p, ok = o.Export().(*goja.Promise)
	}
	return p, ok
}

var promiseType = reflect.TypeFor[*goja.Promise]()

// park gives an invocation that awaits something a context and a deadline, and watches its client.
func (inv *invocation) park() {
	inv.ctx, inv.cancel = context.WithCancel(context.Background())
	v := inv.vm
	if v.parked == nil {
		v.parked = map[*invocation]struct{}{}
	}
	v.parked[inv] = struct{}{}
	if inv.timer == nil { // it did not wait for a worker
		inv.gone = inv.x.Done()
		inv.timer = time.AfterFunc(inv.left(), func() { v.post(inv.overdue) })
	}
	go inv.watch(inv.gone, inv.ctx.Done())
}

// watch waits for the client to leave, or for the invocation to end. It is a goroutine of its own.
func (inv *invocation) watch(gone, ended <-chan struct{}) {
	select {
	case <-gone:
		inv.vm.post(inv.deserted)
	case <-ended:
	}
}

// overdue ends an invocation whose time is up: for its answer, or for what it gave to waitUntil.
func (inv *invocation) overdue() {
	if inv.ended {
		return
	}
	if !inv.answered && inv.reply.cancel != nil {
		return // a stream may go on for as long as its client reads
	}
	if !inv.answered {
		inv.fail(failDeadline(inv.wall()))
		inv.signal("TimeoutError", "the deadline for the answer has passed")
	} else if inv.waits > 0 || inv.event != nil {
		inv.fail(failWaitUntil(inv.dep.rt.cfg.Limits))
	}
	inv.abort()
}

// deserted is called when the client has left. What was given to waitUntil goes on.
func (inv *invocation) deserted() {
	if inv.ended || inv.answered {
		return
	}
	inv.answered = true
	inv.signal("AbortError", "the client has left")
	if inv.reply.taken != nil {
		inv.reply.taken.Release()
	}
	if inv.waits > 0 {
		inv.settle()
		return
	}
	inv.abort()
}

// signal aborts request.signal, and the stream that is the answer, in a turn of its own.
func (inv *invocation) signal(name, message string) {
	f := inv.vm.turn(inv, func() error {
		reason := inv.vm.realm.AbortRequest(inv.object, name, message)
		if inv.reply.cancel != nil {
			inv.reply.cancel(reason)
		}
		return nil
	})
	if f != nil {
		inv.fail(f)
	}
}

// abort ends an invocation that nobody waits for: what it has open fails with AbortError, and a moment is left for the
// code to see that.
func (inv *invocation) abort() {
	inv.answered, inv.waits = true, 0
	inv.cancel()
	inv.timer.Stop()
	v := inv.vm
	inv.timer = time.AfterFunc(abortGrace, func() { v.post(inv.end) })
	inv.settle()
}

// abortGrace is how long an aborted invocation may go on: for catch and finally blocks.
const abortGrace = time.Second

// settle ends the invocation when nothing is left of it.
func (inv *invocation) settle() {
	switch {
	case !inv.answered || inv.ended:
	case inv.waits > 0 || inv.event != nil && inv.open > 0 && inv.ctx.Err() == nil:
		if !inv.lingers {
			inv.lingers = true
			inv.timer.Reset(inv.dep.rt.cfg.Limits.WaitUntil)
		}
	case inv.ctx != nil && inv.ctx.Err() != nil && inv.open > 0: // aborted: its operations are about to fail
	default:
		inv.end()
	}
}

func (inv *invocation) end() {
	if inv.ended {
		return
	}
	inv.ended = true
	inv.bond.Release()
	if !inv.stopped {
		inv.route.endedWell()
	}
	if inv.cancel != nil {
		inv.cancel()
	}
	if inv.timer != nil {
		inv.timer.Stop()
	}
	inv.vm.inflight--
	delete(inv.vm.parked, inv)
	inv.vm.settled()
	inv.dep.release()
}

// WaitUntil is ctx.waitUntil. It runs in a turn, perhaps another invocation's.
func (inv *invocation) WaitUntil(p goja.Value) {
	if inv.ended {
		return
	}
	inv.await(p, "in waitUntil: ")
}

// await keeps the invocation going until p is settled. what precedes the report of its failure.
func (inv *invocation) await(p goja.Value, what string) {
	if inv.ctx == nil {
		inv.park()
	}
	inv.waits++
	done := func() {
		inv.waits = max(inv.waits-1, 0)
		inv.vm.after = append(inv.vm.after, inv.settle)
	}
	inv.vm.realm.Then(p, func(goja.Value) { done() }, func(reason goja.Value) {
		f := inv.vm.thrown(reason)
		f.Message, f.Request = what+f.Message, inv.request
		inv.dep.rt.report(f) // the answer goes on without it
		done()
	})
}

// scope is what bindings keep for it.
func (inv *invocation) scope() *web.Scope {
	if inv.kept == nil {
		inv.kept = &web.Scope{Request: inv.request}
		if inv.visit != nil {
			inv.kept.Seen = inv.visit.Seen()
		}
	}
	return inv.kept
}

// TraceID is ctx.traceId.
func (inv *invocation) TraceID() string { return inv.request.Trace.TraceID() }

// ticket takes one of an invocation that is parked.
func (inv *invocation) ticket() *ticket {
	inv.open++
	return &ticket{inv: inv}
}

// ticket is the right to settle one operation of an invocation.
type ticket struct {
	inv  *invocation
	used atomic.Bool
}

var _ web.Ticket = (*ticket)(nil)

// Context ends with the invocation.
func (t *ticket) Context() context.Context { return t.inv.ctx }

// Trace is that of the request.
func (t *ticket) Trace() exchange.Trace { return t.inv.request.Trace }

// Settle runs job in a turn of the invocation.
func (t *ticket) Settle(job func() error) {
	if !t.used.CompareAndSwap(false, true) {
		return
	}
	inv := t.inv
	inv.vm.post(func() {
		inv.open--
		if inv.ended {
			return
		}
		if f := inv.vm.turn(inv, job); f != nil {
			inv.fail(f)
		}
		inv.settle()
	})
}

// Release gives the ticket back.
func (t *ticket) Release() {
	if !t.used.CompareAndSwap(false, true) {
		return
	}
	t.inv.vm.post(func() {
		t.inv.open--
		t.inv.settle()
	})
}
