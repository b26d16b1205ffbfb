package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fortunadws/fortuna/runtime/bundle"
)

// project is what is served or built: a directory and the file to begin with.
type project struct {
	root   string // absolute
	entry  string // relative to root
	shown  string // what the person called it
	config *config
	built  bool            // entry is a bundle, and nothing is built: whoever made it must not have files read here
	given  map[string]bool // variables that the command line, or a file that it names, sets for this run
}

// entryNames are where the code of a project is looked for when nothing says so, in this order.
var entryNames = conventionalEntries()

func conventionalEntries() []string {
	var names []string
	for _, stem := range []string{"src/index", "index", "src/app", "app"} {
		for _, ext := range scriptExtensions {
			names = append(names, stem+ext)
		}
	}
	return names
}

var scriptExtensions = []string{".ts", ".tsx", ".js", ".jsx", ".mjs"}

// openProject finds the project at path, a directory or a single file, and reads its configuration for env.
func openProject(cwd, path, env string) (*project, error) {
	p := &project{shown: path}
	if path == "" {
		p.shown, path = ".", "."
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(cwd, path)
	}
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, refused(missingHint(cwd, p.shown), "%s does not exist", p.shown)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	p.root = path
	if !info.IsDir() {
		p.root = projectRoot(cwd, path)
		if p.entry, err = filepath.Rel(p.root, path); err != nil {
			return nil, err
		}
	}
	if p.config, err = loadConfig(p.root, env); err != nil {
		return nil, err
	}
	if p.entry == "" {
		p.entry, err = p.findEntry()
	}
	return p, err
}

// bundle is the code of the project as it is now.
func (p *project) bundle() (*bundle.Bundle, error) {
	if p.built {
		return bundle.Load(filepath.Join(p.root, p.entry))
	}
	return bundle.Build(bundle.Options{Root: p.root, Entry: p.entry, Define: p.config.Define})
}

// missingHint is what to type instead of a path that leads nowhere: one that exists and is spelt much like it, or the
// command that makes a project.
func missingHint(cwd, path string) string {
	parent, name := filepath.Split(filepath.Clean(path))
	var names []string
	entries, err := os.ReadDir(absolute(cwd, parent))
	for _, e := range entries {
		if e.IsDir() || slices.Contains(scriptExtensions, filepath.Ext(e.Name())) {
			names = append(names, e.Name())
		}
	}
	if best := nearest(name, names); err == nil && best != "" {
		return fmt.Sprintf("did you mean %s?", filepath.Join(parent, best))
	}
	if slices.Contains(scriptExtensions, filepath.Ext(name)) {
		path = strings.TrimSuffix(path, filepath.Ext(name))
	}
	return "fortuna init " + path
}

// projectRoot is the directory a single file belongs to: the working directory when it is a project that holds the
// file, else the file's own.
func projectRoot(cwd, file string) string {
	if resolved, err := filepath.EvalSymlinks(cwd); err == nil {
		cwd = resolved
	}
	if rel, err := filepath.Rel(cwd, file); err == nil && filepath.IsLocal(rel) && isProject(cwd) {
		return cwd
	}
	return filepath.Dir(file)
}

func isProject(dir string) bool {
	return isFile(filepath.Join(dir, configFile)) || isFile(filepath.Join(dir, manifestFile))
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// findEntry is the entry of a directory: what fortuna.toml says, what package.json says, or the first name of
// entryNames.
func (p *project) findEntry() (string, error) {
	if main := p.config.Main; main != "" {
		if !isFile(filepath.Join(p.root, main)) {
			return "", refused("", "%s: main = %q: there is no such file", configFile, main)
		}
		return main, nil
	}
	for _, name := range entryNames {
		if isFile(filepath.Join(p.root, name)) {
			return name, nil
		}
	}
	if m, err := readManifest(p.root); err == nil && m.Main != "" && isFile(filepath.Join(p.root, m.Main)) {
		return m.Main, nil
	}
	return "", refused("fortuna init, or name the file: fortuna dev app.ts",
		"%s holds no app: none of %s, src/index.ts, src/index.js, index.ts, index.js, app.ts, app.js ...", p.shown, configFile)
}

// name is what the project is called: as fortuna.toml says, or else as its directory is.
func (p *project) name() string {
	if p.config.Name != "" {
		return p.config.Name
	}
	return filepath.Base(p.root)
}

// files are those that change the project besides the code.
func (p *project) files() []string {
	var files []string
	for _, name := range []string{configFile, manifestFile, "tsconfig.json", "jsconfig.json"} {
		files = append(files, filepath.Join(p.root, name))
	}
	return files
}

// ignored sees to it that git does not take what we keep in the project, if a path is there: state, and the key of secrets.
func (p *project) ignored(path string) error {
	dir := filepath.Join(p.root, ".fortuna")
	if inside, err := filepath.Rel(dir, path); err != nil || !filepath.IsLocal(inside) {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make %s: %w", dir, err)
	}
	file := filepath.Join(dir, ".gitignore")
	if isFile(file) {
		return nil
	}
	if err := os.WriteFile(file, []byte("*\n"), 0o644); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}

// manifestFile is npm's description of a project.
const manifestFile = "package.json"

// manifest is what we read of package.json.
type manifest struct {
	Name            string            `json:"name"`
	Main            string            `json:"main"`
	PackageManager  string            `json:"packageManager"`
	Dependencies    map[string]string `json:"dependencies"`
	DevDependencies map[string]string `json:"devDependencies"`
}

func readManifest(dir string) (manifest, error) {
	var m manifest
	data, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(data, &m)
}

// needs reports whether package.json names a package.
func (m manifest) needs(pkg string) bool {
	_, run := m.Dependencies[pkg]
	_, dev := m.DevDependencies[pkg]
	return run || dev
}

// packageOf is the npm package an import is of, or "" when it names a file or a built-in module.
func packageOf(specifier string) string {
	if specifier == "" || strings.HasPrefix(specifier, ".") || strings.HasPrefix(specifier, "/") ||
		strings.HasPrefix(specifier, "#") || strings.ContainsAny(specifier, ":\\ ") {
		return ""
	}
	parts := strings.SplitN(specifier, "/", 3)
	if strings.HasPrefix(specifier, "@") {
		if len(parts) < 2 {
			return ""
		}
		return parts[0] + "/" + parts[1]
	}
	return parts[0]
}
