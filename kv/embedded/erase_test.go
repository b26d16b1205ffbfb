package embedded_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/fortunadws/fortuna/kv/embedded"
)

// What somebody else has written into the marker is not deleted.
func TestErase_marker(t *testing.T) {
	for _, text := range []string{"..", "", ".", "cluster-/../..", "solo/..", "other"} {
		parent := t.TempDir()
		dir, kept := filepath.Join(parent, "state"), filepath.Join(parent, "kept")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{kept, filepath.Join(dir, "other")} {
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "STORE"), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := embedded.Erase(dir); err == nil {
			t.Errorf("%q is taken for a store", text)
		}
		for _, file := range []string{kept, filepath.Join(dir, "other")} {
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%q: %v", text, err)
			}
		}
	}
}
