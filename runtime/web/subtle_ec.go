package web

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"math/big"
)

// curves are the named curves of ECDSA and ECDH.
var curves = map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}

func init() {
	register(&algorithm{
		name: "ECDSA", usages: []string{"sign"}, publicUsages: []string{"verify"},
		generate: ecGenerate, importKey: ecImport, exportKey: ecExport, exportJWK: ecJWK,
		sign: func(p *params, k *cryptoKey, data []byte) func() ([]byte, error) {
			hash := digests[p.hash()]
			private := needPrivate[*ecdsa.PrivateKey](p, k)
			return func() ([]byte, error) {
				r, s, err := ecdsa.Sign(rand.Reader, private, sum(hash, data))
				if err != nil {
					return nil, err
				}
				n := curveBytes(private.Curve)
				out := make([]byte, 2*n)
				r.FillBytes(out[:n])
				s.FillBytes(out[n:])
				return out, nil
			}
		},
		verify: func(p *params, k *cryptoKey, signature, data []byte) func() (bool, error) {
			hash := digests[p.hash()]
			public := needPublic[*ecdsa.PublicKey](p, k)
			return func() (bool, error) {
				n := curveBytes(public.Curve)
				if len(signature) != 2*n {
					return false, nil
				}
				r, s := new(big.Int).SetBytes(signature[:n]), new(big.Int).SetBytes(signature[n:])
				return ecdsa.Verify(public, sum(hash, data), r, s), nil
			}
		},
	}, &algorithm{
		name: "ECDH", usages: []string{"deriveKey", "deriveBits"}, publicUsages: []string{},
		generate: ecGenerate, importKey: ecImport, exportKey: ecExport, exportJWK: ecJWK,
		deriveBits: func(p *params, k *cryptoKey, bits int) func() ([]byte, error) {
			peer := p.peer(k)
			private, public := needPrivate[*ecdsa.PrivateKey](p, k), peer.public.(*ecdsa.PublicKey)
			if k.alg.curve != peer.alg.curve {
				p.refuse("InvalidAccessError", "the keys are on different curves, %s and %s", k.alg.curve, peer.alg.curve)
			}
			return func() ([]byte, error) {
				a, err := private.ECDH()
				if err != nil {
					return nil, err
				}
				b, err := public.ECDH()
				if err != nil {
					return nil, err
				}
				shared, err := a.ECDH(b)
				if err != nil {
					return nil, err
				}
				return firstBits(shared, bits)
			}
		},
	})
}

// needPrivate is the private half of k; a public key is refused.
func needPrivate[T any](p *params, k *cryptoKey) T {
	t, ok := k.private.(T)
	if !ok {
		p.refuse("InvalidAccessError", "this needs a private key, got a %s key", k.typ)
	}
	return t
}

// needPublic is the public half of k; a private key is refused.
func needPublic[T any](p *params, k *cryptoKey) T {
	t, ok := k.public.(T)
	if !ok || k.typ != "public" {
		p.refuse("InvalidAccessError", "this needs a public key, got a %s key", k.typ)
	}
	return t
}

// peer is the other side's public key in a key agreement with k.
func (p *params) peer(k *cryptoKey) *cryptoKey {
	peer := p.key("public")
	switch {
	case k.typ != "private":
		p.refuse("InvalidAccessError", "the base key must be private, got a %s key", k.typ)
	case peer.typ != "public":
		p.refuse("InvalidAccessError", "public must be a public key, got a %s key", peer.typ)
	case peer.alg.name != k.alg.name:
		p.refuse("InvalidAccessError", "the keys are for %s and %s", k.alg.name, peer.alg.name)
	}
	return peer
}

// firstBits is the beginning of a shared secret; bits < 0 means all of it.
func firstBits(b []byte, bits int) ([]byte, error) {
	if bits < 0 {
		return b, nil
	}
	if bits > len(b)*8 {
		return nil, operationError("%d bits were asked for, and the secret has %d", bits, len(b)*8)
	}
	b = b[:(bits+7)/8]
	maskBits(b, bits)
	return b, nil
}

func curveBytes(c elliptic.Curve) int { return (c.Params().BitSize + 7) / 8 }

