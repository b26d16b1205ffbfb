package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// left are the paths below dir.
func left(t *testing.T, dir string) []string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if path != dir {
			paths = append(paths, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func TestDraft_allOrNothing(t *testing.T) {
	dir := t.TempDir()
	d := draft{files: []draftFile{{filepath.Join(dir, "a/b/one"), []byte("1")}, {filepath.Join(dir, "two"), []byte("2")}}}
	if err := d.write(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "two"), []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := d.claim(); !errors.Is(err, fs.ErrExist) {
		t.Errorf("claim of a place that is taken: %v", err)
	}
	d.discard()
	if got := left(t, dir); len(got) != 1 || got[0] != "two" {
		t.Errorf("left: %q", got)
	}
	d = draft{files: d.files}
	if err := errors.Join(d.write(), d.publish()); err != nil {
		t.Fatal(err)
	}
	d.discard()
	if got := strings.Join(left(t, dir), " "); got != "a a/b a/b/one two" {
		t.Errorf("published: %s", got)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "two")); err != nil || string(data) != "2" {
		t.Errorf("two holds %q, %v", data, err)
	}
}

func TestDraft_trouble(t *testing.T) {
	d := draft{files: []draftFile{{"/disk/x", make([]byte, 2500)}}}
	err := d.trouble("x", "make room", &fs.PathError{Op: "write", Path: "/disk/.x.123", Err: syscall.ENOSPC})
	var p *problem
	if !errors.As(err, &p) || p.what != "write x: no space left on device: 2.5 kB are needed in /disk" || p.hint != "make room" {
		t.Errorf("got %+v", p)
	}
}
