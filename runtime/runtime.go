// Package runtime runs a bundle's handlers in pooled VMs and answers exchanges with what they return.
//
// It does not know sockets, files, configuration or where bundles come from. Only it and the packages below it import
// goja.
//
// Runtime.Serve finds the handler of an exchange (deployment.go) and gives it to an executor: the VM of the event loop
// it is on, if the route has earned that (route.go), or a worker (worker.go). An invocation (invocation.go) is one
// handler call, a turn (vm.go) one outermost call into a VM, watched by the watchdog.
package runtime

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/runtime/binding"
	"github.com/fortunadws/fortuna/runtime/bundle"
	"github.com/fortunadws/fortuna/runtime/web"
)

// Config of a runtime.
type Config struct {
	Limits Limits
	Vars   map[string]any // what env holds: strings, numbers (int64, float64) and booleans
	// Bindings are what env holds besides: objects that reach beyond the VM.
	Bindings map[string]web.Binding
	// Relay carries what is published to a topic to the other nodes, which give it to Hear; nil: there are none. It must not
	// block.
	Relay func(topic string, text bool, p []byte)
	// Sessions gives requests their ctx.session; nil: there are none.
	Sessions *binding.Sessions
	Egress   *web.Egress // nil denies private addresses
	Loops    int         // event loops that call Serve, numbered from 0
	Workers  int         // VMs on goroutines of their own; 0: one for each loop, at least two

	// Console gets each line that code writes; nil drops them. It is called from any goroutine and must not block.
	Console func(Line)
	// Failed gets each failure once; nil drops them. It is called from any goroutine and must not block.
	Failed func(*Failure)
	// Page is what the client of a failed request sees; nil: one line of plain text without details.
	Page func(q *exchange.Request, f *Failure) (contentType string, body []byte)
}

// Line is one line of console output.
type Line struct {
	Level web.Level
	Text  string
}

// Runtime serves the current deployment and drains former ones. Its methods may be called from any goroutine, Serve on
// an exchange's loop.
type Runtime struct {
	cfg      Config
	vars     []string // names, sorted
	watchdog *watchdog
	current  atomic.Pointer[Deployment]
	deploy   sync.Mutex
	gone     sync.WaitGroup          // deployments that have not drained
	heir     atomic.Pointer[Runtime] // has the sockets of this one; nil if it has them itself
	topics   *topics
}

// New returns a runtime that answers 503 until something is deployed.
func New(cfg Config) *Runtime {
	if cfg.Limits == (Limits{}) {
		cfg.Limits = DefaultLimits()
	}
	if cfg.Workers == 0 {
		cfg.Workers = max(2, cfg.Loops)
	}
	r := &Runtime{cfg: cfg, watchdog: newWatchdog(cfg.Limits.TurnBytesMax), topics: new(topics)}
	go web.Precompile()
	for name := range cfg.Vars {
		r.vars = append(r.vars, name)
	}
	slices.Sort(r.vars)
	return r
}

// Deployed says what Deploy found out.
type Deployed struct {
	StartUp  time.Duration // to load the bundle in a VM
	Routes   []string      // declarative patterns
	Jobs     []string      // of JobHandlers, those that the app exports
	Unserved []string      // handlers that the app exports and this version never calls: "email"
}

// Deploy loads a bundle and makes it current. Requests in flight finish on the former one; none is dropped. When the
// bundle does not load the error is a *Failure, and the former one stays.
func (r *Runtime) Deploy(b *bundle.Bundle) (Deployed, error) {
	r.deploy.Lock()
	defer r.deploy.Unlock()
	began := now()
	d, err := newDeployment(r, b)
	if err != nil {
		return Deployed{}, asFailure(err)
	}
	out := Deployed{StartUp: time.Duration(now() - began), Routes: d.patterns, Jobs: slices.Sorted(maps.Keys(d.jobs)), Unserved: d.unserved}
	r.gone.Add(1)
	if former := r.current.Swap(d); former != nil {
		former.partPairs()
		former.release()
	}
	return out, nil
}

// Inherit takes over the WebSockets of a former runtime, with their topics: from now on their events are handled here. It
// follows Deploy and precedes Serve, and the former one is closed then.
func (r *Runtime) Inherit(former *Runtime) {
	r.topics = former.topics
	former.heir.Store(r)
}

// Hear sends what another node has published to the sockets here.
func (r *Runtime) Hear(topic string, text bool, p []byte) { r.topics.publish(topic, text, p, nil) }

// publish sends a message to every subscriber but one, which may be nil, here and on the other nodes. It returns its bytes,
// or 0 when nobody can get it.
func (r *Runtime) publish(topic string, text bool, p []byte, but *socket) int {
	n := r.topics.publish(topic, text, p, but)
	if relay := r.latest().cfg.Relay; relay != nil {
		relay(topic, text, p)
		n = max(len(p), 1) // who has subscribed there is not known
	}
	return n
}

// latest is the runtime that has the sockets of this one.
func (r *Runtime) latest() *Runtime {
	for heir := r.heir.Load(); heir != nil; heir = r.heir.Load() {
		r = heir
	}
	return r
}

// Serve answers an exchange with the current deployment.
func (r *Runtime) Serve(x exchange.Exchange) {
	for {
		d := r.current.Load()
		if d == nil {
			r.refuse(x, failNoApp())
			return
		}
		if d.acquire() {
			d.serve(x)
			return
		}
	}
}

// Close stops serving and waits for what is in flight, or for ctx.
func (r *Runtime) Close(ctx context.Context) error {
	r.deploy.Lock()
	defer r.deploy.Unlock()
	if d := r.current.Swap(nil); d != nil {
		d.partPairs()
		d.release()
	}
	done := make(chan struct{})
	go func() {
		r.gone.Wait()
		close(done)
	}()
	select {
	case <-done:
		r.watchdog.close()
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Runtime) report(f *Failure) {
	if r.cfg.Failed != nil {
		r.cfg.Failed(f)
	}
}

// refuse answers an exchange that no handler will see. It runs on the exchange's loop.
func (r *Runtime) refuse(x exchange.Exchange, f *Failure, extra ...exchange.Field) {
	f.Request = x.Request()
	if job, ok := x.(*run); ok { // nobody is there to be answered
		job.failed(f)
		job.End()
		r.report(f)
		return
	}
	f.Request.Unserved = f.Unserved
	status, header, body := r.page(f)
	p := part{status: status, header: append(header, extra...), body: body, last: true}
	p.give(x)
}

// page is the answer for a failure.
func (r *Runtime) page(f *Failure) (status int, header []exchange.Field, body []byte) {
	contentType := "text/plain; charset=utf-8"
	if r.cfg.Page != nil {
		contentType, body = r.cfg.Page(f.Request, f)
	} else {
		body = []byte(f.Code + ": " + publicMessage(f) + "\n")
	}
	header = append(header, exchange.Field{Name: "Content-Type", Value: contentType})
	switch f.Status {
	case 503:
		header = append(header, exchange.Field{Name: "Retry-After", Value: "1"})
	case 429:
		header = append(header, exchange.Field{Name: "Retry-After", Value: "60"})
	}
	return f.Status, header, body
}

// publicMessage is what a client may know: limits explain themselves, but what code threw stays with its owner.
func publicMessage(f *Failure) string {
	if f.Code == "handler_error" || f.Code == "vm_panic" {
		return "the handler failed"
	}
	return f.Error()
}

func asFailure(err error) *Failure {
	if f, ok := err.(*Failure); ok {
		return f
	}
	return failHandler(err.Error())
}
