package cli

import (
	"errors"
	"io/fs"
	"os"
)

// readyFile tells a script the address, when requests can be sent. It appears whole. A nil one tells nobody.
type readyFile struct {
	path string
	part *os.File // becomes the file
}

// openReadyFile makes sure, before anything is served, that the file can be written; nil when path is empty. One that
// an earlier process has left is removed: its address is not ours.
func openReadyFile(dir, path string) (*readyFile, error) {
	if path == "" {
		return nil, nil
	}
	target := absolute(dir, path)
	switch info, err := os.Stat(target); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, refused("", "--ready-file: %v", err)
	case !info.Mode().IsRegular():
		return nil, refused("", "--ready-file: %s is there and is no ordinary file", path)
	default:
		if err := os.Remove(target); err != nil {
			return nil, refused("", "--ready-file: %v", err)
		}
	}
	part, err := os.Create(target + ".part")
	if err != nil {
		return nil, refused("", "--ready-file: %v", err)
	}
	return &readyFile{target, part}, nil
}

// tell writes the address.
func (r *readyFile) tell(url string) error {
	if r == nil {
		return nil
	}
	_, err := r.part.WriteString(url + "\n")
	if err := errors.Join(err, r.part.Close()); err != nil {
		return refused("", "--ready-file: %v", err)
	}
	if err := os.Rename(r.part.Name(), r.path); err != nil {
		return refused("", "--ready-file: %v", err)
	}
	return nil
}

// discard removes what was prepared, if nothing has been told.
func (r *readyFile) discard() {
	if r != nil {
		_ = r.part.Close() // closed already when it was told
		_ = os.Remove(r.part.Name())
	}
}
