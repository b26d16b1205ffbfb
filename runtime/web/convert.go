package web

import (
	"reflect"
	"strings"
	"sync"

	"github.com/dop251/goja"
)

// kind names v for an error message: "undefined", "a number", "an object".
func kind(v goja.Value) string {
	switch {
	case v == nil || goja.IsUndefined(v):
		return "undefined"
	case goja.IsNull(v):
		return "null"
	}
	if o, ok := v.(*goja.Object); ok {
		if _, isFunction := goja.AssertFunction(o); isFunction {
			return "a function"
		}
		return "an object"
	}
	switch v.Export().(type) {
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case int64, float64:
		return "a number"
	}
	if _, ok := v.(*goja.Symbol); ok {
		return "a symbol"
	}
	return "a value"
}

// text converts v to a USVString (Web IDL 3.2.12): lone surrogates become U+FFFD. A symbol is a TypeError.
func text(v goja.Value) string {
	if s, ok := v.(goja.String); ok {
		return s.String()
	}
	v = v.ToString()
	if _, ok := v.(*goja.Symbol); ok {
		refuseSymbol()(goja.FunctionCall{This: v})
	}
	return v.String()
}

// refuseSymbol is a built-in that converts this to a string. goja's own conversion shows a symbol instead of
// refusing it, and the TypeError that its built-ins throw for one belongs to the VM that catches it, so one serves all.
var refuseSymbol = sync.OnceValue(func() func(goja.FunctionCall) goja.Value {
	concat := goja.New().Get("String").(*goja.Object).Get("prototype").(*goja.Object).Get("concat")
	return concat.Export().(func(goja.FunctionCall) goja.Value)
})

// byteString converts v to a ByteString (Web IDL 3.2.11): one byte for each code unit, none above 0xFF.
func (r *Realm) byteString(what string, v goja.Value) string {
	s := text(v)
	ascii := true
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			ascii = false
			break
		}
	}
	if ascii {
		return s
	}
	var b strings.Builder
	for _, c := range s {
		if c > 0xFF {
			panic(r.TypeError("%s: character %q cannot be sent in a header; only U+0000 to U+00FF can", what, c))
		}
		b.WriteByte(byte(c))
	}
	return b.String()
}

// latin1 is the JavaScript string for header bytes: one code unit for each byte.
func (r *Realm) latin1(s string) goja.Value {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			units := make([]rune, len(s))
			for j := range units {
				units[j] = rune(s[j])
			}
			return r.VM.ToValue(string(units))
		}
	}
	return r.VM.ToValue(s)
}

// nullish reports whether v is absent, undefined or null.
func nullish(v goja.Value) bool {
	return v == nil || goja.IsUndefined(v) || goja.IsNull(v)
}

// dictionary returns v as an object to read members from: nil when it is undefined or null, a TypeError when it is
// a primitive (Web IDL 3.2.17).
func (r *Realm) dictionary(what string, v goja.Value) *goja.Object {
	if nullish(v) {
		return nil
	}
	o, ok := v.(*goja.Object)
	if !ok {
		panic(r.TypeError("%s must be an object, got %s", what, kind(v)))
	}
	return o
}

// field returns member name of a dictionary, or nil when it is missing or undefined.
func field(o *goja.Object, name string) goja.Value {
	if o == nil {
		return nil
	}
	if v := o.Get(name); v != nil && !goja.IsUndefined(v) {
		return v
	}
	return nil
}

var bufferType = reflect.TypeFor[goja.ArrayBuffer]()

// bytes returns the memory of an ArrayBuffer, typed array or DataView, not a copy; ok is false for anything else.
func (r *Realm) bytes(v goja.Value) (b []byte, ok bool) {
	o, isObject := v.(*goja.Object)
	if !isObject {
		return nil, false
	}
	if o.ExportType() == bufferType { // asked first, because Export of another object runs its getters
		return o.Export().(goja.ArrayBuffer).Bytes(), true
	}
	switch o.ClassName() {
	case "Object":
		// goja gives typed arrays and views the class Object; only they convert to bytes below without a copy.
		if !isView(r, o) {
			return nil, false
		}
		if err := r.VM.ExportTo(o, &b); err != nil {
			return nil, false
		}
		return b, true
	}
	return nil, false
}

// isView asks ArrayBuffer.isView, which cannot be fooled by a look-alike.
func isView(r *Realm, o *goja.Object) bool {
	f, _ := goja.AssertFunction(r.intrinsic("ArrayBuffer", "isView"))
	v, err := f(goja.Undefined(), o)
	return err == nil && v.ToBoolean()
}

// keep remembers the members of language globals that the platform itself uses, before code can replace them.
func (r *Realm) keep() {
	r.intrinsics = make(map[string]goja.Value, 16)
	r.intrinsic("Object", "entries")
	r.intrinsic("Object", "freeze")
	r.intrinsic("Object", "getOwnPropertyDescriptor")
	r.intrinsic("Object", "prototype")
	r.intrinsic("ArrayBuffer", "isView")
	for _, constructor := range []string{"Error", "RangeError", "TypeError", "Uint8Array"} {
		r.intrinsic("globalThis", constructor)
	}
}

// intrinsic returns a member of a language global as it was when first asked for: see keep.
func (r *Realm) intrinsic(global, member string) goja.Value {
	key := global + "." + member
	if v := r.intrinsics[key]; v != nil {
		return v
	}
	o, ok := r.VM.GlobalObject().Get(global).(*goja.Object)
	if !ok || o.Get(member) == nil {
		panic(r.TypeError("%s.%s is needed here, and the program has removed it", global, member))
	}
	v := o.Get(member)
	r.intrinsics[key] = v
	return v
}

// uint8Array is a new Uint8Array over b, which it takes over.
func (r *Realm) uint8Array(b []byte) *goja.Object {
	o, err := r.VM.New(r.intrinsic("globalThis", "Uint8Array"), r.VM.ToValue(r.VM.NewArrayBuffer(b)))
	must(err)
	return o
}
