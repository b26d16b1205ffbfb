package bundle

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/evanw/esbuild/pkg/api"
)

// messages are esbuild's messages in our form and order: by file and position.
func (b *Builder) messages(list []api.Message) []Message {
	var out []Message
	for _, m := range list {
		msg := Message{Text: m.Text}
		if at := m.Location; at != nil {
			msg.File = filepath.ToSlash(at.File)
			msg.Line = at.Line
			msg.Column = utf16Column(at.LineText, at.Column)
			msg.LineText = at.LineText
			path := at.File
			if !filepath.IsAbs(path) {
				path = filepath.Join(b.root, path)
			}
			if info, err := os.Stat(path); err == nil && info.Size() <= int64(Limits.SourceBytesMax) && at.Line > 0 {
				if source, err := os.ReadFile(path); err == nil {
					msg.around(string(source))
				}
			}
		}
		for _, n := range m.Notes {
			if n.Text != "" {
				msg.Notes = append(msg.Notes, n.Text)
			}
		}
		out = append(out, msg)
	}
	slices.SortStableFunc(out, func(x, y Message) int {
		if c := strings.Compare(x.File, y.File); c != 0 {
			return c
		}
		if x.Line != y.Line {
			return x.Line - y.Line
		}
		return x.Column - y.Column
	})
	return out
}

// utf16Column is the column, from 1 in UTF-16 code units, at a byte offset in line.
func utf16Column(line string, offset int) int {
	offset = max(0, min(offset, len(line)))
	return len(utf16.Encode([]rune(line[:offset]))) + 1
}

// How esbuild begins the messages that are explained here.
var (
	unresolvedText = regexp.MustCompile(`^Could not resolve "(.*)"$`)
	loaderlessText = regexp.MustCompile(`^No loader is configured for "(.*)" files`)
)

const computedText = `This "import" expression will not be bundled`

// explain rewrites what esbuild says of imports in terms of fortuna: what is missing, who asked for it, what to type.
func (b *Builder) explain(e *Error) {
	unresolved := make(map[string]bool)
	for _, m := range e.Messages {
		if found := unresolvedText.FindStringSubmatch(m.Text); found != nil {
			unresolved[found[1]] = true
		}
	}
	var graph imports
	if len(unresolved) > 0 {
		graph = b.graph(unresolved)
	}
	for i := range e.Messages {
		m := &e.Messages[i]
		switch {
		case unresolvedText.MatchString(m.Text):
			b.explainUnresolved(m, unresolvedText.FindStringSubmatch(m.Text)[1])
			m.Chain = graph.chain(b.entry, m.File)
		case strings.HasPrefix(m.Text, computedText):
			m.Text = "import() of a computed name is not available in fortuna: a bundle holds only the files it names"
			m.Notes = []string{`Write the name as a string, or choose among functions: { a: () => import("./a") }.`}
		case loaderlessText.MatchString(m.Text):
			m.Text = fmt.Sprintf("files of type %q cannot be imported", loaderlessText.FindStringSubmatch(m.Text)[1])
			m.Notes = []string{"These can: " + strings.Join(slices.Sorted(maps.Keys(loaders)), " ") +
				`; any file can as text or bytes: import x from "./file" with { type: "text" }.`}
		}
	}
}

// foreign are the schemes of modules that other runtimes have built in or load from elsewhere.
var foreign = map[string]string{
	"cloudflare": "it is a part of Cloudflare Workers",
	"bun":        "it is a part of Bun",
	"deno":       "it is a part of Deno",
	"http":       "modules are not loaded over the network",
	"https":      "modules are not loaded over the network",
	"npm":        "install the package and import it by its bare name",
	"jsr":        "install the package and import it by its bare name",
}

// nodeModules are the modules that Node.js has built in under bare names; under "node:" there are no others to offer.
var nodeModules = strings.Fields(`assert async_hooks buffer child_process cluster console constants crypto dgram
	diagnostics_channel dns domain events fs http http2 https inspector module net os path perf_hooks process punycode
	querystring readline repl stream string_decoder sys timers tls trace_events tty url util v8 vm wasi worker_threads zlib`)

