// Package assets serves the files of a directory. It does not know what is behind it: what it does not have, it leaves to
// others.
//
// Everything is looked up in an index that is made when the directory is opened, so that a path of a request never
// reaches the file system. Small files are held in memory, with the encodings that clients prefer.
package assets

import (
	"cmp"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// Options say how what is not a file is answered. Zero limits mean their defaults.
type Options struct {
	SPA      bool   // a browser that opens an unknown page gets /index.html
	NotFound string // a file of the directory that answers what is unknown, with 404; "" leaves that to others

	AppFirst  []string            // paths, perhaps with "*" or ":name", that are left to others
	Headers   map[string][]string // rules as in _headers: a path to its fields, "Name: value" or "! Name"
	Redirects []string            // rules as in _redirects, which go before those

	FilesMax     int   // files; 0: 20,000
	MemoryBytes  int64 // of all files that are held in memory; 0: 64 MiB
	MemoryOfFile int64 // of one of them; a larger one is read when it is asked for; 0: 4 MiB

	Log *slog.Logger
}

// Defaults of Options.
const (
	FilesMax     = 20_000
	MemoryBytes  = 64 << 20
	MemoryOfFile = 4 << 20
)

// Assets is a directory as it was when it was opened. Its methods may be called from any goroutine, Serve on an exchange's
// loop.
type Assets struct {
	root      *os.Root
	log       *slog.Logger
	places    map[string]place // by path, decoded
	redirects redirects
	index     *file // for SPA
	missing   *file // for NotFound
	others    []pattern
	files     []*file
	done      chan struct{}
	closing   sync.Once
	work      sync.WaitGroup
}

// Route is what requests that are answered here are counted and logged under.
const Route = "assets"

// place is what a path leads to: a file, or another path.
type place struct {
	file *file
	to   string
}

// Open reads a directory. The error names a file of rules and the line that is wrong, or a limit.
func Open(dir string, o Options) (_ *Assets, err error) {
	o.FilesMax = cmp.Or(o.FilesMax, FilesMax)
	o.MemoryBytes, o.MemoryOfFile = cmp.Or(o.MemoryBytes, MemoryBytes), cmp.Or(o.MemoryOfFile, MemoryOfFile)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	a := &Assets{log: o.Log, places: map[string]place{}, done: make(chan struct{})}
	if a.root, err = os.OpenRoot(dir); err != nil {
		return nil, fmt.Errorf("open assets: %w", err)
	}
	defer func() {
		if err != nil {
			a.Close()
		}
	}()
	for _, text := range o.AppFirst {
		p, err := parsePattern(text)
		if err != nil {
			return nil, fmt.Errorf("open assets: %w", err)
		}
		a.others = append(a.others, p)
	}
	rules, err := a.rules(o)
	if err != nil {
		return nil, err
	}
	if err := a.read(o, rules); err != nil {
		return nil, err
	}
	if o.SPA {
		if a.index = a.places["/"].file; a.index == nil {
			return nil, fmt.Errorf("open assets: there is no index.html in %q, which spa serves", dir)
		}
	}
	if o.NotFound != "" {
		for _, f := range a.files {
			if f.name == strings.TrimPrefix(o.NotFound, "/") {
				a.missing = f
			}
		}
		if a.missing == nil {
			return nil, fmt.Errorf("open assets: not_found names %q, which is not in %q", o.NotFound, dir)
		}
	}
	a.work.Go(a.encode)
	return a, nil
}

// Close frees the directory, when the files that are being sent have been. Serve must not be called any more.
func (a *Assets) Close() {
	a.closing.Do(func() {
		close(a.done)
		a.work.Wait()
		if err := a.root.Close(); err != nil {
			a.log.Warn("close assets", "err", err)
		}
	})
}

// Count is how many files there are, and how many bytes of them are in memory.
func (a *Assets) Count() (files int, memory int64) {
	for _, f := range a.files {
		memory += int64(len(f.body))
	}
	return len(a.files), memory
}

// Serve answers an exchange that asks for a file, or that a rule sends elsewhere. It reports false, and has done nothing,
// when there is none.
func (a *Assets) Serve(x exchange.Exchange) bool {
	q := x.Request()
	if q.Method != "GET" && q.Method != "HEAD" {
		return false
	}
	path, ok := decode(q.Path)
	if !ok {
		return false
	}
	for i := range a.others {
		if _, theirs := a.others[i].captures(path); theirs {
			return false
		}
	}
	if r, ok := a.redirects.match(path); ok {
		if r.status != 200 {
			redirect(x, r.status, withQuery(r.to, q.Query))
			return true
		}
		to, _, _ := strings.Cut(r.to, "?") // files have no query
		if path, ok = decode(to); !ok {
			return false
		}
	}
	switch p, ok := a.places[path]; {
	case ok && p.file != nil:
		p.file.serve(x, 200)
	case ok:
		redirect(x, 307, withQuery(escape(p.to), q.Query))
	case a.index != nil && opensPage(q):
		a.index.serve(x, 200)
	case a.missing != nil:
		a.missing.serve(x, 404)
	default:
		return false
	}
	return true
}

// opensPage reports whether a browser asks for what its person is about to look at.
func opensPage(q *exchange.Request) bool {
	if mode := q.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return strings.Contains(q.Get("Accept"), "text/html")
}

func redirect(x exchange.Exchange, status int, to string) {
	x.Request().Route = Route
	x.Head(status, []exchange.Field{{Name: "Location", Value: to}})
	x.End()
}

// withQuery is a place with the query of who is sent there, unless it has one.
func withQuery(to, query string) string {
	if query == "" || strings.ContainsAny(to, "?#") {
		return to
	}
	return to + "?" + query
}

// fieldsOf is header without fields that others replace.
func fieldsOf(header []exchange.Field, others []exchange.Field) []exchange.Field {
	out := slices.DeleteFunc(slices.Clone(header), func(f exchange.Field) bool {
		return slices.ContainsFunc(others, func(o exchange.Field) bool { return exchange.EqualFold(o.Name, f.Name) })
	})
	return append(out, others...)
}
