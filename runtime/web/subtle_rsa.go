package web

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"math/big"
)

// Sizes of RSA keys in bits: below, a key is unsafe; above, work takes seconds that nobody can interrupt.
const (
	rsaBitsMin         = 1024
	rsaBitsMax         = 8192
	rsaGenerateBitsMax = 4096
)

func init() {
	register(
		rsaAlgorithm("RSASSA-PKCS1-v1_5", []string{"sign"}, []string{"verify"}),
		rsaAlgorithm("RSA-PSS", []string{"sign"}, []string{"verify"}),
		rsaAlgorithm("RSA-OAEP", []string{"decrypt", "unwrapKey"}, []string{"encrypt", "wrapKey"}),
	)
	pkcs1, pss, oaep := algorithms["RSASSA-PKCS1-V1_5"], algorithms["RSA-PSS"], algorithms["RSA-OAEP"]
	pkcs1.sign = func(p *params, k *cryptoKey, data []byte) func() ([]byte, error) {
		private, h := needPrivate[*rsa.PrivateKey](p, k), digests[k.alg.hash]
		return func() ([]byte, error) { return rsa.SignPKCS1v15(nil, private, h, sum(h, data)) }
	}
	pkcs1.verify = func(p *params, k *cryptoKey, signature, data []byte) func() (bool, error) {
		public, h := needPublic[*rsa.PublicKey](p, k), digests[k.alg.hash]
		return func() (bool, error) { return rsa.VerifyPKCS1v15(public, h, sum(h, data), signature) == nil, nil }
	}
	pss.sign = func(p *params, k *cryptoKey, data []byte) func() ([]byte, error) {
		private, h, options := needPrivate[*rsa.PrivateKey](p, k), digests[k.alg.hash], saltOf(p)
		if options.SaltLength == rsa.PSSSaltLengthAuto {
			p.refuse("NotSupportedError", "saltLength must not be 0; %d goes with %s", h.Size(), k.alg.hash)
		}
		return func() ([]byte, error) { return rsa.SignPSS(rand.Reader, private, h, sum(h, data), options) }
	}
	pss.verify = func(p *params, k *cryptoKey, signature, data []byte) func() (bool, error) {
		public, h, options := needPublic[*rsa.PublicKey](p, k), digests[k.alg.hash], saltOf(p)
		return func() (bool, error) { return rsa.VerifyPSS(public, h, sum(h, data), signature, options) == nil, nil }
	}
	oaep.encrypt = func(p *params, k *cryptoKey, data []byte) func() ([]byte, error) {
		public, h, label := needPublic[*rsa.PublicKey](p, k), digests[k.alg.hash], p.optionalBytes("label")
		return func() ([]byte, error) { return rsa.EncryptOAEP(h.New(), rand.Reader, public, data, label) }
	}
	oaep.decrypt = func(p *params, k *cryptoKey, data []byte) func() ([]byte, error) {
		private, h, label := needPrivate[*rsa.PrivateKey](p, k), digests[k.alg.hash], p.optionalBytes("label")
		return func() ([]byte, error) { return rsa.DecryptOAEP(h.New(), nil, private, data, label) }
	}
}

func rsaAlgorithm(name string, private, public []string) *algorithm {
	return &algorithm{name: name, usages: private, publicUsages: public, slow: true,
		generate: rsaGenerate, importKey: rsaImport, exportKey: rsaExport, exportJWK: rsaJWK}
}

// saltOf reads saltLength. To crypto/rsa 0 means any length, which is right for verifying: whoever signed without salt
// is accepted. It cannot sign so.
func saltOf(p *params) *rsa.PSSOptions {
	n := p.count("saltLength", 1<<32-1)
	if n > rsaBitsMax/8 {
		p.refuse("OperationError", "saltLength must be at most %d, got %d", rsaBitsMax/8, n)
	}
	return &rsa.PSSOptions{SaltLength: n}
}

func rsaGenerate(p *params) func() (material, error) {
	bits, exponent, hash := p.count("modulusLength", 1<<32-1), p.bytes("publicExponent"), p.hash()
	if bits < rsaBitsMin || bits > rsaGenerateBitsMax {
		p.refuse("OperationError", "modulusLength must be from %d to %d, got %d", rsaBitsMin, rsaGenerateBitsMax, bits)
	}
	if exponent = bytes.TrimLeft(exponent, "\x00"); !bytes.Equal(exponent, []byte{1, 0, 1}) {
		p.refuse("OperationError", "publicExponent must be 65537: new Uint8Array([1, 0, 1])")
	}
	return func() (material, error) {
		k, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			return material{}, err
		}
		return material{typ: "pair", private: k, public: &k.PublicKey, alg: rsaKeyAlgorithm(p, hash, &k.PublicKey)}, nil
	}
}