// curve reads the member namedCurve.
func (p *params) curve() (name string, c elliptic.Curve) {
	name = p.text("namedCurve")
	c, ok := curves[name]
	if !ok {
		p.refuse("NotSupportedError", "there is no curve called %q; use P-256, P-384 or P-521", cut(name, 20))
	}
	return name, c
}

func ecGenerate(p *params) func() (material, error) {
	name, c := p.curve()
	return func() (material, error) {
		k, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			return material{}, err
		}
		return material{typ: "pair", private: k, public: &k.PublicKey, alg: keyAlgorithm{name: p.name, curve: name}}, nil
	}
}

func ecImport(p *params, in keyData) material {
	name, c := p.curve()
	m := material{typ: "public", alg: keyAlgorithm{name: p.name, curve: name}}
	var private *ecdsa.PrivateKey
	var public *ecdsa.PublicKey
	var err error
	switch in.format {
	case "raw":
		public, err = pointOf(c, in.raw)
	case "spki":
		var v any
		if v, err = x509.ParsePKIXPublicKey(in.raw); err == nil {
			public, _ = v.(*ecdsa.PublicKey)
		}
	case "pkcs8":
		var v any
		if v, err = x509.ParsePKCS8PrivateKey(in.raw); err == nil {
			private, _ = v.(*ecdsa.PrivateKey)
		}
	case "jwk":
		private, public = ecFromJWK(p, in.jwk, name, c)
	}
	if private != nil {
		public, m.private, m.typ = &private.PublicKey, private, "private"
	}
	if err != nil || public == nil || public.Curve != c {
		p.refuse("DataError", "the data is not a key on curve %s", name)
	}
	m.public = public
	return m
}

// pointOf decodes a point, compressed or not.
func pointOf(c elliptic.Curve, b []byte) (*ecdsa.PublicKey, error) {
	if len(b) == 1+curveBytes(c) {
		if x, y := elliptic.UnmarshalCompressed(c, b); x != nil {
			n := curveBytes(c)
			whole := make([]byte, 1+2*n)
			whole[0] = 4
			x.FillBytes(whole[1 : 1+n])
			y.FillBytes(whole[1+n:])
			b = whole
		}
	}
	return ecdsa.ParseUncompressedPublicKey(c, b)
}

func ecFromJWK(p *params, j *jwk, name string, c elliptic.Curve) (*ecdsa.PrivateKey, *ecdsa.PublicKey) {
	alg := ""
	if p.name == "ECDSA" {
		alg = map[string]string{"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}[name]
	}
	j.expect(p, "EC", alg)
	if j.crv != name {
		p.refuse("DataError", "the key is on curve %q, not %s", cut(j.crv, 20), name)
	}
	n := curveBytes(c)
	x, y := j.bytes(p, "x"), j.bytes(p, "y")
	if len(x) != n || len(y) != n {
		p.refuse("DataError", "x and y of a %s key have %d bytes each", name, n)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(c, append(append([]byte{4}, x...), y...))
	if err != nil {
		p.refuse("DataError", "x and y are not a point on curve %s", name)
	}
	if !j.has("d") {
		return nil, public
	}
	private, err := ecdsa.ParseRawPrivateKey(c, j.bytes(p, "d"))
	if err != nil || !private.PublicKey.Equal(public) {
		p.refuse("DataError", "d does not belong to x and y")
	}
	return private, public
}

func ecExport(p *params, k *cryptoKey, format string) []byte {
	var out []byte
	var err error
	switch format {
	case "raw":
		out, err = k.public.(*ecdsa.PublicKey).Bytes()
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

func ecJWK(k *cryptoKey, j *jwk) {
	j.kty, j.crv = "EC", k.alg.curve
	public := k.public.(*ecdsa.PublicKey)
	point, err := public.Bytes()
	must(err)
	n := curveBytes(public.Curve)
	j.put("x", point[1:1+n])
	j.put("y", point[1+n:])
	if k.typ == "private" {
		d, err := k.private.(*ecdsa.PrivateKey).Bytes()
		must(err)
		j.put("d", d)
	}
}
