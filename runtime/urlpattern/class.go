package urlpattern

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/fortunadws/fortuna/runtime/bundle"
)

// A regular expression of the author has the flag v (ECMA-262 22.2.1), whose character classes can be nested, subtracted
// and intersected. The package that matches it knows only those of the flag u, so classes are worked out here. What the
// flags u and v refuse is refused here too, because that package takes most of it for text.

var (
	errClass   = errors.New("a character class in a regular expression is not closed")
	errMixed   = errors.New("a character class mixes operators: put them in classes of their own")
	errRange   = errors.New("a range in a character class needs two characters in order")
	errEscape  = errors.New(`a "\" in a regular expression escapes what needs none`)
	errParens  = errors.New(`a "(?" in a regular expression begins nothing that is known`)
	errBracket = errors.New(`a "{", "}" or "]" in a regular expression has no "\" before it`)
)

// rewriter reads a regular expression, which is ASCII.
type rewriter struct {
	writer *writer
	source string
	at     int
	out    strings.Builder
}

// rewrite is the regular expression of the author with its classes worked out.
func (w *writer) rewrite(source string) (string, error) {
	r := &rewriter{writer: w, source: source}
	depth := 0
	for r.at < len(source) {
		var err error
		switch c := source[r.at]; c {
		case '[':
			var set runeSet
			if set, err = r.class(); err == nil {
				r.out.WriteString(set.source())
			}
		case '\\':
			err = r.escape()
		case '(':
			depth++
			err = r.open()
		case ')':
			if depth--; depth < 0 {
				return "", errParens
			}
			r.copy(1)
		case '{':
			n := quantifier(source[r.at:])
			if n == 0 {
				return "", errBracket
			}
			r.copy(n)
		case '}', ']':
			return "", errBracket
		default:
			r.copy(1)
		}
		if err != nil {
			return "", err
		}
		if r.out.Len() > sourceMax {
			return "", fmt.Errorf("its character classes are too large: %w", ErrLimit)
		}
	}
	if depth > 0 {
		return "", errParens
	}
	return r.out.String(), nil
}

// copy writes the next n bytes as they are.
func (r *rewriter) copy(n int) {
	r.out.WriteString(r.source[r.at : r.at+n])
	r.at += n
}

// rest is what has not been read.
func (r *rewriter) rest() string { return r.source[r.at:] }

func (r *rewriter) take(prefix string) bool {
	if strings.HasPrefix(r.rest(), prefix) {
		r.at += len(prefix)
		return true
	}
	return false
}

// quantifier is the length of the "{1,2}" that s begins with, or 0.
func quantifier(s string) int {
	inside, _, ok := strings.Cut(s[1:], "}")
	low, high, _ := strings.Cut(inside, ",")
	if !ok || low == "" || strings.Trim(low+high, "0123456789") != "" {
		return 0
	}
	return len(inside) + 2
}

// open reads what a group begins with; the tokenizer has seen that a "?" follows.
func (r *rewriter) open() error {
	w := r.writer
	for _, known := range []string{"(?:", "(?=", "(?!", "(?<=", "(?<!"} {
		if strings.HasPrefix(r.rest(), known) {
			r.copy(len(known))
			return nil
		}
	}
	if flags, _, ok := strings.Cut(r.rest(), ":"); ok && len(flags) > 2 && len(flags) < 8 && strings.Trim(flags[2:], "ims-") == "" {
		r.copy(len(flags) + 1)
		return nil
	}
	name, ok := strings.CutPrefix(r.rest(), "(?<")
	if !ok {
		return errParens
	}
	end := nameEnd(name, 0)
	if end == 0 || !strings.HasPrefix(name[end:], ">") {
		return errParens
	}
	if w.names[name[:end]] {
		return fmt.Errorf("two groups of regular expressions are called %q", name[:end])
	}
	if w.names == nil {
		w.names = map[string]bool{}
	}
	w.names[name[:end]] = true
	w.groups++
	r.copy(len("(?<") + end + len(">"))
	return nil
}

const syntaxCharacters = `^$\.*+?()[]{}|/`

// escape reads an escape that is not in a class.
func (r *rewriter) escape() error {
	if len(r.rest()) < 2 {
		return errEscape
	}
	switch c := r.rest()[1]; {
	case strings.IndexByte("dDsSwWbB", c) >= 0, c == 'k':
		r.copy(2)
		return nil
	case '1' <= c && c <= '9':
		n := 2
		for n < len(r.rest()) && isDigit(r.rest()[n]) {
			n++
		}
		group, err := strconv.Atoi(r.rest()[1:n])
		r.writer.reference = max(r.writer.reference, group)
		r.copy(n)
		return err
	case c == 'p', c == 'P':
		set, err := r.property()
		r.out.WriteString(set.source())
		return err
	}
	c, ok := r.character()
	if !ok {
		return errEscape
	}
	fmt.Fprintf(&r.out, `\u{%x}`, c)
	return nil
}

