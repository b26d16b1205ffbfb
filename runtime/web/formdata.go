package web

import (
	"slices"

	"github.com/dop251/goja"
)

// formData is the Go half of a FormData (XHR 5): entries in the order they were added.
type formData struct {
	entries []formEntry
	size    int // sum of their bytes
}

// Bounds of what code puts into a FormData; a form that came over the network has those of its body.
const (
	formEntriesMax = 10_000
	formBytesMax   = 64 << 20
)

// formEntry is a name with a string, or with a file.
type formEntry struct {
	name   string
	text   string       // when file is nil
	file   *blob        // isFile is set
	object *goja.Object // the File, once code has seen it: get returns the same one each time
}

var formDataClass = expose("FormData")

func init() {
	formDataClass.construct = func(r *Realm, c goja.ConstructorCall) any {
		if v := c.Argument(0); !goja.IsUndefined(v) {
			panic(r.TypeError("FormData: there are no form elements here, got %s; call it with no arguments and append", kind(v)))
		}
		return &formData{}
	}
	formDataClass.members = append([]member{
		method("append", 2, func(r *Realm, f *formData, c goja.FunctionCall) goja.Value {
			e := r.formEntry("FormData.append", c.Arguments)
			r.formRoom(f, "FormData.append", e)
			f.add(e)
			return goja.Undefined()
		}),
		method("delete", 1, func(_ *Realm, f *formData, c goja.FunctionCall) goja.Value {
			name := text(c.Argument(0))
			f.entries = slices.DeleteFunc(f.entries, func(e formEntry) bool { return e.name == name })
			f.measure()
			return goja.Undefined()
		}),
		method("get", 1, func(r *Realm, f *formData, c goja.FunctionCall) goja.Value {
			if i := f.index(text(c.Argument(0))); i >= 0 {
				return f.entries[i].value(r)
			}
			return goja.Null()
		}),
		method("getAll", 1, func(r *Realm, f *formData, c goja.FunctionCall) goja.Value {
			name, all := text(c.Argument(0)), []any{}
			for i := range f.entries {
				if f.entries[i].name == name {
					all = append(all, f.entries[i].value(r))
				}
			}
			return r.VM.NewArray(all...)
		}),
		method("has", 1, func(r *Realm, f *formData, c goja.FunctionCall) goja.Value {
			return r.VM.ToValue(f.index(text(c.Argument(0))) >= 0)
		}),
		method("set", 2, func(r *Realm, f *formData, c goja.FunctionCall) goja.Value {
			e := r.formEntry("FormData.set", c.Arguments)
			r.formRoom(f, "FormData.set", e)
			i := f.index(e.name)
			if i < 0 {
				f.add(e)
				return goja.Undefined()
			}
			f.entries[i] = e
			rest := slices.DeleteFunc(f.entries[i+1:], func(g formEntry) bool { return g.name == e.name })
			f.entries = f.entries[:i+1+len(rest)]
			f.measure()
			return goja.Undefined()
		}),
	}, pairs("FormData Iterator", func(r *Realm, f *formData, i int) (goja.Value, goja.Value, bool) {
		if i >= len(f.entries) {
			return nil, nil, false
		}
		return r.VM.ToValue(f.entries[i].name), f.entries[i].value(r), true
	})...)
	formDataClass.iterator = "entries"
}

func (f *formData) add(e formEntry) {
	f.entries = append(f.entries, e)
	f.size += e.bytes()
}

func (f *formData) measure() {
	f.size = 0
	for i := range f.entries {
		f.size += f.entries[i].bytes()
	}
}

// bytes is how long the entry can be in a multipart body: an escaped line end has six characters in a name and two in
// a text.
func (e *formEntry) bytes() int {
	if e.file == nil {
		return 6*len(e.name) + 2*len(e.text)
	}
	return 6*len(e.name) + 6*len(e.file.name) + len(e.file.data)
}

// formRoom throws a RangeError when the entry would be beyond the bounds.
func (r *Realm) formRoom(f *formData, what string, e formEntry) {
	if len(f.entries) >= formEntriesMax {
		panic(r.RangeError("%s: there are %d entries already, which is the most; %.100q does not fit", what, len(f.entries), e.name))
	}
	if size := f.size + e.bytes(); size > formBytesMax {
		panic(r.RangeError("%s: a form may take %d bytes, and %.100q could make it %d", what, formBytesMax, e.name, size))
	}
}

// index is where the first entry called name is, or -1.
func (f *formData) index(name string) int {
	return slices.IndexFunc(f.entries, func(e formEntry) bool { return e.name == name })
}

// value is what get shows: a string or a File.
func (e *formEntry) value(r *Realm) goja.Value {
	if e.file == nil {
		return r.VM.ToValue(e.text)
	}
	if e.object == nil {
		e.object = r.blobObject(e.file)
	}
	return e.object
}

// formEntry is "create an entry" (HTML 4.10.21.4) from the arguments of append or set: name, value and, when value
// is a Blob, a file name.
func (r *Realm) formEntry(what string, args []goja.Value) formEntry {
	e := formEntry{name: text(args[0])}
	b, isBlob := half[*blob](args[1])
	if !isBlob {
		if len(args) > 2 {
			panic(r.TypeError("%s: a file name needs a Blob or a File as value, got %s", what, kind(args[1])))
		}
		e.text = text(args[1])
		return e
	}
	renamed := len(args) > 2 && !goja.IsUndefined(args[2])
	if b.isFile && !renamed {
		e.file, e.object = b, args[1].(*goja.Object)
		return e
	}
	f := *b
	if !b.isFile {
		f.isFile, f.name, f.modified = true, "blob", now()
	}
	if renamed {
		f.name = text(args[2])
	}
	e.file = &f
	return e
}
