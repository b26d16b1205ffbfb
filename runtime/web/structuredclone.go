package web

import (
	"math/big"
	"reflect"
	"strings"
	"sync"

	"github.com/dop251/goja"
)

// cloneDepthMax bounds how deep a value may nest: cloning recurses on the Go stack.
const cloneDepthMax = 10_000

// cloneable is the Go half of a platform object that structuredClone copies ("serializable", HTML 2.7.1).
type cloneable interface {
	cloned(r *Realm, o *goja.Object) *goja.Object // o is the object whose half this is
}

// cloned is another Blob or File over the same bytes, which never change.
func (b *blob) cloned(r *Realm, _ *goja.Object) *goja.Object { return r.blobObject(b) }

func (e *domException) cloned(r *Realm, o *goja.Object) *goja.Object {
	n := r.Exception(e.name, "%s", e.message)
	if stack, ok := o.Get("stack").(goja.String); ok {
		must(n.DefineDataProperty("stack", stack, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE))
	}
	return n
}

func init() {
	exposeFunction("structuredClone", 1, func(r *Realm, c goja.FunctionCall) goja.Value {
		options := r.dictionary("structuredClone: the options", c.Argument(1))
		v, _ := r.clone("structuredClone", c.Argument(0), r.transferList("structuredClone", field(options, "transfer")))
		return v
	})
}

// transferList converts sequence<object>.
func (r *Realm) transferList(what string, v goja.Value) (list []*goja.Object) {
	if v == nil {
		return nil
	}
	r.sequence(what+": the objects to transfer", v, func(v goja.Value) {
		item, ok := v.(*goja.Object)
		if !ok {
			panic(r.TypeError("%s: every item of transfer must be an object, got %s", what, kind(v)))
		}
		list = append(list, item)
	})
	return list
}

// clone is StructuredSerializeWithTransfer and StructuredDeserializeWithTransfer (HTML 2.7.6, 2.7.7) in one pass,
// for both ends are in this VM. It returns the copy of v, and of each object in transfer the one that took over.
func (r *Realm) clone(what string, v goja.Value, transfer []*goja.Object) (goja.Value, []*goja.Object) {
	c := &cloner{r: r, what: what, seen: map[*goja.Object]*goja.Object{}}
	if r.cloning == nil {
		r.cloning = r.cloneTools()
	}
	var moved []*goja.Object
	for _, o := range transfer {
		if c.seen[o] != nil {
			panic(c.error("transfer has the same object twice, which"))
		}
		n := c.receiver(o)
		c.seen[o] = n
		moved = append(moved, n)
	}
	copied := c.value(v)
	for i, o := range transfer {
		if p, ok := half[*messagePort](o); ok {
			p.moveTo(moved[i])
			continue
		}
		if !o.Export().(goja.ArrayBuffer).Detach() {
			panic(c.error("a detached ArrayBuffer"))
		}
	}
	return copied, moved
}

// cloner copies one value.
type cloner struct {
	r    *Realm
	what string
	seen map[*goja.Object]*goja.Object // "memory": the copy of each object met so far
	path []string                      // to the value being copied, for errors
}

func (c *cloner) error(subject string) *goja.Object {
	where := ""
	if len(c.path) > 0 {
		where = " at ." + strings.Join(c.path[:min(len(c.path), 10)], ".")
	}
	return c.r.Exception("DataCloneError", "%s: %s%s cannot be cloned", c.what, subject, where)
}

// receiver is the object that takes over from o, which is to be transferred.
func (c *cloner) receiver(o *goja.Object) *goja.Object {
	if _, ok := half[*messagePort](o); ok {
		return c.r.newPort().object
	}
	if o.ExportType() != bufferType {
		panic(c.error("transfer has an object that is neither an ArrayBuffer nor a MessagePort, which"))
	}
	return c.r.VM.ToValue(c.r.VM.NewArrayBuffer(o.Export().(goja.ArrayBuffer).Bytes())).(*goja.Object)
}

func (c *cloner) value(v goja.Value) goja.Value {
	switch v := v.(type) {
	case *goja.Object:
		if n := c.seen[v]; n != nil {
			return n
		}
		if len(c.path) >= cloneDepthMax {
			c.path = nil
			panic(c.error("a value that nests deeper than 10,000 objects"))
		}
		return c.object(v)
	case *goja.Symbol:
		panic(c.error("Symbol(" + v.String() + ")"))
	case nil:
		return goja.Undefined()
	}
	return v
}

// at copies v, which is found under key.
func (c *cloner) at(key string, v goja.Value) goja.Value {
	c.path = append(c.path, key)
	v = c.value(v)
	c.path = c.path[:len(c.path)-1]
	return v
}

