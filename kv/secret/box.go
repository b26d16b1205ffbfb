package secret

import (
	"bytes"
	"crypto/rand"
	"errors"

	"golang.org/x/crypto/chacha20poly1305"
)

// Errors of values that are not what was sealed.
var (
	ErrKey     = errors.New("secret: it was encrypted with another key")
	ErrChanged = errors.New("secret: it was changed by somebody who has not the key")
	ErrForm    = errors.New("secret: it is not in a form that this version knows")
)

// Box seals values of one purpose, so that nobody reads or changes them who has not the key.
type Box struct {
	id  []byte // of the key
	key []byte // derived from it
}

// Box is one for a purpose: what was sealed for one is not opened for another.
func (k Key) Box(purpose string) Box {
	return Box{k.expand("", "fortuna secret key id")[:idBytes], k.expand("", "fortuna "+purpose)}
}

// A sealed value is the version, the id of its key, the nonce and the ciphertext. Its name is authenticated with it, so that
// who can write to the store cannot give one value to another name.
const (
	version  = 1
	idBytes  = 8
	boxBytes = 1 + idBytes + chacha20poly1305.NonceSizeX
)

// Seal encrypts what is kept under a name.
func (b Box) Seal(name string, value []byte) []byte {
	aead, err := chacha20poly1305.NewX(b.key)
	if err != nil {
		panic(err) // of a key that has not 32 bytes
	}
	out := append([]byte{version}, b.id...) // tells keys apart, and nothing of them
	nonce := make([]byte, aead.NonceSize())
	rand.Read(nonce)
	out = append(out, nonce...)
	return aead.Seal(out, nonce, value, []byte(name))
}

// Open decrypts what was sealed for a name. The error is ErrKey, ErrChanged or ErrForm.
func (b Box) Open(name string, sealed []byte) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(b.key)
	if err != nil {
		panic(err)
	}
	switch {
	case len(sealed) < boxBytes || sealed[0] != version:
		return nil, ErrForm
	case !bytes.Equal(sealed[1:1+idBytes], b.id):
		return nil, ErrKey
	}
	value, err := aead.Open(nil, sealed[1+idBytes:boxBytes], sealed[boxBytes:], []byte(name))
	if err != nil {
		return nil, ErrChanged
	}
	return value, nil
}
