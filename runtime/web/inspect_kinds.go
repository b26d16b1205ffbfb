package web

import (
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/dop251/goja"
)

// inspectSkipped are members of the platform that are not shown: reading them makes something, or they say nothing.
var inspectSkipped = []string{
	"body", "cache", "credentials", "destination", "duplex", "integrity", "keepalive", "mode", "referrer", "referrerPolicy",
	"searchParams", "params", "cookies", "currentTarget", "srcElement", "returnValue", "cancelBubble",
}

// platform writes an object of the platform by its attributes, which run no code of the program.
func (n *inspector) platform(o *goja.Object, half any, s *shape, level int) bool {
	if e, ok := half.(*domException); ok {
		n.domExceptionShape(o, e, s)
		return true
	}
	c := n.classOf(o)
	if c == nil {
		return false
	}
	s.name = c.name
	if name := n.className(o); name != "" {
		s.name = name
	}
	s.open = s.name + " {"
	if c.iterator == "entries" {
		n.pairsShape(o, c, s)
		return true
	}
	s.inside = func() {
		for ; c != nil; c = c.parent {
			for _, m := range c.members {
				if m.get == nil || slices.Contains(inspectSkipped, m.name) {
					continue
				}
				var v goja.Value
				if n.r.try(func() { v = m.get(n.r, goja.FunctionCall{This: o}) }) == nil {
					s.parts = append(s.parts, n.spend(m.name+": ")+n.nested(v, level))
				}
			}
		}
	}
	return true
}

// classOf is the class whose prototype o inherits from.
func (n *inspector) classOf(o *goja.Object) *class {
	for p, i := o.Prototype(), 0; p != nil && i < 100 && !isProxy(p); p, i = p.Prototype(), i+1 {
		for i, b := range n.r.built {
			if b != nil && b.prototype == p {
				return classes[i]
			}
		}
	}
	return nil
}

// pairsShape writes a list of names and values: Headers, URLSearchParams, FormData.
func (n *inspector) pairsShape(o *goja.Object, c *class, s *shape) {
	i := slices.IndexFunc(c.members, func(m member) bool { return m.name == "entries" })
	s.inside = func() {
		var it *iterator
		if n.r.try(func() { it, _ = half[*iterator](c.members[i].call(n.r, goja.FunctionCall{This: o})) }) != nil || it == nil {
			return
		}
		for pair := it.next(); pair != nil && n.left > 0; pair = it.next() {
			if len(s.parts) == inspectItemsMax {
				s.parts = append(s.parts, "...")
				return
			}
			p := pair.(*goja.Object)
			k, v := p.Get("0"), p.Get("1")
			if c == headersClass {
				name := k.String()
				if !isIdentifier(name) {
					name = quote(name)
				}
				s.parts = append(s.parts, n.spend(name+": ")+n.value(v, n.depth+1))
			} else {
				s.parts = append(s.parts, n.value(k, 0)+" => "+n.value(v, n.depth+1))
			}
		}
	}
}

func (n *inspector) domExceptionShape(o *goja.Object, e *domException, s *shape) {
	text := e.name + ": " + e.message
	if p, ok := n.property(o, n.r.VM.ToValue("stack")); ok {
		if stack, ok := p.value.(goja.String); ok {
			text = tidyStack(stack.String())
		}
	}
	s.base, s.prefix, s.skip = true, "DOMException ["+strings.Replace(text, "\n", "]\n", 1), []string{"stack", "cause"}
	if !strings.Contains(text, "\n") {
		s.prefix += "]"
	}
}

