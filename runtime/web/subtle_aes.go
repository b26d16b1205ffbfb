package web

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

var errDecrypt = errors.New("the data cannot be decrypted with this key and these parameters")

func init() {
	both := []string{"encrypt", "decrypt", "wrapKey", "unwrapKey"}
	register(
		&algorithm{name: "AES-GCM", usages: both, generate: aesGenerate, importKey: aesImport, exportKey: exportSecret, exportJWK: aesJWK, keyLength: aesLength,
			encrypt: gcmEncrypt, decrypt: gcmDecrypt},
		&algorithm{name: "AES-CBC", usages: both, generate: aesGenerate, importKey: aesImport, exportKey: exportSecret, exportJWK: aesJWK, keyLength: aesLength,
			encrypt: cbcEncrypt, decrypt: cbcDecrypt},
		&algorithm{name: "AES-CTR", usages: both, generate: aesGenerate, importKey: aesImport, exportKey: exportSecret, exportJWK: aesJWK, keyLength: aesLength,
			encrypt: ctr, decrypt: ctr},
		&algorithm{name: "AES-KW", usages: both[2:], generate: aesGenerate, importKey: aesImport, exportKey: exportSecret, exportJWK: aesJWK, keyLength: aesLength,
			wrap: kwWrap, unwrap: kwUnwrap},
	)
}

func aesLength(p *params) int {
	bits := p.count("length", 1<<16-1)
	if bits != 128 && bits != 192 && bits != 256 {
		p.refuse("OperationError", "length must be 128, 192 or 256, got %d", bits)
	}
	return bits
}

func aesGenerate(p *params) func() (material, error) {
	bits, name := aesLength(p), p.name
	return func() (material, error) {
		secret := make([]byte, bits/8)
		random(secret)
		return material{typ: "secret", secret: secret, alg: keyAlgorithm{name: name, length: bits}}, nil
	}
}

func aesImport(p *params, in keyData) material {
	secret := secretOf(p, in, "")
	if n := len(secret); n != 16 && n != 24 && n != 32 {
		p.refuse("DataError", "an AES key has 128, 192 or 256 bits, got %d", n*8)
	}
	alg := keyAlgorithm{name: p.name, length: len(secret) * 8}
	if in.jwk != nil {
		in.jwk.expect(p, "oct", aesName(alg))
	}
	return material{typ: "secret", secret: secret, alg: alg}
}

// aesName is what JWK calls the algorithm: "A128GCM".
func aesName(a keyAlgorithm) string { return fmt.Sprintf("A%d%s", a.length, a.name[len("AES-"):]) }

func aesJWK(k *cryptoKey, j *jwk) { secretJWK(k, j, aesName(k.alg)) }

// gcmParams reads iv, additionalData and tagLength; the tag is in bytes.
func gcmParams(p *params) (iv, additional []byte, tag int) {
	iv, additional = p.bytes("iv"), p.optionalBytes("additionalData")
	bits := p.optionalCount("tagLength", 255, 128)
	if !slices.Contains([]int{32, 64, 96, 104, 112, 120, 128}, bits) {
		p.refuse("OperationError", "tagLength must be 32, 64, 96, 104, 112, 120 or 128, got %d", bits)
	}
	if len(iv) == 0 {
		p.refuse("OperationError", "iv must not be empty")
	}
	return iv, additional, bits / 8
}

// seal is AES-GCM with a tag of 16 bytes.
func seal(key, iv, data, additional []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	g, err := cipher.NewGCMWithNonceSize(block, len(iv))
	if err != nil {
		return nil, err
	}
	return g.Seal(nil, iv, data, additional), nil
}

func gcmEncrypt(p *params, k *cryptoKey, data []byte) func() ([]byte, error) {
	iv, additional, tag := gcmParams(p)
	return func() ([]byte, error) {
		out, err := seal(k.secret, iv, data, additional)
		if err != nil {
			return nil, err
		}
		return out[:len(out)-16+tag], nil
	}
}

// gcmDecrypt works for every length of tag and iv with one construction: sealing the ciphertext applies the same key
// stream again and so yields the plaintext, and sealing that yields the tag to compare.
func gcmDecrypt(p *params, k *cryptoKey, data []byte) func() ([]byte, error) {
	iv, additional, tag := gcmParams(p)
	return func() ([]byte, error) {
		if len(data) < tag {
			return nil, errDecrypt
		}
		sent, sentTag := data[:len(data)-tag], data[len(data)-tag:]
		plain, err := seal(k.secret, iv, sent, nil)
		if err != nil {
			return nil, err
		}
		plain = plain[:len(sent)]
		again, err := seal(k.secret, iv, plain, additional)
		if err != nil {
			return nil, err
		}
		if subtle.ConstantTimeCompare(again[len(sent):len(sent)+tag], sentTag) != 1 {
			return nil, errDecrypt
		}
		return plain, nil
	}
}

func cbcIV(p *params) []byte {
	iv := p.bytes("iv")
	if len(iv) != aes.BlockSize {
		p.refuse("OperationError", "iv must have 16 bytes, got %d", len(iv))
	}
	return iv
}

