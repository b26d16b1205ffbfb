package web

import (
	"math"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/dop251/goja"
)

// Bounds of what inspect writes about one value.
const (
	inspectBytesMax   = 64 << 10 // after this much text the rest is "..."
	inspectDepthMax   = 2        // levels of objects shown inside the outermost one, as Node shows them
	inspectItemsMax   = 100      // elements of an array, entries of a Map or Set
	inspectKeysMax    = 200      // properties of one object
	inspectStringMax  = 10_000   // bytes of one string inside an object
	inspectLineMax    = 80       // columns that an object may take on one line
	inspectCausesMax  = 5        // errors behind an error
	inspectCompactMax = 3        // levels that may share one line
	inspectRowMax     = 15       // array elements in a row
)

// inspector writes one value for a person to read, in Node's notation. It runs no code of the program it shows:
// properties are read by their descriptors, getters are named, and a proxy stands for its target. (The text of an
// error's stack is the exception: the engine makes it on first use out of the error's name and message.)
type inspector struct {
	r       *Realm
	depth   int // how many levels to show
	hidden  bool
	left    int // bytes that may still be written
	indent  int
	reached int // the depth of the object written last: what decides whether its parent fits on a line
	open    []*goja.Object
	loops   map[*goja.Object]int // objects that contain themselves, numbered
	causes  int
}

// inspect is v as console.log shows it inside other text: strings are quoted.
func (r *Realm) inspect(v goja.Value) string {
	return r.newInspector().value(v, 0)
}

func (r *Realm) newInspector() *inspector {
	return &inspector{r: r, depth: inspectDepthMax, left: inspectBytesMax}
}

// spend counts s against the budget and cuts what is over it.
func (n *inspector) spend(s string) string {
	if len(s) > n.left {
		s = cut(s, n.left) + "..."
		n.left = 0
		return s
	}
	n.left -= len(s)
	return s
}

// cut is the longest prefix of s of at most max bytes that does not split a character.
func cut(s string, max int) string {
	if len(s) <= max {
		return s
	}
	for max > 0 && !utf8.RuneStart(s[max]) {
		max--
	}
	return s[:max]
}

// value writes v, which is level levels below the outermost value.
func (n *inspector) value(v goja.Value, level int) string {
	if n.left <= 0 {
		return "..."
	}
	if o, ok := v.(*goja.Object); ok {
		return n.object(o, level)
	}
	return n.spend(primitive(v))
}

// primitive writes a value that is not an object; strings are quoted.
func primitive(v goja.Value) string {
	switch v := v.(type) {
	case nil:
		return "undefined"
	case goja.String:
		s := v.String()
		if len(s) > inspectStringMax {
			head := cut(s, inspectStringMax)
			return quote(head) + "... " + strconv.Itoa(len(s)-len(head)) + " more bytes"
		}
		return quote(s)
	case *goja.Symbol:
		return "Symbol(" + v.String() + ")"
	}
	switch x := v.Export().(type) {
	case *big.Int:
		return bigText(x)
	case float64:
		if x == 0 && math.Signbit(x) {
			return "-0"
		}
	}
	return v.String()
}

// bigText is a BigInt as its literal. Decimal digits of a huge number take minutes, so beyond a size it says that.
func bigText(x *big.Int) string {
	const bitsMax = 20_000
	if n := x.BitLen(); n > bitsMax {
		return "[BigInt of " + strconv.Itoa(n) + " bits]"
	}
	return x.String() + "n"
}

// quote is s as a string literal in whichever quotes need no escape, single ones first.
func quote(s string) string {
	q := byte('\'')
	if strings.IndexByte(s, '\'') >= 0 {
		switch {
		case strings.IndexByte(s, '"') < 0:
			q = '"'
		case strings.IndexByte(s, '`') < 0 && !strings.Contains(s, "${"):
			q = '`'
		}
	}
	var b strings.Builder
	b.Grow(len(s) + 2)
	b.WriteByte(q)
	for _, c := range s {
		switch {
		case c == rune(q) || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\b':
			b.WriteString(`\b`)
		case c == '\f':
			b.WriteString(`\f`)
		case c == '\v':
			b.WriteString(`\v`)
		case c < ' ' || c >= 0x7F && c < 0xA0:
			b.WriteString(`\x`)
			b.WriteByte("0123456789ABCDEF"[c>>4])
			b.WriteByte("0123456789ABCDEF"[c&15])
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte(q)
	return b.String()
}

// property is an own property as its descriptor says: value is nil for an accessor.
type property struct {
	value      goja.Value
	get, set   bool
	enumerable bool
}

// property reads o's own property key, a string or symbol, without running a getter.
func (n *inspector) property(o *goja.Object, key goja.Value) (p property, ok bool) {
	describe, _ := goja.AssertFunction(n.r.intrinsic("Object", "getOwnPropertyDescriptor"))
	v, err := describe(goja.Undefined(), o, key)
	d, isObject := v.(*goja.Object)
	if err != nil || !isObject {
		return p, false
	}
	p.enumerable = d.Get("enumerable").ToBoolean()
	if d.GetOwnPropertyNames()[0] == "value" { // asked this way because Object.prototype may define anything
		p.value = d.Get("value")
		return p, true
	}
	p.get, p.set = !goja.IsUndefined(d.Get("get")), !goja.IsUndefined(d.Get("set"))
	return p, true
}

// data finds property name on o or a prototype; nil when there is none or it is an accessor.
func (n *inspector) data(o *goja.Object, name string) goja.Value {
	key := n.r.VM.ToValue(name)
	for i := 0; o != nil && i < 100 && !isProxy(o); i++ {
		if p, ok := n.property(o, key); ok {
			return p.value
		}
		o = o.Prototype()
	}
	return nil
}

// half is the Go half that o itself has, asked without its prototypes or a proxy's handler.
func (n *inspector) half(o *goja.Object) any {
	if p, ok := n.property(o, slotKey); ok {
		if s, ok := p.value.(*slot); ok {
			return s.half
		}
	}
	return nil
}

var proxyType = reflect.TypeFor[goja.Proxy]()

func isProxy(o *goja.Object) bool { return o.ExportType() == proxyType }

// className is the name of what made o: "" when nothing on the prototype chain says.
func (n *inspector) className(o *goja.Object) string {
	for i := 0; o != nil && i < 100; i++ {
		if isProxy(o) {
			return ""
		}
		if p, ok := n.property(o, n.r.VM.ToValue("constructor")); ok {
			if f, ok := p.value.(*goja.Object); ok && !isProxy(f) {
				if p, ok := n.property(f, n.r.VM.ToValue("name")); ok {
					if s, ok := p.value.(goja.String); ok && s.Length() > 0 {
						return cut(s.String(), inspectLineMax)
					}
				}
			}
		}
		o = o.Prototype()
	}
	return ""
}

// tag is o's Symbol.toStringTag when it is plain data and not shown as a property anyway.
func (n *inspector) tag(o *goja.Object) string {
	for i := 0; o != nil && i < 100 && !isProxy(o); i++ {
		if p, ok := n.property(o, goja.SymToStringTag); ok {
			if i == 0 && p.enumerable {
				return ""
			}
			if s, ok := p.value.(goja.String); ok {
				return cut(s.String(), inspectLineMax)
			}
			return ""
		}
		o = o.Prototype()
	}
	return ""
}
