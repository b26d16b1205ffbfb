package bundle

import (
	"fmt"
	"path/filepath"
	"sort"
	"sync"

	"github.com/evanw/esbuild/pkg/api"
)

// lacks are the features of ECMAScript that esbuild must lower because goja rejects them. Nothing else is lowered:
// private fields as WeakMaps make a handler two to three times slower. Regular expressions stay as they are, for mend.
var lacks = map[string]bool{
	"async-generator": false,
	"for-await":       false,
	"using":           false,
	"decorators":      false,
	"import-meta":     false,
	"dynamic-import":  false, // what is left of it rejects when it runs: an import in a try block that nothing resolves
	"hashbang":        false,
}

// loaders say what a file is by its extension.
var loaders = map[string]api.Loader{
	".js": api.LoaderJS, ".mjs": api.LoaderJS, ".cjs": api.LoaderJS, ".jsx": api.LoaderJSX,
	".ts": api.LoaderTS, ".mts": api.LoaderTS, ".cts": api.LoaderTS, ".tsx": api.LoaderTSX,
	".json": api.LoaderJSON,
	".txt":  api.LoaderText, ".html": api.LoaderText, ".sql": api.LoaderText, ".md": api.LoaderText,
	".css": api.LoaderText, ".svg": api.LoaderText, ".graphql": api.LoaderText,
	".wasm": api.LoaderBinary, ".bin": api.LoaderBinary,
}

// esbuildOptions are what fortuna asks of esbuild.
func esbuildOptions(root, entry string, o Options, in *inputs) api.BuildOptions {
	define := map[string]string{
		"process.env.NODE_ENV": `"production"`,
		"import.meta.url":      `"file:///` + scriptName + `"`,
	}
	for name, expression := range o.Define {
		define[name] = expression
	}
	return api.BuildOptions{
		AbsWorkingDir:     root,
		EntryPoints:       []string{"./" + entry},
		Outfile:           filepath.Join(root, scriptName), // never written: sources in the map are relative to it
		Bundle:            true,
		Format:            api.FormatESModule,
		Platform:          api.PlatformBrowser,
		Target:            api.ESNext,
		Supported:         lacks,
		Conditions:        []string{"fortuna", "workerd", "worker", "browser", "import"},
		MainFields:        []string{"browser", "module", "main"},
		Loader:            loaders,
		JSX:               api.JSXAutomatic,
		Define:            define,
		Charset:           api.CharsetASCII, // so that bytes, columns and code units are the same
		LegalComments:     api.LegalCommentsNone,
		Sourcemap:         api.SourceMapExternal,
		MinifySyntax:      o.Minify >= MinifySyntax,
		MinifyWhitespace:  o.Minify >= MinifyWhitespace,
		MinifyIdentifiers: o.Minify >= MinifyAll,
		LogLevel:          api.LogLevelSilent,
		LogLimit:          20,
		LogOverride: map[string]api.LogLevel{
			"unsupported-dynamic-import": api.LogLevelError,
		},
		Plugins: []api.Plugin{in.plugin()},
	}
}

// inputs records, and measures, every file that esbuild is about to read.
type inputs struct {
	root string

	mu    sync.Mutex
	files map[string]bool // absolute
}

func newInputs(root string) *inputs {
	return &inputs{root: root, files: make(map[string]bool)}
}

func (in *inputs) reset() {
	in.mu.Lock()
	defer in.mu.Unlock()
	clear(in.files)
}

// add is called by esbuild from many goroutines.
func (in *inputs) add(path string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.files[path] = true
}

// list is the files, sorted.
func (in *inputs) list() []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	list := make([]string, 0, len(in.files))
	for path := range in.files {
		list = append(list, path)
	}
	sort.Strings(list)
	return list
}

// plugin lets in see each file before esbuild does, and refuses what esbuild would leave to a browser to load.
func (in *inputs) plugin() api.Plugin {
	return api.Plugin{Name: "fortuna", Setup: func(b api.PluginBuild) {
		b.OnResolve(api.OnResolveOptions{Filter: `^(https?:)?//`}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
			return api.OnResolveResult{Errors: []api.Message{{Text: fmt.Sprintf("Could not resolve %q", a.Path)}}}, nil
		})
		b.OnLoad(api.OnLoadOptions{Filter: ".", Namespace: "file"}, func(a api.OnLoadArgs) (api.OnLoadResult, error) {
			in.add(a.Path)
			return api.OnLoadResult{Errors: in.measure(a)}, nil
		})
	}}
}
