package web

import (
	"embed"
	"strings"
	"sync"

	"github.com/dop251/goja"
)

// The streams of the platform (Streams, Encoding 7, Compression) are JavaScript of ours: their algorithms are chains of
// promises. What Go has to do with them is here.

//go:embed streams_*.js
var streamsFiles embed.FS

// streamsProgram is a function of the host object, which returns the exports.
var streamsProgram = assembled("streams", streamsFiles,
	"core", "strategies", "readable", "readers", "from", "controller", "bytes", "tee",
	"writable", "writer", "pipe", "transform", "coders", "exports")

// Precompile compiles the platform's own JavaScript, which takes some milliseconds, so that no handler is charged for it.
func Precompile() { streamsProgram() }

// assembled compiles, when it is first asked for, the files name_*.js as the body of one function of a host object, in the
// order given, so that they share their names; all VMs share the program.
func assembled(name string, files embed.FS, parts ...string) func() *goja.Program {
	return sync.OnceValue(func() *goja.Program {
		var b strings.Builder
		b.WriteString("(function (host) { 'use strict';\n")
		for _, part := range parts {
			source, err := files.ReadFile(name + "_" + part + ".js")
			must(err)
			b.Write(source)
		}
		b.WriteString("})")
		return goja.MustCompile("fortuna:"+name, b.String(), true)
	})
}

var streamClasses = []string{
	"ByteLengthQueuingStrategy", "CountQueuingStrategy",
	"ReadableStream", "ReadableStreamDefaultReader", "ReadableStreamBYOBReader", "ReadableStreamDefaultController",
	"ReadableByteStreamController", "ReadableStreamBYOBRequest",
	"WritableStream", "WritableStreamDefaultWriter", "WritableStreamDefaultController",
	"TransformStream", "TransformStreamDefaultController",
	"TextEncoderStream", "TextDecoderStream", "CompressionStream", "DecompressionStream",
}

// streamsKit holds the exports of the program in one VM: the constructors by name, and functions for Go.
var streamsKit = conceal("fortuna.streams")

func init() {
	streamsKit.scripted = func(r *Realm) *goja.Object {
		r.symbols()
		exports, err := r.run(streamsProgram())(goja.Undefined(), r.streamsHost())
		must(err)
		return exports.(*goja.Object)
	}
	for _, name := range streamClasses {
		expose(name).scripted = func(r *Realm) *goja.Object {
			first := r.built[streamsKit.index] == nil
			c := r.streams().Get(name).(*goja.Object)
			for _, other := range streamClasses {
				if first && other != name {
					r.VM.GlobalObject().Get(other) // one of them made all of them: let the global object show it
				}
			}
			return c
		}
	}
}

// streams returns the exports, and runs the program when this is the first mention of a stream in this VM.
func (r *Realm) streams() *goja.Object { return r.class(streamsKit).constructor }

// stream calls an export. What it throws goes on to the caller.
func (r *Realm) stream(name string, args ...goja.Value) goja.Value {
	f, _ := goja.AssertFunction(r.streams().Get(name))
	v, err := f(goja.Undefined(), args...)
	if err != nil {
		panic(err)
	}
	return v
}

// isReadable reports whether v is a ReadableStream.
func (r *Realm) isReadable(v goja.Value) bool {
	if _, isObject := v.(*goja.Object); !isObject || r.built[streamsKit.index] == nil {
		return false // code that never mentioned streams has none
	}
	if _, ok := half[*memoryStream](v); ok {
		return true
	}
	return r.stream("isReadable", v).ToBoolean()
}

// locked reports whether a ReadableStream has a reader.
func (r *Realm) locked(stream *goja.Object) bool {
	if m, ok := half[*memoryStream](stream); ok && !m.awake {
		return false
	}
	return r.stream("locked", stream).ToBoolean()
}

// disturbed reports whether a ReadableStream has been read from or cancelled.
func (r *Realm) disturbed(stream *goja.Object) bool {
	if m, ok := half[*memoryStream](stream); ok && !m.awake {
		return m.taken
	}
	return r.stream("disturbed", stream).ToBoolean()
}

