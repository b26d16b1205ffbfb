package bundle

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// Minify says whether the code is made small.
type Minify int

const (
	MinifyNone       Minify = iota // readable, the default
	MinifySyntax                   // shorter syntax, white space and names kept
	MinifyWhitespace               // shorter syntax and no white space; names, which stacks show, are kept
	MinifyAll                      // local names shortened too
)

// Options say what to bundle.
type Options struct {
	Root   string            // the project directory; paths in messages and maps are relative to it
	Entry  string            // the file to begin with, relative to Root or absolute
	Minify Minify            // MinifyNone when zero
	Define map[string]string // names replaced by JavaScript expressions: "VERSION": `"1.2"`
}

// Build makes a Bundle, once. The error is an *Error when the code is at fault. Then, and only then, there is also a
// Bundle: it holds nothing but Inputs, the files that were read until the fault, to be watched.
func Build(o Options) (*Bundle, error) {
	b, err := Open(o)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	return b.Build()
}

// Builder builds one bundle again and again; what has not changed is not parsed again. It belongs to one goroutine.
type Builder struct {
	root    string // absolute, symbolic links resolved
	entry   string // relative to root, with forward slashes
	options api.BuildOptions
	inputs  *inputs

	context [2]api.BuildContext // without and with top-level await, opened when first needed
}

// Open prepares to build. Close the Builder when it is no longer needed.
func Open(o Options) (*Builder, error) {
	root, err := filepath.Abs(o.Root)
	if err == nil {
		root, err = filepath.EvalSymlinks(root)
	}
	if err != nil {
		return nil, fmt.Errorf("project directory: %w", err)
	}
	if o.Entry == "" {
		return nil, errors.New("no entry file is named: set Options.Entry to the file that exports the handlers")
	}
	entry := o.Entry
	if filepath.IsAbs(entry) {
		if dir, err := filepath.EvalSymlinks(filepath.Dir(entry)); err == nil {
			entry = filepath.Join(dir, filepath.Base(entry))
		}
		if entry, err = filepath.Rel(root, entry); err != nil {
			return nil, fmt.Errorf("entry file: %w", err)
		}
	}
	entry = filepath.Clean(entry)
	info, err := os.Stat(filepath.Join(root, entry))
	if err != nil {
		return nil, fmt.Errorf("entry file: %w", err)
	}
	if info.IsDir() {
		return nil, fmt.Errorf("entry file %q is a directory: name the file that exports the handlers", o.Entry)
	}
	b := &Builder{root: root, entry: filepath.ToSlash(entry), inputs: newInputs(root)}
	b.options = esbuildOptions(b.root, b.entry, o, b.inputs)
	return b, nil
}

// Close frees what the Builder holds.
func (b *Builder) Close() {
	for i, c := range b.context {
		if c != nil {
			c.Dispose()
			b.context[i] = nil
		}
	}
}

// Build makes a Bundle of the files as they are now. Errors are those of the function Build.
func (b *Builder) Build() (*Bundle, error) {
	if path := filepath.Join(b.root, filepath.FromSlash(b.entry)); written(path) {
		return reload(path)
	}
	b.inputs.reset()
	awaits := 0
	result, err := b.run(awaits)
	if err == nil && awaitsAtTop(result) {
		awaits = 1
		result, err = b.run(awaits)
	}
	if err != nil {
		return nil, err
	}
	made, err := b.finish(result, awaits)
	if err != nil {
		made = &Bundle{}
	}
	made.Entry = b.entry
	made.Inputs = b.inputs.list()
	made.Warnings = b.messages(result.Warnings)
	return made, err
}

// run lets esbuild work in the context with that index.
func (b *Builder) run(awaits int) (api.BuildResult, error) {
	if b.context[awaits] == nil {
		o := b.options
		o.Supported = make(map[string]bool)
		for name, ok := range b.options.Supported {
			o.Supported[name] = ok
		}
		o.Supported["top-level-await"] = awaits == 1
		c, err := api.Context(o)
		if err != nil {
			return api.BuildResult{}, fmt.Errorf("esbuild: %w", err)
		}
		b.context[awaits] = c
	}
	return b.context[awaits].Rebuild(), nil
}

// awaitsAtTop reports whether the build failed because of a top-level await and of nothing else.
func awaitsAtTop(r api.BuildResult) bool {
	for _, m := range r.Errors {
		if !strings.HasPrefix(m.Text, "Top-level await is not available") {
			return false
		}
	}
	return len(r.Errors) > 0
}

// finish makes a Bundle of esbuild's output.
func (b *Builder) finish(r api.BuildResult, awaits int) (*Bundle, error) {
	if len(r.Errors) > 0 {
		e := &Error{Messages: b.messages(r.Errors)}
		b.explain(e)
		return nil, e
	}
	var code, mapping []byte
	for _, f := range r.OutputFiles {
		if strings.HasSuffix(f.Path, ".map") {
			mapping = f.Contents
		} else {
			code = f.Contents
		}
	}
	m, err := parseMap(mapping)
	if err != nil {
		return nil, fmt.Errorf("esbuild: %w", err)
	}
	script, err := wrap(string(code), m, wrappers[awaits])
	if err != nil {
		return nil, err
	}
	if script, err = mend(script, m); err != nil {
		return nil, err
	}
	return newBundle(b.entry, script, m)
}
