package cli

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func watching(t *testing.T) *watcher {
	t.Helper()
	w, err := newWatcher()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// told waits for a change of file.
func told(t *testing.T, w *watcher, file string) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case changed := <-w.changes:
			if slices.Contains(changed, file) {
				return
			}
		case <-deadline:
			t.Fatalf("no change of %s was told", file)
		}
	}
}

func TestWatcher_only(t *testing.T) {
	dir := t.TempDir()
	file, other := filepath.Join(dir, "a.js"), filepath.Join(dir, "b.js")
	write(t, file, "1")
	w := watching(t)
	if err := w.only([]string{file}, ""); err != nil {
		t.Fatal(err)
	}
	write(t, file, "2")
	told(t, w, file)

	// As editors save: a new file takes the name of the old one.
	write(t, other, "3")
	if err := os.Rename(other, file); err != nil {
		t.Fatal(err)
	}
	told(t, w, file)

	// And again, since what is watched is the directory.
	write(t, other, "4")
	if err := os.Rename(other, file); err != nil {
		t.Fatal(err)
	}
	for changed := []string(nil); changed == nil; {
		changed = <-w.changes
		if slices.Contains(changed, other) {
			t.Errorf("told of a file that does not matter: %q", changed)
		}
	}
}

func TestWatcher_everything(t *testing.T) {
	root := t.TempDir()
	nested, created, lock := filepath.Join(root, "src", "deep"), filepath.Join(root, "src", "deep", "new.js"), filepath.Join(root, "node_modules", ".package-lock.json")
	for _, dir := range []string{nested, filepath.Dir(lock), filepath.Join(root, ".git"), filepath.Join(root, "node_modules", "left")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w := watching(t)
	if err := w.everything(root, nil); err != nil {
		t.Fatal(err)
	}
	for _, dir := range w.events.WatchList() {
		if base := filepath.Base(dir); base == ".git" || base == "left" {
			t.Errorf("%s is watched", dir)
		}
	}
	write(t, created, "1")
	told(t, w, created)
	write(t, lock, "1")
	told(t, w, lock)
	if err := w.only([]string{filepath.Join(root, "a.js")}, ""); err != nil {
		t.Fatal(err)
	}
	if got := w.events.WatchList(); !slices.Equal(got, []string{root}) {
		t.Errorf("still watched: %q", got)
	}
}
