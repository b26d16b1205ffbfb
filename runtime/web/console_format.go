package web

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/dop251/goja"
)

// format is what console.log(...args) writes: the specifiers of the first argument filled in (Console Standard 2.2),
// then the other arguments with spaces between them; strings stand as they are.
func (r *Realm) format(args []goja.Value) string {
	if len(args) == 0 {
		return ""
	}
	var b strings.Builder
	var rest []goja.Value
	if first, ok := args[0].(goja.String); ok {
		s := first.String()
		if len(args) == 1 || !strings.Contains(s, "%") {
			b.WriteString(cut(s, ConsoleLineBytesMax+1))
			rest = args[1:]
		} else {
			rest = r.fillIn(&b, s, args[1:])
		}
	} else {
		b.WriteString(r.inspect(args[0]))
		rest = args[1:]
	}
	for _, v := range rest {
		if b.Len() > ConsoleLineBytesMax {
			break
		}
		b.WriteByte(' ')
		if s, ok := v.(goja.String); ok {
			b.WriteString(cut(s.String(), ConsoleLineBytesMax+1))
		} else {
			b.WriteString(r.inspect(v))
		}
	}
	return b.String()
}

// fillIn writes pattern with each specifier replaced by the next argument, and returns the arguments left.
func (r *Realm) fillIn(b *strings.Builder, pattern string, args []goja.Value) []goja.Value {
	for {
		at := strings.IndexByte(pattern, '%')
		if at < 0 || at+1 == len(pattern) || b.Len() > ConsoleLineBytesMax {
			b.WriteString(cut(pattern, ConsoleLineBytesMax+1))
			return args
		}
		b.WriteString(pattern[:at])
		spec := pattern[at+1]
		pattern = pattern[at+2:]
		if spec == '%' {
			b.WriteByte('%')
			continue
		}
		if len(args) == 0 || !strings.ContainsRune("sdifjoOc", rune(spec)) {
			b.WriteByte('%')
			b.WriteByte(spec)
			continue
		}
		if spec != 'c' { // %c is for colours, which a log has not
			b.WriteString(r.specify(spec, args[0]))
		}
		args = args[1:]
	}
}

// specify writes v as one specifier says. Objects are never converted: that would run their code.
func (r *Realm) specify(spec byte, v goja.Value) string {
	n := r.newInspector()
	o, isObject := v.(*goja.Object)
	switch spec {
	case 's':
		if isObject {
			n.depth = 0
			return n.value(o, 0)
		}
		if s, ok := v.(goja.String); ok {
			return cut(s.String(), ConsoleLineBytesMax+1)
		}
		return primitive(v)
	case 'd', 'i', 'f':
		return number(spec, v)
	case 'j':
		var text string
		if r.try(func() { text = string(r.stringifyJSON("console", v)) }) != nil {
			return "undefined"
		}
		return cut(text, ConsoleLineBytesMax+1)
	case 'o':
		n.hidden, n.depth = true, 4
	}
	return n.value(v, 0)
}

// number writes v as %d, %i or %f say.
func number(spec byte, v goja.Value) string {
	switch v.(type) {
	case *goja.Object, *goja.Symbol:
		return "NaN"
	}
	if x, ok := v.Export().(*big.Int); ok && spec != 'f' {
		return bigText(x)
	}
	f := v.ToFloat()
	if s, ok := v.(goja.String); ok && spec != 'd' {
		f = leadingNumber(s.String(), spec == 'f')
	} else if spec == 'i' {
		f = math.Trunc(f)
	}
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case f == 0 && math.Signbit(f):
		return "-0"
	}
	if math.Abs(f) < 1e21 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// leadingNumber is the decimal number s begins with, as parseInt and parseFloat read it.
func leadingNumber(s string, fraction bool) float64 {
	s = strings.TrimSpace(s)
	end := 0
	for i := 0; i < len(s) && i < 400; i++ {
		c := s[i]
		if c >= '0' && c <= '9' {
			end = i + 1
		} else if !(i == 0 && (c == '+' || c == '-') || fraction && c == '.' && !strings.Contains(s[:i], ".")) {
			break
		}
	}
	f, err := strconv.ParseFloat(s[:end], 64)
	if err != nil {
		return math.NaN()
	}
	return f
}
