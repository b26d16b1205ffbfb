// Package secret keeps values that nobody but the app may read: they are encrypted before they reach the store, with a key
// that is kept elsewhere (XChaCha20-Poly1305; each app has a key of its own, derived from that of the nodes).
package secret

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fortunadws/fortuna/kv"
)

// Bounds of an app's secrets.
const (
	ValueBytesMax = 64 << 10
	Max           = kv.CommitMax
)

// Store has the secrets of one app. Its methods may be called from any goroutine.
type Store struct {
	space *kv.Space
	box   Box
}

// Open opens those of an app, in a space that is the app's alone.
func Open(space *kv.Space, app string, key Key) *Store {
	return &Store{space, key.Box("secrets of\x00" + app)}
}

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
		writes = append(writes, kv.Write{Key: name, Value: s.box.Seal(name, []byte(value))})
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
		value, err := s.box.Open(i.Name, e.Value)
		if err != nil {
			return nil, fmt.Errorf("secret %s: %w", i.Name, err)
		}
		all[i.Name] = string(value)
	}
	return all, nil
}
