package e2e

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/fortunadws/fortuna"

// layers says what each folder may import of this module. A folder that is not named has the rule of the nearest above
// it; "..." stands for everything below.
var layers = []struct {
	folder string
	may    []string
	reason string
}{
	{".", []string{"cli"}, "main only hands the exit code of cli to the system"},
	{"cli", []string{"cli/...", "edge/...", "runtime/...", "kv/...", "templates"}, "cli is the one place where edge, runtime and kv meet"},
	{"cli/admin", []string{"edge", "edge/upstream", "runtime"}, "the admin listener shows what others count; it wires nothing"},
	{"cli/cluster", nil, "how nodes know each other does not depend on what they do"},
	{"cli/control", []string{"kv", "kv/artifact", "kv/node"}, "the API of a cluster speaks of what is stored; how a node serves it is cli's business"},
	{"edge", []string{"edge/..."}, "edge moves bytes: it knows a handler only as exchange.Handler"},
	{"edge/exchange", nil, "the vocabulary that edge and runtime share depends on neither"},
	{"edge/forwarded", []string{"edge/exchange"}, "who sent a request is read from its text: connections are not its business"},
	{"edge/http1", []string{"edge/exchange"}, "the codec knows neither sockets nor JavaScript"},
	{"edge/tls", []string{"edge/exchange"}, "records are bytes: whose socket they came from and what is in them is not its business"},
	{"edge/compress", nil, "bodies are bytes: whose answer they are is not its business"},
	{"edge/h2", []string{"edge/exchange", "edge/http1"}, "streams are requests by the rules of http1; who answers them is edge's business"},
	{"edge/ws", []string{"edge/exchange"}, "messages are made of bytes: whose socket they came from and what they mean is not its business"},
	{"edge/upstream", []string{"edge/exchange", "edge/http1", "edge/ws"}, "an exchange is carried to another node: whose listener it came by, and who tells of nodes, is not its business"},
	{"edge/assets", []string{"edge/exchange", "edge/compress", "edge/http1"}, "files are answers, and what may be said by one is what http1 sends: who asked for them, and what answers the rest, is not its business"},
	{"edge/acme", []string{"edge/exchange"}, "an authority's questions are exchanges and handshakes of somebody else's connections"},
	{"runtime", []string{"runtime/...", "edge/exchange", "kv/session"}, "runtime runs JavaScript: it knows a connection only as exchange.Exchange"},
	{"runtime/bundle", nil, "a bundle is made the same way wherever it will run"},
	{"runtime/router", nil, "the router finds values; what they are is not its business"},
	{"runtime/cookie", nil, "a cookie is text: who sends it and who reads it is not its business"},
	{"runtime/urlpattern", []string{"runtime/bundle"}, "patterns are matched without a VM; what \\p{...} means is written once, for the bundler"},
	{"runtime/web", []string{"runtime/web/...", "runtime/cookie", "runtime/router", "runtime/urlpattern", "edge/exchange"}, "the web platform reaches its VM through web.Host only"},
	{"runtime/binding", []string{"runtime/web", "kv/...", "edge/exchange"}, "bindings are where code meets state; a VM and its turns are runtime's business"},
	{"kv", nil, "state knows nothing of who asks for it, nor where its server runs"},
	{"kv/session", []string{"kv"}, "an entry of a visitor is an entry of a bucket; cookies and JavaScript are others' business"},
	{"kv/secret", []string{"kv"}, "a secret is an entry that the store cannot read; who may have it is cli's business"},
	{"kv/vault", []string{"kv", "kv/secret"}, "files that are sealed as secrets are; what is in them is others' business"},
	{"kv/artifact", []string{"kv"}, "what is deployed is signed files; that they are code is others' business"},
	{"kv/node", []string{"kv"}, "nodes tell of themselves; who sends requests where is others' business"},
	{"kv/embedded", nil, "a server knows nothing of what it stores"},
	{"templates", nil, "templates are files"},
}

