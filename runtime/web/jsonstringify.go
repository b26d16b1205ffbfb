package web

import (
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/dop251/goja"
)

// Bounds of JSON.stringify, besides JSONDepthMax. It runs natively, where no interrupt reaches it.
const (
	jsonBytesMax    = 64 << 20 // of the text
	jsonElementsMax = 4 << 20  // of one array, which may be sparse
)

// jsonWriter is one JSON.stringify (ECMA-262 25.5.2). goja's own recurses without bound and looks for cycles in quadratic
// time.
type jsonWriter struct {
	r        *Realm
	out      []byte
	gap      string // one level of indentation
	indent   string // of the line being written, with its line feed
	replacer goja.Callable
	only     []string // the property list, when limited
	limited  bool
	stack    []*goja.Object
	path     []string // the key of each on the stack but the first
}

// stringify is JSON.stringify with the writer's replacer and gap; ok is false when the outcome is undefined.
func (w *jsonWriter) stringify(v goja.Value) (text []byte, ok bool) {
	holder := goja.Value(nil)
	if w.replacer != nil {
		o := w.r.VM.NewObject()
		must(o.Set("", v))
		holder = o
	}
	w.indent = "\n"
	ok = w.property(holder, "", v)
	return w.out, ok
}

// property writes v, the value of key in holder. It writes nothing and reports false for what JSON has no word for.
func (w *jsonWriter) property(holder goja.Value, key string, v goja.Value) bool {
	if len(w.out) > jsonBytesMax {
		panic(w.r.RangeError("JSON.stringify: the text is longer than %d bytes", jsonBytesMax))
	}
	if v == nil {
		v = goja.Undefined()
	}
	o, isObject := v.(*goja.Object)
	if isObject || isBigInt(v) {
		if f, ok := goja.AssertFunction(w.r.member(v, "toJSON")); ok {
			v = w.call(f, v, w.r.VM.ToValue(key))
			o, isObject = v.(*goja.Object)
		}
	}
	if w.replacer != nil {
		v = w.call(w.replacer, holder, w.r.VM.ToValue(key), v)
		o, isObject = v.(*goja.Object)
	}
	if isObject {
		if _, isFunction := goja.AssertFunction(o); isFunction {
			return false
		}
		switch o.ClassName() {
		case "Number":
			v = o.ToNumber()
		case "String":
			v = o.ToString()
		case "Boolean":
			v = w.r.VM.ToValue(o.Export())
		default:
			if isBigInt(o) {
				break
			}
			if o.Prototype() == nil && w.raw(o) {
				return true
			}
			w.object(key, o)
			return true
		}
	}
	switch s := v.(type) {
	case goja.String:
		w.quote(s)
		return true
	case *goja.Symbol:
		return false
	}
	switch {
	case goja.IsUndefined(v):
		return false
	case goja.IsNull(v):
		w.out = append(w.out, "null"...)
	case isBigInt(v):
		panic(w.r.TypeError("Do not know how to serialize a BigInt"))
	default: // a boolean or a number
		if t := v.String(); t == "NaN" || t == "Infinity" || t == "-Infinity" {
			w.out = append(w.out, "null"...)
		} else {
			w.out = append(w.out, t...)
		}
	}
	return true
}

var bigIntType = reflect.TypeFor[*big.Int]()

func isBigInt(v goja.Value) bool { return v.ExportType() == bigIntType }

// member is v[name] for any value but undefined and null.
func (r *Realm) member(v goja.Value, name string) goja.Value { return v.ToObject(r.VM).Get(name) }

func (w *jsonWriter) call(f goja.Callable, this goja.Value, args ...goja.Value) goja.Value {
	v, err := f(this, args...)
	if err != nil {
		panic(err)
	}
	return v
}

// raw writes what JSON.rawJSON made.
func (w *jsonWriter) raw(o *goja.Object) bool {
	f, ok := goja.AssertFunction(w.r.intrinsic("JSON", "isRawJSON"))
	if !ok || !w.call(f, goja.Undefined(), o).ToBoolean() {
		return false
	}
	w.out = append(w.out, o.Get("rawJSON").String()...)
	return true
}

