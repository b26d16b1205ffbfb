//go:build unix

package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Lock keeps a second process from being the same node, until unlock is called or this one ends.
func (id *Identity) Lock() (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(id.dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("the node in %s runs already: %w", id.dir, err)
	}
	return func() { f.Close() }, nil
}
