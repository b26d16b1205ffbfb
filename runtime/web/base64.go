package web

import (
	"encoding/base64"
	"strings"

	"github.com/dop251/goja"
)

func init() {
	exposeFunction("btoa", 1, func(r *Realm, c goja.FunctionCall) goja.Value {
		s := text(c.Argument(0))
		b := make([]byte, 0, len(s))
		for _, u := range s {
			if u > 0xFF {
				panic(r.Exception("InvalidCharacterError", "btoa: character %q is not a byte; encode text with TextEncoder first", u))
			}
			b = append(b, byte(u))
		}
		return r.VM.ToValue(base64.StdEncoding.EncodeToString(b))
	})
	exposeFunction("atob", 1, func(r *Realm, c goja.FunctionCall) goja.Value {
		b, ok := forgivingBase64(text(c.Argument(0)))
		if !ok {
			panic(r.Exception("InvalidCharacterError", "atob: the string is not valid base64"))
		}
		return r.latin1(string(b))
	})
}

// forgivingBase64 is "forgiving-base64 decode" (Infra 8): white space anywhere, padding whole or absent, left-over
// bits ignored.
func forgivingBase64(s string) ([]byte, bool) {
	s = strings.Map(func(c rune) rune {
		switch c {
		case ' ', '\t', '\n', '\f', '\r':
			return -1
		}
		return c
	}, s)
	if len(s)%4 == 0 {
		s = strings.TrimSuffix(strings.TrimSuffix(s, "="), "=")
	}
	b, err := base64.RawStdEncoding.DecodeString(s)
	return b, err == nil
}