func cbcEncrypt(p *params, k *cryptoKey, data []byte) func() ([]byte, error) {
	iv := cbcIV(p)
	return func() ([]byte, error) {
		block, err := aes.NewCipher(k.secret)
		if err != nil {
			return nil, err
		}
		pad := aes.BlockSize - len(data)%aes.BlockSize
		out := slices.Concat(data, bytes.Repeat([]byte{byte(pad)}, pad))
		cipher.NewCBCEncrypter(block, iv).CryptBlocks(out, out)
		return out, nil
	}
}

func cbcDecrypt(p *params, k *cryptoKey, data []byte) func() ([]byte, error) {
	iv := cbcIV(p)
	return func() ([]byte, error) {
		block, err := aes.NewCipher(k.secret)
		if err != nil {
			return nil, err
		}
		if len(data) == 0 || len(data)%aes.BlockSize != 0 {
			return nil, errDecrypt
		}
		cipher.NewCBCDecrypter(block, iv).CryptBlocks(data, data)
		pad := int(data[len(data)-1])
		if pad == 0 || pad > aes.BlockSize || !bytes.Equal(data[len(data)-pad:], bytes.Repeat([]byte{byte(pad)}, pad)) {
			return nil, errDecrypt
		}
		return data[:len(data)-pad], nil
	}
}

// ctr encrypts and decrypts. Only the last length bits of the counter block count, so where they wrap the stream is
// begun again with them at zero.
func ctr(p *params, k *cryptoKey, data []byte) func() ([]byte, error) {
	counter, bits := p.bytes("counter"), p.count("length", 255)
	if len(counter) != aes.BlockSize {
		p.refuse("OperationError", "counter must have 16 bytes, got %d", len(counter))
	}
	if bits == 0 || bits > 128 {
		p.refuse("OperationError", "length must be from 1 to 128, got %d", bits)
	}
	return func() ([]byte, error) {
		block, err := aes.NewCipher(k.secret)
		if err != nil {
			return nil, err
		}
		blocks := big.NewInt(int64((len(data) + aes.BlockSize - 1) / aes.BlockSize))
		size := new(big.Int).Lsh(big.NewInt(1), uint(bits))
		if blocks.Cmp(size) > 0 {
			return nil, operationError("a counter of %d bits is too short for %d bytes", bits, len(data))
		}
		whole := new(big.Int).SetBytes(counter)
		low := new(big.Int).Mod(whole, size)
		before := new(big.Int).Sub(size, low) // blocks until the counter wraps
		first := len(data)
		if before.Cmp(blocks) < 0 {
			first = int(before.Int64()) * aes.BlockSize
		}
		cipher.NewCTR(block, counter).XORKeyStream(data[:first], data[:first])
		if first < len(data) {
			whole.Sub(whole, low).FillBytes(counter)
			cipher.NewCTR(block, counter).XORKeyStream(data[first:], data[first:])
		}
		return data, nil
	}
}

// kwCheck is the initial value of AES Key Wrap (RFC 3394 2.2.3.1).
const kwCheck = 0xA6A6A6A6A6A6A6A6

func kwWrap(_ *params, k *cryptoKey, data []byte) func() ([]byte, error) {
	return func() ([]byte, error) {
		block, err := aes.NewCipher(k.secret)
		if err != nil {
			return nil, err
		}
		if len(data)%8 != 0 || len(data) < 16 {
			return nil, operationError("AES-KW wraps keys of 16, 24, 32... bytes, got %d", len(data))
		}
		out := append(make([]byte, 8), data...)
		check, b := uint64(kwCheck), make([]byte, 16)
		for t := range 6 * len(data) / 8 {
			at := 8 + t*8%len(data)
			binary.BigEndian.PutUint64(b, check)
			copy(b[8:], out[at:at+8])
			block.Encrypt(b, b)
			check = binary.BigEndian.Uint64(b) ^ uint64(t+1)
			copy(out[at:], b[8:])
		}
		binary.BigEndian.PutUint64(out, check)
		return out, nil
	}
}

func kwUnwrap(_ *params, k *cryptoKey, data []byte) func() ([]byte, error) {
	return func() ([]byte, error) {
		block, err := aes.NewCipher(k.secret)
		if err != nil {
			return nil, err
		}
		if len(data)%8 != 0 || len(data) < 24 {
			return nil, errDecrypt
		}
		out := data[8:]
		check, b := binary.BigEndian.Uint64(data), make([]byte, 16)
		for t := 6*len(out)/8 - 1; t >= 0; t-- {
			at := t * 8 % len(out)
			binary.BigEndian.PutUint64(b, check^uint64(t+1))
			copy(b[8:], out[at:at+8])
			block.Decrypt(b, b)
			check = binary.BigEndian.Uint64(b)
			copy(out[at:], b[8:])
		}
		binary.BigEndian.PutUint64(b, check)
		binary.BigEndian.PutUint64(b[8:], kwCheck)
		if subtle.ConstantTimeCompare(b[:8], b[8:]) != 1 {
			return nil, errDecrypt
		}
		return out, nil
	}
}
