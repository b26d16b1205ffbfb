package binding

import (
	"context"
	"encoding/base64"
	"math"

	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/runtime/web"
)

// list gives a page of the keys, in the order of their UTF-8 bytes.
func (n *namespace) list(r *web.Realm, options goja.Value) goja.Value {
	o := r.Options(n.what("list")+": the options", options)
	prefix, after, limit := "", "", kvListMax
	if v := web.Field(o, "prefix"); v != nil && !goja.IsNull(v) {
		prefix = web.Text(v)
	}
	if v := web.Field(o, "limit"); v != nil && !goja.IsNull(v) {
		f := v.ToFloat()
		if math.IsNaN(f) || f < 1 || f > kvListMax {
			panic(r.TypeError("%s: limit is from 1 to %d, got %s", n.what("list"), kvListMax, r.Inspect(v)))
		}
		limit = int(f)
	}
	if v := web.Field(o, "cursor"); v != nil && !goja.IsNull(v) && web.Text(v) != "" {
		b, err := base64.RawURLEncoding.DecodeString(web.Text(v))
		if err != nil {
			panic(r.TypeError("%s: the cursor must be one that a page before has given, got %q", n.what("list"), web.Text(v)))
		}
		after = string(b)
	}
	return n.ask(r, "list", func(ctx context.Context) func() goja.Value {
		page, err := n.Space.List(ctx, prefix, after, limit)
		return func() goja.Value {
			n.check(r, "list", err)
			keys := make([]any, len(page.Entries))
			for i := range page.Entries {
				e := &page.Entries[i]
				k := object(r, "name", e.Key, "rev", int64(e.Rev))
				if !e.Expires.IsZero() {
					n.set(k, "expiration", e.Expires.Unix())
				}
				if e.Meta != "" {
					n.set(k, "metadata", n.meta(r, e))
				}
				keys[i] = k
			}
			out := object(r, "keys", r.VM.NewArray(keys...), "list_complete", !page.More, "cacheStatus", goja.Null())
			if page.More {
				n.set(out, "cursor", base64.RawURLEncoding.EncodeToString([]byte(page.Entries[len(page.Entries)-1].Key)))
			}
			return out
		}
	})
}

func (n *namespace) set(o *goja.Object, name string, v any) {
	if err := o.Set(name, v); err != nil {
		panic(err)
	}
}

// history gives what a key was, oldest first.
func (n *namespace) history(r *web.Realm, c goja.FunctionCall) goja.Value {
	key := n.key(r, "history", c.Argument(0))
	o := n.readOptions(r, "history", c.Argument(1))
	return n.ask(r, "history", func(ctx context.Context) func() goja.Value {
		all, err := n.Space.History(ctx, key)
		return func() goja.Value {
			n.check(r, "history", err)
			list := make([]any, len(all))
			for i := range all {
				list[i] = n.change(r, "history", o.as, &all[i])
			}
			return r.VM.NewArray(list...)
		}
	})
}

// change is one value of a key, or its end.
func (n *namespace) change(r *web.Realm, method, as string, e *kv.Entry) *goja.Object {
	value, meta := goja.Null(), goja.Null()
	if !e.Deleted {
		value, meta = n.plain(r, method, as, e), n.meta(r, e)
	}
	date, err := r.VM.New(r.VM.GlobalObject().Get("Date"), r.VM.ToValue(e.Written.UnixMilli()))
	if err != nil {
		panic(err)
	}
	return object(r, "key", e.Key, "value", value, "metadata", meta, "rev", int64(e.Rev), "deleted", e.Deleted, "written", date)
}