// object copies o, which has not been met yet.
func (c *cloner) object(o *goja.Object) *goja.Object {
	if h, ok := half[any](o); ok {
		if s, ok := h.(cloneable); ok {
			return c.keep(o, s.cloned(c.r, o))
		}
		panic(c.error("a " + c.nameOf(o)))
	}
	switch class := o.ClassName(); class {
	case "Boolean", "Number", "String":
		return c.construct(o, "Object", c.call(class, o))
	case "Date":
		return c.construct(o, "Date", c.call("Date", o))
	case "RegExp":
		return c.construct(o, "RegExp", c.call("source", o), c.call("flags", o))
	case "Array":
		n := c.r.VM.NewArray()
		must(n.Set("length", o.Get("length")))
		return c.properties(o, n)
	case "Error":
		return c.failure(o)
	case "Function", "AsyncFunction", "GeneratorFunction":
		panic(c.error(strings.TrimSpace("function " + o.Get("name").String())))
	case "Object":
		return c.other(o)
	case "Arguments":
		return c.properties(o, c.r.VM.NewObject())
	default:
		panic(c.error("a " + class))
	}
}

// other copies an object whose class says nothing: its Go type tells what it is.
func (c *cloner) other(o *goja.Object) *goja.Object {
	switch t := o.ExportType(); {
	case t == bufferType:
		a := o.Export().(goja.ArrayBuffer)
		if a.Detached() {
			panic(c.error("a detached ArrayBuffer"))
		}
		return c.keep(o, c.r.VM.ToValue(c.r.VM.NewArrayBuffer(append([]byte(nil), a.Bytes()...))).(*goja.Object))
	case t == mapExport:
		return c.mapping(o)
	case t == setExport:
		return c.set(o)
	case t == bigIntExport:
		return c.construct(o, "Object", c.call("BigInt", o))
	case t.Kind() == reflect.Slice:
		return c.view(o, c.call("arrayTag", o).String(), "array")
	case t == proxyType:
		panic(c.error("a Proxy"))
	case t != objectExport:
		panic(c.error("a " + c.nameOf(o)))
	}
	if o == c.r.VM.GlobalObject() {
		panic(c.error("the global object"))
	}
	proto := o.Prototype()
	if proto != nil && proto != c.r.cloning["objectPrototype"] {
		if isView(c.r, o) {
			return c.view(o, "DataView", "view")
		}
		if c.call("isSpecial", o).ToBoolean() {
			panic(c.error("a " + c.nameOf(o)))
		}
	}
	return c.properties(o, c.r.VM.NewObject())
}

// nameOf names an object that cannot be copied, as it names itself or by what made it.
func (c *cloner) nameOf(o *goja.Object) string {
	name := "object"
	_ = c.r.try(func() { // it is only for a message
		if tag, ok := o.GetSymbol(goja.SymToStringTag).(goja.String); ok {
			name = tag.String()
		} else if maker, ok := o.Get("constructor").(*goja.Object); ok {
			name = maker.Get("name").String()
		}
	})
	return name
}

// keep remembers that n is the copy of o.
func (c *cloner) keep(o, n *goja.Object) *goja.Object {
	c.seen[o] = n
	return n
}

// construct makes the copy of o by calling a constructor of the language.
func (c *cloner) construct(o *goja.Object, constructor string, args ...goja.Value) *goja.Object {
	n, err := c.r.VM.New(c.r.intrinsic("globalThis", constructor), args...)
	if err != nil {
		panic(err)
	}
	return c.keep(o, n)
}

// call calls one of the tools with o as this.
func (c *cloner) call(tool string, o *goja.Object, args ...goja.Value) goja.Value {
	f, _ := goja.AssertFunction(c.r.cloning[tool])
	v, err := f(o, args...)
	if err != nil {
		panic(err)
	}
	return v
}

// properties copies the own enumerable properties of o to n.
func (c *cloner) properties(o, n *goja.Object) *goja.Object {
	c.keep(o, n)
	for _, k := range o.Keys() {
		if v := o.Get(k); v != nil { // a getter may have deleted it
			must(n.DefineDataProperty(k, c.at(k, v), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE))
		}
	}
	return n
}

func (c *cloner) mapping(o *goja.Object) *goja.Object {
	n := c.construct(o, "Map")
	var all []goja.Value
	c.call("mapEach", o, c.r.VM.ToValue(func(f goja.FunctionCall) goja.Value {
		all = append(all, f.Argument(1), f.Argument(0))
		return goja.Undefined()
	}))
	for i := 0; i < len(all); i += 2 {
		k := c.at("key", all[i])
		c.call("mapSet", n, k, c.at("value", all[i+1]))
	}
	return n
}

