package binding

import (
	"context"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/runtime/web"
)

// put writes a value. It gives the revision, or null when the condition was not met.
func (n *namespace) put(r *web.Realm, c goja.FunctionCall) goja.Value {
	w := kv.Write{Key: n.key(r, "put", c.Argument(0))}
	n.writeOptions(r, "put", &w, r.Options(n.what("put")+": the options", c.Argument(2)))
	limit, name := kv.LargeBytesMax, "25 MiB, the most that a value may have"
	if n.History {
		limit, name = kv.ValueBytesMax, "512 kB, the most that a value may have where former ones are kept"
	}
	return r.Content(n.what("put"), c.Argument(1), limit, name, func(b []byte) goja.Value {
		if w.Value = b; len(b) > limit {
			panic(r.Exception("QuotaExceededError", "%s: the value has %d bytes, at most %d are allowed", n.what("put"), len(b), limit))
		}
		return n.write(r, "put", w)
	})
}

// delete removes a key, whether it is there or not. With a condition it gives null when that was not met.
func (n *namespace) delete(r *web.Realm, c goja.FunctionCall) goja.Value {
	w := kv.Write{Key: n.key(r, "delete", c.Argument(0)), Delete: true}
	n.condition(r, "delete", &w, r.Options(n.what("delete")+": the options", c.Argument(1)))
	return n.write(r, "delete", w)
}

// write makes the change durable.
func (n *namespace) write(r *web.Realm, method string, w kv.Write) goja.Value {
	return n.ask(r, method, func(ctx context.Context) func() goja.Value {
		rev, err := n.Space.Put(ctx, w)
		if err == nil {
			n.Replica.Keep(n.Space, w.Entry(rev))
		}
		return func() goja.Value {
			if errors.Is(err, kv.ErrExists) || errors.Is(err, kv.ErrMismatch) {
				return goja.Null()
			}
			n.check(r, method, err)
			n.saw(r, rev)
			return r.VM.ToValue(int64(rev))
		}
	})
}

// writeOptions reads Workers' expiration, expirationTtl and metadata, and the conditions.
func (n *namespace) writeOptions(r *web.Realm, method string, w *kv.Write, o *goja.Object) {
	if v := web.Field(o, "metadata"); v != nil && !goja.IsNull(v) {
		w.Meta = ascii(string(r.StringifyJSON(n.what(method)+": metadata", v)))
		if len(w.Meta) > kvMetaBytes {
			panic(r.TypeError("%s: metadata has %d bytes as JSON, at most %d are allowed", n.what(method), len(w.Meta), kvMetaBytes))
		}
	}
	ttl, at := web.Field(o, "expirationTtl"), web.Field(o, "expiration")
	if ttl != nil || at != nil {
		if n.History {
			panic(r.TypeError("%s: a namespace with history keeps its values: they cannot expire", n.what(method)))
		}
		var left float64 // seconds
		if ttl != nil {
			left = n.seconds(r, method, "expirationTtl", ttl)
		} else {
			left = math.Ceil(n.seconds(r, method, "expiration", at) - float64(time.Now().UnixMilli())/1000)
		}
		if left < 1 {
			panic(r.TypeError("%s: the value would have expired already; a time to live is 1 second or more", n.what(method)))
		}
		w.TTL = time.Duration(min(left, kvTTLMax.Seconds())) * time.Second
	}
	n.condition(r, method, w, o)
}

func (n *namespace) seconds(r *web.Realm, method, name string, v goja.Value) float64 {
	f := v.ToFloat()
	if web.Kind(v) != "a number" || math.IsNaN(f) || f != math.Trunc(f) || f < 1 {
		panic(r.TypeError("%s: %s is a whole number of seconds from 1, got %s", n.what(method), name, r.Inspect(v)))
	}
	return f
}

// condition reads onlyIfRev and onlyIfNew.
func (n *namespace) condition(r *web.Realm, method string, w *kv.Write, o *goja.Object) {
	if v := web.Field(o, "onlyIfNew"); v != nil && v.ToBoolean() {
		w.Check = kv.IfNew()
	}
	if v := web.Field(o, "onlyIfRev"); v != nil {
		w.Check = n.revision(r, method, "onlyIfRev", v)
	}
}

// revision reads a revision that a key must have; null is that it has no value.
func (n *namespace) revision(r *web.Realm, method, name string, v goja.Value) kv.Check {
	if goja.IsNull(v) {
		return kv.IfNew()
	}
	f := v.ToFloat()
	if web.Kind(v) != "a number" || f < 1 || f != math.Trunc(f) || f > 1<<53 {
		panic(r.TypeError("%s: %s is the rev that getWithMetadata or put gave, or null for a key without a value; got %s", n.what(method), name, r.Inspect(v)))
	}
	return kv.IfRev(uint64(f))
}

// ascii escapes the characters of a JSON text that a field of a header cannot hold.
func ascii(json string) string {
	plain := true
	for i := 0; i < len(json); i++ {
		plain = plain && json[i] < 0x80
	}
	if plain {
		return json
	}
	const hex = "0123456789abcdef"
	var b strings.Builder
	unit := func(u rune) {
		b.WriteString(`\u`)
		for shift := 12; shift >= 0; shift -= 4 {
			b.WriteByte(hex[u>>shift&15])
		}
	}
	for _, c := range json {
		switch {
		case c < 0x80:
			b.WriteByte(byte(c))
		case c < 0x10000:
			unit(c)
		default:
			c -= 0x10000
			unit(0xD800 + c>>10)
			unit(0xDC00 + c&0x3FF)
		}
	}
	return b.String()
}

// text is bytes as UTF-8, each error a U+FFFD.
func text(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }
