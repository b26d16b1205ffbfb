package urlpattern

import (
	"errors"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenOpen
	tokenClose
	tokenRegexp
	tokenName
	tokenChar
	tokenEscaped
	tokenModifier // "?" or "+": "*" is an asterisk
	tokenAsterisk
	tokenInvalid // only where tokens are lenient
)

// token is a token of a pattern string: index is where it begins, value what it says, without what marks it.
type token struct {
	kind  tokenKind
	index int
	value string
}

var (
	errBackslash = errors.New(`a "\" at its end escapes nothing`)
	errName      = errors.New(`a ":" has no name after it: write "\:" for the character`)
	errRegexp    = errors.New(`a "(" begins a regular expression that is empty, not closed or not ASCII, or has groups that capture: write "\(" for the character`)
)

// tokenize is the tokenizer. What is no token is an error, or, when lenient, an invalid token of one character.
func tokenize(s string, lenient bool) ([]token, error) {
	list := make([]token, 0, len(s)+1)
	for i := 0; i < len(s); {
		t, next, err := scan(s, i)
		if err != nil {
			if !lenient {
				return nil, err
			}
			next = i + 1 // what can be wrong begins with an ASCII character
			t = token{tokenInvalid, i, s[i:next]}
		}
		list = append(list, t)
		i = next
	}
	return append(list, token{tokenEnd, len(s), ""}), nil
}

// scan is the token at i and where the next begins.
func scan(s string, i int) (t token, next int, err error) {
	_, size := utf8.DecodeRuneInString(s[i:])
	after := i + size
	t = token{tokenChar, i, s[i:after]}
	switch s[i] {
	case '*':
		t.kind = tokenAsterisk
	case '+', '?':
		t.kind = tokenModifier
	case '{':
		t.kind = tokenOpen
	case '}':
		t.kind = tokenClose
	case '\\':
		if after == len(s) {
			return t, 0, errBackslash
		}
		_, size = utf8.DecodeRuneInString(s[after:])
		return token{tokenEscaped, i, s[after : after+size]}, after + size, nil
	case ':':
		end := nameEnd(s, after)
		if end == after {
			return t, 0, errName
		}
		return token{tokenName, i, s[after:end]}, end, nil
	case '(':
		end, ok := regexpEnd(s, after)
		if !ok {
			return t, 0, errRegexp
		}
		return token{tokenRegexp, i, s[after:end]}, end + 1, nil
	}
	return t, after, nil
}

// nameEnd is where the name that begins at start ends.
func nameEnd(s string, start int) int {
	end := start
	for end < len(s) {
		r, size := utf8.DecodeRuneInString(s[end:])
		if !nameRune(r, end == start) {
			break
		}
		end += size
	}
	return end
}

// nameRune is "is a valid name code point": an identifier's of JavaScript.
func nameRune(r rune, first bool) bool {
	switch {
	case r == utf8.RuneError, unicode.In(r, unicode.Pattern_Syntax, unicode.Pattern_White_Space) && r != '$':
		return r == '_'
	case r == '$', r == '_', unicode.In(r, unicode.L, unicode.Nl, unicode.Other_ID_Start):
		return true
	}
	return !first && (r == '\u200C' || r == '\u200D' || unicode.In(r, unicode.Mn, unicode.Mc, unicode.Nd, unicode.Pc, unicode.Other_ID_Continue))
}

// regexpEnd is where the ")" of the regular expression that begins at start is.
func regexpEnd(s string, start int) (end int, ok bool) {
	depth := 1
	for i := start; i < len(s); i++ {
		switch c := s[i]; {
		case c >= utf8.RuneSelf, c == '?' && i == start:
			return 0, false
		case c == '\\':
			if i++; i == len(s) || s[i] >= utf8.RuneSelf {
				return 0, false
			}
		case c == ')':
			if depth--; depth == 0 {
				return i, i > start
			}
		case c == '(':
			if depth++; i+1 == len(s) || s[i+1] != '?' {
				return 0, false
			}
		}
	}
	return 0, false
}
