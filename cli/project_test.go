package cli

import (
	"path/filepath"
	"testing"

	"github.com/fortunadws/fortuna/runtime/bundle"
)

func TestOpenProject(t *testing.T) {
	for _, tt := range []struct {
		name  string
		files map[string]string
		path  string
		root  string // relative to the working directory
		entry string
	}{
		{"configured", map[string]string{"fortuna.toml": `main = "lib/x.js"`, "lib/x.js": "", "index.js": ""}, "", ".", "lib/x.js"},
		{"conventional", map[string]string{"index.js": "", "src/index.ts": ""}, "", ".", "src/index.ts"},
		{"manifest", map[string]string{"package.json": `{"main": "lib/y.js"}`, "lib/y.js": ""}, "", ".", "lib/y.js"},
		{"directory", map[string]string{"shop/app.js": ""}, "shop", "shop", "app.js"},
		{"file", map[string]string{"shop/any.mjs": ""}, "shop/any.mjs", "shop", "any.mjs"},
		{"file of the project here", map[string]string{"fortuna.toml": "", "src/any.js": ""}, "src/any.js", ".", "src/any.js"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, err := filepath.EvalSymlinks(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			for name, text := range tt.files {
				write(t, filepath.Join(dir, name), text)
			}
			p, err := openProject(dir, tt.path, "")
			if err != nil {
				t.Fatal(err)
			}
			if p.root != filepath.Join(dir, tt.root) || p.entry != tt.entry {
				t.Errorf("got %q %q", p.root, p.entry)
			}
		})
	}
}

func TestOpenProject_refused(t *testing.T) {
	dir := t.TempDir()
	_, err := openProject(dir, "nowhere", "")
	refusal(t, err, "nowhere does not exist", "fortuna init nowhere")
	_, err = openProject(dir, "", "")
	refusal(t, err, ". holds no app: none of fortuna.toml, src/index.ts, src/index.js, index.ts, index.js, app.ts, app.js ...",
		"fortuna init, or name the file: fortuna dev app.ts")
	write(t, filepath.Join(dir, configFile), `main = "gone.js"`)
	_, err = openProject(dir, "", "")
	refusal(t, err, `fortuna.toml: main = "gone.js": there is no such file`, "")
}

func TestProject_installHint(t *testing.T) {
	hono := bundle.Message{Text: `cannot find the package "hono/cors"`}
	scoped := bundle.Message{Text: `cannot find the package "@scope/pkg/sub"`}
	local := bundle.Message{Text: `cannot find the file "./gone"`}
	node := bundle.Message{Text: `"node:fs" is not available in fortuna: it is a part of Node.js`}
	for _, tt := range []struct {
		name     string
		files    map[string]string
		messages []bundle.Message
		want     string
	}{
		{"declared", map[string]string{"package.json": `{"dependencies":{"hono":"^4"}}`}, []bundle.Message{hono}, "npm install"},
		{"not declared", map[string]string{"package.json": `{}`}, []bundle.Message{hono, scoped, hono}, "npm install hono @scope/pkg"},
		{"pnpm", map[string]string{"package.json": `{"dependencies":{"hono":"^4"}}`, "pnpm-lock.yaml": ""}, []bundle.Message{hono}, "pnpm install"},
		{"yarn", map[string]string{"package.json": `{"dependencies":{"hono":"^4"}}`, "yarn.lock": ""}, []bundle.Message{hono}, "yarn install"},
		{"bun", map[string]string{"package.json": `{}`, "bun.lock": ""}, []bundle.Message{hono}, "bun add hono"},
		{"deno", map[string]string{"deno.lock": ""}, []bundle.Message{hono}, "deno add npm:hono"},
		{"declared manager", map[string]string{"package.json": `{"packageManager":"pnpm@9.1.0"}`}, []bundle.Message{hono}, "pnpm add hono"},
		{"no package", nil, []bundle.Message{local, node}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range tt.files {
				write(t, filepath.Join(dir, name), text)
			}
			p := &project{root: dir}
			if got := p.installHint(&bundle.Error{Messages: tt.messages}); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
