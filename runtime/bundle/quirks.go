package bundle

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// edit replaces code[start:end] by text.
type edit struct {
	start, end int
	text       string
}

// mend rewrites, token by token, what goja would misread in a script that esbuild wrote:
//
//   - class fields called get, set or async, which its parser takes for accessors: their names are quoted;
//   - U+10FFFF, on which its parser panics: written as a surrogate pair;
//   - \p{...} in regular expressions, which matches nothing: written as ranges.
//
// Positions in m move along. The error is an *Error in the original sources.
func mend(code string, m *sourceMap) (string, error) {
	var edits []edit
	l := newLexer(code, languageJS)
	var field token // get, set or async where a member of a class may begin
	begins := false
	var power bigPower
	for t := l.next(); t.kind != tokenEOF; t = l.next() {
		text := l.text(t)
		if power.tooLarge(text) {
			return "", faultAt(code, m, t.start, fmt.Sprintf("a constant BigInt power or shift by more than %d is not computed here: goja would do so while compiling, without bound", bigExponentMax))
		}
		if field.end > 0 {
			if text == "=" || text == ";" || text == "}" {
				edits = append(edits, edit{field.start, field.end, `"` + l.text(field) + `"`})
			}
			field = token{}
		}
		switch t.kind {
		case tokenName:
			if begins && l.top().members && (text == "get" || text == "set" || text == "async") {
				field = t
			}
		case tokenString, tokenTemplate:
			if mended := mendString(text); mended != text {
				edits = append(edits, edit{t.start, t.end, mended})
			}
		case tokenRegexp:
			mended, err := mendRegexp(text)
			if err != nil {
				return "", faultAt(code, m, t.start, err.Error())
			}
			if mended != text {
				edits = append(edits, edit{t.start, t.end, mended})
			}
		}
		begins = text == "{" || text == ";" || text == "}" || text == "static"
	}
	if len(edits) == 0 {
		return code, nil
	}
	m.shift(code, edits)
	var b strings.Builder
	at := 0
	for _, e := range edits {
		b.WriteString(code[at:e.start])
		b.WriteString(e.text)
		at = e.end
	}
	b.WriteString(code[at:])
	return b.String(), nil
}

// mendString writes U+10FFFF as its surrogate pair, in a string or template.
func mendString(text string) string {
	if !strings.Contains(text, "\U0010FFFF") && !strings.Contains(strings.ToLower(text), "10ffff}") {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		rest := text[i:]
		if strings.HasPrefix(rest, "\U0010FFFF") {
			b.WriteString(`\uDBFF\uDFFF`)
			i += utf8.UTFMax - 1
			continue
		}
		if rest[0] != '\\' || len(rest) == 1 {
			b.WriteByte(rest[0])
			continue
		}
		if n := escapedLast(rest); n > 0 {
			b.WriteString(`\uDBFF\uDFFF`)
			i += n - 1
			continue
		}
		b.WriteString(rest[:2])
		i++
	}
	return b.String()
}

// escapedLast is the length of the escape \u{10FFFF}, with any zeros before, that s begins with; or 0.
func escapedLast(s string) int {
	digits, ok := strings.CutPrefix(s, `\u{`)
	if !ok {
		return 0
	}
	digits, _, ok = strings.Cut(digits, "}")
	if !ok || !strings.EqualFold(strings.TrimLeft(digits, "0"), "10ffff") {
		return 0
	}
	return len(`\u{`) + len(digits) + 1
}

// mendRegexp rewrites a regular expression literal.
func mendRegexp(literal string) (string, error) {
	slash := strings.LastIndexByte(literal, '/')
	pattern, flags := literal[1:max(slash, 1)], literal[slash+1:]
	if strings.ContainsAny(flags, "dv") {
		return "", fmt.Errorf("the flags d and v of regular expressions are not available in fortuna: %s", literal)
	}
	if !strings.ContainsRune(flags, 'u') {
		return asciiRegexp(literal), nil // \p is only a letter without the flag u
	}
	rewritten, err := RewriteRegexp(pattern)
	if err != nil {
		return "", err
	}
	return asciiRegexp("/" + rewritten + "/" + flags), nil
}

// asciiRegexp escapes what esbuild leaves as it is in regular expressions, so that the script is ASCII.
func asciiRegexp(literal string) string {
	var b strings.Builder
	for i, r := range literal {
		switch {
		case r < utf8.RuneSelf:
			b.WriteByte(byte(r))
		case i > 0 && literal[i-1] == '\\':
			b.WriteRune(r) // an identity escape: as it is
		case r > 0xFFFF:
			b.WriteString(escapeRune(r))
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// escapeRune writes a rune beyond the BMP as a surrogate pair, which is one character under the flag u and two code
// units without, as the rune itself is.
func escapeRune(r rune) string {
	r -= 0x10000
	return fmt.Sprintf(`\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
}

// faultAt is an error at an offset of the code, in its source.
func faultAt(code string, m *sourceMap, offset int, text string) *Error {
	msg := Message{Text: text}
	line := strings.Count(code[:offset], "\n")
	msg.place(m, line+1, offset-strings.LastIndexByte(code[:offset], '\n'))
	if source, ok := m.content(msg.File); ok {
		msg.around(source)
	}
	return &Error{Messages: []Message{msg}}
}

// bigExponentMax bounds constant BigInt powers and shifts. goja folds constants when it compiles, where no budget holds.
const bigExponentMax = 9999

// bigPower watches the tokens of a script for constant BigInt powers and shifts. The lexer gives operators byte by byte.
type bigPower struct {
	last     string // the token before
	exponent bool   // an operator was seen, and since then only opening parentheses and signs
	constant bool   // and then a BigInt literal
	wrapped  bool   // in parentheses, so that it may be the beginning of a larger constant
}

// tooLarge takes the next token and reports whether it makes a constant that is too large.
func (p *bigPower) tooLarge(text string) bool {
	operator := (text == "*" || text == "<") && p.last == text
	p.last = text
	switch {
	case p.constant && p.wrapped && (text == "*" || text == "+"), p.constant && operator && text == "*": // a ** b ** c is a ** (b ** c)
		return true
	case operator:
		*p = bigPower{exponent: true}
	case p.exponent && !p.constant && (text == "(" || text == "-" || text == "+" || text == "="):
		p.wrapped = p.wrapped || text == "("
	case p.exponent && !p.constant && len(text) > 1 && text[len(text)-1] == 'n' && '0' <= text[0] && text[0] <= '9':
		p.constant = true
		n, err := strconv.ParseInt(strings.ReplaceAll(text[:len(text)-1], "_", ""), 0, 64)
		return err != nil || n > bigExponentMax
	case p.constant && text == "*": // perhaps the first half of an operator
	default:
		*p = bigPower{last: text}
	}
	return false
}
