package web

import (
	"unicode/utf8"

	"github.com/dop251/goja"
)

// textEncoder is the Go half of a TextEncoder (Encoding 8.3), which has no state.
type textEncoder struct{}

var textEncoderClass = expose("TextEncoder")

func init() {
	textEncoderClass.construct = func(*Realm, goja.ConstructorCall) any { return textEncoder{} }
	textEncoderClass.members = []member{
		getter("encoding", func(r *Realm, _ textEncoder) goja.Value { return r.VM.ToValue("utf-8") }),
		method("encode", 0, func(r *Realm, _ textEncoder, c goja.FunctionCall) goja.Value {
			var b []byte
			if v := c.Argument(0); !goja.IsUndefined(v) {
				b = []byte(wellFormed(text(v)))
			}
			return r.uint8Array(b)
		}),
		method("encodeInto", 2, func(r *Realm, _ textEncoder, c goja.FunctionCall) goja.Value {
			source := wellFormed(text(c.Argument(0)))
			b, ok := r.bytes(c.Argument(1))
			if !ok || !r.isUint8Array(c.Argument(1)) {
				panic(r.TypeError("TextEncoder.encodeInto: the second argument must be a Uint8Array, got %s", kind(c.Argument(1))))
			}
			read, written := encodeInto(b, source)
			o := r.VM.NewObject()
			must(o.Set("read", read))
			must(o.Set("written", written))
			return o
		}),
	}
}

// encodeInto copies as many whole characters of s as fit; read counts UTF-16 code units, written bytes.
func encodeInto(b []byte, s string) (read, written int) {
	for written < len(s) {
		c, n := utf8.DecodeRuneInString(s[written:])
		if written+n > len(b) {
			break
		}
		written += copy(b[written:], s[written:written+n])
		read++
		if c >= 0x10000 {
			read++
		}
	}
	return read, written
}

// isUint8Array asks the getter of %TypedArray%.prototype[@@toStringTag], which code cannot override on the object.
func (r *Realm) isUint8Array(v goja.Value) bool {
	o, ok := v.(*goja.Object)
	if !ok {
		return false
	}
	tag, _ := goja.AssertFunction(r.typedArrayTag())
	name, err := tag(o)
	return err == nil && name.String() == "Uint8Array"
}

func (r *Realm) typedArrayTag() goja.Value {
	const key = "%TypedArray%.@@toStringTag"
	if v := r.intrinsics[key]; v != nil {
		return v
	}
	array := r.intrinsic("globalThis", "Uint8Array").(*goja.Object).Prototype().Get("prototype")
	descriptor, _ := goja.AssertFunction(r.intrinsic("Object", "getOwnPropertyDescriptor"))
	d, err := descriptor(goja.Undefined(), array, goja.SymToStringTag)
	must(err)
	get := d.(*goja.Object).Get("get")
	r.intrinsics[key] = get
	return get
}
