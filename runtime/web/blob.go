package web

import (
	"math"
	"strings"
	"time"

	"github.com/dop251/goja"
)

// blobBytesMax bounds one Blob: a Blob of Blobs doubles with every line of code, and goja has no memory limit.
const blobBytesMax = 128 << 20

// blob is the Go half of a Blob or a File (File API 3, 4). It never changes, so slices and parts share its bytes.
type blob struct {
	data     []byte
	typ      string
	isFile   bool
	name     string // of a File
	modified int64  // of a File: milliseconds since 1970
}

var blobClass, fileClass = expose("Blob"), expose("File")

func init() {
	blobClass.construct = func(r *Realm, c goja.ConstructorCall) any {
		b := &blob{}
		parts := r.blobParts("Blob", c.Argument(0))
		options := r.blobOptions("Blob", b, c.Argument(1))
		b.data = joinParts(parts, options.nativeEndings)
		return b
	}
	blobClass.members = []member{
		getter("size", func(r *Realm, b *blob) goja.Value { return r.VM.ToValue(len(b.data)) }),
		getter("type", func(r *Realm, b *blob) goja.Value { return r.VM.ToValue(b.typ) }),
		method("slice", 0, func(r *Realm, b *blob, c goja.FunctionCall) goja.Value {
			start, end := int64(0), int64(len(b.data))
			if v := c.Argument(0); !goja.IsUndefined(v) {
				start = relative(v, len(b.data))
			}
			if v := c.Argument(1); !goja.IsUndefined(v) {
				end = relative(v, len(b.data))
			}
			typ := ""
			if v := c.Argument(2); !goja.IsUndefined(v) {
				typ = blobType(text(v))
			}
			end = max(start, end)
			return r.make(blobClass, &blob{data: b.data[start:end:end], typ: typ})
		}),
		method("text", 0, func(r *Realm, b *blob, _ goja.FunctionCall) goja.Value {
			return r.resolved(r.VM.ToValue(decodeUTF8(b.data)))
		}),
		method("arrayBuffer", 0, func(r *Realm, b *blob, _ goja.FunctionCall) goja.Value {
			return r.resolved(r.VM.ToValue(r.VM.NewArrayBuffer(b.copy())))
		}),
		method("bytes", 0, func(r *Realm, b *blob, _ goja.FunctionCall) goja.Value {
			return r.resolved(r.uint8Array(b.copy()))
		}),
		method("stream", 0, func(r *Realm, b *blob, _ goja.FunctionCall) goja.Value {
			stream, _ := r.readableOf(b.copy())
			return stream
		}),
	}

	fileClass.parent = blobClass
	fileClass.length = 2
	fileClass.construct = func(r *Realm, c goja.ConstructorCall) any {
		b := &blob{isFile: true}
		parts := r.blobParts("File", c.Argument(0))
		b.name = text(c.Argument(1))
		options := r.blobOptions("File", b, c.Argument(2))
		b.modified = now()
		if options.lastModified != nil {
			b.modified = options.lastModified.ToInteger()
		}
		b.data = joinParts(parts, options.nativeEndings)
		return b
	}
	fileClass.members = []member{
		fileGetter("name", func(r *Realm, b *blob) goja.Value { return r.VM.ToValue(b.name) }),
		fileGetter("lastModified", func(r *Realm, b *blob) goja.Value { return r.VM.ToValue(b.modified) }),
		fileGetter("webkitRelativePath", func(r *Realm, _ *blob) goja.Value { return r.VM.ToValue("") }),
	}
}

// fileGetter is a getter that only a File has; a File's half is a *blob too.
func fileGetter(name string, f func(r *Realm, b *blob) goja.Value) member {
	return getter(name, func(r *Realm, b *blob) goja.Value {
		if !b.isFile {
			panic(r.TypeError("%s: illegal invocation: this is a Blob, not a File", name))
		}
		return f(r, b)
	})
}

func now() int64 { return time.Now().UnixMilli() }

// copy is the blob's bytes for code to change.
func (b *blob) copy() []byte { return append(make([]byte, 0, len(b.data)), b.data...) }

// blobObject is the Blob or File for b.
func (r *Realm) blobObject(b *blob) *goja.Object {
	if b.isFile {
		return r.make(fileClass, b)
	}
	return r.make(blobClass, b)
}

// blobPart is one converted element of the sequence a Blob is made from.
type blobPart struct {
	data   []byte
	isText bool // line endings may be converted
}

// blobParts converts sequence<BlobPart>.
func (r *Realm) blobParts(what string, v goja.Value) (parts []blobPart) {
	if goja.IsUndefined(v) {
		return nil
	}
	total := 0
	r.sequence(what+": the parts", v, func(v goja.Value) {
		var p blobPart
		if b, ok := half[*blob](v); ok {
			p.data = b.data
		} else if data, ok := r.bytes(v); ok {
			p.data = append([]byte(nil), data...)
		} else {
			p = blobPart{[]byte(text(v)), true}
		}
		if total += len(p.data); total > blobBytesMax {
			panic(r.RangeError("%s: the parts are larger than %d bytes, the most one may hold", what, blobBytesMax))
		}
		parts = append(parts, p)
	})
	return parts
}

// joinParts is "process blob parts" (File API 3.1).
func joinParts(parts []blobPart, nativeEndings bool) []byte {
	if len(parts) == 1 && !(parts[0].isText && nativeEndings) {
		return parts[0].data
	}
	size := 0
	for _, p := range parts {
		size += len(p.data)
	}
	data := make([]byte, 0, size)
	for _, p := range parts {
		if p.isText && nativeEndings {
			p.data = []byte(nativeLines.Replace(string(p.data)))
		}
		data = append(data, p.data...)
	}
	return data
}

// nativeLines makes every line end in LF, the native ending of the systems fortuna runs on.
var nativeLines = strings.NewReplacer("\r\n", "\n", "\r", "\n")

type blobOptions struct {
	nativeEndings bool
	lastModified  goja.Value // nil when missing
}

// blobOptions converts a BlobPropertyBag or FilePropertyBag; the type goes to b.
func (r *Realm) blobOptions(what string, b *blob, v goja.Value) (options blobOptions) {
	o := r.dictionary(what+": the options", v)
	if e := field(o, "endings"); e != nil {
		switch s := text(e); s {
		case "native":
			options.nativeEndings = true
		case "transparent":
		default:
			panic(r.TypeError(`%s: endings must be "transparent" or "native", got %q`, what, s))
		}
	}
	if t := field(o, "type"); t != nil {
		b.typ = blobType(text(t))
	}
	if b.isFile {
		if m := field(o, "lastModified"); m != nil {
			options.lastModified = m.ToNumber()
		}
	}
	return options
}

// blobType is a type as a Blob keeps it: lower case, or "" when it is not printable ASCII.
func blobType(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] > 0x7E {
			return ""
		}
	}
	return strings.ToLower(s)
}

// relative converts an index of slice, [Clamp] long long, where a negative one counts from the end, into 0..size.
func relative(v goja.Value, size int) int64 {
	f := math.RoundToEven(v.ToNumber().ToFloat())
	switch {
	case math.IsNaN(f):
		return 0
	case f < 0:
		return int64(max(f+float64(size), 0))
	}
	return int64(min(f, float64(size)))
}
