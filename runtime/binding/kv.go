// Package binding is what fortuna puts into a handler's reach beside the web platform: key-value state and sessions. It does
// not know where state is kept, nor how a VM is run.
package binding

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/runtime/web"
)

// KV is a namespace of keys and values: Workers' KVNamespace, with revisions. Its methods may be called from any goroutine.
type KV struct {
	Name    string // in env
	Space   *kv.Space
	Replica *kv.Replica
	History bool          // the bucket keeps former values, and is not the one whose revisions a session carries
	Wait    time.Duration // how long the store is asked before it counts as unavailable
}

// Stale is how far behind the store a local copy may be before a read with the level "session" asks the store. What a client
// itself has seen is never taken back.
const Stale = 2 * time.Second

// Bounds of the namespace, as Workers have them.
const (
	kvKeysMax     = 100  // keys of one get
	kvListMax     = 1000 // keys of one page
	kvMetaBytes   = kv.MetaBytesMax
	kvTTLMax      = 100 * 365 * 24 * time.Hour
	kvLevelStrong = "strong"
)

// namespace is a KV in one VM.
type namespace struct {
	*KV
}

var kvClass = web.NewClass("KVNamespace")

func init() {
	kvClass.Define([]web.Member{
		web.Method("get", 1, func(r *web.Realm, n *namespace, c goja.FunctionCall) goja.Value {
			return r.Promised(func() goja.Value { return n.get(r, "get", c, (*namespace).plain) })
		}),
		web.Method("getWithMetadata", 1, func(r *web.Realm, n *namespace, c goja.FunctionCall) goja.Value {
			return r.Promised(func() goja.Value { return n.get(r, "getWithMetadata", c, (*namespace).detailed) })
		}),
		web.Method("put", 2, func(r *web.Realm, n *namespace, c goja.FunctionCall) goja.Value {
			return r.Promised(func() goja.Value { return n.put(r, c) })
		}),
		web.Method("delete", 1, func(r *web.Realm, n *namespace, c goja.FunctionCall) goja.Value {
			return r.Promised(func() goja.Value { return n.delete(r, c) })
		}),
		web.Method("list", 0, func(r *web.Realm, n *namespace, c goja.FunctionCall) goja.Value {
			return r.Promised(func() goja.Value { return n.list(r, c.Argument(0)) })
		}),
		web.Method("history", 1, func(r *web.Realm, n *namespace, c goja.FunctionCall) goja.Value {
			return r.Promised(func() goja.Value { return n.history(r, c) })
		}),
		web.Method("watch", 0, func(r *web.Realm, n *namespace, c goja.FunctionCall) goja.Value {
			return n.watch(r, c)
		}),
		web.Method("atomic", 0, func(r *web.Realm, n *namespace, _ goja.FunctionCall) goja.Value {
			return r.Make(atomicClass, &atomic{n: n})
		}),
	}, "")
}

// Value is env.NAME in one VM.
func (k *KV) Value(r *web.Realm) goja.Value { return r.Make(kvClass, &namespace{k}) }

// what names a method in an error.
func (n *namespace) what(method string) string { return "env." + n.Name + "." + method }

// key converts an argument that must be a key.
func (n *namespace) key(r *web.Realm, method string, v goja.Value) string {
	if web.Kind(v) != "a string" && web.Kind(v) != "a number" {
		panic(r.TypeError("%s: the key must be a string, got %s", n.what(method), web.Kind(v)))
	}
	key := web.Text(v)
	switch {
	case key == "" || key == "." || key == "..":
		panic(r.TypeError("%s: %q is not a key", n.what(method), key))
	case len(key) > kv.KeyBytesMax:
		panic(r.TypeError("%s: the key has %d bytes in UTF-8, at most %d are allowed", n.what(method), len(key), kv.KeyBytesMax))
	}
	return key
}

// read is how a value is asked for.
type read struct {
	as    string // text, json, arrayBuffer or stream
	level string // eventual, session or strong
	need  kv.Need
}

