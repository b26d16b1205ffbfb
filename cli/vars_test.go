package cli

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestReadVars(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".env")
	text := "# a comment\n\nA=1\r\nexport B = two words \nC=\"quoted # kept\"\nD='x=y'\nE=\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := readVars(path, ".env")
	if err != nil {
		t.Fatal(err)
	}
	want := []variable{
		{"A", "1", ".env"}, {"B", "two words", ".env"}, {"C", "quoted # kept", ".env"}, {"D", "x=y", ".env"}, {"E", "", ".env"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestReadVars_keepsSecrets(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(path, []byte("A=1\nhunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := readVars(path, ".env")
	if err == nil || err.Error() != ".env:2: not KEY=VALUE" {
		t.Errorf("got %v", err)
	}
	if _, err := parseVar("--var", "hunter2"); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}
