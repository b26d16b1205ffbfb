package router

import (
	"errors"
	"fmt"
	"strings"
)

// segment is one part of a pattern between slashes.
type segment struct {
	kind kind
	text string // decoded text, or the parameter's name
}

type kind int

const (
	kindText kind = iota
	kindParam
	kindWild
)

// parse splits a pattern into segments.
func parse(pattern string) ([]segment, error) {
	rest, ok := strings.CutPrefix(pattern, "/")
	if !ok {
		return nil, errors.New(`a pattern must begin with "/"`)
	}
	if i := strings.IndexAny(rest, "?#"); i >= 0 {
		return nil, fmt.Errorf("a pattern is a path: %q cannot be in it", rest[i:i+1])
	}
	var segments []segment
	names := make(map[string]bool)
	for more := true; more; {
		var raw string
		raw, rest, more = strings.Cut(rest, "/")
		s, err := parseSegment(raw)
		if err != nil {
			return nil, err
		}
		if s.kind == kindWild && more {
			return nil, errors.New(`"*" stands for the rest of the path: it must be the last segment`)
		}
		if s.kind == kindParam && names[s.text] {
			return nil, fmt.Errorf("it has two parameters called %q", s.text)
		}
		if s.kind != kindText {
			names[s.text] = true
		}
		segments = append(segments, s)
	}
	if len(names) > ParamsMax {
		return nil, fmt.Errorf("it has %d parameters, more than %d", len(names), ParamsMax)
	}
	return segments, nil
}

func parseSegment(raw string) (segment, error) {
	if raw == "*" {
		return segment{kindWild, "*"}, nil
	}
	if name, ok := strings.CutPrefix(raw, ":"); ok {
		if !isName(name) {
			return segment{}, fmt.Errorf(
				"a parameter is a whole segment, \":\" and a name of letters, digits and \"_\": got %q", raw)
		}
		return segment{kindParam, name}, nil
	}
	if strings.Contains(raw, "*") {
		return segment{}, fmt.Errorf("\"*\" must be a segment of its own, got %q (write %%2A for the character)", raw)
	}
	for i := 0; i < len(raw); i++ {
		if raw[i] <= ' ' || raw[i] == 0x7f {
			return segment{}, fmt.Errorf("white space and control characters must be percent-encoded, got %q", raw)
		}
		if raw[i] == '%' && !isEscape(raw, i) {
			return segment{}, fmt.Errorf("\"%%\" must be followed by two hexadecimal digits, got %q", raw)
		}
	}
	return segment{kindText, decode(raw)}, nil
}

// isName reports whether s can be a parameter's name.
func isName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '_' && !('a' <= c|0x20 && c|0x20 <= 'z') && !(i > 0 && '0' <= c && c <= '9') {
			return false
		}
	}
	return s != ""
}

// isToken reports whether s can be a method (RFC 9110, 5.6.2) or is empty.
func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return true
}

// decode undoes percent-encoding, once. A "%" without two digits stays; edge lets none through.
func decode(s string) string {
	return unescape(s, func(byte) bool { return true })
}

// decodeTail undoes percent-encoding, once, but for "/".
func decodeTail(s string) string {
	return unescape(s, func(c byte) bool { return c != '/' })
}

func unescape(s string, wanted func(c byte) bool) string {
	i := strings.IndexByte(s, '%')
	if i < 0 {
		return s
	}
	b := append(make([]byte, 0, len(s)), s[:i]...)
	for ; i < len(s); i++ {
		if s[i] == '%' && isEscape(s, i) {
			if c := unhex(s[i+1])<<4 | unhex(s[i+2]); wanted(c) {
				b = append(b, c)
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

// isEscape reports whether an escape begins at s[i], which is a "%".
func isEscape(s string, i int) bool {
	return i+2 < len(s) && unhex(s[i+1]) < 16 && unhex(s[i+2]) < 16
}

// unhex is the value of a hexadecimal digit, 16 for any other character.
func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 16
}
