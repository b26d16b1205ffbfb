package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/fortunadws/fortuna/kv/artifact"
)

// fetch brings the files of a version to the disk, whole or not at all.
func (d *deployed) fetch(ctx context.Context, id string) error {
	place := filepath.Join(d.dir, id)
	if whole(place, id) {
		return nil
	}
	v, sealed, err := d.node.artifacts.Version(ctx, d.app.name, id)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return err
	}
	part, err := os.MkdirTemp(d.dir, fetchPart)
	if err != nil {
		return err
	}
	defer os.RemoveAll(part)
	if err := d.node.unpack(ctx, v, sealed, part); err != nil {
		return err
	}
	if err := os.RemoveAll(place); err != nil { // half of a former try
		return err
	}
	return os.Rename(part, place)
}

// Directories that are there for a moment only begin so.
const (
	verifyPart = ".verify-"
	fetchPart  = ".part-"
)

// whole reports whether a directory holds a version as it was deployed: the power may have failed while it was written.
func whole(dir, id string) bool {
	text, err := os.ReadFile(filepath.Join(dir, versionFile))
	if err != nil || (&artifact.Sealed{Body: text}).ID() != id {
		return false
	}
	_, v, err := openVersion(dir)
	if err != nil {
		return false
	}
	for _, f := range v.Files {
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(f.Path)))
		if err != nil || artifact.Sum(data) != f.Sum {
			return false
		}
	}
	return true
}

// unpack writes the files of a version into an empty directory. Paths have been checked, and cannot leave it in any case.
func (m *member) unpack(ctx context.Context, v artifact.Version, sealed artifact.Sealed, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, f := range v.Files {
		data, err := m.artifacts.File(ctx, f.Sum)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
		if int64(len(data)) != f.Size {
			return fmt.Errorf("%s has %d bytes, and not %d as the version says", f.Path, len(data), f.Size)
		}
		if err := root.MkdirAll(filepath.Dir(filepath.FromSlash(f.Path)), 0o700); err != nil {
			return err
		}
		if err := root.WriteFile(filepath.FromSlash(f.Path), data, 0o600); err != nil {
			return err
		}
	}
	return root.WriteFile(versionFile, sealed.Body, 0o600)
}

// openVersion is the project in the directory of a version.
func openVersion(dir string) (*project, artifact.Version, error) {
	var v artifact.Version
	text, err := os.ReadFile(filepath.Join(dir, versionFile))
	if err == nil {
		err = json.Unmarshal(text, &v)
	}
	if err == nil {
		err = v.Check()
	}
	if err != nil {
		return nil, v, fmt.Errorf("read the version in %s: %w", dir, err)
	}
	p := &project{root: dir, entry: filepath.FromSlash(v.Main), shown: v.App, built: true, given: map[string]bool{}}
	if p.config, err = loadConfig(dir, v.Env); err != nil {
		return nil, v, err
	}
	if t := p.config.Assets; t.Dir != "" && !filepath.IsLocal(filepath.FromSlash(t.Dir)) { // the files of a node are not for its apps
		return nil, v, t.at.wrong(`dir = "public"`, "assets.dir must be inside of what is deployed, got %q", t.Dir)
	}
	p.config.Name = v.App
	for name, value := range v.Vars {
		p.given[name], p.config.Vars[name] = true, value
	}
	return p, v, nil
}
