package web

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/dop251/goja"
)

// JSONDepthMax is how deep arrays and objects may nest in text that is parsed as JSON: the parser recurses on the Go
// stack, and code that walks the result recurses on the VM's.
const JSONDepthMax = 1000

// parseJSON is JSON.parse(s) without a reviver (ECMA-262 25.5.1). goja's own goes through encoding/json, which is three
// times slower, replaces lone surrogates and recurses without bound. Messages are V8's, because people look them up.
func (r *Realm) parseJSON(s string) goja.Value {
	p := &jsonParser{r: r, s: s, object: r.objectPrototype()}
	v := p.value(0)
	p.space()
	if p.i < len(s) {
		p.fail("Unexpected non-whitespace character after JSON")
	}
	return v
}

// jsonParser reads one JSON text.
type jsonParser struct {
	r      *Realm
	s      string
	i      int
	object *goja.Object // Object.prototype
}

func (p *jsonParser) space() {
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return
		}
	}
}

// next is the next byte that is not white space, or 0 at the end.
func (p *jsonParser) next() byte {
	p.space()
	if p.i == len(p.s) {
		return 0
	}
	return p.s[p.i]
}

func (p *jsonParser) value(depth int) goja.Value {
	if depth > JSONDepthMax {
		panic(p.r.newError("SyntaxError", fmt.Sprintf("JSON nests more than %d levels deep", JSONDepthMax)))
	}
	switch c := p.next(); c {
	case '{':
		return p.members(depth)
	case '[':
		return p.elements(depth)
	case '"':
		return p.text()
	case 't':
		return p.word("true", p.r.VM.ToValue(true))
	case 'f':
		return p.word("false", p.r.VM.ToValue(false))
	case 'n':
		return p.word("null", goja.Null())
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return p.number()
	}
	p.unexpected()
	return nil
}

func (p *jsonParser) word(word string, v goja.Value) goja.Value {
	for j := range len(word) {
		if p.i == len(p.s) || p.s[p.i] != word[j] {
			p.unexpected()
		}
		p.i++
	}
	return v
}

func (p *jsonParser) members(depth int) goja.Value {
	p.i++
	// Without a prototype, every Set makes an own property: no setter, and "__proto__" is a name like any other.
	o := p.r.VM.CreateObject(nil)
	if p.next() == '}' {
		p.i++
	} else {
		for first := true; ; first = false {
			if p.next() != '"' {
				switch {
				case p.i == len(p.s):
					p.unexpected()
				case first:
					p.fail("Expected property name or '}' in JSON")
				default:
					p.fail("Expected double-quoted property name in JSON")
				}
			}
			name := p.text()
			if p.next() != ':' {
				p.expected("Expected ':' after property name in JSON")
			}
			p.i++
			must(o.Set(name.String(), p.value(depth+1)))
			if c := p.next(); c == '}' {
				p.i++
				break
			} else if c != ',' {
				p.expected("Expected ',' or '}' after property value in JSON")
			}
			p.i++
		}
	}
	must(o.SetPrototype(p.object))
	return o
}

func (p *jsonParser) elements(depth int) goja.Value {
	p.i++
	var all []any
	if p.next() == ']' {
		p.i++
		return p.r.VM.NewArray()
	}
	for {
		all = append(all, p.value(depth+1))
		if c := p.next(); c == ']' {
			p.i++
			return p.r.VM.NewArray(all...)
		} else if c != ',' {
			p.expected("Expected ',' or ']' after array element in JSON")
		}
		p.i++
	}
}

// text reads a string; p.i is at its quote.
func (p *jsonParser) text() goja.Value {
	p.i++
	start := p.i
	for p.i < len(p.s) {
		switch c := p.s[p.i]; {
		case c == '"':
			v := p.r.VM.ToValue(p.s[start:p.i])
			p.i++
			return v
		case c == '\\':
			return p.escaped(start)
		case c < ' ':
			p.fail("Bad control character in string literal in JSON")
		}
		p.i++
	}
	p.fail("Unterminated string in JSON")
	return nil
}

// escaped reads the rest of a string that has an escape, as UTF-16: it may hold lone surrogates.
func (p *jsonParser) escaped(start int) goja.Value {
	units := utf16Units(nil, p.s[start:p.i])
	for p.i < len(p.s) {
		c := p.s[p.i]
		switch {
		case c == '"':
			p.i++
			return goja.StringFromUTF16(units)
		case c < ' ':
			p.fail("Bad control character in string literal in JSON")
		case c != '\\':
			from := p.i
			for p.i < len(p.s) && p.s[p.i] != '"' && p.s[p.i] != '\\' && p.s[p.i] >= ' ' {
				p.i++
			}
			units = utf16Units(units, p.s[from:p.i])
			continue
		}
		p.i++
		if p.i == len(p.s) {
			break
		}
		switch c := p.s[p.i]; c {
		case '"', '\\', '/':
			units = append(units, uint16(c))
		case 'b':
			units = append(units, '\b')
		case 'f':
			units = append(units, '\f')
		case 'n':
			units = append(units, '\n')
		case 'r':
			units = append(units, '\r')
		case 't':
			units = append(units, '\t')
		case 'u':
			if p.i+4 >= len(p.s) {
				p.fail("Bad Unicode escape in JSON")
			}
			n, err := strconv.ParseUint(p.s[p.i+1:p.i+5], 16, 16)
			if err != nil {
				p.fail("Bad Unicode escape in JSON")
			}
			units = append(units, uint16(n))
			p.i += 4
		default:
			p.fail("Bad escaped character in JSON")
		}
		p.i++
	}
	p.fail("Unterminated string in JSON")
	return nil
}

