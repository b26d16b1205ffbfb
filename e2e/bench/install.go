package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// npmPackages are the peers and what the apps are made of, in the versions that the figures in our texts are about.
const npmPackages = `{
  "private": true,
  "dependencies": {
    "@hono/node-server": "2.1.8",
    "bun": "1.4.5",
    "connect-redis": "10.0.0",
    "deno": "2.9.6",
    "esbuild": "0.28.2",
    "express": "5.3.0",
    "express-session": "1.19.0",
    "hono": "4.13.19",
    "redis": "6.3.1",
    "workerd": "1.20261117.1"
  }
}
`

// npmPrograms are where the platform packages of npm hold the programs. The packages' own install scripts, which would
// link them to one place, are not run.
var npmPrograms = map[string]string{
	"bun":     "@oven/bun-*/bin/bun",
	"deno":    "@deno/*/deno",
	"esbuild": "@esbuild/*/bin/esbuild",
	"workerd": "@cloudflare/workerd-*/bin/workerd",
}

// debianPackages hold the programs that npm does not have.
var debianPackages = map[string]string{"nginx": "nginx", "caddy": "caddy", "haproxy": "haproxy", "njs": "libnginx-mod-http-js", "node": "nodejs", "redis-server": "redis-server", "wrk": "wrk"}

// toolbox is where the programs are.
type toolbox struct {
	programs map[string]string // name to absolute path
	modules  string            // node_modules
	njs      string            // the module of nginx
	env      []string          // for programs of ours
}

