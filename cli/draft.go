package cli

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// draft is files that a command makes. They appear when all of them are whole, or none of them does: write puts each
// beside its place, publish at it. Discard a draft in the end; when it has been published, nothing is left to discard.
type draft struct {
	files   []draftFile
	written []string // the temporary files, one for each of files
	made    []string // what did not exist before, in the order it was made
}

// draftFile is one file: its place and what it will hold.
type draftFile struct {
	path string
	data []byte
}

// write makes temporary files and the directories they need.
func (d *draft) write() error {
	for _, f := range d.files {
		dir := filepath.Dir(f.path)
		if err := d.mkdir(dir); err != nil {
			return err
		}
		t, err := os.CreateTemp(dir, "."+filepath.Base(f.path)+".*")
		if err != nil {
			return err
		}
		d.written, d.made = append(d.written, t.Name()), append(d.made, t.Name())
		_, err = t.Write(f.data)
		if err := errors.Join(err, t.Chmod(0o644), t.Sync(), t.Close()); err != nil {
			return err
		}
	}
	return nil
}

// mkdir is os.MkdirAll that notes what it makes.
func (d *draft) mkdir(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := d.mkdir(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	d.made = append(d.made, dir)
	return nil
}

// claim takes the place of every file, so that publish replaces nothing of others. Where something is in the way the
// error is fs.ErrExist.
func (d *draft) claim() error {
	for _, f := range d.files {
		place, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return err
		}
		d.made = append(d.made, f.path)
		if err := place.Close(); err != nil {
			return err
		}
	}
	return nil
}

// publish puts every file at its place. What was there is replaced.
func (d *draft) publish() error {
	for i, f := range d.files {
		if err := os.Rename(d.written[i], f.path); err != nil {
			return err
		}
	}
	d.made = nil
	return nil
}

// discard removes what the draft has made and not published.
func (d *draft) discard() {
	for i := len(d.made) - 1; i >= 0; i-- {
		_ = os.Remove(d.made[i]) // what cannot be removed stays: the command tells its first error
	}
}

// trouble is an error of the draft for a person: what could not be written, and, where there was no room, how much is
// needed. The hint is for that.
func (d *draft) trouble(what, hint string, err error) error {
	for _, full := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if errors.Is(err, full) {
			size := 0
			for _, f := range d.files {
				size += len(f.data)
			}
			return failed(hint, "write %s: %v: %s are needed in %s", what, full, kilobytes(size), filepath.Dir(d.files[0].path))
		}
	}
	return failed("", "write %s: %v", what, err)
}
