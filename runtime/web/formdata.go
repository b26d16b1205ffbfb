package web

import (
	"slices"

	"github.com/dop251/goja"
)

// formData is the Go half of a FormData (XHR 5): entries in the order they were added.
type formData struct {
	entries []formEntry
}

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
			f.entries = append(f.entries, r.formEntry("FormData.append", c.Arguments))
			return goja.Undefined()
		}),
		method("delete", 1, func(_ *Realm, f *formData, c goja.FunctionCall) goja.Value {
			name := text(c.Argument(0))
			f.entries = slices.DeleteFunc(f.entries, func(e formEntry) bool { return e.name == name })
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
			i := f.index(e.name)
			if i < 0 {
				f.entries = append(f.entries, e)
				return goja.Undefined()
			}
			f.entries[i] = e
			rest := slices.DeleteFunc(f.entries[i+1:], func(g formEntry) bool { return g.name == e.name })
			f.entries = f.entries[:i+1+len(rest)]
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