// tee splits a ReadableStream in two, and locks it. It throws a TypeError when the stream is locked.
func (r *Realm) tee(stream *goja.Object) (a, b *goja.Object) {
	pair := r.stream("tee", stream).(*goja.Object)
	return pair.Get("0").(*goja.Object), pair.Get("1").(*goja.Object)
}

// readAllBytesMax bounds what readAll gathers unless its caller names another bound.
const readAllBytesMax = 128 << 20

// readAll is a promise of a Uint8Array of all that a ReadableStream holds. It is rejected with a TypeError when a chunk
// is not bytes, when the stream is locked, or when the bytes exceed readAllBytesMax.
func (r *Realm) readAll(stream *goja.Object) goja.Value {
	return r.readAtMost(stream, readAllBytesMax, "128 MiB")
}

// readAtMost is readAll with a bound of its own; limit names it in the error ("bodyBytesMax = 1 MiB").
func (r *Realm) readAtMost(stream *goja.Object, bytesMax int, limit string) goja.Value {
	var all []byte
	collect := r.function("", 1, func(r *Realm, c goja.FunctionCall) goja.Value {
		chunk := r.chunkBytes("the body's stream", c.Argument(0))
		if len(chunk) > bytesMax-len(all) {
			panic(r.TypeError("the body's stream is longer than its limit, %s", limit))
		}
		all = append(all, chunk...)
		return goja.Undefined()
	})
	join := r.function("", 0, func(r *Realm, _ goja.FunctionCall) goja.Value { return r.uint8Array(all) })
	var promise goja.Value
	if thrown := r.try(func() { promise = r.stream("readAll", stream, collect, join) }); thrown != nil {
		return r.rejected(thrown)
	}
	return promise
}

// chunkBytes is the memory of a chunk that must be bytes; what says where the chunk was met.
func (r *Realm) chunkBytes(what string, chunk goja.Value) []byte {
	if b, ok := r.bytes(chunk); ok {
		return b
	}
	hint := ""
	if kind(chunk) == "a string" {
		hint = "; encode it with TextEncoder, or pipe the stream through a TextEncoderStream"
	}
	panic(r.TypeError("%s: a chunk must be a Uint8Array, got %s%s", what, kind(chunk), hint))
}

// memoryStream is the Go half of a ReadableStream whose bytes are in memory. Frameworks pass the body of one response to
// the next by its stream and never look at it: until something does, Go hands the bytes on and no stream is built.
type memoryStream struct {
	data  []byte
	taken bool // read by Go
	awake bool // a stream like any other
}

// readableOf is a ReadableStream (a byte stream) of one chunk, a copy of b made when code reads it. b must not change
// before.
func (r *Realm) readableOf(b []byte) (stream *goja.Object, m *memoryStream) {
	stream, m = r.stream("memory").(*goja.Object), &memoryStream{data: b}
	attach(stream, m)
	return stream, m
}

// wake is the stream that m becomes when code touches it.
func (r *Realm) wake(m *memoryStream) *goja.Object {
	m.awake = true
	rest := m.data
	if m.taken {
		rest = nil
	}
	return r.readableFrom(byteSource{
		highWaterMark: 0,
		pull: func(push func([]byte), close func()) goja.Value {
			push(append([]byte(nil), rest...))
			rest = nil
			close()
			return goja.Undefined()
		},
		cancel: func(goja.Value) goja.Value { rest = nil; return goja.Undefined() },
	})
}

// byteSource is an underlying source in Go. Its functions run on the VM's goroutine.
type byteSource struct {
	// highWaterMark is how many bytes may wait in the stream before pull is no longer called unasked; with 0 it is
	// called only while someone reads.
	highWaterMark int

	// pull is called when bytes are wanted. It returns undefined or a promise (of Realm.Await, say), and is not called
	// again before that is fulfilled: this is the backpressure. push takes over the bytes; it and close may also be
	// called later, while the promise is pending. A rejected promise or a throw fails the stream.
	pull func(push func(b []byte), close func()) goja.Value

	// cancel is called when the reader wants no more; pull is not called after it.
	cancel func(reason goja.Value) goja.Value
}