// outsiders says which folders may import what is not ours, so that each dependency can be replaced in one place.
var outsiders = []struct {
	prefix string
	folder string // or several, with spaces between
	reason string
}{
	{"github.com/tidwall/evio", "edge", "the faults of evio's write path and Wake are worked around in one package"},
	{"github.com/caddyserver/certmagic", "edge/acme", "who signs certificates, and how they are asked, can be replaced in one place"},
	{"github.com/gobwas", "edge/ws", "frames are read and checked in one place"},
	{"go.uber.org/zap", "edge/acme", "our log is slog; only certmagic speaks zap"},
	{"github.com/dop251/goja", "runtime", "a VM belongs to one goroutine, which only runtime knows"},
	{"github.com/evanw/esbuild", "runtime/bundle", "what goja lacks is lowered in one place"},
	{"github.com/go-sourcemap", "runtime/bundle", "positions are mapped where they are made"},
	{"github.com/netresearch/go-cron", "runtime/binding", "when a cron is due is asked in one place"},
	{"golang.org/x/net/http2", "edge/upstream", "connections by HTTP/2 to other nodes are made in one place"},
	{"golang.org/x/crypto", "kv/secret", "secrets are sealed in one place"},
	{"github.com/nats-io", "kv", "kv is the one way to shared state"},
	{"github.com/synadia-io/orbit.go", "kv", "kv is the one way to shared state"},
	{"github.com/urfave/cli", "cli", "flags become options before anything else sees them"},
	{"github.com/pelletier/go-toml", "cli", "configuration becomes options before anything else sees it"},
	{"github.com/fsnotify/fsnotify", "cli", "only dev watches files"},
	{"go.opentelemetry.io", "cli", "spans are made of what edge records; nothing else knows who collects them"},
	{"golang.org/x/term", "cli", "only cli knows whether a person is there"},
	{"flag", "cli", "flags become options before anything else sees them"},
	{"net/http", "runtime edge/h2 edge/acme edge/assets cli/admin cli/cluster cli/control", "requests are served by edge; net/http is for outbound fetch, for frames and flow control of HTTP/2, for the rules of ranges and conditions, for what certmagic takes and gives, and for the listeners of who looks after nodes and of other nodes, which are no part of what is served"},
	{"github.com/andybalholm/brotli", "edge/compress", "bodies are encoded in one place"},
	{"github.com/klauspost/compress", "edge/compress", "bodies are encoded in one place"},
	{"github.com/prometheus", "cli/admin", "edge and runtime count in plain structs; what reads them can be replaced"},
}

// world is what only cli may touch: the rest of the program is given what it needs, so that tests can give it too.
var world = map[string][]string{
	"os":  {"Args", "Getenv", "LookupEnv", "Environ", "Setenv", "Exit", "Stdin", "Stdout", "Stderr"},
	"fmt": {"Print", "Printf", "Println"},
	"log": {"Print", "Printf", "Println", "Fatal", "Fatalf", "Fatalln", "Panic", "Panicf"},
}

// drawers are names of files and folders that say nothing about what is in them.
var drawers = []string{"util", "utils", "common", "helper", "helpers", "types", "misc", "lib", "pkg", "shared", "base"}

// fileLinesMax bounds a file: aim below 400, and never reach this.
const fileLinesMax = 500

func TestLayers(t *testing.T) {
	root := ".."
	documented := map[string]bool{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		base := path.Base(rel)
		if d.IsDir() && (base == "testdata" || base == "node_modules" || base == "vendor" || rel != "." && base[0] == '.') {
			return fs.SkipDir
		}
		if stem, _, _ := strings.Cut(base, "."); slices.Contains(drawers, strings.TrimSuffix(stem, "_test")) && (d.IsDir() || strings.HasSuffix(base, ".go")) {
			t.Errorf("%s: the name says nothing; call it after the noun it defines", rel)
		}
		if d.IsDir() || !strings.HasSuffix(base, ".go") {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), rel, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		folder := path.Dir(rel)
		if strings.HasSuffix(base, "_test.go") {
			return nil
		}
		documented[folder] = documented[folder] || file.Doc != nil && !ast.IsGenerated(file)
		if n := strings.Count(string(text), "\n"); n >= fileLinesMax && !ast.IsGenerated(file) {
			t.Errorf("%s has %d lines: split it by noun", rel, n)
		}
		for _, complaint := range complaints(folder, file) {
			t.Errorf("%s %s", rel, complaint)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for folder, ok := range documented {
		if !ok {
			t.Errorf("%s has no package comment: what is it responsible for, and what does it not know?", folder)
		}
	}
	for _, l := range layers {
		if _, found := documented[l.folder]; !found && l.folder != "kv" {
			t.Errorf("the rule of %s is about nothing", l.folder)
		}
	}
}

// complaints are the rules that a file of a folder breaks. What tests and measures the program from outside has none.
func complaints(folder string, file *ast.File) []string {
	if within(folder, "e2e") {
		return nil
	}
	var list []string
	names := map[string]string{} // package names in the file, to paths
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return []string{err.Error()}
		}
		names[path.Base(imported)] = imported
		if spec.Name != nil {
			names[spec.Name.Name] = imported
		}
		if reason := forbidden(folder, imported); reason != "" {
			list = append(list, "imports "+imported+": "+reason)
		}
	}
	if within(folder, "cli") || folder == "." {
		return list
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && slices.Contains(world[names[x.Name]], sel.Sel.Name) {
				list = append(list, "uses "+x.Name+"."+sel.Sel.Name+": only cli reads arguments and the environment, prints and exits")
			}
		}
		return true
	})
	return list
}

