package web

import (
	"slices"

	"github.com/dop251/goja"
)

// subtleCrypto is the Go half of a SubtleCrypto (Web Cryptography API 14). It holds nothing.
type subtleCrypto struct{}

var subtleClass = expose("SubtleCrypto")

// operation is a method of SubtleCrypto: whatever goes wrong in it rejects its promise.
func operation(name string, length int, f func(r *Realm, what string, c goja.FunctionCall) goja.Value) member {
	what := "crypto.subtle." + name
	return member{name: name, length: length, call: func(r *Realm, c goja.FunctionCall) goja.Value {
		return r.promised(func() goja.Value {
			if _, ok := half[*subtleCrypto](c.This); !ok {
				panic(r.TypeError("%s: illegal invocation: this is not crypto.subtle", what))
			}
			return f(r, what, c)
		})
	}}
}

func init() {
	subtleClass.members = []member{
		operation("encrypt", 3, func(r *Realm, what string, c goja.FunctionCall) goja.Value {
			data := r.bufferSource(what+": data", c.Argument(2))
			a, p, k := r.use(what, "encrypt", c.Argument(0), c.Argument(1), func(a *algorithm) bool { return a.encrypt != nil })
			return compute(r, what, a.slow || len(data) > subtleInlineBytesMax, a.encrypt(p, k, data), r.buffer)
		}),
		operation("decrypt", 3, func(r *Realm, what string, c goja.FunctionCall) goja.Value {
			data := r.bufferSource(what+": data", c.Argument(2))
			a, p, k := r.use(what, "decrypt", c.Argument(0), c.Argument(1), func(a *algorithm) bool { return a.decrypt != nil })
			return compute(r, what, a.slow || len(data) > subtleInlineBytesMax, a.decrypt(p, k, data), r.buffer)
		}),
		operation("sign", 3, func(r *Realm, what string, c goja.FunctionCall) goja.Value {
			data := r.bufferSource(what+": data", c.Argument(2))
			a, p, k := r.use(what, "sign", c.Argument(0), c.Argument(1), func(a *algorithm) bool { return a.sign != nil })
			return compute(r, what, a.slow || len(data) > subtleInlineBytesMax, a.sign(p, k, data), r.buffer)
		}),
		operation("verify", 4, func(r *Realm, what string, c goja.FunctionCall) goja.Value {
			signature, data := r.bufferSource(what+": signature", c.Argument(2)), r.bufferSource(what+": data", c.Argument(3))
			a, p, k := r.use(what, "verify", c.Argument(0), c.Argument(1), func(a *algorithm) bool { return a.verify != nil })
			return compute(r, what, len(data) > subtleInlineBytesMax, a.verify(p, k, signature, data), func(ok bool) goja.Value { return r.VM.ToValue(ok) })
		}),
		operation("digest", 2, func(r *Realm, what string, c goja.FunctionCall) goja.Value {
			data := r.bufferSource(what+": data", c.Argument(1))
			p := r.paramsOf(what, c.Argument(0))
			h, ok := digestOf(p.name)
			if !ok {
				p.refuse("NotSupportedError", "there is no digest called %q", cut(p.name, 50))
			}
			return compute(r, what, len(data) > subtleInlineBytesMax, func() ([]byte, error) { return sum(h, data), nil }, r.buffer)
		}),
		operation("generateKey", 3, func(r *Realm, _ string, c goja.FunctionCall) goja.Value {
			return r.generateKey(c.Argument(0), c.Argument(1), c.Argument(2))
		}),
		operation("deriveBits", 2, func(r *Realm, what string, c goja.FunctionCall) goja.Value {
			bits := -1
			if v := c.Argument(2); !nullish(v) {
				bits = r.enforceRange(what+": length", v, 1<<32-1)
			}
			a, p, k := r.use(what, "deriveBits", c.Argument(0), c.Argument(1), func(a *algorithm) bool { return a.deriveBits != nil })
			return compute(r, what, a.slow, a.deriveBits(p, k, bits), r.buffer)
		}),
		operation("deriveKey", 5, deriveKey),
		operation("importKey", 5, func(r *Realm, what string, c goja.FunctionCall) goja.Value {
			format, usages := r.keyFormat(what, c.Argument(0)), r.usagesOf(what, c.Argument(4))
			in := keyData{format: format}
			if o, ok := c.Argument(1).(*goja.Object); ok && format == "jwk" && !isBytes(r, o) {
				in.jwk = r.jwkOf(what, o)
			} else if format == "jwk" {
				panic(r.TypeError("%s: the key data must be a JSON Web Key, got %s", what, kind(c.Argument(1))))
			} else {
				in.raw = r.bufferSource(what+": key data", c.Argument(1))
			}
			a, p := r.algorithm(what, c.Argument(2), func(a *algorithm) bool { return a.importKey != nil })
			return r.importKey(a, p, in, c.Argument(3).ToBoolean(), usages)
		}),
		operation("exportKey", 2, func(r *Realm, what string, c goja.FunctionCall) goja.Value {
			format := r.keyFormat(what, c.Argument(0))
			k, ok := half[*cryptoKey](c.Argument(1))
			if !ok {
				panic(r.TypeError("%s: the key must be a CryptoKey, got %s", what, kind(c.Argument(1))))
			}
			data, j := r.exportKey(what, format, k)
			if j != nil {
				return j.object(r)
			}
			return r.buffer(data)
		}),
		operation("wrapKey", 4, wrapKey),
		operation("unwrapKey", 7, unwrapKey),
	}
}