// readOptions reads Workers' options of get: a type, or an object with type, cacheTtl (not needed here) and ours.
func (n *namespace) readOptions(r *web.Realm, method string, v goja.Value) read {
	o := read{as: "text", level: "session"}
	if web.Kind(v) == "a string" {
		o.as = web.Text(v)
	} else {
		options := r.Options(n.what(method)+": the options", v)
		if v := web.Field(options, "type"); v != nil {
			o.as = web.Text(v)
		}
		if v := web.Field(options, "consistency"); v != nil {
			o.level = web.Text(v)
		}
	}
	switch o.as {
	case "text", "json", "arrayBuffer", "stream":
	default:
		panic(r.TypeError(`%s: the type must be "text", "json", "arrayBuffer" or "stream", got %q`, n.what(method), o.as))
	}
	switch o.level {
	case "eventual":
	case kvLevelStrong:
		o.need = kv.Need{Leader: true}
	case "session":
		o.need = kv.Need{Bound: Stale}
		switch s := r.Scope(); {
		case n.History:
			o.need = kv.Need{Leader: true}
		case s != nil:
			o.need.Rev = s.Seen
		}
	default:
		panic(r.TypeError(`%s: the consistency must be "eventual", "session" or "strong", got %q`, n.what(method), o.level))
	}
	return o
}

// get reads one key or several. shape makes the result of an entry, which is nil when there is none.
func (n *namespace) get(r *web.Realm, method string, c goja.FunctionCall, shape func(n *namespace, r *web.Realm, method, as string, e *kv.Entry) goja.Value) goja.Value {
	o := n.readOptions(r, method, c.Argument(1))
	if _, several := c.Argument(0).(*goja.Object); several {
		return n.getEach(r, method, c.Argument(0), o, shape)
	}
	key := n.key(r, method, c.Argument(0))
	if r.Scope() != nil {
		if e, ok := n.Replica.Cached(n.Space, key, o.need); ok && e.Pieces == 0 {
			return shape(n, r, method, o.as, n.seen(r, &e))
		}
	}
	return n.ask(r, method, func(ctx context.Context) func() goja.Value {
		e, err := n.read(ctx, key, o)
		return func() goja.Value {
			n.check(r, method, err)
			return shape(n, r, method, o.as, n.seen(r, &e))
		}
	})
}

// getEach reads several keys into a Map.
func (n *namespace) getEach(r *web.Realm, method string, list goja.Value, o read, shape func(n *namespace, r *web.Realm, method, as string, e *kv.Entry) goja.Value) goja.Value {
	if o.as != "text" && o.as != "json" {
		panic(r.TypeError(`%s: several keys can be read as "text" or "json", got %q`, n.what(method), o.as))
	}
	var keys []string
	r.Each(n.what(method)+": the keys", list, func(v goja.Value) {
		if keys = append(keys, n.key(r, method, v)); len(keys) > kvKeysMax {
			panic(r.TypeError("%s: at most %d keys may be read at once", n.what(method), kvKeysMax))
		}
	})
	return n.ask(r, method, func(ctx context.Context) func() goja.Value {
		entries := make([]kv.Entry, len(keys))
		errs := make(chan error, len(keys))
		for i, key := range keys {
			go func() {
				var err error
				entries[i], err = n.read(ctx, key, o)
				errs <- err
			}()
		}
		var err error
		for range keys {
			if e := <-errs; e != nil && !errors.Is(e, kv.ErrNotFound) {
				err = e
			}
		}
		return func() goja.Value {
			n.check(r, method, err)
			m, err := r.VM.New(r.VM.GlobalObject().Get("Map"))
			if err != nil {
				panic(err)
			}
			set, _ := goja.AssertFunction(m.Get("set"))
			for i, key := range keys {
				if _, err := set(m, r.VM.ToValue(key), shape(n, r, method, o.as, n.seen(r, &entries[i]))); err != nil {
					panic(err)
				}
			}
			return m
		}
	})
}

