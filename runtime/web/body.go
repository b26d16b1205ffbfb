package web

import (
	"unsafe"

	"github.com/dop251/goja"
)

// body is the state of the Body mixin (Fetch 5.3): nothing, bytes that are all here, or a stream.
type body struct {
	present bool
	used    bool
	data    []byte        // when stream is nil
	arrival *arrival      // instead of data: not all of it is here, and no stream was made of it yet
	stream  *goja.Object  // a ReadableStream: given by code, or made when code asked for .body
	memory  *memoryStream // its Go half, when its bytes are in memory
}

// bytes returns the whole body and whether it is in memory, where nobody else reads it.
func (b *body) bytes() (data []byte, ok bool) {
	switch {
	case b.stream == nil:
		return b.data, true
	case b.memory != nil && !b.memory.awake:
		return b.memory.data, true
	}
	return nil, false
}

// take marks the body as read.
func (b *body) take() {
	b.used = true
	if b.memory != nil {
		b.memory.taken = true
	}
}

// bodied is a Go half that has a body: request and response.
type bodied interface {
	content() *body
	contentType() string
}

// extract makes a body of a BodyInit and says which Content-Type it implies (Fetch 5.2).
func (r *Realm) extract(what string, v goja.Value) (b body, contentType string) {
	b.present = true
	if o, ok := v.(*goja.Object); ok {
		if data, ok := r.bytes(o); ok {
			b.data = append([]byte(nil), data...)
			return b, ""
		}
		if f, ok := half[*blob](o); ok {
			b.data = f.data
			return b, f.typ
		}
		if s, ok := half[*searchParams](o); ok {
			b.data = []byte(serializeQuery(s.list))
			return b, "application/x-www-form-urlencoded;charset=UTF-8"
		}
		if f, ok := half[*formData](o); ok {
			b.data, contentType = encodeMultipart(f)
			return b, contentType
		}
		if r.isReadable(o) {
			if r.locked(o) || r.disturbed(o) {
				panic(r.TypeError("%s: the ReadableStream is locked or has been read from", what))
			}
			b.stream = o
			b.memory, _ = half[*memoryStream](o)
			return b, ""
		}
	}
	b.data = immutableBytes(text(v))
	return b, "text/plain;charset=UTF-8"
}

// immutableBytes is s as bytes that nobody may change, without a copy.
func immutableBytes(s string) []byte {
	return unsafe.Slice(unsafe.StringData(s), len(s))
}

// isUsed reports whether the body has been read from.
func (b *body) isUsed(r *Realm) bool {
	return b.used || b.stream != nil && r.disturbed(b.stream)
}

// open makes a stream of a body that is still coming in, for whoever is about to read it.
func (b *body) open(r *Realm) {
	if b.arrival != nil {
		b.stream, b.arrival = b.arrival.stream(r), nil
	}
}

// consume claims the body for its one reader and returns a promise of what convert makes of all its bytes.
func (b *body) consume(r *Realm, what string, convert func(data []byte) goja.Value) goja.Value {
	b.open(r)
	if b.isUsed(r) {
		return r.rejected(r.TypeError("%s: the body has been read already; read a clone() instead", what))
	}
	if b.stream != nil && r.locked(b.stream) {
		return r.rejected(r.TypeError("%s: the body's stream is locked to a reader", what))
	}
	if !b.present {
		return r.promised(func() goja.Value { return convert(nil) })
	}
	b.take()
	if data, ok := b.bytes(); ok {
		return r.promised(func() goja.Value { return convert(data) })
	}
	p, resolve, reject := r.VM.NewPromise()
	r.then(r.readAll(b.stream), func(v goja.Value) {
		data, _ := r.bytes(v)
		var out goja.Value
		if thrown := r.try(func() { out = convert(data) }); thrown != nil {
			must(reject(thrown))
			return
		}
		must(resolve(out))
	}, func(reason goja.Value) { must(reject(reason)) })
	return r.VM.ToValue(p)
}

// clone is a second body with the same bytes; a stream is teed.
func (b *body) clone(r *Realm, what string) body {
	b.open(r)
	if b.isUsed(r) || b.stream != nil && r.locked(b.stream) {
		panic(r.TypeError("%s: the body has been read already or is locked", what))
	}
	if data, ok := b.bytes(); ok {
		return body{present: b.present, data: data}
	}
	c := *b
	b.stream, c.stream = r.tee(b.stream)
	b.memory, c.memory = nil, nil
	return c
}

// readable is the value of the body attribute.
func (b *body) readable(r *Realm) goja.Value {
	if !b.present {
		return goja.Null()
	}
	if b.open(r); b.stream == nil {
		b.stream, b.memory = r.readableOf(b.data)
		b.memory.taken = b.used
	}
	return b.stream
}

// bodyMembers are the members every Body has, for a class whose half is T.
func bodyMembers[T bodied]() []member {
	reader := func(name string, convert func(r *Realm, t T, data []byte) goja.Value) member {
		return member{name: name, call: func(r *Realm, c goja.FunctionCall) goja.Value {
			t, ok := half[T](c.This)
			if !ok {
				return r.rejected(r.TypeError("%s: illegal invocation: this is not the right kind of object", name))
			}
			return t.content().consume(r, name, func(data []byte) goja.Value { return convert(r, t, data) })
		}}
	}
	return []member{
		getter("body", func(r *Realm, t T) goja.Value { return t.content().readable(r) }),
		getter("bodyUsed", func(r *Realm, t T) goja.Value { return r.VM.ToValue(t.content().isUsed(r)) }),
		reader("text", func(r *Realm, _ T, data []byte) goja.Value { return r.VM.ToValue(decodeUTF8(data)) }),
		reader("json", func(r *Realm, _ T, data []byte) goja.Value { return r.parseJSON(decodeUTF8(data)) }),
		reader("bytes", func(r *Realm, _ T, data []byte) goja.Value {
			return r.uint8Array(append([]byte(nil), data...))
		}),
		reader("arrayBuffer", func(r *Realm, _ T, data []byte) goja.Value {
			return r.VM.ToValue(r.VM.NewArrayBuffer(append([]byte(nil), data...)))
		}),
		reader("blob", func(r *Realm, t T, data []byte) goja.Value {
			return r.make(blobClass, &blob{data: append([]byte(nil), data...), typ: t.contentType()})
		}),
		reader("formData", func(r *Realm, t T, data []byte) goja.Value {
			f, err := parseForm(t.contentType(), data)
			if err != nil {
				panic(r.TypeError("formData: %v", err))
			}
			return r.make(formDataClass, f)
		}),
	}
}
