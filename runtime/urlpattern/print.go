package urlpattern

import (
	"strings"
	"unicode/utf8"
)

// patternEscapes writes text so that it is text in a pattern string too.
var patternEscapes = strings.NewReplacer("+", `\+`, "*", `\*`, "?", `\?`, ":", `\:`, "{", `\{`, "}", `\}`, "(", `\(`, ")", `\)`, `\`, `\\`)

func escapePattern(s string) string { return patternEscapes.Replace(s) }

// print is "generate a pattern string": the normal form of the pattern that parts came from.
func print(parts []part, o *options) string {
	var b strings.Builder
	for i := range parts {
		p := &parts[i]
		if p.kind == fixedText {
			if p.modifier == "" {
				b.WriteString(escapePattern(p.value))
			} else {
				b.WriteString("{" + escapePattern(p.value) + "}" + p.modifier)
			}
			continue
		}
		var previous, next *part
		if i > 0 {
			previous = &parts[i-1]
		}
		if i+1 < len(parts) {
			next = &parts[i+1]
		}
		named := !isDigit(p.name[0])
		grouped := p.needsGrouping(previous, next, o)
		if grouped {
			b.WriteByte('{')
		}
		b.WriteString(escapePattern(p.prefix))
		if named {
			b.WriteString(":" + p.name)
		}
		switch {
		case p.kind == regexpGroup:
			b.WriteString("(" + p.value + ")")
		case p.kind == segmentWildcard && !named:
			b.WriteString("(" + o.segment() + ")")
		case p.kind == segmentWildcard:
			if startsName(p.suffix) {
				b.WriteByte('\\')
			}
		case !named && (previous == nil || previous.kind == fixedText || previous.modifier != "" || grouped || p.prefix != ""):
			b.WriteByte('*')
		default:
			b.WriteString("(" + anything + ")")
		}
		b.WriteString(escapePattern(p.suffix))
		if grouped {
			b.WriteByte('}')
		}
		b.WriteString(p.modifier)
	}
	return b.String()
}

// needsGrouping reports whether a group only reads as it is inside braces.
func (p *part) needsGrouping(previous, next *part, o *options) bool {
	if p.suffix != "" || p.prefix != "" && p.prefix != o.prefix {
		return true
	}
	if !isDigit(p.name[0]) && p.kind == segmentWildcard && p.modifier == "" && next != nil && next.bare() {
		if next.kind == fixedText && startsName(next.value) || next.kind != fixedText && isDigit(next.name[0]) {
			return true
		}
	}
	return p.prefix == "" && o.prefix != "" && previous != nil && previous.kind == fixedText && strings.HasSuffix(previous.value, o.prefix)
}

// startsName reports whether s would go on a name before it.
func startsName(s string) bool {
	r, size := utf8.DecodeRuneInString(s)
	return size > 0 && nameRune(r, false)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
