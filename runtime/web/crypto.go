package web

import (
	"crypto/rand"
	"encoding/hex"
	"reflect"

	"github.com/dop251/goja"
)

// randomBytesMax is how much one call of crypto.getRandomValues fills (Web Cryptography API 10.1.1).
const randomBytesMax = 65_536

// cryptoRoot is the Go half of the one Crypto object of a VM.
type cryptoRoot struct {
	subtle *goja.Object
}

var cryptoClass = expose("Crypto")

func init() {
	cryptoClass.members = []member{
		getter("subtle", func(r *Realm, c *cryptoRoot) goja.Value {
			if c.subtle == nil {
				c.subtle = r.make(subtleClass, &subtleCrypto{})
			}
			return c.subtle
		}),
		method("getRandomValues", 1, func(r *Realm, _ *cryptoRoot, c goja.FunctionCall) goja.Value {
			b := r.integers("crypto.getRandomValues", c.Argument(0))
			if len(b) > randomBytesMax {
				panic(r.Exception("QuotaExceededError", "crypto.getRandomValues: at most %d bytes at a time, got %d", randomBytesMax, len(b)))
			}
			random(b)
			return c.Argument(0)
		}),
		method("randomUUID", 0, func(r *Realm, _ *cryptoRoot, _ goja.FunctionCall) goja.Value {
			return r.VM.ToValue(randomUUID())
		}),
	}
	exposeValue("crypto", func(r *Realm) goja.Value { return r.make(cryptoClass, &cryptoRoot{}) })
}

// integers is the memory of a typed array of integers; anything else is a TypeMismatchError.
func (r *Realm) integers(what string, v goja.Value) []byte {
	if o, ok := v.(*goja.Object); ok && !isProxy(o) && isView(r, o) {
		if t := o.ExportType(); t.Kind() == reflect.Slice {
			switch t.Elem().Kind() {
			case reflect.Float32, reflect.Float64:
			default:
				if b, ok := r.bytes(o); ok {
					return b
				}
			}
		}
	}
	panic(r.Exception("TypeMismatchError", "%s: the argument must be a typed array of integers, got %s", what, kind(v)))
}

// random fills b. crypto/rand ends the process rather than return less than it was asked for.
func random(b []byte) { _, _ = rand.Read(b) }

// randomUUID is a new version 4 UUID (RFC 9562 5.4).
func randomUUID() string {
	var b [16]byte
	random(b[:])
	b[6] = b[6]&0x0F | 0x40
	b[8] = b[8]&0x3F | 0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