// character reads an escape of one character, the same in a class and outside of it.
func (r *rewriter) character() (c rune, ok bool) {
	s := r.rest()
	if len(s) < 2 {
		return 0, false
	}
	digits := func(from, n int) (rune, bool) {
		if len(s) < from+n {
			return 0, false
		}
		v, err := strconv.ParseUint(s[from:from+n], 16, 32)
		r.at += from + n
		return rune(v), err == nil && v <= 0x10FFFF
	}
	if i := strings.IndexByte("fnrtv", s[1]); i >= 0 {
		r.at += 2
		return rune("\f\n\r\t\v"[i]), true
	}
	switch {
	case s[1] == 'c' && len(s) > 2 && 'a' <= s[2]|0x20 && s[2]|0x20 <= 'z':
		r.at += 3
		return rune(s[2] & 0x1F), true
	case s[1] == '0' && (len(s) == 2 || !isDigit(s[2])):
		r.at += 2
		return 0, true
	case s[1] == 'x':
		return digits(2, 2)
	case s[1] == 'u' && strings.HasPrefix(s[2:], "{"):
		end := strings.IndexByte(s, '}')
		if end < 4 {
			return 0, false
		}
		c, ok = digits(3, end-3)
		r.at++
		return c, ok
	case s[1] == 'u':
		return digits(2, 4)
	case strings.IndexByte(syntaxCharacters, s[1]) >= 0:
		r.at += 2
		return rune(s[1]), true
	}
	return 0, false
}

// property reads \p{...} or \P{...}.
func (r *rewriter) property() (runeSet, error) {
	negated := r.rest()[1] == 'P'
	name, _, ok := strings.Cut(r.rest()[2:], "}")
	if !ok || !strings.HasPrefix(name, "{") {
		return nil, errEscape
	}
	r.at += len(name) + 3
	if r.writer.properties++; r.writer.properties > propertiesMax {
		return nil, fmt.Errorf(`it has more than %d \p{...}: %w`, propertiesMax, ErrLimit)
	}
	written, err := bundle.RewriteRegexp(`\p` + name + "}")
	if err != nil {
		return nil, err
	}
	set, err := (&rewriter{writer: r.writer, source: written}).class()
	if negated {
		set = set.complement()
	}
	return set, err
}

// class reads a character class, which "[" begins.
func (r *rewriter) class() (runeSet, error) {
	r.at++
	negated := r.take("^")
	var set []runeSet // to be united, or one to operate on
	operator := ""
	for !r.take("]") {
		if r.at == len(r.source) {
			return nil, errClass
		}
		for _, o := range []string{"--", "&&"} {
			if strings.HasPrefix(r.rest(), o) {
				if len(set) != 1 || operator != "" && operator != o {
					return nil, errMixed
				}
				operator = o
			}
		}
		if operator != "" && !r.take(operator) {
			return nil, errMixed
		}
		next, err := r.operand(operator == "")
		if err != nil {
			return nil, err
		}
		switch operator {
		case "--":
			set[0] = r.folded(set[0]).subtract(r.folded(next))
		case "&&":
			set[0] = r.folded(set[0]).intersect(r.folded(next))
		default:
			set = append(set, next)
		}
	}
	all := r.folded(union(set...))
	if negated {
		all = all.complement()
	}
	return all, nil
}

// operand reads a class in a class, an escape, a character, or, where ranges may be, a range. Case has yet to be ignored
// in what it returns.
func (r *rewriter) operand(ranges bool) (runeSet, error) {
	s := r.rest()
	if strings.HasPrefix(s, "[") {
		return r.class()
	}
	if len(s) > 1 && s[0] == '\\' {
		switch c := s[1]; {
		case c == 'p', c == 'P':
			return r.property()
		case strings.IndexByte("dDsSwW", c) >= 0:
			r.at += 2
			if c < 'a' {
				return r.folded(shorthands[c|0x20]).complement(), nil
			}
			return shorthands[c], nil
		}
	}
	low, ok := r.single()
	if !ok {
		return nil, errClassCharacter(s)
	}
	high := low
	if ranges && strings.HasPrefix(r.rest(), "-") && !strings.HasPrefix(r.rest(), "--") {
		r.at++
		if high, ok = r.single(); !ok || high < low {
			return nil, errRange
		}
	}
	return runeSet{{low, high}}, nil
}

func errClassCharacter(s string) error {
	if s == "" {
		return errClass
	}
	return fmt.Errorf(`a character class in a regular expression has %q, which needs a "\" before it or cannot be escaped`, s[:1])
}

// folded is set with what is the same where case is ignored; that must be in it before a complement is taken.
func (r *rewriter) folded(set runeSet) runeSet {
	if r.writer.fold {
		return set.folded()
	}
	return set
}

// shorthands are \d, \s and \w.
var shorthands = map[byte]runeSet{
	'd': {{'0', '9'}},
	's': {{'\t', '\r'}, {' ', ' '}, {0xA0, 0xA0}, {0x1680, 0x1680}, {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}},
	'w': {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}},
}

// single reads one character of a class (ClassSetCharacter).
func (r *rewriter) single() (c rune, ok bool) {
	s := r.rest()
	switch {
	case s == "":
		return 0, false
	case s[0] == '\\':
		if len(s) > 1 && s[1] == 'b' {
			r.at += 2
			return '\b', true
		}
		if len(s) > 1 && strings.IndexByte("&-!#%,:;<=>@`~", s[1]) >= 0 {
			r.at += 2
			return rune(s[1]), true
		}
		return r.character()
	case strings.IndexByte(`()[]{}/-\|`, s[0]) >= 0:
		return 0, false
	case len(s) > 1 && s[0] == s[1] && strings.IndexByte("&!#$%*+,.:;<=>?@^`~", s[0]) >= 0:
		return 0, false // two of them are kept for operators to come
	}
	r.at++
	return rune(s[0]), true
}
