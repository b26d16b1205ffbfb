package cookie

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// Pair is a name and a value that a client sent. The value is decoded, the name is not: clients check the prefixes of
// names as they are written, so "__%48ost-a" must not pass for "__Host-a".
type Pair struct{ Name, Value string }

// Parse returns the pairs of a Cookie field in order, those of the same name too. What is no pair of a name and a value is
// left out, whatever the client sent.
func Parse(field string) []Pair {
	var pairs []Pair
	for field != "" {
		var part string
		part, field, _ = strings.Cut(field, ";")
		name, value, ok := strings.Cut(part, "=")
		if name = strings.Trim(name, " \t"); ok && name != "" {
			pairs = append(pairs, Pair{valid(name), decode(strings.Trim(value, " \t"))})
		}
	}
	return pairs
}

// decode undoes what Field does to a value. One that was not encoded that way is text as it stands.
func decode(value string) string {
	if strings.IndexByte(value, '%') >= 0 {
		if plain, err := url.PathUnescape(value); err == nil && utf8.ValidString(plain) {
			return plain
		}
	}
	return valid(value)
}

func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// appendEncoded appends s as encodeURIComponent writes it.
func appendEncoded(b []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		if c := s[i]; isAlphanumeric(c) || strings.IndexByte("-_.!~*'()", c) >= 0 {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return b
}