func (w *jsonWriter) object(key string, o *goja.Object) {
	if len(w.stack) >= JSONDepthMax {
		panic(w.r.RangeError("JSON.stringify: the value nests more than %d levels deep", JSONDepthMax))
	}
	if i := slices.Index(w.stack, o); i >= 0 {
		panic(w.r.TypeError("%s", w.circle(i, key)))
	}
	w.stack = append(w.stack, o)
	if len(w.stack) > 1 {
		w.path = append(w.path, key)
	}
	outer := w.indent
	w.indent += w.gap
	if w.r.isArray(o) {
		w.elements(o, outer)
	} else {
		w.members(o, outer)
	}
	w.indent = outer
	w.stack = w.stack[:len(w.stack)-1]
	if len(w.path) > 0 {
		w.path = w.path[:len(w.path)-1]
	}
}

func (w *jsonWriter) elements(o *goja.Object, outer string) {
	n := o.Get("length").ToInteger()
	if n > jsonElementsMax {
		panic(w.r.RangeError("JSON.stringify: an array of %d elements is too long; at most %d", n, jsonElementsMax))
	}
	w.out = append(w.out, '[')
	for i := range n {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.line(w.indent)
		key := strconv.FormatInt(i, 10)
		if !w.property(o, key, o.Get(key)) {
			w.out = append(w.out, "null"...)
		}
	}
	if n > 0 {
		w.line(outer)
	}
	w.out = append(w.out, ']')
}

func (w *jsonWriter) members(o *goja.Object, outer string) {
	keys := w.only
	if !w.limited {
		keys = o.Keys()
	}
	w.out = append(w.out, '{')
	any := false
	for _, key := range keys {
		start := len(w.out)
		if any {
			w.out = append(w.out, ',')
		}
		w.line(w.indent)
		w.quoteText(key)
		w.out = append(w.out, ':')
		if w.gap != "" {
			w.out = append(w.out, ' ')
		}
		if w.property(o, key, o.Get(key)) {
			any = true
		} else {
			w.out = w.out[:start]
		}
	}
	if any {
		w.line(outer)
	}
	w.out = append(w.out, '}')
}

// line begins a line when the text is indented.
func (w *jsonWriter) line(indent string) {
	if w.gap != "" {
		w.out = append(w.out, indent...)
	}
}

// quote writes a string. Lone surrogates are escaped, so the text is well-formed (ECMA-262 25.5.2.3).
func (w *jsonWriter) quote(s goja.String) {
	n := s.Length()
	if n > jsonBytesMax {
		panic(w.r.RangeError("JSON.stringify: the text is longer than %d bytes", jsonBytesMax))
	}
	text := s.String()
	if len(text) == n { // ASCII: as many bytes as code units
		w.quoteText(text)
		return
	}
	w.out = append(w.out, '"')
	for i := 0; i < n; i++ {
		c := rune(s.CharAt(i))
		switch {
		case c < 0x80:
			w.out = appendJSONByte(w.out, byte(c))
		case !utf16.IsSurrogate(c):
			w.out = append(w.out, string(c)...)
		default:
			if i+1 < n {
				if pair := utf16.DecodeRune(c, rune(s.CharAt(i+1))); pair != '\uFFFD' {
					w.out = append(w.out, string(pair)...)
					i++
					continue
				}
			}
			w.out = fmt.Appendf(w.out, `\u%04x`, c)
		}
	}
	w.out = append(w.out, '"')
}

// quoteText writes a string that has no lone surrogates.
func (w *jsonWriter) quoteText(s string) {
	w.out = append(w.out, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' {
			w.out = appendJSONByte(append(w.out, s[start:i]...), c)
			start = i + 1
		}
	}
	w.out = append(append(w.out, s[start:]...), '"')
}

func appendJSONByte(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	if c < ' ' {
		return fmt.Appendf(dst, `\u%04x`, c)
	}
	return append(dst, c)
}

