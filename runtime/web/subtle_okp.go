package web

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
)

// okp is what Ed25519 and X25519 differ in; the rest of their keys is the same (RFC 8037).
type okp struct {
	generate func() (private, public any, err error)
	private  func(seed []byte) (any, error)
	public   func(b []byte) (any, error)
	publicOf func(private any) any
	seed     func(private any) []byte
	bytes    func(public any) []byte
}

var ed = okp{
	generate: func() (any, any, error) {
		public, private, err := ed25519.GenerateKey(rand.Reader)
		return private, public, err
	},
	private: func(seed []byte) (any, error) {
		if len(seed) != ed25519.SeedSize {
			return nil, operationError("a seed has %d bytes", ed25519.SeedSize)
		}
		return ed25519.NewKeyFromSeed(seed), nil
	},
	public: func(b []byte) (any, error) {
		if len(b) != ed25519.PublicKeySize {
			return nil, operationError("a public key has %d bytes", ed25519.PublicKeySize)
		}
		return ed25519.PublicKey(b), nil
	},
	publicOf: func(private any) any { return private.(ed25519.PrivateKey).Public().(ed25519.PublicKey) },
	seed:     func(private any) []byte { return private.(ed25519.PrivateKey).Seed() },
	bytes:    func(public any) []byte { return public.(ed25519.PublicKey) },
}

var x25519 = okp{
	generate: func() (any, any, error) {
		private, err := ecdh.X25519().GenerateKey(rand.Reader)
		if err != nil {
			return nil, nil, err
		}
		return private, private.PublicKey(), nil
	},
	private:  func(seed []byte) (any, error) { return ecdh.X25519().NewPrivateKey(seed) },
	public:   func(b []byte) (any, error) { return ecdh.X25519().NewPublicKey(b) },
	publicOf: func(private any) any { return private.(*ecdh.PrivateKey).PublicKey() },
	seed:     func(private any) []byte { return private.(*ecdh.PrivateKey).Bytes() },
	bytes:    func(public any) []byte { return public.(*ecdh.PublicKey).Bytes() },
}

func init() {
	register(&algorithm{
		name: "Ed25519", usages: []string{"sign"}, publicUsages: []string{"verify"},
		generate: ed.generator, importKey: ed.importer, exportKey: ed.export, exportJWK: ed.exportJWK,
		sign: func(p *params, k *cryptoKey, data []byte) func() ([]byte, error) {
			private := needPrivate[ed25519.PrivateKey](p, k)
			return func() ([]byte, error) { return ed25519.Sign(private, data), nil }
		},
		verify: func(p *params, k *cryptoKey, signature, data []byte) func() (bool, error) {
			public := needPublic[ed25519.PublicKey](p, k)
			return func() (bool, error) { return ed25519.Verify(public, data, signature), nil }
		},
	}, &algorithm{
		name: "X25519", usages: []string{"deriveKey", "deriveBits"}, publicUsages: []string{},
		generate: x25519.generator, importKey: x25519.importer, exportKey: x25519.export, exportJWK: x25519.exportJWK,
		deriveBits: func(p *params, k *cryptoKey, bits int) func() ([]byte, error) {
			peer := p.peer(k)
			private, public := needPrivate[*ecdh.PrivateKey](p, k), peer.public.(*ecdh.PublicKey)
			return func() ([]byte, error) {
				shared, err := private.ECDH(public) // refuses a secret of zeros
				if err != nil {
					return nil, err
				}
				return firstBits(shared, bits)
			}
		},
	})
}

func (o okp) generator(p *params) func() (material, error) {
	return func() (material, error) {
		private, public, err := o.generate()
		return material{typ: "pair", private: private, public: public, alg: keyAlgorithm{name: p.name}}, err
	}
}

func (o okp) importer(p *params, in keyData) material {
	m := material{typ: "public", alg: keyAlgorithm{name: p.name}}
	var err error
	switch in.format {
	case "raw":
		m.public, err = o.public(in.raw)
	case "spki":
		m.public, err = x509.ParsePKIXPublicKey(in.raw)
	case "pkcs8":
		m.typ = "private"
		m.private, err = x509.ParsePKCS8PrivateKey(in.raw)
	case "jwk":
		j := in.jwk
		j.expect(p, "OKP", "")
		if j.crv != p.name || p.name == "Ed25519" && j.alg != "" && j.alg != "EdDSA" && j.alg != "Ed25519" {
			p.refuse("DataError", "crv must be %s, got %q", p.name, cut(j.crv, 20))
		}
		m.public, err = o.public(j.bytes(p, "x"))
		if err == nil && j.has("d") {
			shown := o.bytes(m.public)
			m.typ = "private"
			if m.private, err = o.private(j.bytes(p, "d")); err == nil && string(o.bytes(o.publicOf(m.private))) != string(shown) {
				p.refuse("DataError", "d does not belong to x")
			}
		}
	}
	if err == nil && !o.is(&m) {
		err = operationError("another kind of key")
	}
	if err != nil {
		p.refuse("DataError", "the data is not an %s key", p.name)
	}
	if m.private != nil {
		m.public = o.publicOf(m.private)
	}
	return m
}

// is reports whether the keys in m are of the curve that m names: the parsers of spki and pkcs8 take any.
func (o okp) is(m *material) bool {
	k := m.public
	if m.typ == "private" {
		k = m.private
	}
	switch k := k.(type) {
	case ed25519.PublicKey, ed25519.PrivateKey:
		return m.alg.name == "Ed25519"
	case *ecdh.PublicKey:
		return m.alg.name == "X25519" && k.Curve() == ecdh.X25519()
	case *ecdh.PrivateKey:
		return m.alg.name == "X25519" && k.Curve() == ecdh.X25519()
	}
	return false
}

func (o okp) export(p *params, k *cryptoKey, format string) []byte {
	var out []byte
	var err error
	switch format {
	case "raw":
		return append([]byte{}, o.bytes(k.public)...)
	case "spki":
		out, err = x509.MarshalPKIXPublicKey(k.public)
	case "pkcs8":
		out, err = x509.MarshalPKCS8PrivateKey(k.private)
	}
	if err != nil {
		p.refuse("OperationError", "%v", err)
	}
	return out
}

func (o okp) exportJWK(k *cryptoKey, j *jwk) {
	j.kty, j.crv = "OKP", k.alg.name
	j.put("x", o.bytes(k.public))
	if k.typ == "private" {
		j.put("d", o.seed(k.private))
	}
}