// install brings what the run needs into the cache folder, and builds fortuna and the apps.
func (b *bench) install(ctx context.Context) (*toolbox, error) {
	t := &toolbox{programs: map[string]string{}, modules: filepath.Join(b.cache, "npm", "node_modules")}
	t.env = append(os.Environ(), "HOME="+b.dir, "NODE_ENV=production", "NO_COLOR=1", "DENO_DIR="+filepath.Join(b.dir, "deno"),
		"DENO_NO_UPDATE_CHECK=1", "DO_NOT_TRACK=1")
	needs := []string{"wrk"}
	for _, w := range b.workloads {
		if w.imports {
			needs = append(needs, "esbuild")
		}
		for _, p := range b.peers(w) {
			needs = append(needs, p.needs...)
		}
	}
	for _, p := range b.probes {
		for _, name := range p.beside {
			needs = append(needs, peerOf(name).needs...)
		}
	}
	slices.Sort(needs)
	needs = slices.Compact(needs)
	if slices.ContainsFunc(needs, func(name string) bool { return npmPrograms[name] != "" }) {
		if err := b.installNpm(ctx); err != nil {
			return nil, err
		}
	}
	if err := b.installDebian(ctx, needs); err != nil {
		return nil, err
	}
	if libraries := b.debianFiles("usr/lib/*-linux-gnu", "lib/*-linux-gnu"); len(libraries) > 0 {
		t.env = append(t.env, "LD_LIBRARY_PATH="+strings.Join(libraries, ":"))
	}
	for _, name := range needs {
		if name == "fortuna" {
			continue
		}
		if err := b.locate(ctx, t, name); err != nil {
			return nil, err
		}
	}
	t.programs["fortuna"] = b.fortuna
	if b.fortuna == "" {
		t.programs["fortuna"] = filepath.Join(b.dir, "fortuna")
		b.say("building fortuna")
		if err := command(ctx, "", "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", t.programs["fortuna"], "github.com/fortunadws/fortuna"); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// installNpm installs npmPackages unless they are there.
func (b *bench) installNpm(ctx context.Context) error {
	if _, err := exec.LookPath("npm"); err != nil {
		return fmt.Errorf("%w: install npm, or choose -workloads hello -servers fortuna,node,nginx,nginx+njs", err)
	}
	dir := filepath.Join(b.cache, "npm")
	installed := filepath.Join(dir, "installed.json")
	if have, err := os.ReadFile(installed); err == nil && string(have) == npmPackages {
		return nil
	}
	b.say("installing bun, deno, workerd and hono from npm into %s", dir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "package.json"), []byte(npmPackages), 0o644); err != nil {
		return err
	}
	if err := command(ctx, dir, "npm", "install", "--ignore-scripts", "--include=optional", "--no-audit", "--no-fund", "--loglevel=error"); err != nil {
		return err
	}
	return os.WriteFile(installed, []byte(npmPackages), 0o644)
}

// simulated is a package in what apt-get --simulate says it would install.
var simulated = regexp.MustCompile(`(?m)^Inst (\S+)`)

// installDebian unpacks the Debian packages of needs, and those they depend on, unless they are in the cache or on the
// system. Nothing is installed: no service starts, and no right of root is needed.
func (b *bench) installDebian(ctx context.Context, needs []string) error {
	var missing []string
	for _, name := range needs {
		if pkg := debianPackages[name]; pkg != "" && b.debianProgram(name) == "" {
			missing = append(missing, pkg)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	dir := filepath.Join(b.cache, "debian")
	b.say("unpacking %s from Debian into %s", strings.Join(missing, ", "), dir)
	packages := filepath.Join(dir, "packages")
	if err := os.MkdirAll(packages, 0o755); err != nil {
		return err
	}
	plan := exec.CommandContext(ctx, "apt-get", append([]string{"install", "--simulate", "--no-install-recommends"}, missing...)...)
	out, err := plan.Output()
	if err != nil {
		return fmt.Errorf("ask apt-get for %s: %w: run apt-get update, or choose other -servers", strings.Join(missing, ", "), withStderr(err))
	}
	download := []string{"download"}
	for _, found := range simulated.FindAllSubmatch(out, -1) {
		download = append(download, string(found[1]))
	}
	if err := command(ctx, packages, "apt-get", download...); err != nil {
		return err
	}
	archives, err := filepath.Glob(filepath.Join(packages, "*.deb"))
	if err != nil {
		return err
	}
	for _, archive := range archives {
		if err := command(ctx, "", "dpkg-deb", "--extract", archive, dir); err != nil {
			return err
		}
	}
	return nil
}

// debianFiles are the files of the cache that match the patterns.
func (b *bench) debianFiles(patterns ...string) []string {
	var files []string
	for _, pattern := range patterns {
		found, err := filepath.Glob(filepath.Join(b.cache, "debian", pattern))
		if err == nil { // the patterns are well-formed
			files = append(files, found...)
		}
	}
	return files
}

// debianProgram is the path of a program of debianPackages, or "". The system's own comes first, but for nginx and its
// module, which must be of one version.
func (b *bench) debianProgram(name string) string {
	const module = "usr/lib/nginx/modules/ngx_http_js_module.so"
	switch name {
	case "njs", "nginx":
		path := "usr/sbin/nginx"
		if name == "njs" {
			path = module
		}
		if files := b.debianFiles(path); len(files) > 0 {
			return files[0]
		}
		if _, err := os.Stat("/" + path); err == nil {
			return "/" + path
		}
		return ""
	}
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	if files := b.debianFiles("usr/bin/"+name, "usr/sbin/"+name); len(files) > 0 {
		return files[0]
	}
	return ""
}

// locate puts the program of that name into t.
func (b *bench) locate(ctx context.Context, t *toolbox, name string) error {
	var candidates []string
	if pattern := npmPrograms[name]; pattern != "" {
		found, err := filepath.Glob(filepath.Join(t.modules, pattern))
		if err != nil {
			return err
		}
		candidates = found
	} else if path := b.debianProgram(name); path != "" {
		candidates = []string{path}
	}
	if name == "njs" && len(candidates) > 0 {
		t.njs = candidates[0]
		return nil
	}
	// npm may have brought builds for several processors or C libraries; one of them runs here.
	for _, path := range candidates {
		version := "--version"
		switch name {
		case "nginx", "wrk", "haproxy":
			version = "-v"
		case "caddy":
			version = "version"
		}
		c := exec.CommandContext(ctx, path, version)
		c.Env = t.env
		// wrk tells its version and exits 1, like one asked for help.
		if err := c.Run(); err == nil || name == "wrk" && c.ProcessState != nil {
			t.programs[name] = path
			return nil
		}
	}
	return fmt.Errorf("found no program %s that runs here, only %q: remove %s to install anew", name, candidates, b.cache)
}

// command runs a program to its end; its output is part of the error.
func command(ctx context.Context, dir, name string, args ...string) error {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = dir
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	if err := c.Run(); err != nil {
		return fmt.Errorf("run %s %s: %w\n%s", name, strings.Join(args, " "), err, tail(said.Bytes()))
	}
	return nil
}

// withStderr adds what a program said on its standard error.
func withStderr(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("%w: %s", err, tail(exit.Stderr))
	}
	return err
}

// tail is the end of what a program said.
func tail(said []byte) []byte {
	said = bytes.TrimSpace(said)
	return said[max(0, len(said)-2000):]
}