// circle says how the object at i of the stack is met again as key, in V8's words.
func (w *jsonWriter) circle(i int, key string) string {
	name := func(o *goja.Object) string {
		if c, ok := o.Get("constructor").(*goja.Object); ok {
			return fmt.Sprintf("object with constructor '%s'", c.Get("name"))
		}
		return "object"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Converting circular structure to JSON\n    --> starting at %s", name(w.stack[i]))
	between := w.stack[i+1:]
	for j, o := range between {
		switch {
		case j == 0 || j == len(between)-1:
			fmt.Fprintf(&b, "\n    |     property '%s' -> %s", w.path[i+j], name(o))
		case j == 1:
			b.WriteString("\n    |     ...")
		}
	}
	fmt.Fprintf(&b, "\n    --- property '%s' closes the circle", key)
	return b.String()
}

// isArray is Array.isArray, which sees through proxies.
func (r *Realm) isArray(o *goja.Object) bool {
	for depth := 0; isProxy(o) && depth < 100; depth++ {
		p := o.Export().(goja.Proxy)
		if o = p.Target(); o == nil {
			panic(r.TypeError("the proxy has been revoked"))
		}
	}
	return o.ClassName() == "Array"
}

// stringifyJSON is JSON.stringify(v) as bytes; undefined and functions are a TypeError, as Response.json says.
func (r *Realm) stringifyJSON(what string, v goja.Value) []byte {
	w := &jsonWriter{r: r, out: make([]byte, 0, 64)}
	text, ok := w.stringify(v)
	if !ok {
		panic(r.TypeError("%s: %s cannot be written as JSON", what, kind(v)))
	}
	return text
}

// stringify is the global JSON.stringify.
func stringify(r *Realm, c goja.FunctionCall) goja.Value {
	w := &jsonWriter{r: r, out: make([]byte, 0, 64)}
	w.replace(c.Argument(1))
	w.space(c.Argument(2))
	if text, ok := w.stringify(c.Argument(0)); ok {
		return r.VM.ToValue(string(text))
	}
	return goja.Undefined()
}

// replace takes the second argument: a function, or a list of the properties to write.
func (w *jsonWriter) replace(v goja.Value) {
	o, ok := v.(*goja.Object)
	if !ok {
		return
	}
	if f, ok := goja.AssertFunction(o); ok {
		w.replacer = f
		return
	}
	if !w.r.isArray(o) {
		return
	}
	w.limited = true
	n := o.Get("length").ToInteger()
	if n > jsonElementsMax {
		panic(w.r.RangeError("JSON.stringify: a list of %d properties is too long; at most %d", n, jsonElementsMax))
	}
	seen := map[string]bool{}
	for i := range n {
		v := o.Get(strconv.FormatInt(i, 10))
		if v == nil {
			continue
		}
		if e, isObject := v.(*goja.Object); isObject {
			if class := e.ClassName(); class != "String" && class != "Number" {
				continue
			}
		} else if k := v.ExportType(); k == nil || k.Kind() != reflect.String && k.Kind() != reflect.Int64 && k.Kind() != reflect.Float64 {
			continue
		}
		if name := v.ToString().String(); !seen[name] {
			seen[name] = true
			w.only = append(w.only, name)
		}
	}
}

// space takes the third argument: a number of spaces or a string, ten at most.
func (w *jsonWriter) space(v goja.Value) {
	if o, ok := v.(*goja.Object); ok {
		switch o.ClassName() {
		case "Number":
			v = o.ToNumber()
		case "String":
			v = o.ToString()
		}
	}
	if s, ok := v.(goja.String); ok {
		w.gap = s.Substring(0, min(s.Length(), 10)).String()
		return
	}
	if t := v.ExportType(); t != nil && (t.Kind() == reflect.Int64 || t.Kind() == reflect.Float64) {
		w.gap = strings.Repeat(" ", int(min(max(v.ToInteger(), 0), 10)))
	}
}
