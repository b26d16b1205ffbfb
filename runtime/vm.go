package runtime

import (
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/runtime/web"
)

// vm is one goja.Runtime with a bundle loaded. Only its owner's goroutine touches it: a worker's, or an event loop's.
// Many invocations may be in flight in it, parked at their awaits.
type vm struct {
	js    *goja.Runtime
	realm *web.Realm
	dep   *Deployment
	app   *app
	env   goja.Value
	lease *lease

	post func(job func()) // runs job on the owner's goroutine; from anywhere
	loop exchange.Loop    // the event loop that owns the VM; nil for a worker's

	loading  bool
	busy     bool        // a turn runs
	owner    *invocation // whose turn it is
	current  *invocation // whose code runs: in a turn of one, promise jobs of others may
	inflight int
	parked   map[*invocation]struct{} // that await something
	pairs    map[*pair]struct{}       // sockets that live here
	retired  bool                     // takes no new invocations: its state is in doubt
	rejected []*goja.Promise          // rejected in this turn with nobody listening yet
	reported []*goja.Promise          // reported as such, not long ago
	after    []func()                 // to do when the turn is over
}

// panicked is a Go panic that came out of the engine.
type panicked struct {
	value any
	stack string
}

func (p *panicked) Error() string { return fmt.Sprint(p.value) }

// thrown is a JavaScript value that was thrown, as an error. Nothing is asked of the value: that could run code.
type thrown struct {
	value goja.Value
}

func (*thrown) Error() string { return "uncaught exception" }

// newVM makes a VM and loads the bundle into it. It may run on any goroutine, before the VM has an owner.
func newVM(d *Deployment) (*vm, error) {
	v := &vm{js: goja.New(), dep: d}
	v.js.SetMaxCallStackSize(d.rt.cfg.Limits.CallStackMax)
	v.realm = web.New(v.js, v, d.platform)
	v.js.SetPromiseRejectionTracker(v.track)
	v.js.SetAsyncContextTracker((*asyncContext)(v))
	guard(v.js)
	v.lease = d.rt.watchdog.lease(func(why overrun) { v.js.Interrupt(why) })
	if err := v.load(); err != nil {
		v.close()
		return nil, err
	}
	return v, nil
}

// load runs the bundle's top level and takes out its handlers. The error is a *Failure.
func (v *vm) load() error {
	v.loading = true
	defer func() { v.loading = false }()
	f := v.turn(nil, func() error {
		exports, err := v.js.RunProgram(v.dep.bundle.Program)
		if err != nil {
			return err
		}
		if p, ok := promise(exports); ok { // the bundle awaits at its top level
			switch p.State() {
			case goja.PromiseStateRejected:
				v.handled(p)
				return &thrown{p.Result()}
			case goja.PromiseStatePending:
				return &Failure{Code: "startup_pending", Status: 500,
					Message: "the top level awaits something that needs a request: timers, fetch and the like run in handlers only",
					Hint:    "move the await into the handler"}
			}
			exports = p.Result()
		}
		v.env = v.environment()
		v.app, err = newApp(v.js, exports)
		return err
	})
	if f != nil {
		return f
	}
	return nil
}

// environment is the env argument of handlers.
func (v *vm) environment() goja.Value {
	env := v.js.NewObject()
	for _, name := range v.dep.rt.vars {
		switch value := v.dep.rt.cfg.Vars[name].(type) {
		case string, bool, int64, float64, int:
			if err := env.Set(name, value); err != nil {
				panic(err)
			}
		default:
			panic(fmt.Sprintf("var %s has type %T", name, value))
		}
	}
	for name, b := range v.dep.rt.cfg.Bindings {
		if err := env.Set(name, b.Value(v.realm)); err != nil {
			panic(err)
		}
	}
	return env
}

// turn makes one outermost call into the VM and the promise jobs it leaves, for inv (nil: top-level code), within what
// is left of its budget. What goes wrong is explained within the budget too, because that may run code: the getter of a
// stack, the toString of what was thrown.
func (v *vm) turn(inv *invocation, f func() error) *Failure {
	budget := v.dep.rt.cfg.Limits.StartUp
	if inv != nil {
		budget = inv.cpu().Duration - inv.spent
	}
	sound := !v.retired
	v.owner, v.current, v.busy = inv, inv, true
	start, clock := v.dep.rt.watchdog.begin(v.lease, budget), now
	suspect := inv != nil && v.loop != nil && inv.route.suspect.Load() > 0
	if suspect || v.loop == nil { // CPU time of the thread tells more, and costs more than most turns on a loop
		start, clock = threadCPU(), threadCPU
	}

	failure := v.explained(f)
	if len(v.rejected) > 0 {
		again := v.explained(func() error { v.reportRejections(inv); return nil })
		if failure == nil {
			failure = again
		}
	}

	spent := time.Duration(clock() - start)
	if v.dep.rt.watchdog.end(v.lease) {
		v.js.ClearInterrupt()
		v.retired = true
		if inv != nil {
			if !inv.stopped {
				inv.stopped = true
				inv.route.stopped()
			}
			inv.waits = 0 // nothing it may wait for has any budget left to go on with
		}
	}
	v.owner, v.current, v.busy = nil, nil, false
	if inv != nil {
		switch {
		case v.loop == nil:
			inv.route.observeOnWorker(spent)
		case suspect:
			inv.route.observeSuspect(spent)
		default:
			inv.route.observeOnLoop(spent)
			spent = min(spent, inlineTurnMax) // the rest may have been waiting; the watchdog knows better
		}
		inv.spent += spent
		if inv.reply.unsent && (failure == nil || inv.answered) { // else the failure may still be the whole answer
			inv.send()
		}
	}
	if sound && v.retired {
		v.dep.rt.watchdog.retired.Add(1)
		v.lose(inv)
	}
	for len(v.after) > 0 {
		job := v.after[0]
		v.after = v.after[1:]
		job()
	}
	return failure
}

