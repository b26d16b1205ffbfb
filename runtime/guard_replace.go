package runtime

import (
	"github.com/dop251/goja"
)

func guardReplace(g *guards, m method, c goja.FunctionCall) goja.Value {
	if m.name == "replaceAll" {
		g.needsGlobal(m.name, c.Argument(0))
	}
	if v, ok := g.delegate(c, goja.SymReplace, c.Argument(1)); ok {
		return v
	}
	if nullish(c.This) {
		return m.call(c)
	}
	s, pattern := g.text(c.This), g.text(c.Argument(0))
	return m.call(goja.FunctionCall{This: s, Arguments: []goja.Value{pattern, g.replacement(m.name, s, c.Argument(1))}})
}

// guardReplaceMatches is for what RegExp.prototype has under Symbol.replace.
func guardReplaceMatches(g *guards, m method, c goja.FunctionCall) goja.Value {
	s := g.text(c.Argument(0))
	g.matchUnits("replace", s)
	return m.call(goja.FunctionCall{This: c.This, Arguments: []goja.Value{s, g.replacement("replace", s, c.Argument(1))}})
}

// replacement converts the second argument of replace and replaceAll on s. It is a string when no number of matches can
// make the result too long, and else a function that counts.
func (g *guards) replacement(what string, s goja.String, v goja.Value) goja.Value {
	total := float64(s.Length())
	count := func(t goja.String) goja.Value {
		total += float64(t.Length())
		g.units(what, total)
		g.spend(callWork)
		return t
	}
	if f := callable(v); f != nil {
		return g.js.ToValue(func(c goja.FunctionCall) goja.Value { return count(g.text(f(c))) })
	}
	by := g.text(v)
	references := 0
	for i := range by.Length() {
		if by.CharAt(i) == '$' {
			references++
		}
	}
	n := total
	if n+(n+1)*(float64(by.Length())+float64(references)*n) <= stringUnitsMax {
		return by
	}
	return g.js.ToValue(func(c goja.FunctionCall) goja.Value {
		m := match{in: s}
		m.take(c.Arguments)
		return count(m.expand(g, what, by))
	})
}

// match is what a replacement may refer to.
type match struct {
	in       goja.String
	captures []goja.Value // the match itself is the first; undefined where a group took no part
	position int
	groups   *goja.Object // nil when the pattern names none
}

// take reads the arguments that a replacement function gets: the captures, the position, the string, and the groups.
func (m *match) take(args []goja.Value) {
	if o, ok := args[len(args)-1].(*goja.Object); ok {
		m.groups, args = o, args[:len(args)-1]
	}
	m.captures, m.position = args[:len(args)-2], int(args[len(args)-2].ToInteger())
}

// expand is GetSubstitution of ECMA-262 (22.1.3.19.1), bounded.
func (m *match) expand(g *guards, what string, by goja.String) goja.String {
	var b goja.StringBuilder
	total := 0.0
	write := func(s goja.String, start, end int) {
		if end = min(end, s.Length()); start < end {
			total += float64(end - start)
			g.units(what, total)
			b.WriteSubstring(s, start, end)
		}
	}
	whole := func(v goja.Value) {
		if !nullish(v) {
			s := g.text(v)
			write(s, 0, s.Length())
		}
	}
	n := by.Length()
	for i := 0; i < n; {
		from := i
		for i < n && by.CharAt(i) != '$' {
			i++
		}
		write(by, from, i)
		if i >= n {
			break
		}
		next := uint16(0)
		if i+1 < n {
			next = by.CharAt(i + 1)
		}
		switch {
		case next == '$':
			write(by, i, i+1)
			i += 2
		case next == '&':
			whole(m.captures[0])
			i += 2
		case next == '`':
			write(m.in, 0, m.position)
			i += 2
		case next == '\'':
			write(m.in, m.position+g.text(m.captures[0]).Length(), m.in.Length())
			i += 2
		case next == '<' && m.groups != nil:
			end := i + 2
			for end < n && by.CharAt(end) != '>' {
				end++
			}
			if end == n {
				write(by, i, i+2)
				i += 2
				break
			}
			whole(m.groups.Get(by.Substring(i+2, end).String()))
			i = end + 1
		default:
			index, length := m.group(by, i+1)
			if length > 0 {
				whole(m.captures[index])
			} else {
				write(by, i, i+1)
			}
			i += 1 + length
		}
	}
	return b.String()
}

// group reads one or two digits that name a group; the length is 0 when they name none.
func (m *match) group(by goja.String, at int) (index, length int) {
	value := 0
	for i := at; i < min(at+2, by.Length()); i++ {
		d := int(by.CharAt(i)) - '0'
		if d < 0 || d > 9 {
			break
		}
		if value = value*10 + d; value >= len(m.captures) {
			break
		}
		if value > 0 {
			index, length = value, i+1-at
		}
	}
	return index, length
}