// readableFrom is a ReadableStream (a byte stream) over a source in Go.
func (r *Realm) readableFrom(source byteSource) *goja.Object {
	pull := r.function("pull", 2, func(r *Realm, c goja.FunctionCall) goja.Value {
		push, _ := goja.AssertFunction(c.Argument(0))
		closed, _ := goja.AssertFunction(c.Argument(1))
		return source.pull(func(b []byte) {
			if len(b) == 0 {
				return
			}
			if _, err := push(goja.Undefined(), r.uint8Array(b)); err != nil {
				panic(err)
			}
		}, func() {
			if _, err := closed(goja.Undefined()); err != nil {
				panic(err)
			}
		})
	})
	cancel := r.function("cancel", 1, func(r *Realm, c goja.FunctionCall) goja.Value { return source.cancel(c.Argument(0)) })
	return r.stream("source", pull, cancel, r.VM.ToValue(source.highWaterMark)).(*goja.Object)
}

// streamsHost is what the program may use of Go.
func (r *Realm) streamsHost() *goja.Object {
	host := r.VM.NewObject()
	lend := func(name string, f func(c goja.FunctionCall) goja.Value) { must(host.Set(name, f)) }

	lend("kind", func(c goja.FunctionCall) goja.Value { return r.VM.ToValue(kind(c.Argument(0))) })
	lend("class", func(c goja.FunctionCall) goja.Value { return r.class(globals[c.Argument(0).String()]).constructor })
	lend("encode", func(c goja.FunctionCall) goja.Value { return r.uint8Array([]byte(text(c.Argument(0)))) })
	lend("compressor", func(c goja.FunctionCall) goja.Value { return r.compressor(c.Argument(0).String()) })
	lend("decompressor", func(c goja.FunctionCall) goja.Value { return r.decompressor(c.Argument(0).String()) })

	lend("detached", func(c goja.FunctionCall) goja.Value {
		b, _ := c.Argument(0).Export().(goja.ArrayBuffer)
		return r.VM.ToValue(b.Detached())
	})
	lend("transfer", func(c goja.FunctionCall) goja.Value {
		b, isBuffer := c.Argument(0).Export().(goja.ArrayBuffer)
		if !isBuffer || b.Detached() {
			panic(r.TypeError("the ArrayBuffer is detached"))
		}
		moved := r.VM.NewArrayBuffer(b.Bytes())
		b.Detach()
		return r.VM.ToValue(moved)
	})

	memory := func(c goja.FunctionCall) *memoryStream {
		m, _ := half[*memoryStream](c.Argument(0))
		return m
	}
	lend("taken", func(c goja.FunctionCall) goja.Value { return r.VM.ToValue(memory(c).taken) })
	lend("wake", func(c goja.FunctionCall) goja.Value { return r.wake(memory(c)) })

	signal := func(c goja.FunctionCall) *abortSignal {
		s, _ := half[*abortSignal](c.Argument(0))
		return s
	}
	lend("isSignal", func(c goja.FunctionCall) goja.Value { return r.VM.ToValue(signal(c) != nil) })
	lend("aborted", func(c goja.FunctionCall) goja.Value { return r.VM.ToValue(signal(c).aborted()) })
	lend("reason", func(c goja.FunctionCall) goja.Value { return signal(c).reason })
	lend("newSignal", func(goja.FunctionCall) goja.Value { o, _ := r.newSignal(); return o })
	lend("abort", func(c goja.FunctionCall) goja.Value {
		r.abort(signal(c), c.Argument(1))
		return goja.Undefined()
	})
	lend("onAbort", func(c goja.FunctionCall) goja.Value {
		f, _ := goja.AssertFunction(c.Argument(1))
		remove := signal(c).onAbort(func() {
			if _, err := f(goja.Undefined()); err != nil {
				panic(err)
			}
		})
		return r.VM.ToValue(func(goja.FunctionCall) goja.Value { remove(); return goja.Undefined() })
	})
	return host
}
