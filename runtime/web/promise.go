package web

import (
	"context"
	"errors"
	"sync"

	"github.com/dop251/goja"
)

// resolved is a promise that is fulfilled with v already.
func (r *Realm) resolved(v goja.Value) goja.Value {
	p, resolve, _ := r.VM.NewPromise()
	must(resolve(v))
	return r.VM.ToValue(p)
}

// rejected is a promise that is rejected with reason already.
func (r *Realm) rejected(reason goja.Value) goja.Value {
	p, _, reject := r.VM.NewPromise()
	must(reject(reason))
	return r.VM.ToValue(p)
}

// promised runs f at once and returns a promise of what it returns; what it throws is the reason.
func (r *Realm) promised(f func() goja.Value) goja.Value {
	var v goja.Value
	if thrown := r.try(func() { v = f() }); thrown != nil {
		return r.rejected(thrown)
	}
	return r.resolved(v)
}

// try runs f and returns what it threw, or nil. Interrupts and the like are not caught.
func (r *Realm) try(f func()) goja.Value {
	if ex := r.VM.Try(f); ex != nil {
		return ex.Value()
	}
	return nil
}

// Thrown is the JavaScript value in an error that goja returned: what was thrown, or a TypeError that says err.
func (r *Realm) Thrown(err error) goja.Value {
	var ex *goja.Exception
	if errors.As(err, &ex) {
		return ex.Value()
	}
	return r.TypeError("%v", err)
}

// Await runs work on a goroutine of its own and returns a promise of its outcome. work returns a function that makes
// the result on the VM's goroutine, where it may throw; its ctx ends with the invocation. what names the operation
// in errors.
func (r *Realm) Await(what string, work func(ctx context.Context) (finish func() goja.Value)) goja.Value {
	return r.operation(what, func(ctx context.Context, settle func(finish func() goja.Value)) {
		go func() { settle(work(ctx)) }()
	})
}

// operation calls start, which begins something that calls settle once, from any goroutine, and returns a promise of the
// outcome, as Await does.
func (r *Realm) operation(what string, start func(ctx context.Context, settle func(finish func() goja.Value))) goja.Value {
	t, err := r.host.Begin(what)
	if err != nil {
		return r.rejected(r.TypeError("%v", err))
	}
	p, resolve, reject := r.VM.NewPromise()
	start(t.Context(), func(finish func() goja.Value) {
		t.Settle(func() error {
			var v goja.Value
			if thrown := r.try(func() { v = finish() }); thrown != nil {
				return reject(thrown)
			}
			return resolve(v)
		})
	})
	return r.VM.ToValue(p)
}

// then calls ok or failed when v, a promise or any other value, is settled.
func (r *Realm) then(v goja.Value, ok func(v goja.Value), failed func(reason goja.Value)) {
	if r.await == nil {
		r.await = r.run(awaitProgram())
	}
	_, err := r.await(goja.Undefined(), v,
		r.VM.ToValue(func(c goja.FunctionCall) goja.Value { ok(c.Argument(0)); return goja.Undefined() }),
		r.VM.ToValue(func(c goja.FunctionCall) goja.Value { failed(c.Argument(0)); return goja.Undefined() }))
	if err != nil {
		failed(r.Thrown(err))
	}
}

// awaitProgram waits by await, which asks neither the global Promise nor its prototype: code may have replaced them.
var awaitProgram = sync.OnceValue(func() *goja.Program {
	return goja.MustCompile("fortuna:await", `(async (v, ok, failed) => {
	try {
		v = await v;
	} catch (reason) {
		failed(reason);
		return;
	}
	ok(v);
})`, true)
})

// pause lets an interrupt reach a loop in Go over functions of code: they may be native, which an interrupt does not
// reach.
func (r *Realm) pause() {
	if r.nothing == nil {
		r.nothing = r.run(pauseProgram())
	}
	if _, err := r.nothing(goja.Undefined()); err != nil {
		panic(err)
	}
}

var pauseProgram = sync.OnceValue(func() *goja.Program { return goja.MustCompile("fortuna:pause", `(() => {})`, true) })
