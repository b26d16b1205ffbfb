package web

import (
	"math"
	"time"

	"github.com/dop251/goja"
)

// Frozen is a value outside of any VM: a copy of plain data, which other VMs can have copies of.
type Frozen struct {
	value any // nil (undefined), goja.Null(), bool, int64, float64, string, time, frozenBytes, []Frozen or []frozenField
	bytes int // about what it takes
}

type (
	frozenBytes []byte
	frozenField struct {
		name  string
		value Frozen
	}
)

// frozenDepthMax bounds how deep frozen values nest: also those that refer to themselves.
const frozenDepthMax = 100

// Freeze copies a value of up to max bytes out of the VM. What is neither plain data, nor a Date, nor bytes, is a
// DataCloneError that names what.
func (r *Realm) Freeze(what string, v goja.Value, max int) Frozen {
	f := freezer{r: r, what: what, left: max, max: max}
	return f.value(v, 0)
}

type freezer struct {
	r         *Realm
	what      string
	left, max int
}

func (f *freezer) take(n int) {
	if f.left -= n; f.left < 0 {
		panic(f.r.Exception("QuotaExceededError", "%s: the value takes more than %d bytes", f.what, f.max))
	}
}

func (f *freezer) value(v goja.Value, depth int) Frozen {
	before := f.left
	f.take(16)
	out := f.copied(v, depth)
	return Frozen{out, before - f.left}
}

func (f *freezer) copied(v goja.Value, depth int) any {
	switch v := v.(type) {
	case nil:
		return nil
	case *goja.Object:
		return f.object(v, depth)
	case *goja.Symbol:
		panic(f.r.Exception("DataCloneError", "%s: a Symbol cannot be kept", f.what))
	}
	if goja.IsUndefined(v) {
		return nil
	}
	if goja.IsNull(v) {
		return goja.Null()
	}
	switch x := v.Export().(type) {
	case bool, int64, float64:
		return x
	case string:
		f.take(len(x))
		return x
	}
	panic(f.r.Exception("DataCloneError", "%s: %s cannot be kept", f.what, kind(v)))
}

func (f *freezer) object(o *goja.Object, depth int) any {
	if depth == frozenDepthMax {
		panic(f.r.Exception("DataCloneError", "%s: a value that nests deeper than %d objects cannot be kept", f.what, frozenDepthMax))
	}
	if b, ok := f.r.bytes(o); ok {
		f.take(len(b))
		return frozenBytes(append([]byte(nil), b...))
	}
	switch o.ClassName() {
	case "Array":
		n := int(o.Get("length").ToInteger())
		f.take(16 * n)
		all := make([]Frozen, n)
		for i := range all {
			all[i] = f.value(o.Get(f.r.VM.ToValue(i).String()), depth+1)
		}
		return all
	case "Date":
		if t, ok := o.Export().(time.Time); ok {
			return t
		}
		return math.NaN()
	case "Object":
		_, platform := half[any](o)
		_, callable := goja.AssertFunction(o)
		if platform || callable || o.ExportType() != objectExport {
			break
		}
		var all []frozenField
		for _, name := range o.Keys() {
			f.take(len(name))
			all = append(all, frozenField{name, f.value(o.Get(name), depth+1)})
		}
		return all
	}
	name := (&cloner{r: f.r}).nameOf(o)
	panic(f.r.Exception("DataCloneError", "%s: a %s cannot be kept: use plain objects, arrays, text, numbers, dates and bytes", f.what, name))
}

// Thaw makes a copy in this VM.
func (r *Realm) Thaw(f Frozen) goja.Value {
	switch v := f.value.(type) {
	case nil:
		return goja.Undefined()
	case goja.Value:
		return v
	case time.Time:
		d, err := r.VM.New(r.intrinsic("globalThis", "Date"), r.VM.ToValue(v.UnixMilli()))
		must(err)
		return d
	case frozenBytes:
		return r.uint8Array(append([]byte(nil), v...))
	case []Frozen:
		items := make([]any, len(v))
		for i := range v {
			items[i] = r.Thaw(v[i])
		}
		return r.VM.NewArray(items...)
	case []frozenField:
		o := r.VM.NewObject()
		for _, p := range v {
			// As own properties, also "__proto__".
			must(o.DefineDataProperty(p.name, r.Thaw(p.value), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE))
		}
		return o
	default:
		return r.VM.ToValue(v)
	}
}