// utf16Units appends s, which is UTF-8, to units.
func utf16Units(units []uint16, s string) []uint16 {
	for _, c := range s {
		if c < 0x10000 {
			units = append(units, uint16(c))
		} else {
			c -= 0x10000
			units = append(units, uint16(0xD800+c>>10), uint16(0xDC00+c&0x3FF))
		}
	}
	return units
}

func (p *jsonParser) digits() (n int) {
	for p.i < len(p.s) && '0' <= p.s[p.i] && p.s[p.i] <= '9' {
		p.i++
		n++
	}
	return n
}

func (p *jsonParser) number() goja.Value {
	start := p.i
	if p.s[p.i] == '-' {
		p.i++
	}
	first := p.i
	if n := p.digits(); n == 0 {
		p.expected("No number after minus sign in JSON")
	} else if n > 1 && p.s[first] == '0' {
		p.i = first + 1
		p.fail("Unexpected number in JSON")
	}
	whole := true
	if p.i < len(p.s) && p.s[p.i] == '.' {
		whole = false
		p.i++
		if p.digits() == 0 {
			p.expected("Unterminated fractional number in JSON")
		}
	}
	if p.i < len(p.s) && (p.s[p.i] == 'e' || p.s[p.i] == 'E') {
		whole = false
		p.i++
		if p.i < len(p.s) && (p.s[p.i] == '+' || p.s[p.i] == '-') {
			p.i++
		}
		if p.digits() == 0 {
			p.expected("Exponent part is missing a number in JSON")
		}
	}
	text := p.s[start:p.i]
	if whole && len(text) < 16 && text != "-0" {
		n, _ := strconv.ParseInt(text, 10, 64)
		return p.r.VM.ToValue(n)
	}
	f, _ := strconv.ParseFloat(text, 64) // out of range is an infinity, as it should be
	if f == 0 && text[0] == '-' {
		f = math.Copysign(0, -1)
	}
	return p.r.VM.ToValue(f)
}

// expected fails with message, or with "unexpected end" where there is nothing more.
func (p *jsonParser) expected(message string) {
	if p.i == len(p.s) {
		p.unexpected()
	}
	p.fail(message)
}

func (p *jsonParser) fail(message string) {
	line := 1 + strings.Count(p.s[:p.i], "\n")
	column := p.i - strings.LastIndexByte(p.s[:p.i], '\n')
	panic(p.r.newError("SyntaxError", fmt.Sprintf("%s at position %d (line %d column %d)", message, p.i, line, column)))
}

// unexpected fails at the byte that begins nothing, and shows what is around it.
func (p *jsonParser) unexpected() {
	if p.i >= len(p.s) {
		panic(p.r.newError("SyntaxError", "Unexpected end of JSON input"))
	}
	const around = 10
	c, _ := utf8.DecodeRuneInString(p.s[p.i:])
	from, to, before, after := 0, len(p.s), "", ""
	if len(p.s) > 4*around {
		if p.i > around {
			from, before = p.i-around, "..."
		}
		if p.i+around < len(p.s) {
			to, after = p.i+around, "..."
		}
	}
	panic(p.r.newError("SyntaxError", fmt.Sprintf("Unexpected token '%c', %s\"%s\"%s is not valid JSON",
		c, before, strings.ToValidUTF8(p.s[from:to], ""), after)))
}

// objectPrototype is %Object.prototype%.
func (r *Realm) objectPrototype() *goja.Object {
	return r.intrinsic("Object", "prototype").(*goja.Object)
}

// installJSON replaces JSON.parse and JSON.stringify. With a reviver, goja's own walks the value again, once the text is known to be sound.
func (r *Realm) installJSON() {
	object := r.VM.GlobalObject().Get("JSON").(*goja.Object)
	original := object.Get("parse").Export().(func(goja.FunctionCall) goja.Value)
	must(object.DefineDataProperty("parse", r.function("parse", 0, func(r *Realm, c goja.FunctionCall) goja.Value {
		source := text(c.Argument(0))
		v := r.parseJSON(source)
		if _, ok := goja.AssertFunction(c.Argument(1)); ok {
			c.Arguments[0] = r.VM.ToValue(source) // what was checked, not what it would convert to again
			return original(c)
		}
		return v
	}), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE))
	must(object.Get("parse").(*goja.Object).DefineDataProperty("length", r.VM.ToValue(2), goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE))
	must(object.DefineDataProperty("stringify", r.function("stringify", 0, stringify), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE))
	must(object.Get("stringify").(*goja.Object).DefineDataProperty("length", r.VM.ToValue(3), goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE))
}
