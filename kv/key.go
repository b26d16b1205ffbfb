package kv

import (
	"fmt"
	"strings"
)

// KeyBytesMax bounds a key. Escaped three times as long, it is far from the 4,096 bytes of a subject at which the server
// would close the connection.
const KeyBytesMax = 512

const hex = "0123456789ABCDEF"

// plain says which bytes of a key stand for themselves in a subject.
var plain = func() (t [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
		t[c] = true
	}
	return t
}()

// checkKey says what is wrong with a key.
func checkKey(key string) error {
	switch {
	case key == "":
		return fmt.Errorf("%w: it is empty", ErrKey)
	case len(key) > KeyBytesMax:
		return fmt.Errorf("%w: it has %d bytes, at most %d are allowed", ErrKey, len(key), KeyBytesMax)
	}
	return nil
}

// appendKey escapes a key to be the end of a subject: bytes that do not stand for themselves are "=" and two hexadecimal
// digits, and a token begins before each ":" and "/" but the first byte. So what people list by, the beginning of a key
// up to a separator, is whole tokens, which the server can find without reading all.
func appendKey(dst []byte, key string) []byte {
	for i := 0; i < len(key); i++ {
		c := key[i]
		if plain[c] {
			dst = append(dst, c)
			continue
		}
		if i > 0 && (c == ':' || c == '/') {
			dst = append(dst, '.')
		}
		dst = append(dst, '=', hex[c>>4], hex[c&15])
	}
	return dst
}

// parseKey undoes appendKey.
func parseKey(subject string) (string, error) {
	b := make([]byte, 0, len(subject))
	for i := 0; i < len(subject); i++ {
		switch c := subject[i]; {
		case plain[c]:
			b = append(b, c)
		case c == '.':
		case c == '=' && i+2 < len(subject):
			hi, lo := strings.IndexByte(hex, subject[i+1]), strings.IndexByte(hex, subject[i+2])
			if hi < 0 || lo < 0 {
				return "", fmt.Errorf("%w: subject %q", ErrKey, subject)
			}
			b = append(b, byte(hi<<4|lo))
			i += 2
		default:
			return "", fmt.Errorf("%w: subject %q", ErrKey, subject)
		}
	}
	return string(b), nil
}

// filterOf is the narrowest subject with wildcards that every key with a prefix has.
func filterOf(base, prefix string) string {
	s := string(appendKey(nil, prefix))
	// The last token may go on.
	i := strings.LastIndexByte(s, '.')
	return base + s[:i+1] + ">"
}
