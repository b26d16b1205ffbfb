package runtime

import (
	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/runtime/web"
)

// Job is a call of a handler that no client waits for.
type Job struct {
	Handler string      // one of JobHandlers
	Name    string      // what it is about, for a person: the name of a queue, a cron expression
	Event   web.Binding // the handler's first argument
}

// JobHandlers are the handlers of an app that only Run calls.
var JobHandlers = []string{"queue", "scheduled"}

// Run calls a handler of the current deployment and waits until what it returned is settled. The failure, nil when there is
// none, has been reported. It may be called from any goroutine.
func (r *Runtime) Run(j Job) *Failure {
	request := &exchange.Request{Method: j.Handler, Target: j.Name, Path: j.Name, Route: j.Handler, Trace: exchange.NewTrace("")}
	x := &run{job: j, request: request}
	x.jobs.bell = make(chan struct{}, 1)
	var d *Deployment
	for d == nil {
		if d = r.latest().current.Load(); d == nil {
			return failNoApp()
		}
		if !d.acquire() {
			d = nil
		}
	}
	handler, ok := d.jobs[j.Handler]
	if !ok {
		d.release()
		return &Failure{Code: "no_handler", Status: 500, Message: "the app exports no " + j.Handler + " handler"}
	}
	inv := &invocation{x: x, home: x, request: request, dep: d, route: &d.jobRoute, handler: handler, run: x, began: now()}
	inv.wait()
	d.later.queue <- inv
	for !x.over {
		<-x.jobs.bell
		x.jobs.run()
	}
	return x.failure
}

// run is a job under way, as an exchange: its answer is that the handler has ended. It is its own loop too, on the goroutine
// that called Run.
type run struct {
	silent
	job     Job
	request *exchange.Request
	jobs    mailbox
	failure *Failure
	over    bool
}

// call calls the handler. It runs in a turn.
func (x *run) call(v *vm, inv *invocation) (goja.Value, error) {
	h := &v.app.handlers[inv.handler]
	return h.call(h.this, x.job.Event.Value(v.realm), v.env, v.realm.NewExecutionContext(inv))
}

// settleJob ends the job when what the handler returned is settled. It runs in a turn.
func (inv *invocation) settleJob(result goja.Value) {
	done := func(goja.Value) { inv.answer(200, nil, nil) }
	p, ok := promise(result)
	switch {
	case !ok || p.State() == goja.PromiseStateFulfilled:
		done(nil)
	case p.State() == goja.PromiseStateRejected:
		inv.vm.handled(p)
		inv.fail(inv.vm.thrown(p.Result()))
	default:
		inv.vm.realm.Then(result, done, func(reason goja.Value) { inv.fail(inv.vm.thrown(reason)) })
	}
}

// failed notes why the job did not end well: the first reason is the one.
func (x *run) failed(f *Failure) {
	if x.failure == nil {
		x.failure = f
	}
}

func (x *run) Request() *exchange.Request { return x.request }
func (x *run) Loop() exchange.Loop        { return x }
func (x *run) End()                       { x.over = true }
func (x *run) Abort()                     { x.over = true }

// Post runs job on the loop of the job, and never after its end.
func (x *run) Post(job func()) bool {
	x.jobs.post(job)
	return true
}

// Index is that of no event loop.
func (x *run) Index() int { return -1 }

// silent is what an exchange without a client has nothing to do for.
type silent struct{}

func (silent) Done() <-chan struct{}       { return nil } // nobody leaves
func (silent) Head(int, []exchange.Field)  {}
func (silent) Length(int64)                {}
func (silent) Write([]byte) error          { return nil }
func (silent) Drained(func())              {}
func (silent) Receive(func([]byte, error)) {}

// Upgrade is for requests.
func (silent) Upgrade([]exchange.Field, exchange.SocketHandler) (exchange.Socket, error) {
	return nil, exchange.ErrGone
}
