package cli

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/fortunadws/fortuna/runtime/bundle"
)

// packageManagers, by the lock file each leaves; npm when there is none. install fetches what package.json names, add
// puts a package into it.
var packageManagers = []struct {
	name, lock, install, add, prefix string
}{
	{"pnpm", "pnpm-lock.yaml", "pnpm install", "pnpm add", ""},
	{"yarn", "yarn.lock", "yarn install", "yarn add", ""},
	{"bun", "bun.lock", "bun install", "bun add", ""},
	{"bun", "bun.lockb", "bun install", "bun add", ""},
	{"deno", "deno.lock", "deno install", "deno add", "npm:"},
	{"npm", "package-lock.json", "npm install", "npm install", ""},
}

// installHint is the one command that brings the packages the code imports and the disk lacks, or "".
func (p *project) installHint(e *bundle.Error) string {
	var missing []string
	for _, m := range e.Messages {
		if pkg := packageOf(unresolved(m.Text)); pkg != "" && !slices.Contains(missing, pkg) {
			missing = append(missing, pkg)
		}
	}
	if len(missing) == 0 {
		return ""
	}
	declared, err := readManifest(p.root) // none is like an empty one: every package has to be added
	var toAdd []string
	for _, pkg := range missing {
		if err != nil || !declared.needs(pkg) {
			toAdd = append(toAdd, pkg)
		}
	}
	manager := packageManagers[len(packageManagers)-1]
	for _, m := range packageManagers {
		if isFile(filepath.Join(p.root, m.lock)) || strings.HasPrefix(declared.PackageManager, m.name+"@") {
			manager = m
			break
		}
	}
	if len(toAdd) == 0 {
		return manager.install
	}
	command := manager.add
	for _, pkg := range toAdd {
		command += " " + manager.prefix + pkg
	}
	return command
}

// unresolved is the import that names a package which is not there, from the bundler's message, or "".
func unresolved(text string) string {
	rest, ok := strings.CutPrefix(text, "cannot find the package ")
	if !ok {
		return ""
	}
	specifier, err := strconv.Unquote(rest)
	if err != nil {
		return ""
	}
	return specifier
}
