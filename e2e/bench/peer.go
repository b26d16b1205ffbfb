package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
)

// peer is one kind of server: how it is told to serve the app.js in its folder.
type peer struct {
	name    string
	needs   []string          // programs; the first is what runs
	files   map[string]string // what lies beside app.js: name to name in apps; a .tmpl is filled in
	args    []string          // templates
	ready   string            // a file that it writes when it is ready; "" when it is as soon as it listens
	version []string          // arguments that make it tell its version
}

// setting is what the templates of a peer may name.
type setting struct {
	Port      int
	NjsModule string
	Upstream  int // port of the node that a proxy carries requests to
}

// peers are all servers. The app is theirs as the same bundle; an entry only binds it to a port.
var peers = []peer{
	{
		name: "fortuna", needs: []string{"fortuna"},
		args:  []string{"dev", "app.js", "--port", "{{.Port}}", "--log-level", "error", "--ready-file", "ready"},
		ready: "ready", version: []string{"version"},
	},
	{
		name: "bun", needs: []string{"bun"},
		files: map[string]string{"bun.js": "bun.js"}, args: []string{"run", "bun.js"}, version: []string{"--version"},
	},
	{
		name: "deno", needs: []string{"deno"}, files: map[string]string{"deno.js": "deno.js"},
		args:    []string{"run", "--allow-net=127.0.0.1", "--allow-env=PORT", "--no-config", "--no-lock", "deno.js"},
		version: []string{"--version"},
	},
	{
		name: "node", needs: []string{"node"},
		files: map[string]string{"node.js": "node.js"}, args: []string{"node.js"}, version: []string{"--version"},
	},
	{
		name: "node+hono", needs: []string{"node", "esbuild"},
		files: map[string]string{"node.js": "node_hono.js"}, args: []string{"node.js"}, version: []string{"--version"},
	},
	{
		name: "workerd", needs: []string{"workerd"},
		files: map[string]string{"workerd.capnp": "workerd.capnp.tmpl"}, args: []string{"serve", "workerd.capnp"},
		version: []string{"--version"},
	},
	{
		name: "nginx", needs: []string{"nginx"},
		files: map[string]string{"nginx.conf": "nginx.conf.tmpl"}, args: []string{"-p", ".", "-c", "nginx.conf"},
		version: []string{"-v"},
	},
	{
		name: "nginx+njs", needs: []string{"nginx", "njs"},
		files: map[string]string{"nginx.conf": "njs.conf.tmpl", "njs.js": "njs.js"}, args: []string{"-p", ".", "-c", "nginx.conf"},
		version: []string{"-v"},
	},
}

func peerNames() []string {
	var names []string
	for _, p := range peers {
		names = append(names, p.name)
	}
	return names
}

// peers are those that serve w in this run, fortuna first.
func (b *bench) peers(w *workload) []peer {
	var chosen []peer
	for _, p := range peers {
		if slices.Contains(w.servers, p.name) && (len(b.servers) == 0 || slices.Contains(b.servers, p.name)) {
			chosen = append(chosen, p)
		}
	}
	return chosen
}

// place writes what p needs beside app.js in dir.
func (p peer) place(dir string, values setting) error {
	for name, from := range p.files {
		text, err := apps.ReadFile("apps/" + from)
		if err != nil {
			return err
		}
		if strings.HasSuffix(from, ".tmpl") {
			filled, err := values.fill(string(text))
			if err != nil {
				return err
			}
			text = []byte(filled)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// fill is a template of a peer with its values.
func (s setting) fill(text string) (string, error) {
	t, err := template.New("").Option("missingkey=error").Parse(text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = t.Execute(&b, s)
	return b.String(), err
}

// version is what p says of itself: the first word that begins with a digit, or else the word after its name.
func (b *bench) version(ctx context.Context, p peer) (string, error) {
	c := exec.CommandContext(ctx, b.tools.programs[p.needs[0]], p.version...)
	c.Env = b.tools.env
	out, err := c.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("ask %s for its version: %w: %s", p.name, err, tail(out))
	}
	words := strings.FieldsFunc(string(out), func(r rune) bool { return strings.ContainsRune(" \n/", r) })
	for _, word := range words {
		if word = strings.TrimPrefix(word, "v"); word != "" && word[0] >= '0' && word[0] <= '9' {
			return word, nil
		}
	}
	if len(words) < 2 {
		return "", fmt.Errorf("ask %s for its version: got %q", p.name, out)
	}
	return words[1], nil
}
