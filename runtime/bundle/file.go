package bundle

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
)

// marker begins the first line of a bundle on disk: a comment, so that the file is still a script. The version is that
// of the file's form; then come the hash and the entry.
const marker = "// fortuna bundle 1 "

// Encode is the bundle as a file: the marker line, then Code. The source map is a file of its own.
func (b *Bundle) Encode() []byte {
	return []byte(marker + b.Hash + " " + b.Entry + "\n" + b.Code + "\n")
}

// Load reads a file that holds what Encode gave, and path + ".map" with its source map. It does not need esbuild, and gives
// the Bundle that was written, save Inputs and Warnings.
func Load(path string) (*Bundle, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("load bundle: %w", err)
	}
	mapping, err := os.ReadFile(path + ".map")
	if err != nil {
		return nil, fmt.Errorf("load bundle %q: %w", path, err)
	}
	b, err := Decode(data, mapping)
	if err != nil {
		return nil, fmt.Errorf("load bundle %q: %w", path, err)
	}
	return b, nil
}

// written reports whether the file at path is one of Encode.
func written(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, len(marker))
	_, err = io.ReadFull(f, head)
	return err == nil && string(head) == marker
}

// reload is Load for a Builder whose entry is a bundle already: there is nothing to build, but files to watch.
func reload(path string) (*Bundle, error) {
	inputs := []string{path, path + ".map"}
	b, err := Load(path)
	if err != nil {
		return &Bundle{Inputs: inputs}, &Error{Messages: []Message{{Text: err.Error()}}}
	}
	b.Inputs = inputs
	return b, nil
}

// Decode makes a Bundle of what Encode gave and its source map. Both may come from anywhere: what is not whole, or
// what goja cannot compile, is an error.
func Decode(data, mapping []byte) (*Bundle, error) {
	line, code, ok := bytes.Cut(data, []byte("\n"))
	if !ok || !bytes.HasPrefix(line, []byte("// fortuna bundle ")) {
		return nil, fmt.Errorf("not a fortuna bundle: its first line must begin %q; make one with fortuna build", marker)
	}
	head, ok := strings.CutPrefix(string(line), marker)
	if !ok {
		return nil, fmt.Errorf("made by another version of fortuna: got %q, want %q; build it again", line, marker)
	}
	hash, entry, ok := strings.Cut(head, " ")
	if !ok || entry == "" {
		return nil, fmt.Errorf("the first line is not whole: %q; build it again", line)
	}
	script := strings.TrimSuffix(string(code), "\n")
	if sum := hashOf(script); sum != hash {
		return nil, fmt.Errorf("the code was changed or cut short: its SHA-256 is %s, the first line says %s; build it again",
			sum, hash)
	}
	m, err := parseMap(mapping)
	if err != nil {
		return nil, err
	}
	return newBundle(entry, script, m)
}