func isBytes(r *Realm, o *goja.Object) bool {
	return o.ExportType() == bufferType || isView(r, o)
}

func (r *Realm) keyFormat(what string, v goja.Value) string {
	f := text(v)
	if !slices.Contains([]string{"raw", "spki", "pkcs8", "jwk"}, f) {
		panic(r.TypeError("%s: format must be raw, spki, pkcs8 or jwk, got %q", what, cut(f, 50)))
	}
	return f
}

func deriveKey(r *Realm, what string, c goja.FunctionCall) goja.Value {
	usages := r.usagesOf(what, c.Argument(4))
	a, p, k := r.use(what, "deriveKey", c.Argument(0), c.Argument(1), func(a *algorithm) bool { return a.deriveBits != nil })
	to, toParams := r.algorithm(what, c.Argument(2), func(a *algorithm) bool { return a.keyLength != nil })
	open := c.Argument(3).ToBoolean()
	work := a.deriveBits(p, k, to.keyLength(toParams))
	return compute(r, what, a.slow, work, func(raw []byte) goja.Value {
		return r.importKey(to, toParams, keyData{format: "raw", raw: raw}, open, usages)
	})
}

func wrapKey(r *Realm, what string, c goja.FunctionCall) goja.Value {
	format := r.keyFormat(what, c.Argument(0))
	k, ok := half[*cryptoKey](c.Argument(1))
	if !ok {
		panic(r.TypeError("%s: the key must be a CryptoKey, got %s", what, kind(c.Argument(1))))
	}
	a, p, with := r.use(what, "wrapKey", c.Argument(3), c.Argument(2), func(a *algorithm) bool { return a.encrypt != nil || a.wrap != nil })
	data, j := r.exportKey(what, format, k)
	if j != nil {
		data = r.stringifyJSON(what, j.object(r))
	}
	work := a.wrap
	if work == nil {
		work = a.encrypt
	}
	return compute(r, what, a.slow || len(data) > subtleInlineBytesMax, work(p, with, data), r.buffer)
}

func unwrapKey(r *Realm, what string, c goja.FunctionCall) goja.Value {
	format, usages := r.keyFormat(what, c.Argument(0)), r.usagesOf(what, c.Argument(6))
	data := r.bufferSource(what+": wrapped key", c.Argument(1))
	a, p, with := r.use(what, "unwrapKey", c.Argument(3), c.Argument(2), func(a *algorithm) bool { return a.decrypt != nil || a.unwrap != nil })
	to, toParams := r.algorithm(what, c.Argument(4), func(a *algorithm) bool { return a.importKey != nil })
	open := c.Argument(5).ToBoolean()
	work := a.unwrap
	if work == nil {
		work = a.decrypt
	}
	return compute(r, what, a.slow || len(data) > subtleInlineBytesMax, work(p, with, data), func(raw []byte) goja.Value {
		in := keyData{format: format, raw: raw}
		if format == "jwk" {
			var v goja.Value
			if r.try(func() { v = r.parseJSON(decodeUTF8(raw)) }) != nil {
				p.refuse("DataError", "what was wrapped is not a JSON Web Key")
			}
			o, ok := v.(*goja.Object)
			if !ok {
				p.refuse("DataError", "what was wrapped is not a JSON Web Key")
			}
			in.jwk = r.jwkOf(what, o)
		}
		return r.importKey(to, toParams, in, open, usages)
	})
}
