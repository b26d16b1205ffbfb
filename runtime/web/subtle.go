package web

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dop251/goja"
)

// subtleInlineBytesMax is how much data is worked on at once, on the VM's goroutine; more goes to its own.
const subtleInlineBytesMax = 8 << 10

// keyBytesMax is how long a key in spki or pkcs8 may be: an RSA key of 8192 bits takes a third of it.
const keyBytesMax = 16 << 10

// algorithm is one of the algorithms of crypto.subtle: what it can do is what it has functions for. A function reads
// its parameters on the VM's goroutine, where it may throw, and returns the work, which touches Go values only.
type algorithm struct {
	name         string
	usages       []string // that its secret or private keys may have
	publicUsages []string
	slow         bool // work takes a millisecond or more even for little data

	generate   func(p *params) func() (material, error)
	importKey  func(p *params, in keyData) material
	exportKey  func(p *params, k *cryptoKey, format string) []byte
	exportJWK  func(k *cryptoKey, j *jwk)
	keyLength  func(p *params) int // in bits, of the key that deriveKey makes; -1 when it takes any
	sign       func(p *params, k *cryptoKey, data []byte) func() ([]byte, error)
	verify     func(p *params, k *cryptoKey, signature, data []byte) func() (bool, error)
	encrypt    func(p *params, k *cryptoKey, data []byte) func() ([]byte, error)
	decrypt    func(p *params, k *cryptoKey, data []byte) func() ([]byte, error)
	wrap       func(p *params, k *cryptoKey, data []byte) func() ([]byte, error)
	unwrap     func(p *params, k *cryptoKey, data []byte) func() ([]byte, error)
	deriveBits func(p *params, k *cryptoKey, bits int) func() ([]byte, error) // bits < 0: as many as there are
}

// algorithms finds an algorithm by its name in upper case. Files of families add theirs in init.
var algorithms = map[string]*algorithm{}

func register(all ...*algorithm) {
	for _, a := range all {
		algorithms[strings.ToUpper(a.name)] = a
	}
}

// algorithm normalises an AlgorithmIdentifier for an operation that able says the algorithm can do.
func (r *Realm) algorithm(what string, v goja.Value, able func(a *algorithm) bool) (*algorithm, *params) {
	p := r.paramsOf(what, v)
	a := algorithms[strings.ToUpper(p.name)]
	if a == nil || !able(a) {
		panic(r.Exception("NotSupportedError", "%s: algorithm %q is not supported", what, cut(p.name, 50)))
	}
	p.name = a.name
	return a, p
}

// failure is an error that reaches JavaScript as the DOMException called name.
type failure struct{ name, message string }

func (f failure) Error() string { return f.message }

func operationError(format string, args ...any) error {
	return failure{"OperationError", fmt.Sprintf(format, args...)}
}

// compute runs work, on its own goroutine when it is slow, and returns the outcome or a promise of it.
func compute[T any](r *Realm, what string, slow bool, work func() (T, error), wrap func(T) goja.Value) goja.Value {
	safe := func() (t T, err error) {
		defer func() {
			if p := recover(); p != nil { // hostile key material may upset a library: that must stay one rejection
				err = operationError("%v", p)
			}
		}()
		return work()
	}
	finish := func(t T, err error) goja.Value {
		var f failure
		switch {
		case err == nil:
			return wrap(t)
		case errors.As(err, &f):
			panic(r.Exception(f.name, "%s: %s", what, f.message))
		}
		panic(r.Exception("OperationError", "%s: %v", what, err))
	}
	if !slow {
		return finish(safe())
	}
	return r.Await(what, func(context.Context) func() goja.Value {
		t, err := safe()
		return func() goja.Value { return finish(t, err) }
	})
}

// use reads the algorithm and key arguments of an operation and checks that the key is for it.
func (r *Realm) use(what, usage string, alg, key goja.Value, able func(a *algorithm) bool) (*algorithm, *params, *cryptoKey) {
	k, ok := half[*cryptoKey](key)
	if !ok {
		panic(r.TypeError("%s: the key must be a CryptoKey, got %s", what, kind(key)))
	}
	a, p := r.algorithm(what, alg, able)
	if k.alg.name != a.name {
		p.refuse("InvalidAccessError", "the key is for %s, not for %s", k.alg.name, a.name)
	}
	if !slices.Contains(k.usages, usage) {
		p.refuse("InvalidAccessError", "the key's usages do not include %q", usage)
	}
	return a, p, k
}

