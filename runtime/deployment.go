package runtime

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/runtime/bundle"
	"github.com/fortunadws/fortuna/runtime/router"
	"github.com/fortunadws/fortuna/runtime/web"
)

// Deployment is a bundle that serves: its routes, its VMs and its executors. VMs are never shared between deployments.
type Deployment struct {
	rt       *Runtime
	bundle   *bundle.Bundle
	platform web.Options // of every VM

	router   *router.Router[*target] // nil without declarative routes
	patterns []string                // of the router
	unserved []string                // see Deployed
	fetch    int                     // index of the fetch handler, or -1
	shapes   shapes                  // what is known of the fetch handler's paths
	load     load
	events   route // the handlers of WebSockets
	workers  *lane
	slow     *lane // for routes that have shown slow turns, so that they queue behind each other only
	jobs     map[string]int
	jobRoute route
	later    *lane // for jobs, so that no request queues behind one; nil without such handlers
	seats    []seat

	sockets *socketHandlers // nil without a websocket object

	mu    sync.Mutex
	pairs map[*pair]struct{} // sockets that live in its VMs

	inflight atomic.Int64 // invocations not ended, plus one while the deployment is current
	drained  sync.Once
}

// target is what a declarative route leads to: a handler, or a constant answer.
type target struct {
	pattern  string
	handler  int
	route    route
	constant *part
}

// seat is the place of a deployment on one event loop. Only that loop touches it, but for warming.
type seat struct {
	vm      *vm
	warming atomic.Bool
}

// jobWorkers is how many jobs compute at once. Of those that wait for something there may be many.
const jobWorkers = 1

// newDeployment loads a bundle in a first VM and builds what serves it.
func newDeployment(rt *Runtime, b *bundle.Bundle) (*Deployment, error) {
	d := &Deployment{rt: rt, bundle: b, seats: make([]seat, rt.cfg.Loops)}
	d.platform = web.Options{
		Egress: rt.cfg.Egress, FetchResponseBytes: int64(rt.cfg.Limits.FetchBytesMax), Unmentioned: web.Unmentioned(b.Code),
	}
	first, err := newVM(d)
	if err != nil {
		return nil, err
	}
	d.fetch, d.unserved, d.sockets, d.jobs = first.app.fetch, first.app.unserved, first.app.sockets, first.app.jobs
	for _, e := range first.app.routes {
		if d.router == nil {
			d.router = router.New[*target]()
		}
		t := &target{pattern: e.pattern, handler: e.handler}
		if e.constant != nil {
			if a, ok := first.realm.Constant(e.constant); ok {
				t.constant = &part{status: a.Status, header: a.Header, body: a.Body, last: true}
			} else {
				first.close()
				return nil, &Failure{Code: "bad_route", Status: 500,
					Message: "route \"" + e.pattern + "\": a constant Response cannot have a stream as its body; use a function"}
			}
		}
		if !slices.Contains(d.patterns, e.pattern) {
			d.patterns = append(d.patterns, e.pattern)
		}
		if err := d.router.Add(e.method, e.pattern, t); err != nil {
			first.close()
			return nil, &Failure{Code: "bad_route", Status: 500, Message: err.Error()}
		}
	}
	d.inflight.Store(1)
	d.workers = newLane(d, rt.cfg.Workers, workerNice, &d.load, first)
	d.slow = newLane(d, max(1, rt.cfg.Workers/2), slowNice, &d.load, nil)
	if len(d.jobs) > 0 {
		d.later = newLane(d, jobWorkers, slowNice, new(load), nil)
	}
	return d, nil
}

