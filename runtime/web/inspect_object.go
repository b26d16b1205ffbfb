package web

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dop251/goja"
)

// shape is how one kind of object is written: the parts that are special to it, and what stands around them.
type shape struct {
	layout
	name   string   // what it is called when it is too deep to show: "Foo", "Array"
	base   bool     // prefix says everything: braces only when there are properties
	skip   []string // properties that are shown already
	keys   bool     // own properties follow
	inside func()   // writes the special parts; runs only when the object is not too deep
}

// object writes o: too deep as [Name], inside itself as [Circular *1].
func (n *inspector) object(o *goja.Object, level int) string {
	for i := 0; isProxy(o); i++ {
		p := o.Export().(goja.Proxy)
		if p.Handler() == nil || i == inspectKeysMax {
			return n.spend("<Revoked Proxy>")
		}
		o = p.Target()
	}
	if slices.Contains(n.open, o) {
		if n.loops == nil {
			n.loops = map[*goja.Object]int{}
		}
		if n.loops[o] == 0 {
			n.loops[o] = len(n.loops) + 1
		}
		return n.spend(fmt.Sprintf("[Circular *%d]", n.loops[o]))
	}
	s := &shape{keys: true}
	s.open, s.close = "{", "}"
	n.recognise(o, s, level)
	var keys []goja.Value
	if s.keys {
		keys = n.keys(o, s)
	}
	if s.base && len(keys) == 0 {
		return n.spend(s.prefix)
	}
	if level > n.depth && (s.inside != nil || len(keys) > 0) {
		if s.base {
			return n.spend(s.prefix)
		}
		return n.spend("[" + s.name + "]")
	}

	n.open = append(n.open, o)
	n.reached = level
	n.left -= 8 + n.indent // braces and margins, so that a great many small objects end too
	if s.inside != nil {
		s.inside()
	}
	for i, k := range keys {
		if i == inspectKeysMax || n.left <= 0 {
			s.parts = append(s.parts, fmt.Sprintf("... %d more properties", len(keys)-i))
			break
		}
		s.parts = append(s.parts, n.entry(o, k, level))
	}
	n.open = n.open[:len(n.open)-1]
	if i := n.loops[o]; i > 0 {
		s.prefix = strings.TrimSpace(fmt.Sprintf("<ref *%d> %s", i, s.prefix))
	}
	return n.lay(s.layout, level)
}

// keys are the own properties to show: enumerable ones, symbols too; all when hidden ones are asked for.
func (n *inspector) keys(o *goja.Object, s *shape) (keys []goja.Value) {
	names := o.Keys()
	if n.hidden {
		names = o.GetOwnPropertyNames()
	}
	for _, k := range names {
		if !slices.Contains(s.skip, k) && !(s.array && isIndex(k)) {
			keys = append(keys, n.r.VM.ToValue(k))
		}
	}
	for _, sym := range o.Symbols() {
		if sym == slotKey {
			continue
		}
		if p, ok := n.property(o, sym); ok && (p.enumerable || n.hidden) {
			keys = append(keys, sym)
		}
	}
	return keys
}

func isIndex(k string) bool {
	_, err := strconv.ParseUint(k, 10, 32)
	return err == nil
}

// entry writes "key: value" for an own property.
func (n *inspector) entry(o *goja.Object, key goja.Value, level int) string {
	p, _ := n.property(o, key)
	var name string
	if sym, ok := key.(*goja.Symbol); ok {
		name = "[" + primitive(sym) + "]"
	} else if name = key.String(); !isIdentifier(name) {
		name = quote(cut(name, inspectStringMax))
	}
	if !p.enumerable && name[0] != '[' {
		name = "[" + name + "]"
	}
	return n.spend(name+": ") + n.held(p, level)
}

// held writes the value of a property, or what kind of accessor it is.
func (n *inspector) held(p property, level int) string {
	switch {
	case p.value != nil:
		return n.nested(p.value, level)
	case p.get && p.set:
		return n.spend("[Getter/Setter]")
	case p.get:
		return n.spend("[Getter]")
	case p.set:
		return n.spend("[Setter]")
	}
	return n.spend("undefined")
}

// nested writes a value inside an object of the level given.
func (n *inspector) nested(v goja.Value, level int) string {
	n.indent += 2
	defer func() { n.indent -= 2 }()
	return n.value(v, level+1)
}

func isIdentifier(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '_', c == '$', i > 0 && '0' <= c && c <= '9':
		default:
			return false
		}
	}
	return s != ""
}