// forbidden is why a folder may not import a package, or "".
func forbidden(folder, imported string) string {
	for _, o := range outsiders {
		if within(imported, o.prefix) && !slices.ContainsFunc(strings.Fields(o.folder), func(f string) bool { return within(folder, f) }) {
			return "only " + o.folder + " may: " + o.reason
		}
	}
	if !within(imported, module) {
		return ""
	}
	ours := strings.TrimPrefix(strings.TrimPrefix(imported, module), "/")
	rule := -1
	for i, l := range layers {
		if within(folder, l.folder) && (rule < 0 || len(l.folder) > len(layers[rule].folder)) {
			rule = i
		}
	}
	if rule < 0 {
		return "the folder has no rule in layers_test.go: decide what it may import"
	}
	if ours != "" && folder != ours && within(folder, ours) && !slices.Contains(layers[rule].may, ours) {
		return "a package never imports the one it is below, unless its rule says so"
	}
	for _, may := range layers[rule].may {
		if below, all := strings.CutSuffix(may, "..."); all && within(ours, strings.TrimSuffix(below, "/")) || may == ours {
			return ""
		}
	}
	return layers[rule].reason
}

// within reports whether a path is a folder or below it; everything is below "".
func within(name, folder string) bool {
	return folder == "" || name == folder || strings.HasPrefix(name, folder+"/")
}

// The rules would be worth nothing if they let these pass.
func TestLayers_forbidden(t *testing.T) {
	for _, tt := range []struct {
		folder, imported string
		ok               bool
	}{
		{".", "cli", true},
		{".", "edge", false},
		{"cli", "runtime/bundle", true},
		{"edge", "edge/http1", true},
		{"edge", "runtime", false},
		{"edge", "runtime/router", false},
		{"edge/http1", "edge", false},
		{"edge/exchange", "edge/http1", false},
		{"edge/h2", "edge/http1", true},
		{"edge/http1", "edge/h2", false},
		{"kv/session", "kv", true},
		{"kv", "kv/session", false},
		{"runtime", "edge/exchange", true},
		{"runtime", "edge", false},
		{"runtime/web", "runtime", false},
		{"runtime/web", "runtime/router", true},
		{"runtime/web", "runtime/bundle", false},
		{"runtime/router", "runtime/web", false},
		{"elsewhere", "edge", false},
	} {
		if got := forbidden(tt.folder, module+"/"+tt.imported); (got == "") != tt.ok {
			t.Errorf("%s imports %s: got %q", tt.folder, tt.imported, got)
		}
	}
	for _, tt := range []struct {
		folder, imported string
		ok               bool
	}{
		{"edge", "github.com/tidwall/evio", true},
		{"runtime", "github.com/tidwall/evio", false},
		{"runtime/web", "github.com/dop251/goja", true},
		{"cli", "github.com/dop251/goja", false},
		{"runtime", "github.com/evanw/esbuild/pkg/api", false},
		{"runtime/bundle", "github.com/evanw/esbuild/pkg/api", true},
		{"runtime", "github.com/urfave/cli/v2", false},
		{"edge", "net/http", false},
		{"edge/h2", "net/http", true},
		{"edge", "strings", true},
	} {
		if got := forbidden(tt.folder, tt.imported); (got == "") != tt.ok {
			t.Errorf("%s imports %s: got %q", tt.folder, tt.imported, got)
		}
	}
	source := "package edge\nimport (\"fmt\"; system \"os\")\nfunc f() { fmt.Println(system.Args); fmt.Errorf(\"\") }"
	file, err := parser.ParseFile(token.NewFileSet(), "f.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := complaints("edge", file); len(got) != 2 {
		t.Errorf("got %q", got)
	}
	if got := complaints("cli", file); len(got) != 0 {
		t.Errorf("got %q", got)
	}
}
