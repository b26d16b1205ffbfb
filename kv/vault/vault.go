// Package vault keeps files that nodes share and nobody else may read, such as the private keys of certificates: they are
// encrypted before they reach the store. It does not know what is in them.
package vault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"time"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/secret"
)

// Config is of the bucket of a vault.
var Config = kv.Config{Name: "vault", Announce: kv.Keys}

// FilesMax bounds what List gives.
const FilesMax = 100_000

// Vault has files by names like "a/b/c", 512 bytes at most. Its methods may be called from any goroutine; their errors are
// kv's, besides those that they name.
type Vault struct {
	open func() (*kv.Bucket, error)
	box  secret.Box

	mu    sync.Mutex
	locks map[string]*hold
}

// New is the vault in a bucket, which open gives, or says why it cannot be reached now.
func New(open func() (*kv.Bucket, error), key secret.Key) *Vault {
	return &Vault{open: open, box: key.Box("vault"), locks: map[string]*hold{}}
}

func (v *Vault) space(name string) (*kv.Space, error) {
	b, err := v.open()
	if err != nil {
		return nil, err
	}
	return b.Space(name), nil
}

// Load is what a file holds, and when that was written. The error is fs.ErrNotExist when there is none, or none that was sealed
// with the nodes' key: what somebody else has written is not there.
func (v *Vault) Load(ctx context.Context, name string) (value []byte, written time.Time, err error) {
	e, value, err := v.get(ctx, name)
	if err == nil && value == nil {
		err = fmt.Errorf("load %s: %w", name, fs.ErrNotExist)
	}
	return value, e.Written, err
}

// get is the entry of a file and what it holds, which is nil when there is nothing that was sealed with the key.
func (v *Vault) get(ctx context.Context, name string) (e kv.Entry, value []byte, err error) {
	files, err := v.space("files")
	if err != nil {
		return e, nil, err
	}
	e, err = files.GetLeader(ctx, name)
	if errors.Is(err, kv.ErrNotFound) {
		return e, nil, nil
	}
	if err != nil {
		return e, nil, err
	}
	if value, err = v.box.Open(name, e.Value); err != nil {
		return e, nil, nil
	}
	if value == nil { // an empty file
		value = []byte{}
	}
	return e, value, nil
}

// Store keeps a file.
func (v *Vault) Store(ctx context.Context, name string, value []byte) error {
	files, err := v.space("files")
	if err != nil {
		return err
	}
	_, err = files.Put(ctx, kv.Write{Key: name, Value: v.box.Seal(name, value)})
	return err
}

// Change has change say what a file is to hold, given what it holds, or nil, until nobody else was faster. nil leaves it as it
// is. Change returns what it then holds.
func (v *Vault) Change(ctx context.Context, name string, change func(value []byte) ([]byte, error)) ([]byte, error) {
	files, err := v.space("files")
	if err != nil {
		return nil, err
	}
	for {
		e, is, err := v.get(ctx, name)
		if err != nil {
			return nil, err
		}
		next, err := change(is)
		if err != nil || next == nil {
			return is, err
		}
		check := kv.IfRev(e.Rev)
		if e.Rev == 0 || e.Deleted {
			check = kv.IfNew()
		}
		_, err = files.Put(ctx, kv.Write{Key: name, Value: v.box.Seal(name, next), Check: check})
		switch {
		case err == nil:
			return next, nil
		case !errors.Is(err, kv.ErrMismatch) && !errors.Is(err, kv.ErrExists):
			return nil, err
		}
	}
}

// Delete removes a file, and those whose names go on behind it with a "/". That there is none is no error.
func (v *Vault) Delete(ctx context.Context, name string) error {
	files, err := v.space("files")
	if err != nil {
		return err
	}
	inside, err := v.List(ctx, name)
	if err != nil {
		return err
	}
	for _, name := range append(inside, name) {
		if _, err := files.Put(ctx, kv.Write{Key: name, Delete: true}); err != nil && !errors.Is(err, kv.ErrNotFound) {
			return err
		}
	}
	return nil
}

// List is the names of all files behind dir and a "/", sorted; those of all files when dir is "".
func (v *Vault) List(ctx context.Context, dir string) (names []string, err error) {
	files, err := v.space("files")
	if err != nil {
		return nil, err
	}
	prefix := strings.TrimSuffix(dir, "/") + "/"
	if dir == "" {
		prefix = ""
	}
	page, err := files.List(ctx, prefix, "", FilesMax)
	for _, e := range page.Entries {
		names = append(names, e.Key)
	}
	return names, err
}
