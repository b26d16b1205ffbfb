package binding

import (
	"context"
	"errors"
	"strings"
	"sync"
	synced "sync/atomic" // atomic is env.NAME.atomic()

	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/runtime/web"
)

// watch is env.NAME.watch(pattern): an async iterator of the keys that match now, and then of their changes. The pattern is a
// key, or the beginning of keys with "*" behind it.
type watch struct {
	n       *namespace
	prefix  string
	exact   bool
	read    read
	taking  sync.Mutex                 // held while a change is waited for
	watcher synced.Pointer[kv.Watcher] // nil until the first next
	over    synced.Bool
}

var watchClass = web.NewClass("KVWatcher")

func init() {
	self := func(_ *web.Realm, _ *watch, c goja.FunctionCall) goja.Value { return c.This }
	watchClass.Define([]web.Member{
		web.Method("next", 0, func(r *web.Realm, w *watch, _ goja.FunctionCall) goja.Value {
			return r.Promised(func() goja.Value { return w.next(r) })
		}),
		web.Method("return", 0, func(r *web.Realm, w *watch, c goja.FunctionCall) goja.Value {
			w.close()
			return r.Resolved(object(r, "value", c.Argument(0), "done", true))
		}),
		web.Method("self", 0, self),
	}, "self")
}

func (n *namespace) watch(r *web.Realm, c goja.FunctionCall) goja.Value {
	w := &watch{n: n, exact: true}
	if v := c.Argument(0); !web.Nullish(v) {
		w.prefix = web.Text(v)
	} else {
		w.prefix = "*"
	}
	if before, ok := strings.CutSuffix(w.prefix, "*"); ok {
		w.prefix, w.exact = before, false
	}
	if strings.Contains(w.prefix, "*") {
		panic(r.TypeError("%s: the pattern is a key, or the beginning of keys with one * behind it; got %q", n.what("watch"), web.Text(c.Argument(0))))
	}
	w.read = n.readOptions(r, "watch", c.Argument(1))
	return r.Make(watchClass, w)
}

// next gives the next change, with its value. A value that has been replaced already is skipped: its successor comes.
func (w *watch) next(r *web.Realm) goja.Value {
	if w.over.Load() {
		return object(r, "value", goja.Undefined(), "done", true)
	}
	return r.Await(w.n.what("watch"), func(ctx context.Context) func() goja.Value {
		e, err := w.take(ctx)
		return func() goja.Value {
			if err != nil {
				w.close()
				if errors.Is(err, kv.ErrBehind) {
					panic(r.Exception("OperationError", "%s: changes came faster than they were read, and some are lost: watch again", w.n.what("watch")))
				}
				panic(thrown(r, w.n.what("watch"), err))
			}
			w.n.saw(r, e.Rev)
			return object(r, "value", w.n.change(r, "watch", w.read.as, &e), "done", false)
		}
	})
}

// take waits for the next change.
func (w *watch) take(ctx context.Context) (e kv.Entry, err error) {
	w.taking.Lock() // code may ask for several without waiting
	defer w.taking.Unlock()
	watcher := w.watcher.Load()
	if watcher == nil {
		if watcher, err = w.n.Replica.Watch(ctx, w.n.Space, w.prefix); err != nil {
			return e, err
		}
		context.AfterFunc(ctx, watcher.Close) // with the invocation
		if w.watcher.Store(watcher); w.over.Load() {
			watcher.Close()
		}
	}
	for {
		if e, err = watcher.Next(ctx); err != nil {
			return e, err
		}
		if w.exact && e.Key != w.prefix {
			continue
		}
		if e.Deleted {
			return e, nil
		}
		now, err := w.n.read(ctx, e.Key, read{need: kv.Need{Rev: e.Rev}})
		switch {
		case err != nil:
			return e, err
		case now.Rev == e.Rev && !now.Deleted: // else it is replaced or gone already: that change follows
			return now, nil
		}
	}
}

func (w *watch) close() {
	w.over.Store(true)
	if watcher := w.watcher.Load(); watcher != nil {
		watcher.Close()
	}
}
