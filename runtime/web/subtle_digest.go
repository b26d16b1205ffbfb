package web

import (
	"crypto"
	"crypto/hmac"
	_ "crypto/sha1" // the digests that crypto.Hash makes
	_ "crypto/sha256"
	_ "crypto/sha512"
	"strings"
)

// digests are the hash functions of Web Cryptography, by name.
var digests = map[string]crypto.Hash{"SHA-1": crypto.SHA1, "SHA-256": crypto.SHA256, "SHA-384": crypto.SHA384, "SHA-512": crypto.SHA512}

func digestOf(name string) (crypto.Hash, bool) {
	h, ok := digests[strings.ToUpper(name)]
	return h, ok
}

func sum(h crypto.Hash, data []byte) []byte {
	d := h.New()
	d.Write(data)
	return d.Sum(nil)
}

// hashDigits is what JWK names a hash by: "256" for SHA-256.
func hashDigits(hash string) string { return strings.TrimPrefix(hash, "SHA-") }

const (
	hmacBitsMax   = 64 << 10 // of a key that is generated
	secretBitsMax = 1 << 20  // of a key that is imported
)

func init() {
	register(&algorithm{
		name:   "HMAC",
		usages: []string{"sign", "verify"},
		generate: func(p *params) func() (material, error) {
			hash := p.hash()
			bits := p.optionalCount("length", 1<<32-1, digests[hash].New().BlockSize()*8)
			if bits == 0 || bits > hmacBitsMax {
				p.refuse("OperationError", "length must be from 1 to %d bits, got %d", hmacBitsMax, bits)
			}
			return func() (material, error) {
				secret := make([]byte, (bits+7)/8)
				random(secret)
				maskBits(secret, bits)
				return material{typ: "secret", secret: secret, alg: keyAlgorithm{name: "HMAC", hash: hash, length: bits}}, nil
			}
		},
		importKey: func(p *params, in keyData) material {
			hash := p.hash()
			secret := secretOf(p, in, "HS"+hashDigits(hash))
			bits := p.optionalCount("length", 1<<32-1, len(secret)*8)
			if len(secret) == 0 || bits > len(secret)*8 || bits <= len(secret)*8-8 {
				p.refuse("DataError", "the key has %d bits, and its length is said to be %d", len(secret)*8, bits)
			}
			maskBits(secret, bits)
			return material{typ: "secret", secret: secret, alg: keyAlgorithm{name: "HMAC", hash: hash, length: bits}}
		},
		exportKey: exportSecret,
		exportJWK: func(k *cryptoKey, j *jwk) { secretJWK(k, j, "HS"+hashDigits(k.alg.hash)) },
		keyLength: func(p *params) int {
			bits := p.optionalCount("length", 1<<32-1, digests[p.hash()].New().BlockSize()*8)
			if bits == 0 || bits > hmacBitsMax {
				panic(p.r.TypeError("%s: length must be from 1 to %d bits, got %d", p.what, hmacBitsMax, bits))
			}
			return bits
		},
		sign: func(_ *params, k *cryptoKey, data []byte) func() ([]byte, error) {
			return func() ([]byte, error) { return mac(k, data), nil }
		},
		verify: func(_ *params, k *cryptoKey, signature, data []byte) func() (bool, error) {
			return func() (bool, error) { return hmac.Equal(mac(k, data), signature), nil }
		},
	})
}

func mac(k *cryptoKey, data []byte) []byte {
	m := hmac.New(digests[k.alg.hash].New, k.secret)
	m.Write(data)
	return m.Sum(nil)
}

// maskBits clears the bits of b after the first n.
func maskBits(b []byte, n int) {
	if n%8 != 0 && len(b) > 0 {
		b[len(b)-1] &= 0xFF << (8 - n%8)
	}
}

// secretOf is the bytes of a secret key, raw or as a JWK for algorithm alg.
func secretOf(p *params, in keyData, alg string) []byte {
	var secret []byte
	switch in.format {
	case "raw":
		secret = in.raw
	case "jwk":
		in.jwk.expect(p, "oct", alg)
		secret = in.jwk.bytes(p, "k")
	default:
		p.refuse("NotSupportedError", "a secret key cannot be imported as %s; use raw or jwk", in.format)
	}
	if len(secret) > secretBitsMax/8 {
		p.refuse("DataError", "the key is longer than %d bits", secretBitsMax)
	}
	return secret
}

func exportSecret(_ *params, k *cryptoKey, _ string) []byte { return append([]byte{}, k.secret...) }

func secretJWK(k *cryptoKey, j *jwk, alg string) {
	j.kty, j.alg = "oct", alg
	j.put("k", k.secret)
}
