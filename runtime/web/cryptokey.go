package web

import (
	"slices"

	"github.com/dop251/goja"
)

// cryptoKey is the Go half of a CryptoKey (Web Cryptography API 13). It never changes once made, so goroutines may
// read its material.
type cryptoKey struct {
	material
	extractable bool
	usages      []string

	algorithmObj, usagesObj *goja.Object
}

// material is a key itself: what an algorithm imports or generates. A pair has a private and a public half.
type material struct {
	typ     string // "secret", "private", "public", or "pair" fresh from a generator
	alg     keyAlgorithm
	secret  []byte
	private any // *rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey or *ecdh.PrivateKey
	public  any // the same with Public
}

// keyAlgorithm is the algorithm attribute of a key: what was chosen when it was made.
type keyAlgorithm struct {
	name     string
	hash     string
	curve    string
	length   int    // in bits, of a secret key
	modulus  int    // in bits
	exponent []byte // big-endian
}

// keyUsages are all usages there are, in the order the standard lists them.
var keyUsages = []string{"encrypt", "decrypt", "sign", "verify", "deriveKey", "deriveBits", "wrapKey", "unwrapKey"}

var cryptoKeyClass = expose("CryptoKey")

func init() {
	cryptoKeyClass.members = []member{
		getter("type", func(r *Realm, k *cryptoKey) goja.Value { return r.VM.ToValue(k.typ) }),
		getter("extractable", func(r *Realm, k *cryptoKey) goja.Value { return r.VM.ToValue(k.extractable) }),
		getter("algorithm", func(r *Realm, k *cryptoKey) goja.Value {
			if k.algorithmObj == nil {
				k.algorithmObj = k.alg.object(r)
			}
			return k.algorithmObj
		}),
		getter("usages", func(r *Realm, k *cryptoKey) goja.Value {
			if k.usagesObj == nil {
				k.usagesObj = r.strings(k.usages)
			}
			return k.usagesObj
		}),
	}
}

func (r *Realm) strings(list []string) *goja.Object {
	all := make([]any, len(list))
	for i, s := range list {
		all[i] = s
	}
	return r.VM.NewArray(all...)
}

func (a *keyAlgorithm) object(r *Realm) *goja.Object {
	o := r.VM.NewObject()
	must(o.Set("name", a.name))
	if a.modulus > 0 {
		must(o.Set("modulusLength", a.modulus))
		must(o.Set("publicExponent", r.uint8Array(slices.Clone(a.exponent))))
	}
	if a.hash != "" {
		h := r.VM.NewObject()
		must(h.Set("name", a.hash))
		must(o.Set("hash", h))
	}
	if a.length > 0 {
		must(o.Set("length", a.length))
	}
	if a.curve != "" {
		must(o.Set("namedCurve", a.curve))
	}
	return o
}

// keyOf makes a CryptoKey of m. Which usages m may have is the algorithm's business: see algorithm.key.
func (r *Realm) keyOf(m material, extractable bool, usages []string) *goja.Object {
	k := &cryptoKey{material: m, extractable: extractable}
	for _, u := range keyUsages {
		if slices.Contains(usages, u) {
			k.usages = append(k.usages, u)
		}
	}
	return r.make(cryptoKeyClass, k)
}

// usagesOf reads a sequence<KeyUsage>.
func (r *Realm) usagesOf(what string, v goja.Value) (usages []string) {
	o, ok := v.(*goja.Object)
	if !ok {
		panic(r.TypeError("%s: keyUsages must be an array of strings, got %s", what, kind(v)))
	}
	r.VM.ForOf(o, func(v goja.Value) bool {
		u := text(v)
		if !slices.Contains(keyUsages, u) {
			panic(r.TypeError("%s: %q is not a key usage", what, cut(u, 50)))
		}
		if !slices.Contains(usages, u) {
			usages = append(usages, u)
		}
		return true
	})
	return usages
}
