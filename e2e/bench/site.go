package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// site makes a folder of this run with the source at app.js.
func (b *bench) site(name string, source []byte) (string, error) {
	dir := filepath.Join(b.dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(b.dir, "package.json"), []byte(`{"type":"module"}`), 0o644); err != nil {
		return "", err
	}
	// Entries find packages in the folders above their own.
	if err := os.Symlink(b.tools.modules, filepath.Join(b.dir, "node_modules")); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	return dir, os.WriteFile(filepath.Join(dir, "app.js"), source, 0o644)
}

// bundle gives w's app and its packages as one module, the same for every server.
func (b *bench) bundle(ctx context.Context, w *workload) ([]byte, error) {
	source, err := apps.ReadFile("apps/" + w.source)
	if err != nil || !w.imports {
		return source, err
	}
	dir, err := b.site(filepath.Join(w.name, "source"), source)
	if err != nil {
		return nil, err
	}
	out := filepath.Join(dir, "bundle.js")
	err = command(ctx, dir, b.tools.programs["esbuild"], "app.js", "--bundle", "--format=esm", "--target=es2022", "--outfile="+out, "--log-level=error")
	if err != nil {
		return nil, err
	}
	return os.ReadFile(out)
}