// serve finds the handler for an exchange and the executor for its route. The exchange has been counted in.
func (d *Deployment) serve(x exchange.Exchange) {
	q := x.Request()
	inv := &invocation{x: x, home: x.Loop(), request: q, dep: d, handler: d.fetch, began: now()}
	if d.router != nil {
		m, allow, ok := d.router.Match(q.Method, q.Path)
		switch {
		case ok && m.Value.constant != nil:
			q.Route = m.Value.pattern
			d.release()
			m.Value.constant.give(x)
			return
		case ok:
			q.Route = m.Value.pattern
			inv.handler, inv.route, inv.params = m.Value.handler, &m.Value.route, m.Params
		case len(allow) > 0:
			d.refuse(x, failMethod(q, allow), exchange.Field{Name: "Allow", Value: strings.Join(allow, ", ")})
			return
		case d.fetch < 0:
			d.refuse(x, failNoRoute(q))
			return
		}
	}
	if inv.route == nil && d.fetch < 0 { // it has jobs only
		d.refuse(x, failNoRoute(q))
		return
	}
	if inv.route == nil {
		q.Route = "fetch"
		inv.route = d.shapes.of(q.Method, q.Path)
	}
	if d.rt.cfg.Sessions != nil {
		d.visit(inv)
		return
	}
	d.dispatch(inv)
}

// dispatch gives an invocation to the executor of its route. It runs on its loop.
func (d *Deployment) dispatch(inv *invocation) {
	if inv.vm = d.seated(inv.home, inv.route); inv.vm != nil {
		inv.serve()
		return
	}
	switch delay := inv.route.pace(d.rt.cfg.Limits.CPU); {
	case delay == 0:
		d.enqueue(inv)
	case delay < inv.left():
		inv.wait()
		time.AfterFunc(delay, func() {
			if !inv.home.Post(func() { d.enqueue(inv) }) && inv.taken.CompareAndSwap(false, true) {
				inv.drop() // the connection has ended, and its goroutine with it
			}
		})
	default:
		d.refuse(inv.x, failPaced(d.rt.cfg.Limits))
	}
}

// enqueue gives an invocation to the workers. It runs on its loop.
func (d *Deployment) enqueue(inv *invocation) {
	l := d.workers
	if inv.route.slow.Load() {
		l = d.slow
	}
	if refusal := l.offer(inv); refusal != nil {
		d.refuse(inv.x, refusal)
	}
}

// refuse answers an exchange that no VM will see, and counts it out.
func (d *Deployment) refuse(x exchange.Exchange, f *Failure, extra ...exchange.Field) {
	d.release()
	d.rt.refuse(x, f, extra...)
}

// seated returns the loop's own VM if the route has earned it and it can take one more; nil sends the invocation to a
// worker.
func (d *Deployment) seated(loop exchange.Loop, r *route) *vm {
	i := loop.Index()
	if i < 0 || i >= len(d.seats) || !r.inline.Load() {
		return nil
	}
	s := &d.seats[i]
	if s.vm == nil || s.vm.retired {
		s.vm = nil
		d.warm(s, loop)
		return nil
	}
	if s.vm.inflight >= d.rt.cfg.Limits.InflightMax {
		return nil
	}
	return s.vm
}

// warm makes a VM for an event loop on a goroutine, because loading an app takes too long for the loop.
func (d *Deployment) warm(s *seat, loop exchange.Loop) {
	if !s.warming.CompareAndSwap(false, true) || !d.acquire() {
		return
	}
	go func() {
		v, err := newVM(d)
		if err != nil {
			d.rt.report(asFailure(err))
			d.release()
			return // warming stays set: an app that cannot load again is not tried again
		}
		v.loop = loop
		v.post = func(job func()) { loop.Post(job) }
		if !loop.Post(func() {
			v.lease.thread.Store(ownThread()) // so that the watchdog can tell computing from waiting
			s.vm = v
			s.warming.Store(false)
			d.release()
		}) { // the loop has ended
			v.close()
			d.release()
		}
	}()
}

// acquire counts an invocation in; it reports false when the deployment has drained.
func (d *Deployment) acquire() bool {
	for {
		n := d.inflight.Load()
		if n == 0 {
			return false
		}
		if d.inflight.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// release counts an invocation out. The last one closes the deployment.
func (d *Deployment) release() {
	if d.inflight.Add(-1) > 0 {
		return
	}
	d.drained.Do(func() {
		close(d.workers.done)
		close(d.slow.done)
		if d.later != nil {
			close(d.later.done)
		}
		for i := range d.seats {
			if v := d.seats[i].vm; v != nil {
				v.close()
			}
		}
		d.rt.gone.Done()
	})
}