func rsaKeyAlgorithm(p *params, hash string, k *rsa.PublicKey) keyAlgorithm {
	return keyAlgorithm{name: p.name, hash: hash, modulus: k.N.BitLen(), exponent: big.NewInt(int64(k.E)).Bytes()}
}

func rsaImport(p *params, in keyData) material {
	hash := p.hash()
	m := material{typ: "public"}
	var private *rsa.PrivateKey
	var public *rsa.PublicKey
	switch in.format {
	case "spki":
		if v, err := x509.ParsePKIXPublicKey(in.raw); err == nil {
			public, _ = v.(*rsa.PublicKey)
		}
	case "pkcs8":
		if v, err := x509.ParsePKCS8PrivateKey(in.raw); err == nil {
			private, _ = v.(*rsa.PrivateKey)
		}
	case "jwk":
		private, public = rsaFromJWK(p, in.jwk, hash)
	default:
		p.refuse("NotSupportedError", "RSA keys cannot be imported as %s; use spki, pkcs8 or jwk", in.format)
	}
	if private != nil {
		public, m.private, m.typ = &private.PublicKey, private, "private"
	}
	if public == nil {
		p.refuse("DataError", "the data is not an RSA key")
	}
	if n := public.N.BitLen(); n < rsaBitsMin || n > rsaBitsMax {
		p.refuse("DataError", "an RSA key must have from %d to %d bits, got %d", rsaBitsMin, rsaBitsMax, n)
	}
	m.public, m.alg = public, rsaKeyAlgorithm(p, hash, public)
	return m
}

// rsaJWKName is what JWK calls an RSA algorithm with a hash.
func rsaJWKName(name, hash string) string {
	switch {
	case name == "RSASSA-PKCS1-v1_5":
		return "RS" + hashDigits(hash)
	case name == "RSA-PSS":
		return "PS" + hashDigits(hash)
	case hash == "SHA-1":
		return "RSA-OAEP"
	}
	return "RSA-OAEP-" + hashDigits(hash)
}

func rsaFromJWK(p *params, j *jwk, hash string) (*rsa.PrivateKey, *rsa.PublicKey) {
	j.expect(p, "RSA", rsaJWKName(p.name, hash))
	number := func(name string) *big.Int {
		b := j.bytes(p, name)
		if len(b) > rsaBitsMax/8+1 {
			p.refuse("DataError", "member %q of the key has more than %d bits", name, rsaBitsMax)
		}
		return new(big.Int).SetBytes(b)
	}
	e := number("e")
	if !e.IsInt64() || e.Int64() > 1<<31-1 || e.Int64() < 3 {
		p.refuse("DataError", "the public exponent must be from 3 to %d", 1<<31-1)
	}
	public := &rsa.PublicKey{N: number("n"), E: int(e.Int64())}
	if !j.has("d") {
		return nil, public
	}
	if j.oth {
		p.refuse("NotSupportedError", "RSA keys of more than two primes are not supported")
	}
	private := &rsa.PrivateKey{PublicKey: *public, D: number("d"), Primes: []*big.Int{number("p"), number("q")}}
	given := []*big.Int{number("dp"), number("dq"), number("qi")}
	if err := private.Validate(); err != nil {
		p.refuse("DataError", "the numbers do not make an RSA key")
	}
	private.Precompute()
	for i, x := range []*big.Int{private.Precomputed.Dp, private.Precomputed.Dq, private.Precomputed.Qinv} {
		if x == nil || x.Cmp(given[i]) != 0 {
			p.refuse("DataError", "the numbers do not make an RSA key")
		}
	}
	return private, public
}

func rsaExport(p *params, k *cryptoKey, format string) []byte {
	var out []byte
	var err error
	switch format {
	case "spki":
		out, err = x509.MarshalPKIXPublicKey(k.public)
	case "pkcs8":
		out, err = x509.MarshalPKCS8PrivateKey(k.private)
	default:
		p.refuse("NotSupportedError", "RSA keys cannot be exported as %s; use spki, pkcs8 or jwk", format)
	}
	if err != nil {
		p.refuse("OperationError", "%v", err)
	}
	return out
}

func rsaJWK(k *cryptoKey, j *jwk) {
	j.kty, j.alg = "RSA", rsaJWKName(k.alg.name, k.alg.hash)
	public := k.public.(*rsa.PublicKey)
	j.put("n", public.N.Bytes())
	j.put("e", k.alg.exponent)
	if k.typ != "private" {
		return
	}
	private := k.private.(*rsa.PrivateKey)
	for name, x := range map[string]*big.Int{
		"d": private.D, "p": private.Primes[0], "q": private.Primes[1],
		"dp": private.Precomputed.Dp, "dq": private.Precomputed.Dq, "qi": private.Precomputed.Qinv,
	} {
		j.put(name, x.Bytes())
	}
}
