package web

import (
	"encoding/base64"

	"github.com/dop251/goja"
)

// States of a FileReader (File API 6.2).
const (
	readerEmpty   = 0
	readerLoading = 1
	readerDone    = 2
)

// fileReader is the Go half of a FileReader (File API 6.2). A blob's bytes are in memory, so that a read takes two
// turns: one begins it, the other ends it.
type fileReader struct {
	eventTarget
	state  int
	result goja.Value // null until a read has ended
	serial int        // of the read that is under way: abort leaves the turns of an earlier one nothing to do
}

var fileReaderClass = expose("FileReader")

func init() {
	read := func(name string, convert func(r *Realm, b *blob, charset goja.Value) goja.Value) member {
		return method(name, 1, func(r *Realm, f *fileReader, c goja.FunctionCall) goja.Value {
			b, ok := half[*blob](c.Argument(0))
			if !ok {
				panic(r.TypeError("FileReader.%s: the argument must be a Blob, got %s", name, kind(c.Argument(0))))
			}
			charset := c.Argument(1)
			r.read(f, c.This.(*goja.Object), b, func() goja.Value { return convert(r, b, charset) })
			return goja.Undefined()
		})
	}
	fileReaderClass.parent = eventTargetClass
	fileReaderClass.construct = func(*Realm, goja.ConstructorCall) any { return &fileReader{result: goja.Null()} }
	fileReaderClass.constants = []constant{{"EMPTY", readerEmpty}, {"LOADING", readerLoading}, {"DONE", readerDone}}
	fileReaderClass.members = []member{
		read("readAsArrayBuffer", func(r *Realm, b *blob, _ goja.Value) goja.Value {
			return r.VM.ToValue(r.VM.NewArrayBuffer(b.copy()))
		}),
		read("readAsBinaryString", func(r *Realm, b *blob, _ goja.Value) goja.Value { return r.latin1(string(b.data)) }),
		read("readAsText", (*Realm).decodeBlob),
		read("readAsDataURL", func(r *Realm, b *blob, _ goja.Value) goja.Value {
			typ := b.typ
			if typ == "" {
				typ = "application/octet-stream"
			}
			return r.VM.ToValue("data:" + typ + ";base64," + base64.StdEncoding.EncodeToString(b.data))
		}),
		method("abort", 0, func(r *Realm, f *fileReader, c goja.FunctionCall) goja.Value {
			f.result = goja.Null()
			if f.state != readerLoading {
				return goja.Undefined()
			}
			f.state = readerDone
			f.serial++
			serial := f.serial
			r.progress(f, c.This, "abort", nil)
			if f.serial == serial { // a listener may have begun another read
				r.progress(f, c.This, "loadend", nil)
			}
			return goja.Undefined()
		}),
		getter("readyState", func(r *Realm, f *fileReader) goja.Value { return r.VM.ToValue(f.state) }),
		getter("result", func(_ *Realm, f *fileReader) goja.Value { return f.result }),
		getter("error", func(*Realm, *fileReader) goja.Value { return goja.Null() }),
	}
	for _, typ := range []string{"loadstart", "progress", "load", "abort", "error", "loadend"} {
		fileReaderClass.members = append(fileReaderClass.members, attribute[*fileReader](typ))
	}
}

// decodeBlob is "package data" as text: by the label given, else the charset of the blob's type, else as UTF-8.
func (r *Realm) decodeBlob(b *blob, label goja.Value) goja.Value {
	decode := func(label goja.Value) (v goja.Value) {
		if thrown := r.try(func() {
			decoder, err := r.VM.New(r.class(textDecoderClass).constructor, label)
			if err != nil {
				panic(err)
			}
			f, _ := goja.AssertFunction(decoder.Get("decode"))
			if v, err = f(decoder, r.uint8Array(b.copy())); err != nil {
				panic(err)
			}
		}); thrown != nil {
			return nil // the label names no encoding
		}
		return v
	}
	if !goja.IsUndefined(label) {
		if v := decode(label); v != nil {
			return v
		}
	}
	if _, params := parseMediaType(b.typ); params["charset"] != "" {
		if v := decode(r.VM.ToValue(params["charset"])); v != nil {
			return v
		}
	}
	return r.VM.ToValue(decodeUTF8(b.data))
}

// read is "read operation" (File API 6.2).
func (r *Realm) read(f *fileReader, object *goja.Object, b *blob, convert func() goja.Value) {
	if f.state == readerLoading {
		panic(r.Exception("InvalidStateError", "FileReader: a read is under way already; wait for loadend"))
	}
	f.state, f.result = readerLoading, goja.Null()
	f.serial++
	serial := f.serial
	r.after("FileReader", 0, func() error {
		if f.serial == serial {
			r.progress(f, object, "loadstart", b)
		}
		return nil
	})
	r.after("FileReader", 0, func() error {
		if f.serial == serial && len(b.data) > 0 {
			r.progress(f, object, "progress", b)
		}
		if f.serial != serial {
			return nil
		}
		f.state, f.result = readerDone, convert()
		r.progress(f, object, "load", b)
		if f.serial == serial {
			r.progress(f, object, "loadend", b)
		}
		return nil
	})
}

// progress fires a ProgressEvent that says how much of b is read: all, for loadstart none.
func (r *Realm) progress(f *fileReader, object goja.Value, typ string, b *blob) {
	e := &progressEvent{}
	if b != nil {
		e.computable, e.total = true, float64(len(b.data))
		if typ != "loadstart" {
			e.loaded = e.total
		}
	}
	r.fire(f, object.(*goja.Object), progressEventClass, e, typ)
}