// explainUnresolved says what it means that nothing answers to the name.
func (b *Builder) explainUnresolved(m *Message, name string) {
	notExported := slices.ContainsFunc(m.Notes, func(n string) bool { return strings.Contains(n, "not exported") })
	scheme, _, hasScheme := strings.Cut(name, ":")
	bare, _, _ := strings.Cut(name, "/")
	switch {
	case scheme == "node" && hasScheme, slices.Contains(nodeModules, bare):
		m.Text = fmt.Sprintf("%q is not available in fortuna: it is a part of Node.js", name)
		m.Notes = []string{"Use the web platform (fetch, crypto, URL, TextEncoder, streams), or a package made for browsers or Workers."}
	case hasScheme && foreign[scheme] != "":
		m.Text = fmt.Sprintf("%q is not available in fortuna: %s", name, foreign[scheme])
		m.Notes = nil
	case strings.HasPrefix(name, "."), strings.HasPrefix(name, "/"):
		m.Text = fmt.Sprintf("cannot find the file %q", name)
		m.Notes = slices.DeleteFunc(m.Notes, func(n string) bool { return strings.Contains(n, "external") })
	case notExported:
		m.Text = fmt.Sprintf("the package %q does not offer %q", packageOf(name), name)
		m.Notes = slices.DeleteFunc(m.Notes, func(n string) bool { return strings.Contains(n, "external") })
	default:
		m.Text = fmt.Sprintf("cannot find the package %q", name)
		m.Notes = []string{"In the project directory: " + installer(b.root) + packageOf(name)}
	}
}

// packageOf is the package that a bare import names: "a/b" is in "a", "@a/b/c" in "@a/b".
func packageOf(name string) string {
	parts := strings.SplitN(name, "/", 3)
	if strings.HasPrefix(name, "@") && len(parts) > 1 {
		return parts[0] + "/" + parts[1]
	}
	return parts[0]
}

// installer is the command of the package manager whose lock file is nearest to dir.
func installer(dir string) string {
	for {
		for _, c := range []struct{ lock, command string }{
			{"package-lock.json", "npm install "},
			{"pnpm-lock.yaml", "pnpm add "},
			{"yarn.lock", "yarn add "},
			{"bun.lock", "bun add "},
			{"bun.lockb", "bun add "},
			{"deno.lock", "deno add npm:"},
		} {
			if _, err := os.Stat(filepath.Join(dir, c.lock)); err == nil {
				return c.command
			}
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "npm install "
		}
		dir = parent
	}
}

// imports are, for each file, those it imports; relative to the root.
type imports map[string][]string

// graph finds who imports whom by a second build, in which the unresolved names are let pass.
func (b *Builder) graph(unresolved map[string]bool) imports {
	o := b.options
	o.Metafile = true
	o.Sourcemap = api.SourceMapNone
	o.Supported = nil
	o.LogOverride = nil
	o.Plugins = append([]api.Plugin{{Name: "unresolved", Setup: func(p api.PluginBuild) {
		p.OnResolve(api.OnResolveOptions{Filter: "."}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
			if !unresolved[a.Path] {
				return api.OnResolveResult{}, nil
			}
			return api.OnResolveResult{Path: a.Path, External: true}, nil
		})
	}}}, o.Plugins...)
	var meta struct {
		Inputs map[string]struct {
			Imports []struct{ Path string }
		}
	}
	if json.Unmarshal([]byte(api.Build(o).Metafile), &meta) != nil {
		return nil // something else is wrong as well; the chain is a courtesy
	}
	g := make(imports)
	for file, in := range meta.Inputs {
		for _, i := range in.Imports {
			g[file] = append(g[file], i.Path)
		}
	}
	return g
}

// chain is the shortest way from one file to another, both included; nil when there is none.
func (g imports) chain(from, to string) []string {
	came := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if at == to {
			var chain []string
			for ; at != ""; at = came[at] {
				chain = append(chain, at)
			}
			slices.Reverse(chain)
			return chain
		}
		for _, next := range g[at] {
			if _, seen := came[next]; !seen {
				came[next] = at
				queue = append(queue, next)
			}
		}
	}
	return nil
}