func (r *Realm) buffer(b []byte) goja.Value { return r.VM.ToValue(r.VM.NewArrayBuffer(b)) }

// checkUsages says what is wrong with usages for a key of type typ.
func (a *algorithm) checkUsages(p *params, typ string, usages []string) {
	allowed := a.usages
	switch typ {
	case "public":
		allowed = a.publicUsages
	case "pair":
		allowed = append(slices.Clone(a.usages), a.publicUsages...)
	}
	for _, u := range usages {
		if !slices.Contains(allowed, u) {
			p.refuse("SyntaxError", "a %s key for %s cannot have usage %q", typ, a.name, u)
		}
	}
}

// generateKey is SubtleCrypto.generateKey.
func (r *Realm) generateKey(alg, extractable, usages goja.Value) goja.Value {
	const what = "crypto.subtle.generateKey"
	want := r.usagesOf(what, usages)
	a, p := r.algorithm(what, alg, func(a *algorithm) bool { return a.generate != nil })
	work := a.generate(p)
	open := extractable.ToBoolean()
	typ := "secret"
	if a.publicUsages != nil {
		typ = "pair"
	}
	a.checkUsages(p, typ, want)
	private := intersect(want, a.usages)
	if len(private) == 0 {
		p.refuse("SyntaxError", "keyUsages must name at least one usage of the %s key", map[string]string{"secret": "secret", "pair": "private"}[typ])
	}
	return compute(r, what, a.slow, work, func(m material) goja.Value {
		if typ == "secret" {
			return r.keyOf(m, open, want)
		}
		secret, shown := m, m
		secret.typ, shown.typ, shown.private = "private", "public", nil
		pair := r.VM.NewObject()
		must(pair.Set("publicKey", r.keyOf(shown, true, intersect(want, a.publicUsages))))
		must(pair.Set("privateKey", r.keyOf(secret, open, private)))
		return pair
	})
}

func intersect(list, with []string) (both []string) {
	for _, s := range list {
		if slices.Contains(with, s) {
			both = append(both, s)
		}
	}
	return both
}

// importKey makes a CryptoKey of key data that has been read.
func (r *Realm) importKey(a *algorithm, p *params, in keyData, extractable bool, usages []string) goja.Value {
	in.extractable, in.usages = extractable, usages
	if in.jwk == nil {
		if in.format != "raw" && len(in.raw) > keyBytesMax {
			p.refuse("DataError", "a key has at most %d bytes, got %d", keyBytesMax, len(in.raw))
		}
		if typ := map[string]string{"spki": "public", "pkcs8": "private"}[in.format]; typ != "" {
			a.checkUsages(p, typ, usages)
		}
	} else {
		in.jwk.check(p, a, extractable, usages)
	}
	m := a.importKey(p, in)
	a.checkUsages(p, m.typ, usages)
	if m.typ != "public" && len(usages) == 0 {
		p.refuse("SyntaxError", "keyUsages must name at least one usage of a %s key", m.typ)
	}
	return r.keyOf(m, extractable, usages)
}

// exportKey is the data of k in format: bytes, or a JWK when format is "jwk".
func (r *Realm) exportKey(what, format string, k *cryptoKey) (data []byte, j *jwk) {
	a := algorithms[strings.ToUpper(k.alg.name)]
	p := &params{r: r, what: what, name: k.alg.name}
	if a.exportKey == nil {
		p.refuse("NotSupportedError", "%s keys cannot be exported", k.alg.name)
	}
	if !k.extractable {
		p.refuse("InvalidAccessError", "the key is not extractable")
	}
	want := map[string]string{"spki": "public", "pkcs8": "private"}[format]
	switch {
	case (format == "spki" || format == "pkcs8") && k.typ == "secret":
		p.refuse("NotSupportedError", "a secret key cannot be exported as %s; use raw or jwk", format)
	case want != "" && k.typ != want:
		p.refuse("InvalidAccessError", "a %s key cannot be exported as %s", k.typ, format)
	case format == "raw" && k.typ == "private":
		p.refuse("InvalidAccessError", "a private key cannot be exported as raw; use pkcs8 or jwk")
	case format == "jwk":
		j = &jwk{ext: true, hasExt: true, keyOps: k.usages, hasOps: true}
		a.exportJWK(k, j)
		return nil, j
	}
	return a.exportKey(p, k, format), nil
}