// read asks for an entry. It is Deleted when there is none.
func (n *namespace) read(ctx context.Context, key string, o read) (e kv.Entry, err error) {
	if e, err = n.Replica.Read(ctx, n.Space, key, o.need); err == nil {
		if err = n.Space.Whole(ctx, &e); errors.Is(err, kv.ErrNotFound) { // it was replaced meanwhile
			e, err = n.Space.ReadWhole(ctx, key)
		}
	}
	if errors.Is(err, kv.ErrNotFound) {
		e.Deleted, err = true, nil
	}
	return e, err
}

// seen notes what the client is about to learn. It returns nil for an entry without a value.
func (n *namespace) seen(r *web.Realm, e *kv.Entry) *kv.Entry {
	n.saw(r, e.Rev)
	if e.Deleted {
		return nil
	}
	return e
}

func (n *namespace) saw(r *web.Realm, rev uint64) {
	if s := r.Scope(); s != nil && !n.History && rev > s.Seen {
		s.Seen = rev
	}
}

// plain is the result of get.
func (n *namespace) plain(r *web.Realm, method, as string, e *kv.Entry) goja.Value {
	if e == nil {
		return goja.Null()
	}
	switch as {
	case "json":
		return r.ParseJSON(string(e.Value))
	case "arrayBuffer":
		return r.VM.ToValue(r.VM.NewArrayBuffer(append([]byte(nil), e.Value...)))
	case "stream":
		return r.Readable(e.Value)
	}
	return r.VM.ToValue(text(e.Value))
}

// detailed is the result of getWithMetadata.
func (n *namespace) detailed(r *web.Realm, method, as string, e *kv.Entry) goja.Value {
	value, meta, rev := goja.Null(), goja.Null(), goja.Null()
	if e != nil {
		value, meta, rev = n.plain(r, method, as, e), n.meta(r, e), r.VM.ToValue(int64(e.Rev))
	}
	return object(r, "value", value, "metadata", meta, "rev", rev, "cacheStatus", goja.Null())
}

// meta is what put was given as metadata.
func (n *namespace) meta(r *web.Realm, e *kv.Entry) goja.Value {
	if e.Meta == "" {
		return goja.Null()
	}
	return r.ParseJSON(e.Meta)
}

// ask runs work, which asks the store, with a bound on its time.
func (n *namespace) ask(r *web.Realm, method string, work func(ctx context.Context) func() goja.Value) goja.Value {
	return r.Await(n.what(method), func(ctx context.Context) func() goja.Value {
		ctx, cancel := context.WithTimeout(ctx, n.Wait)
		defer cancel()
		return work(ctx)
	})
}

// check throws what err means to code, if it is one.
func (n *namespace) check(r *web.Realm, method string, err error) {
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		panic(thrown(r, n.what(method), err))
	}
}

// thrown is the error that code gets.
func thrown(r *web.Realm, what string, err error) *goja.Object {
	switch {
	case errors.Is(err, kv.ErrUnavailable), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return r.Unavailable(fmt.Sprintf("%s: the state store does not answer", what))
	case errors.Is(err, kv.ErrFull):
		return r.Exception("QuotaExceededError", "%s: %s", what, strings.TrimPrefix(err.Error(), "kv: "))
	case errors.Is(err, kv.ErrTooLarge):
		return r.Exception("QuotaExceededError", "%s: %s", what, strings.TrimPrefix(err.Error(), "kv: "))
	}
	return r.TypeError("%s: %v", what, err)
}

// object makes a plain object of names and values.
func object(r *web.Realm, members ...any) *goja.Object {
	o := r.VM.NewObject()
	for i := 0; i < len(members); i += 2 {
		if err := o.Set(members[i].(string), members[i+1]); err != nil {
			panic(err)
		}
	}
	return o
}