// recognise finds out what o is by what the engine says, never by what the program made it look like.
func (n *inspector) recognise(o *goja.Object, s *shape, level int) {
	constructor, tag := n.className(o), n.tag(o)
	title := func(fallback, size string) string {
		name := constructor + size
		if constructor == "" {
			name = "[" + fallback + size + ": null prototype]"
		}
		if tag != "" && tag != constructor && (constructor != "" || tag != fallback) {
			name += " [" + tag + "]"
		}
		return name
	}
	named := func(fallback, size string) {
		s.name = title(fallback, size)
		s.open = s.name + " " + s.open
	}
	alone := func(text, class string) {
		s.base, s.prefix = true, text
		if t := title(class, ""); t != class {
			s.prefix = t + " " + text
		}
	}

	if half := n.half(o); half != nil {
		if n.platform(o, half, s, level) {
			return
		}
	}
	if _, isFunction := goja.AssertFunction(o); isFunction {
		s.base, s.prefix = true, n.function(o, constructor)
		return
	}
	switch class := n.engineClass(o, tag); class {
	case "Array":
		n.arrayShape(o, s, level)
		s.name = title("Array", "")
		if constructor != "Array" || tag != "" {
			s.open = title("Array", "("+strconv.Itoa(lengthOf(o))+")") + " ["
		}
	case "Map", "Set":
		n.collection(o, s, class, level)
		named(class, "("+n.call(class, "get size", o).String()+")")
		s.name = title(class, "")
	case "Date":
		if when, ok := o.Export().(time.Time); ok {
			alone(when.UTC().Format("2006-01-02T15:04:05.000Z"), class)
		} else {
			alone("Invalid Date", class)
		}
	case "RegExp":
		alone(n.text(n.call(class, "toString", o)), class)
	case "Error":
		n.errorShape(o, s, constructor, level)
	case "Number", "Boolean", "String":
		inner := primitive(n.call(class, "valueOf", o))
		alone("["+class+": "+inner+"]", class)
		if t := title(class, ""); t != class {
			s.prefix = "[" + class + " (" + t + "): " + inner + "]"
		}
		s.array = class == "String" // its characters are properties
	case "Promise":
		named(class, "")
		if p, ok := o.Export().(*goja.Promise); ok {
			s.inside = func() {
				switch p.State() {
				case goja.PromiseStatePending:
					s.parts = append(s.parts, "<pending>")
				case goja.PromiseStateRejected:
					s.parts = append(s.parts, "<rejected> "+n.nested(p.Result(), level))
				default:
					s.parts = append(s.parts, n.nested(p.Result(), level))
				}
			}
		}
	case "Symbol", "BigInt":
		alone("["+class+": "+primitive(n.call(class, "valueOf", o))+"]", class)
	case "WeakMap", "WeakSet":
		named(class, "")
		s.inside = func() { s.parts = append(s.parts, "<items unknown>") }
	case "Arguments":
		n.arrayShape(o, s, level)
		s.name = "Arguments"
		s.open = "[Arguments] ["
	default:
		if n.binary(o, s, constructor, title, level) {
			return
		}
		if constructor == "Object" && tag == "" {
			s.name = "Object"
			return
		}
		named("Object", "")
	}
}

// engineClass is what o is to the engine. Only some classes are told by ClassName; others by what they export, or by
// whether a method that insists on its this accepts o. tag spares that question when the answer is no.
func (n *inspector) engineClass(o *goja.Object, tag string) string {
	class := o.ClassName()
	if class != "Object" {
		return class
	}
	switch o.ExportType() {
	case mapType:
		return "Map"
	case setType:
		return "Set"
	case promiseType:
		return "Promise"
	}
	accepts := func(method string) bool { return !goja.IsUndefined(n.call(tag, method, o)) }
	switch tag {
	case "WeakMap", "WeakSet":
		if accepts("has") {
			return tag
		}
	case "Symbol", "BigInt":
		if accepts("valueOf") {
			return tag
		}
	}
	return class
}

var (
	mapType     = reflect.TypeFor[[][2]any]()
	setType     = reflect.TypeFor[[]any]()
	promiseType = reflect.TypeFor[*goja.Promise]()
)

// function is "[Function: f]", "[class A extends B]", "[AsyncFunction (anonymous)]".
func (n *inspector) function(o *goja.Object, constructor string) string {
	name := ""
	if p, ok := n.property(o, n.r.VM.ToValue("name")); ok {
		if s, ok := p.value.(goja.String); ok {
			name = cut(s.String(), inspectLineMax)
		}
	}
	source := n.text(n.call("Function", "toString", o))
	if strings.HasPrefix(source, "class") {
		text := "class " + name
		if name == "" {
			text = "class (anonymous)"
		}
		if p := o.Prototype(); p != nil && !isProxy(p) {
			if q, ok := n.property(p, n.r.VM.ToValue("name")); ok {
				if s, ok := q.value.(goja.String); ok && s.Length() > 0 {
					text += " extends " + cut(s.String(), inspectLineMax)
				}
			}
		}
		return "[" + text + "]"
	}
	kind := "Function"
	switch constructor {
	case "AsyncFunction", "GeneratorFunction", "AsyncGeneratorFunction":
		kind = constructor
	}
	if name == "" {
		return "[" + kind + " (anonymous)]"
	}
	return "[" + kind + ": " + name + "]"
}

// call calls a method or getter of a language class's prototype, as it was when first asked for.
func (n *inspector) call(class, method string, this goja.Value, args ...goja.Value) goja.Value {
	f, _ := goja.AssertFunction(n.r.prototypeMember(class, method))
	if f == nil {
		return goja.Undefined()
	}
	v, err := f(this, args...)
	if err != nil {
		return goja.Undefined()
	}
	return v
}

func (n *inspector) text(v goja.Value) string {
	if s, ok := v.(goja.String); ok {
		return s.String()
	}
	return ""
}

// prototypeMember is like intrinsic for a member of a prototype: "toString", "get size".
func (r *Realm) prototypeMember(class, member string) goja.Value {
	key := class + "#" + member
	if v := r.intrinsics[key]; v != nil {
		return v
	}
	proto, _ := r.intrinsic("globalThis", class).(*goja.Object).Get("prototype").(*goja.Object)
	name, isGetter := strings.CutPrefix(member, "get ")
	v := goja.Undefined()
	if proto != nil && isGetter {
		describe, _ := goja.AssertFunction(r.intrinsic("Object", "getOwnPropertyDescriptor"))
		if d, err := describe(goja.Undefined(), proto, r.VM.ToValue(name)); err == nil {
			if d, ok := d.(*goja.Object); ok {
				v = d.Get("get")
			}
		}
	} else if proto != nil {
		v = proto.Get(name)
	}
	if v == nil {
		v = goja.Undefined()
	}
	r.intrinsics[key] = v
	return v
}
