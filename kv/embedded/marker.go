package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// markerName is the file that says of what kind the store in its directory is.
const markerName = "STORE"

// mark writes what kind of store dir holds, or refuses when it holds one of another kind.
func mark(dir, kind string) error {
	name := filepath.Join(dir, markerName)
	text, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.WriteFile(name, []byte(kind+"\n"), 0o600); err != nil {
			return fmt.Errorf("mark the state directory: %w", err)
		}
		return nil
	case err != nil:
		return fmt.Errorf("read the state directory's marker: %w", err)
	}
	if found := strings.TrimSpace(string(text)); found != kind {
		return fmt.Errorf("the state in %q is of a store called %q and cannot be opened as %q: to go on with it, start as before; "+
			"to begin anew, name another directory", dir, found, kind)
	}
	return nil
}

// Erase deletes what is stored in a state directory. The error wraps ErrInUse when a process has it open.
func Erase(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, markerName)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	l, err := acquire(filepath.Join(dir, "lock"))
	if err != nil {
		return err
	}
	defer l.release()
	kind, err := os.ReadFile(filepath.Join(dir, markerName))
	if err != nil {
		return fmt.Errorf("read the state directory's marker: %w", err)
	}
	if k := strings.TrimSpace(string(kind)); k != "solo" && !strings.HasPrefix(k, "cluster-") || filepath.Base(k) != k {
		return fmt.Errorf("erase state: the marker in %q names no store of ours: %q", dir, k)
	}
	// The marker is deleted last: what is half erased is erased again.
	for _, name := range []string{filepath.Base(strings.TrimSpace(string(kind))), socketName, markerName} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("erase state: %w", err)
		}
	}
	return nil
}
