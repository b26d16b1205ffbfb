package secret

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Key is what secrets are encrypted with. It never reaches the store: who reads that has no secret.
type Key [32]byte

// seedMin is how many characters a text must have to be a key's seed: 64 bits in hexadecimal, at the least.
const seedMin = 16

// Derive makes a key of a text that only those know who may have the secrets: at least 16 characters, and better 64 random ones.
func Derive(seed string) (k Key, err error) {
	if seed = strings.TrimSpace(seed); len(seed) < seedMin {
		return k, fmt.Errorf("it has %d characters, at least %d are needed", len(seed), seedMin)
	}
	return Key(k.expand(seed, "fortuna secret key v1")), nil
}

// expand derives 32 bytes of seed, or of k itself when that is empty, for one purpose (RFC 5869).
func (k Key) expand(seed, purpose string) []byte {
	from := []byte(seed)
	if seed == "" {
		from = k[:]
	}
	b, err := hkdf.Key(sha256.New, from, nil, purpose, 32)
	if err != nil {
		panic(err) // of a length that SHA-256 cannot give
	}
	return b
}

// ReadKey derives the key from a file's text. The error is fs.ErrNotExist when there is no file.
func ReadKey(path string) (Key, error) {
	seed, err := os.ReadFile(path)
	if err != nil {
		return Key{}, fmt.Errorf("read the key of the secrets: %w", err)
	}
	k, err := Derive(string(seed))
	if err != nil {
		return k, fmt.Errorf("read the key of the secrets in %s: %w", path, err)
	}
	return k, nil
}

// MakeKey is ReadKey, and makes the file, for its owner only, if there is none.
func MakeKey(path string) (Key, error) {
	k, err := ReadKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	seed := make([]byte, 32)
	rand.Read(seed)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return k, fmt.Errorf("make the key of the secrets: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".secrets-*") // which only its owner may read
	if err != nil {
		return k, fmt.Errorf("make the key of the secrets: %w", err)
	}
	_, err = f.WriteString(hex.EncodeToString(seed) + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Link(f.Name(), path) // there at once and whole, and only if nobody was first
	}
	_ = os.Remove(f.Name())
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return k, fmt.Errorf("make the key of the secrets: %w", err)
	}
	return ReadKey(path)
}
