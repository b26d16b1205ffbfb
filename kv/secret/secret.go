// Package secret keeps values that nobody but the app may read: they are encrypted before they reach the store, with a key
// that is kept elsewhere (XChaCha20-Poly1305; each app has a key of its own, derived from that of the nodes).
package secret

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/fortunadws/fortuna/kv"
)

// ErrKey is a secret that was encrypted with another key.
var ErrKey = errors.New("secret: it was encrypted with another key")

// Bounds of an app's secrets.
const (
	ValueBytesMax = 64 << 10
	Max           = kv.CommitMax
)

// Store has the secrets of one app. Its methods may be called from any goroutine.
type Store struct {
	space *kv.Space
	app   string
	key   Key
}

// Open opens those of an app, in a space that is the app's alone.
func Open(space *kv.Space, app string, key Key) *Store { return &Store{space, app, key} }

// Info is what may be known of a secret.
type Info struct {
	Name string    `json:"name"`
	Set  time.Time `json:"set"`
}

// Set keeps secrets, all or none.
func (s *Store) Set(ctx context.Context, values map[string]string) error {
	var writes []kv.Write
	for name, value := range values {
		if len(value) > ValueBytesMax {
			return fmt.Errorf("%w: %s has %d bytes, at most %d are allowed", kv.ErrTooLarge, name, len(value), ValueBytesMax)
		}
		writes = append(writes, kv.Write{Key: name, Value: s.seal(name, value)})
	}
	if len(writes) == 1 {
		_, err := s.space.Put(ctx, writes[0])
		return err
	}
	_, err := s.space.Commit(ctx, writes, nil)
	return err
}

// Remove forgets a secret. The error is kv.ErrNotFound when there is none.
func (s *Store) Remove(ctx context.Context, name string) error {
	if _, err := s.space.GetLeader(ctx, name); err != nil {
		return err
	}
	_, err := s.space.Put(ctx, kv.Write{Key: name, Delete: true})
	return err
}

// List says which there are, sorted.
func (s *Store) List(ctx context.Context) ([]Info, error) {
	page, err := s.space.List(ctx, "", "", Max)
	var list []Info
	for _, e := range page.Entries {
		list = append(list, Info{e.Key, e.Written})
	}
	return list, err
}

// All are the secrets by their names. The error is ErrKey when one cannot be decrypted.
func (s *Store) All(ctx context.Context) (map[string]string, error) {
	list, err := s.List(ctx)
	if err != nil {
		return nil, err
	}
	all := make(map[string]string, len(list))
	for _, i := range list {
		e, err := s.space.GetLeader(ctx, i.Name)
		if errors.Is(err, kv.ErrNotFound) { // removed meanwhile
			continue
		}
		if err != nil {
			return nil, err
		}
		if all[i.Name], err = s.open(i.Name, e.Value); err != nil {
			return nil, fmt.Errorf("secret %s: %w", i.Name, err)
		}
	}
	return all, nil
}

// A sealed value is the version, the id of its key, the nonce and the ciphertext. Its name is authenticated with it, so that
// who can write to the store cannot give one secret's value to another.
const (
	version = 1
	idBytes = 8
)

func (s *Store) seal(name, value string) []byte {
	aead, err := chacha20poly1305.NewX(s.key.of(s.app))
	if err != nil {
		panic(err) // of a key that has not 32 bytes
	}
	out := append([]byte{version}, s.key.id()...)
	nonce := make([]byte, aead.NonceSize())
	rand.Read(nonce)
	out = append(out, nonce...)
	return aead.Seal(out, nonce, []byte(value), []byte(name))
}

func (s *Store) open(name string, sealed []byte) (string, error) {
	aead, err := chacha20poly1305.NewX(s.key.of(s.app))
	if err != nil {
		panic(err)
	}
	const head = 1 + idBytes + chacha20poly1305.NonceSizeX
	switch {
	case len(sealed) < head || sealed[0] != version:
		return "", errors.New("secret: it is not in a form that this version knows")
	case !bytes.Equal(sealed[1:1+idBytes], s.key.id()):
		return "", ErrKey
	}
	value, err := aead.Open(nil, sealed[1+idBytes:head], sealed[head:], []byte(name))
	if err != nil {
		return "", errors.New("secret: it was changed by somebody who has not the key")
	}
	return string(value), nil
}
