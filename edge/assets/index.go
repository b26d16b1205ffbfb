package assets

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/fortunadws/fortuna/edge/compress"
	"github.com/fortunadws/fortuna/edge/exchange"
)

// siblings are the ends of files that hold another one encoded.
var siblings = map[string]compress.Coding{".br": compress.Brotli, ".zst": compress.Zstd, ".gz": compress.Gzip}

// read makes the index: what each file is, and which paths lead to it.
func (a *Assets) read(o Options, r rules) error {
	byName := map[string]*file{}
	err := fs.WalkDir(a.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != "." && d.Name()[0] == '.' && d.Name() != ".well-known":
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir() && d.Name() == "node_modules":
			return fs.SkipDir
		case !d.Type().IsRegular() || name == headersFile || name == redirectsFile:
			return nil
		case len(a.files) == o.FilesMax:
			return fmt.Errorf("more than %d files: assets are what a build leaves, not what it is made of", o.FilesMax)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		f := &file{a: a, name: name, size: info.Size(), modified: info.ModTime()}
		byName[name] = f
		a.files = append(a.files, f)
		return nil
	})
	if err != nil {
		return fmt.Errorf("open assets: %w", err)
	}
	left := o.MemoryBytes
	for _, f := range a.files {
		if f.size <= min(left, o.MemoryOfFile) {
			if err := f.hold(); err != nil {
				return fmt.Errorf("open assets: %w", err)
			}
			left -= f.size
		}
	}
	for _, f := range a.files {
		f.describe(r)
		if coding, of := siblings[path.Ext(f.name)], byName[strings.TrimSuffix(f.name, path.Ext(f.name))]; coding != "" && of != nil && f.body != nil {
			of.keep(coding, f.body)
		}
		a.enter(f)
	}
	return nil
}

// hold reads the file into memory.
func (f *file) hold() error {
	opened, err := f.a.root.Open(f.name)
	if err != nil {
		return err
	}
	defer opened.Close()
	// What is appended meanwhile is not waited for.
	if f.body, err = io.ReadAll(io.LimitReader(opened, f.size)); err != nil {
		return err
	}
	if f.body == nil {
		f.body = []byte{}
	}
	f.size = int64(len(f.body))
	return nil
}

// describe decides what the header of its answers says.
func (f *file) describe(r rules) {
	if f.body != nil {
		sum := sha256.Sum256(f.body)
		f.tag = hex.EncodeToString(sum[:16])
	} else {
		f.tag = tagOf(f.size, f.modified)
	}
	f.contentType = mediaType(f.name)
	control := "public, max-age=0, must-revalidate"
	if hashed(f.name) {
		control = "public, max-age=31536000, immutable"
	}
	f.header = []exchange.Field{
		{Name: "Content-Type", Value: f.contentType},
		{Name: "Cache-Control", Value: control},
		{Name: "X-Content-Type-Options", Value: "nosniff"},
	}
	f.header = r.headers.apply(f.canonical(), f.header)
}

// canonical is the one path under which a page or file is served: pages without their ".html", an index as its directory.
func (f *file) canonical() string {
	p := "/" + f.name
	if strings.HasSuffix(p, "/index.html") {
		return strings.TrimSuffix(p, "index.html")
	}
	return strings.TrimSuffix(p, ".html")
}

// enter makes the paths of a file lead to it: its own, and from those that people may type a redirect. What is a file of
// that very name goes first: beside "about", "about.html" is a page only by its whole name.
func (a *Assets) enter(f *file) {
	own := f.canonical()
	if was := a.places[own].file; was != nil && "/"+was.name == own {
		a.places["/"+f.name] = place{file: f}
		return
	}
	a.places[own] = place{file: f}
	others := []string{"/" + f.name}
	if directory, index := strings.CutSuffix(own, "/"); index {
		others = append(others, own+"index")
		if directory != "" {
			others = append(others, directory)
		}
	} else if own != "/"+f.name {
		others = append(others, own+"/")
	}
	for _, p := range others {
		if was, taken := a.places[p]; p != own && (!taken || was.file == nil) {
			a.places[p] = place{to: own}
		}
	}
}
