package acme

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"
)

// Storage is where accounts, keys and certificates are kept.
type Storage = certmagic.Storage

// Folder is one in a directory, which only the user may enter.
func Folder(dir string) Storage { return &certmagic.FileStorage{Path: dir} }

// Vault is what nodes keep together, files by names like "a/b". Its errors may pass, but for fs.ErrNotExist.
type Vault interface {
	// Load is what a file holds, and when it was written. The error is fs.ErrNotExist when there is none.
	Load(ctx context.Context, name string) (value []byte, written time.Time, err error)
	Store(ctx context.Context, name string, value []byte) error
	// Delete removes a file and those behind it and a "/". That there is none is no error.
	Delete(ctx context.Context, name string) error
	// List is the names of all files behind dir and a "/".
	List(ctx context.Context, dir string) ([]string, error)
	Lock(ctx context.Context, name string) error
	Unlock(ctx context.Context, name string) error
}

// Shared is one in a vault. Certificates are copied to a directory of this node, from which they are read while the vault
// cannot be reached.
func Shared(v Vault, dir string) Storage {
	return &shared{v, &certmagic.FileStorage{Path: dir}}
}

type shared struct {
	Vault
	copies *certmagic.FileStorage
}

const (
	vaultPatience = 5 * time.Second // until a copy is used instead
	vaultRetry    = time.Second
)

// copied reports whether a file is kept here too: certificates and their keys.
func copied(name string) bool { return strings.HasPrefix(name, "certificates/") }

// Load reads from the vault or, while that cannot be reached, the copy. Without one it waits for a certificate: certmagic does not
// look again for one that it could not load.
func (s *shared) Load(ctx context.Context, name string) ([]byte, error) {
	value, _, err := s.load(ctx, name)
	return value, err
}

// load gives the time of what the vault has.
func (s *shared) load(ctx context.Context, name string) (value []byte, written time.Time, err error) {
	for {
		once, cancel := context.WithTimeout(ctx, vaultPatience)
		value, written, err := s.Vault.Load(once, name)
		cancel()
		switch {
		case err == nil:
			if copied(name) {
				s.copy(ctx, name, value)
			}
			return value, written, nil
		case errors.Is(err, fs.ErrNotExist), !copied(name):
			return nil, written, err
		}
		if value, err := s.copies.Load(ctx, name); err == nil {
			return value, written, nil
		}
		select {
		case <-time.After(vaultRetry):
		case <-ctx.Done():
			return nil, written, err
		}
	}
}

// copy keeps what the vault has. That this fails is no reason to fail.
func (s *shared) copy(ctx context.Context, name string, value []byte) {
	if is, err := s.copies.Load(ctx, name); err != nil || string(is) != string(value) {
		_ = s.copies.Store(ctx, name, value)
	}
}

func (s *shared) Store(ctx context.Context, name string, value []byte) error {
	err := s.Vault.Store(ctx, name, value)
	if err == nil && copied(name) {
		s.copy(ctx, name, value)
	}
	return err
}

func (s *shared) Delete(ctx context.Context, name string) error {
	err := s.Vault.Delete(ctx, name)
	if err == nil && copied(name) {
		err = s.copies.Delete(ctx, name)
	}
	return err
}

func (s *shared) Exists(ctx context.Context, name string) bool {
	_, err := s.Stat(ctx, name)
	return err == nil
}

// List gives files and, unless recursive, what else is right behind dir.
func (s *shared) List(ctx context.Context, dir string, recursive bool) ([]string, error) {
	all, err := s.Vault.List(ctx, dir)
	if err == nil && len(all) == 0 {
		err = fs.ErrNotExist
	}
	if err != nil || recursive {
		return all, err
	}
	var names []string
	for _, name := range all {
		child, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(name, dir), "/"), "/")
		if child = path.Join(dir, child); len(names) == 0 || names[len(names)-1] != child {
			names = append(names, child)
		}
	}
	return names, nil
}

func (s *shared) Stat(ctx context.Context, name string) (certmagic.KeyInfo, error) {
	value, written, err := s.load(ctx, name)
	if err == nil {
		return certmagic.KeyInfo{Key: name, Modified: written, Size: int64(len(value)), IsTerminal: true}, nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		if inside, problem := s.Vault.List(ctx, name); problem != nil || len(inside) > 0 {
			return certmagic.KeyInfo{Key: name}, problem
		}
	}
	return certmagic.KeyInfo{}, err
}
