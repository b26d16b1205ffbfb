package web

import (
	"crypto/hkdf"
	"crypto/pbkdf2"
)

const (
	pbkdf2RoundsMax = 4_000_000 // iterations times blocks of output: about a second, which nobody can interrupt
	derivedBitsMax  = 64 << 10
)

func init() {
	usages := []string{"deriveKey", "deriveBits"}
	register(&algorithm{
		name: "PBKDF2", usages: usages, importKey: passwordImport, keyLength: anyLength, slow: true,
		deriveBits: func(p *params, k *cryptoKey, bits int) func() ([]byte, error) {
			hash, salt, iterations := p.hash(), p.bytes("salt"), p.count("iterations", 1<<32-1)
			if wholeBytes(p, bits); bits == 0 {
				p.refuse("OperationError", "length must not be 0")
			}
			size := digests[hash].Size() * 8
			if most := pbkdf2RoundsMax / ((bits + size - 1) / size); iterations == 0 || iterations > most {
				p.refuse("OperationError", "iterations must be from 1 to %d for %d bits with %s, got %d", most, bits, hash, iterations)
			}
			return func() ([]byte, error) {
				return pbkdf2.Key(digests[hash].New, string(k.secret), salt, iterations, bits/8)
			}
		},
	}, &algorithm{
		name: "HKDF", usages: usages, importKey: passwordImport, keyLength: anyLength,
		deriveBits: func(p *params, k *cryptoKey, bits int) func() ([]byte, error) {
			hash, salt, info := p.hash(), p.bytes("salt"), p.bytes("info")
			wholeBytes(p, bits)
			return func() ([]byte, error) {
				if bits == 0 {
					return nil, nil
				}
				return hkdf.Key(digests[hash].New, k.secret, salt, string(info), bits/8)
			}
		},
	})
}

// passwordImport takes any bytes as a key that can only be derived from.
func passwordImport(p *params, in keyData) material {
	if in.format != "raw" {
		p.refuse("NotSupportedError", "%s keys are imported as raw only, got %s", p.name, in.format)
	}
	if in.extractable {
		p.refuse("SyntaxError", "%s keys cannot be extractable; pass false", p.name)
	}
	return material{typ: "secret", secret: in.raw, alg: keyAlgorithm{name: p.name}}
}

func anyLength(*params) int { return -1 }

func wholeBytes(p *params, bits int) {
	if bits < 0 || bits%8 != 0 || bits > derivedBitsMax {
		p.refuse("OperationError", "length must be a multiple of 8 up to %d", derivedBitsMax)
	}
}