func (c *cloner) set(o *goja.Object) *goja.Object {
	n := c.construct(o, "Set")
	var all []goja.Value
	c.call("setEach", o, c.r.VM.ToValue(func(f goja.FunctionCall) goja.Value {
		all = append(all, f.Argument(0))
		return goja.Undefined()
	}))
	for _, v := range all {
		c.call("setAdd", n, c.at("value", v))
	}
	return n
}

// view copies a typed array or DataView, and its buffer unless that is copied already.
func (c *cloner) view(o *goja.Object, constructor, tools string) *goja.Object {
	b := c.call(tools+"Buffer", o).(*goja.Object)
	if b.Export().(goja.ArrayBuffer).Detached() {
		panic(c.error("a " + constructor + " over a detached ArrayBuffer"))
	}
	offset, length := c.call(tools+"Offset", o), c.call(tools+"Length", o)
	return c.construct(o, constructor, c.value(b), offset, length)
}

// failure copies an Error: its name when that is one of the language's, message, stack and cause.
func (c *cloner) failure(o *goja.Object) *goja.Object {
	name := "Error"
	if v := o.Get("name"); v != nil && !goja.IsUndefined(v) {
		switch s := text(v); s {
		case "EvalError", "RangeError", "ReferenceError", "SyntaxError", "TypeError", "URIError":
			name = s
		}
	}
	message := c.call("own", o, c.r.VM.ToValue("message"))
	stack, cause := c.call("own", o, c.r.VM.ToValue("stack")), c.call("own", o, c.r.VM.ToValue("cause"))
	n := c.construct(o, name)
	define := func(name string, v goja.Value) {
		must(n.DefineDataProperty(name, v, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE))
	}
	if !goja.IsUndefined(message) {
		define("message", message.ToString())
	}
	if s, ok := stack.(goja.String); ok {
		define("stack", s)
	}
	if !goja.IsUndefined(cause) {
		define("cause", c.at("cause", cause))
	}
	return n
}

var (
	objectExport = reflect.TypeFor[map[string]any]()
	mapExport    = reflect.TypeFor[[][2]any]()
	setExport    = reflect.TypeFor[[]any]()
	bigIntExport = reflect.TypeFor[*big.Int]()
)

// cloneTools are the methods and getters of the language that reach what an object holds, whatever its properties.
func (r *Realm) cloneTools() map[string]goja.Value {
	v, err := r.VM.RunProgram(cloneProgram())
	must(err)
	tools := map[string]goja.Value{}
	for _, k := range v.(*goja.Object).Keys() {
		tools[k] = v.(*goja.Object).Get(k)
	}
	return tools
}

var cloneProgram = sync.OnceValue(func() *goja.Program {
	return goja.MustCompile("fortuna:structuredclone", `(() => {
		"use strict";
		const describe = Object.getOwnPropertyDescriptor, prototypeOf = Object.getPrototypeOf;
		const getter = (o, k) => describe(o, k).get;
		const array = prototypeOf(Uint8Array.prototype), view = DataView.prototype;
		const weakMapHas = WeakMap.prototype.has, weakSetHas = WeakSet.prototype.has;
		const iterator = prototypeOf(prototypeOf([][Symbol.iterator]()));
		const call = Function.prototype.call.bind(Function.prototype.call);
		const isPrototypeOf = Object.prototype.isPrototypeOf;
		const has = (f, o) => { try { call(f, o, o); return true } catch { return false } };
		return {
			objectPrototype: Object.prototype,
			Boolean: Boolean.prototype.valueOf,
			Number: Number.prototype.valueOf,
			String: String.prototype.valueOf,
			BigInt: BigInt.prototype.valueOf,
			Date: Date.prototype.valueOf,
			source: getter(RegExp.prototype, "source"),
			flags: getter(RegExp.prototype, "flags"),
			mapEach: Map.prototype.forEach,
			mapSet: Map.prototype.set,
			setEach: Set.prototype.forEach,
			setAdd: Set.prototype.add,
			arrayTag: getter(array, Symbol.toStringTag),
			arrayBuffer: getter(array, "buffer"),
			arrayOffset: getter(array, "byteOffset"),
			arrayLength: getter(array, "length"),
			viewBuffer: getter(view, "buffer"),
			viewOffset: getter(view, "byteOffset"),
			viewLength: getter(view, "byteLength"),
			own(name) { const d = describe(this, name); return d && "value" in d ? d.value : undefined },
			isSpecial() { return has(weakMapHas, this) || has(weakSetHas, this) || call(isPrototypeOf, iterator, this) },
		};
	})()`, true)
})
