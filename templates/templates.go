// Package templates is what fortuna init copies: each folder is a project that runs as it is. It knows nothing of the
// program around it.
package templates

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
)

//go:embed all:hello all:ts all:api all:sessions all:chat
var files embed.FS

// Types are the TypeScript declarations of what handlers find beyond the web platform, but for Env, which each project has
// its own of.
//
//go:embed types.d.ts
var Types string

// Template is one project to start from.
type Template struct {
	Name    string
	Summary string
	Setup   []string // commands to type before the first fortuna dev
}

// All are the templates; the first is the default.
func All() []Template {
	return []Template{
		{Name: "hello", Summary: "one JavaScript file that answers with JSON"},
		{Name: "ts", Summary: "TypeScript: routes with parameters, an HTML form, JSON"},
		{Name: "api", Summary: "TypeScript with Hono from npm", Setup: []string{"npm install"}},
		{Name: "sessions", Summary: "a shop: accounts, a cart, and every device signed in or out, on any node"},
		{Name: "chat", Summary: "rooms over WebSockets, with history"},
	}
}

// Named is the template of that name; false when there is none.
func Named(name string) (Template, bool) {
	for _, t := range All() {
		if t.Name == name {
			return t, true
		}
	}
	return Template{}, false
}

// File is one file of a project.
type File struct {
	Path string // relative to the project, with forward slashes
	Data []byte
}

// Files are the files of t for a project called project: a name in lower case that npm accepts. It takes the place of
// the template's own in fortuna.toml and package.json.
func (t Template) Files(project string) ([]File, error) {
	folder, err := fs.Sub(files, t.Name)
	if err != nil {
		return nil, fmt.Errorf("template %q: %w", t.Name, err)
	}
	var list []File
	err = fs.WalkDir(folder, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(folder, path)
		if path == "fortuna.toml" || path == "package.json" {
			data = bytes.Replace(data, []byte(`"`+t.Name+`"`), []byte(`"`+project+`"`), 1)
		}
		list = append(list, File{Path: path, Data: data})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("template %q: %w", t.Name, err)
	}
	return list, nil
}
