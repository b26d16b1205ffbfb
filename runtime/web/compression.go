package web

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"sync"

	"github.com/dop251/goja"
)

// Bounds of a DecompressionStream, against input made to explode.
const (
	inflateBytesMax    = 256 << 20 // of output in all
	inflateRatioMax    = 250       // of output to input, once there are more than inflateRatioAfter bytes of output
	inflateRatioAfter  = 16 << 20
	inflateChunkBytes  = 64 << 10
	compressionFormats = `"gzip", "deflate" or "deflate-raw"`
)

// deflater is what Go's three compressors have in common.
type deflater interface {
	io.WriteCloser
	Reset(w io.Writer)
}

// deflaters are pooled by format: each holds several hundred kB.
var deflaters = map[string]*sync.Pool{
	"gzip":    {New: func() any { return gzip.NewWriter(nil) }},
	"deflate": {New: func() any { return zlib.NewWriter(nil) }},
	"deflate-raw": {New: func() any {
		w, err := flate.NewWriter(nil, flate.DefaultCompression)
		must(err)
		return w
	}},
}

// algorithms is a transformer for createTransform in streams_transform.js. transform and flush may push any number of
// chunks, which the stream takes over.
func (r *Realm) algorithms(transform func(b []byte, push func([]byte)), flush func(push func([]byte)), cancel func()) *goja.Object {
	pusher := func(v goja.Value) func([]byte) {
		enqueue, _ := goja.AssertFunction(v)
		return func(b []byte) {
			if len(b) == 0 {
				return
			}
			if _, err := enqueue(goja.Undefined(), r.uint8Array(b)); err != nil {
				panic(err)
			}
		}
	}
	o := r.VM.NewObject()
	must(o.Set("transform", func(c goja.FunctionCall) goja.Value {
		b, ok := r.bytes(c.Argument(0))
		if !ok {
			panic(r.TypeError("a chunk must be an ArrayBuffer or a view of one, got %s", kind(c.Argument(0))))
		}
		transform(b, pusher(c.Argument(1)))
		return goja.Undefined()
	}))
	must(o.Set("flush", func(c goja.FunctionCall) goja.Value { flush(pusher(c.Argument(0))); return goja.Undefined() }))
	must(o.Set("cancel", func(goja.FunctionCall) goja.Value { cancel(); return goja.Undefined() }))
	return o
}

// compressor is the transformer of a CompressionStream (Compression 4).
func (r *Realm) compressor(format string) *goja.Object {
	pool := deflaters[format]
	if pool == nil {
		panic(r.TypeError("CompressionStream: the format must be %s, got %q", compressionFormats, format))
	}
	var out bytes.Buffer
	var w deflater
	take := func(push func([]byte)) {
		push(bytes.Clone(out.Bytes()))
		out.Reset()
	}
	begin := func() {
		if w == nil {
			w = pool.Get().(deflater)
			w.Reset(&out)
		}
	}
	end := func() {
		if w != nil {
			w.Reset(io.Discard)
			pool.Put(w)
			w = nil
		}
	}
	return r.algorithms(func(b []byte, push func([]byte)) {
		begin()
		_, err := w.Write(b)
		must(err) // a bytes.Buffer takes everything
		take(push)
	}, func(push func([]byte)) {
		begin()
		must(w.Close())
		take(push)
		end()
	}, end)
}

// decompressor is the transformer of a DecompressionStream (Compression 5).
func (r *Realm) decompressor(format string) *goja.Object {
	if deflaters[format] == nil {
		panic(r.TypeError("DecompressionStream: the format must be %s, got %q", compressionFormats, format))
	}
	d := newInflater(format)
	step := func(push func([]byte)) {
		if err := d.inflate(push); err != nil {
			d.stop()
			panic(r.TypeError("DecompressionStream: %v", err))
		}
	}
	return r.algorithms(func(b []byte, push func([]byte)) {
		d.feed.add(b)
		step(push)
	}, func(push func([]byte)) {
		d.feed.ended = true
		step(push)
		d.stop()
	}, d.stop)
}

// inflater drives one of Go's decompressors, which pull, by input that is pushed: the decompressor is a coroutine that
// yields a chunk of output, or nil when it wants more input.
type inflater struct {
	feed *feed
	next func() ([]byte, bool)
	stop func()
}

// feed is the input of an inflater. It refers to nothing of the inflater, so that one that was forgotten is collected.
type feed struct {
	data    []byte
	ended   bool
	in, out int64
	wait    func() bool // yields for more input; false when there will be none because the stream was given up
	err     error       // how the output ended: io.EOF is well
}

var errTruncated = errors.New("the compressed data ended too early")

func newInflater(format string) *inflater {
	f := &feed{}
	d := &inflater{feed: f}
	d.next, d.stop = iter.Pull(f.chunks(format))
	runtime.AddCleanup(d, func(stop func()) { stop() }, d.stop)
	return d
}

// inflate pushes all output that the input so far allows.
func (d *inflater) inflate(push func([]byte)) error {
	f := d.feed
	for f.err == nil {
		chunk, ok := d.next()
		if !ok || chunk == nil {
			break
		}
		f.out += int64(len(chunk))
		if f.out > inflateBytesMax {
			return fmt.Errorf("more than %d MiB of output", inflateBytesMax>>20)
		}
		if f.out > inflateRatioAfter && f.out/inflateRatioMax > f.in {
			return fmt.Errorf("the output is more than %d times the input", inflateRatioMax)
		}
		push(chunk)
	}
	switch {
	case f.err == nil && f.ended, errors.Is(f.err, io.ErrUnexpectedEOF):
		return errTruncated
	case f.err == io.EOF && len(f.data) > 0:
		return errors.New("there is data after the end of the compressed data")
	case f.err != nil && f.err != io.EOF:
		return fmt.Errorf("the compressed data is not valid: %w", f.err)
	}
	return nil
}

func (f *feed) add(b []byte) {
	f.data = append(f.data, b...)
	f.in += int64(len(b))
}

// chunks is the coroutine.
func (f *feed) chunks(format string) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		f.wait = func() bool { return yield(nil) }
		var source io.Reader
		switch format {
		case "gzip":
			z, err := gzip.NewReader(f)
			if err != nil {
				f.err = f.early(err)
				return
			}
			z.Multistream(false)
			source = z
		case "deflate":
			z, err := zlib.NewReader(f)
			if err != nil {
				f.err = f.early(err)
				return
			}
			source = z
		default:
			source = flate.NewReader(f)
		}
		chunk := make([]byte, inflateChunkBytes)
		for {
			n, err := source.Read(chunk)
			if n > 0 && !yield(bytes.Clone(chunk[:n])) {
				return
			}
			if err != nil {
				f.err = err
				return
			}
		}
	}
}

// early is the error of a header: io.EOF there is not the end, but truncation.
func (f *feed) early(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (f *feed) Read(p []byte) (int, error) {
	for len(f.data) == 0 {
		if f.ended || !f.wait() {
			return 0, io.EOF
		}
	}
	n := copy(p, f.data)
	f.data = f.data[n:]
	return n, nil
}

// ReadByte makes the decompressors read no further than the end of the compressed data.
func (f *feed) ReadByte() (byte, error) {
	for len(f.data) == 0 {
		if f.ended || !f.wait() {
			return 0, io.EOF
		}
	}
	b := f.data[0]
	f.data = f.data[1:]
	return b, nil
}
