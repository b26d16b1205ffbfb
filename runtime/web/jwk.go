package web

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/dop251/goja"
)

// keyData is what importKey was given: bytes, or a JWK, and what the key shall be.
type keyData struct {
	format      string
	raw         []byte
	jwk         *jwk
	extractable bool
	usages      []string
}

// jwk is a JSON Web Key (RFC 7517): the members that web cryptography reads and writes.
type jwk struct {
	kty, use, alg, crv string
	keyOps             []string
	hasOps             bool
	ext, hasExt        bool
	fields             map[string]string // k, x, y, d, n, e, p, q, dp, dq, qi: base64url
	oth                bool
}

var jwkFields = []string{"k", "x", "y", "d", "n", "e", "p", "q", "dp", "dq", "qi"}

// jwkOf reads a JsonWebKey dictionary.
func (r *Realm) jwkOf(what string, o *goja.Object) *jwk {
	j := &jwk{fields: map[string]string{}}
	str := func(name string) string {
		if v := field(o, name); v != nil {
			return text(v)
		}
		return ""
	}
	j.kty, j.use, j.alg, j.crv = str("kty"), str("use"), str("alg"), str("crv")
	if v := field(o, "ext"); v != nil {
		j.ext, j.hasExt = v.ToBoolean(), true
	}
	if v := field(o, "key_ops"); v != nil {
		list, ok := v.(*goja.Object)
		if !ok {
			panic(r.TypeError("%s: key_ops must be an array, got %s", what, kind(v)))
		}
		j.hasOps = true
		r.VM.ForOf(list, func(v goja.Value) bool { j.keyOps = append(j.keyOps, text(v)); return len(j.keyOps) < 100 })
	}
	for _, name := range jwkFields {
		if v := field(o, name); v != nil {
			j.fields[name] = text(v)
		}
	}
	j.oth = field(o, "oth") != nil
	return j
}

// object is j as an exported JsonWebKey.
func (j *jwk) object(r *Realm) *goja.Object {
	o := r.VM.NewObject()
	must(o.Set("kty", j.kty))
	if j.crv != "" {
		must(o.Set("crv", j.crv))
	}
	for _, name := range jwkFields {
		if v, ok := j.fields[name]; ok {
			must(o.Set(name, v))
		}
	}
	if j.alg != "" {
		must(o.Set("alg", j.alg))
	}
	must(o.Set("key_ops", r.strings(j.keyOps)))
	must(o.Set("ext", j.ext))
	return o
}

// check is what every import of a JWK asks besides its key (Web Cryptography API, "Import Key" of each algorithm).
func (j *jwk) check(p *params, a *algorithm, extractable bool, usages []string) {
	use := "sig"
	if !slices.Contains(a.usages, "sign") && !slices.Contains(a.publicUsages, "verify") {
		use = "enc"
	}
	switch {
	case len(usages) > 0 && j.use != "" && j.use != use:
		p.refuse("DataError", "the key is for use %q, not %q", cut(j.use, 20), use)
	case j.hasExt && !j.ext && extractable:
		p.refuse("DataError", "the key says that it is not extractable")
	}
	if j.hasOps {
		for i, op := range j.keyOps {
			if slices.Contains(j.keyOps[:i], op) {
				p.refuse("DataError", "key_ops names %q twice", cut(op, 20))
			}
		}
		for _, u := range usages {
			if !slices.Contains(j.keyOps, u) {
				p.refuse("DataError", "key_ops does not allow %q", u)
			}
		}
	}
}

// expect refuses a key of another type, and one that says it is for another algorithm.
func (j *jwk) expect(p *params, kty, alg string) {
	if j.kty != kty {
		p.refuse("DataError", "kty must be %q, got %q", kty, cut(j.kty, 20))
	}
	if j.alg != "" && alg != "" && j.alg != alg {
		p.refuse("DataError", "the key is for algorithm %q, not %q", cut(j.alg, 20), alg)
	}
}

func (j *jwk) has(name string) bool { _, ok := j.fields[name]; return ok }

// bytes decodes a member that the key must have.
func (j *jwk) bytes(p *params, name string) []byte {
	s, ok := j.fields[name]
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
	if !ok || err != nil {
		p.refuse("DataError", "member %q of the key must be base64url", name)
	}
	return b
}

func (j *jwk) put(name string, b []byte) {
	if j.fields == nil {
		j.fields = map[string]string{}
	}
	j.fields[name] = base64.RawURLEncoding.EncodeToString(b)
}