// errorShape writes an error by its stack, then its own properties, its cause and the errors it gathers.
func (n *inspector) errorShape(o *goja.Object, s *shape, constructor string, level int) {
	// The stack is read even if that makes the engine ask name and message: without it a log says too little.
	var stack goja.Value
	_ = n.r.try(func() {
		if p, ok := n.property(o, n.r.VM.ToValue("stack")); ok {
			stack = p.value
		}
	})
	text := tidyStack(n.text(stack))
	if text == "" {
		text = n.text(n.data(o, "name"))
		if m := n.text(n.data(o, "message")); m != "" {
			text += ": " + m
		}
		text = "[" + text + "]"
	} else if name, _, _ := strings.Cut(text, "\n"); constructor != "" && strings.HasSuffix(constructor, "Error") && !strings.Contains(name, constructor) {
		// A subclass that did not set its name: say what it is all the same.
		text = constructor + strings.TrimPrefix(text, "Error")
	}
	if first, rest, many := strings.Cut(text, "\n"); !many && !strings.HasPrefix(first, "[") {
		text = "[" + first + "]"
	} else if many && n.indent > 0 {
		text = first + "\n" + strings.Repeat(" ", n.indent) + strings.ReplaceAll(rest, "\n", "\n"+strings.Repeat(" ", n.indent))
	}
	s.base, s.prefix, s.name = true, n.spend(text), constructor
	s.skip = []string{"stack", "message", "name", "cause", "errors"}
	special := func(name string) {
		p, ok := n.property(o, n.r.VM.ToValue(name))
		if !ok || n.causes >= inspectCausesMax {
			return
		}
		s.base = false
		before := s.inside
		s.inside = func() {
			if before != nil {
				before()
			}
			n.causes++
			s.parts = append(s.parts, "["+name+"]: "+n.held(p, level))
			n.causes--
		}
	}
	special("cause")
	special("errors")
}

// tidyStack is an engine's stack with four spaces before each line and without the engine's own program counters.
func tidyStack(stack string) string {
	lines := strings.Split(strings.TrimRight(stack, "\n"), "\n")
	for i, l := range lines {
		at, isFrame := strings.CutPrefix(strings.TrimLeft(l, "\t "), "at ")
		if !isFrame || i == 0 {
			continue
		}
		at, closed := strings.CutSuffix(at, "))")
		if open := strings.LastIndexByte(at, '('); open > 0 && closed && isIndex(at[open+1:]) {
			at = at[:open] + ")"
		} else if closed {
			at += "))"
		} else if open := strings.LastIndexByte(at, '('); open > 0 && isIndex(strings.TrimSuffix(at[open+1:], ")")) {
			at = at[:open]
		}
		lines[i] = "    at " + at
	}
	return strings.Join(lines, "\n")
}

// binary writes an ArrayBuffer, a typed array or a DataView.
func (n *inspector) binary(o *goja.Object, s *shape, constructor string, title func(fallback, size string) string, level int) bool {
	if o.ExportType() == bufferType {
		data := o.Export().(goja.ArrayBuffer).Bytes()
		s.name = title("ArrayBuffer", "")
		s.open = s.name + " {"
		s.inside = func() {
			const shown = 50
			text := spaced(data[:min(len(data), shown)])
			if len(data) > shown {
				text += fmt.Sprintf(" ... %d more bytes", len(data)-shown)
			}
			s.parts = append(s.parts, "[Uint8Contents]: <"+text+">", "byteLength: "+strconv.Itoa(len(data)))
		}
		return true
	}
	if !isView(n.r, o) {
		return false
	}
	items := reflect.ValueOf(o.Export())
	if o.ExportType().Kind() != reflect.Slice { // a DataView
		s.name = title("DataView", "")
		s.open = s.name + " {"
		s.inside = func() {
			for _, k := range []string{"byteLength", "byteOffset"} {
				s.parts = append(s.parts, k+": "+n.call("DataView", "get "+k, o).String())
			}
			s.parts = append(s.parts, "buffer: "+n.nested(n.call("DataView", "get buffer", o), level))
		}
		return true
	}
	length := items.Len()
	s.name = title("TypedArray", "")
	s.open, s.close = title("TypedArray", "("+strconv.Itoa(length)+")")+" [", "]"
	s.array, s.keys = true, length <= inspectItemsMax
	s.inside = func() {
		s.numeric = true
		for i := range min(length, inspectItemsMax) {
			s.parts = append(s.parts, n.spend(primitive(o.Get(strconv.Itoa(i)))))
		}
		s.rest(length - min(length, inspectItemsMax))
	}
	return true
}

// spaced is b in hexadecimal with a space between bytes.
func spaced(b []byte) string {
	var s strings.Builder
	for i := range b {
		if i > 0 {
			s.WriteByte(' ')
		}
		s.WriteString(hex.EncodeToString(b[i : i+1]))
	}
	return s.String()
}