// explained runs f and says what went wrong in it.
func (v *vm) explained(f func() error) (failure *Failure) {
	err := v.recovered(f)
	if err == nil {
		return nil
	}
	again := v.recovered(func() error { failure = v.failure(err); return nil })
	switch again.(type) {
	case nil:
	case *goja.Exception, *thrown:
		failure = failHandler("Uncaught exception whose own code fails when it is shown")
	default: // nothing that runs code is left to say
		failure = v.failure(again)
	}
	return failure
}

// recovered runs f and returns what it returned or panicked with. goja throws by panics, and they reach this far from
// native code.
func (v *vm) recovered(f func() error) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case *goja.Exception:
			err = p
		case *goja.InterruptedError:
			err = p
		case *goja.StackOverflowError:
			err = p
		case goja.Value:
			err = &thrown{p}
		default:
			err = &panicked{p, string(debug.Stack())}
		}
		switch err.(type) {
		case *goja.InterruptedError, *goja.StackOverflowError, *panicked:
			v.retired = true
			v.rejected = nil // to report them would run more code
		}
	}()
	return f()
}

// reportRejections reports the promises that a turn rejected and nobody listens to. Code may listen for the event, and
// its listeners may reject again: one round is made.
func (v *vm) reportRejections(inv *invocation) {
	rejected := v.rejected
	v.rejected = nil
	for _, p := range rejected {
		if v.realm.Unhandled(p) {
			continue
		}
		f := v.thrown(p.Result())
		f.Message = "unhandled rejection: " + f.Message
		if inv != nil {
			f.Request = inv.request
		}
		v.dep.rt.report(f)
	}
	if len(rejected) <= rejectedMax-len(v.reported) {
		v.reported = append(v.reported, rejected...)
	}
}

// rejectedMax bounds the rejected promises a VM remembers, to say so when somebody listens to one after all.
const rejectedMax = 100

// track is goja's promise rejection tracker.
func (v *vm) track(p *goja.Promise, op goja.PromiseRejectionOperation) {
	if op == goja.PromiseRejectionHandle {
		v.handled(p)
		return
	}
	v.rejected = append(v.rejected, p)
}

// handled takes p off the list of rejections nobody listens to.
func (v *vm) handled(p *goja.Promise) {
	if i := slices.Index(v.rejected, p); i >= 0 {
		v.rejected = slices.Delete(v.rejected, i, i+1)
	} else if i := slices.Index(v.reported, p); i >= 0 {
		v.reported = slices.Delete(v.reported, i, i+1)
		v.realm.Handled(p)
	}
}

// settled is called when an invocation has ended in this VM.
func (v *vm) settled() {
	if v.retired && v.inflight == 0 {
		v.close()
	}
}

func (v *vm) close() { v.dep.rt.watchdog.forget(v.lease) }

// deaf reports whether the engine runs no promise jobs any more: goja does not unwind an async function that it
// interrupts, and takes everything that comes later for a part of it.
func (v *vm) deaf() bool {
	heard := false
	err := v.recovered(func() error {
		p, resolve, _ := v.js.NewPromise()
		v.realm.Then(v.js.ToValue(p), func(goja.Value) { heard = true }, func(goja.Value) {})
		return resolve(goja.Undefined())
	})
	return err != nil || !heard
}

// Begin takes a ticket of the running invocation.
func (v *vm) Begin(what string) (web.Ticket, error) {
	inv := v.current
	switch {
	case inv == nil:
		return nil, fmt.Errorf("%s: not allowed while the app loads; call it in a handler", what)
	case inv.ended:
		return nil, fmt.Errorf("%s: the request that this code belongs to has ended", what)
	case inv.open >= v.dep.rt.cfg.Limits.OperationsMax:
		return nil, fmt.Errorf("%s: %d operations are open already: limits.operations_max = %d", what, inv.open, v.dep.rt.cfg.Limits.OperationsMax)
	}
	if inv.ctx == nil {
		inv.park()
	}
	return inv.ticket(), nil
}

// Scope is that of the running invocation.
func (v *vm) Scope() *web.Scope {
	if v.current == nil {
		return nil
	}
	return v.current.scope()
}

// Log hands a console line on.
func (v *vm) Log(level web.Level, text string) {
	if f := v.dep.rt.cfg.Console; f != nil {
		f(Line{Level: level, Text: text})
	}
}

// asyncContext follows code through its awaits: what an invocation begins is its own, also when it was resumed in the turn
// of another one that settled a promise they share.
type asyncContext vm

// Grab is asked when code awaits.
func (a *asyncContext) Grab() any { return a.current }

// Resumed is called before the job that goes on with it.
func (a *asyncContext) Resumed(o any) { a.current, _ = o.(*invocation) }

// Exited is called after it.
func (a *asyncContext) Exited() { a.current = a.owner }
