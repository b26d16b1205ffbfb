package cli

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"github.com/fortunadws/fortuna/kv/artifact"
	"github.com/fortunadws/fortuna/runtime/bundle"
)

// parcel is a version with the contents of its files.
type parcel struct {
	version  artifact.Version
	contents map[string][]byte // by hash
	bundle   *bundle.Bundle
	project  *project
	vars     []variable
}

// The bundle in a version, which no file of a project is.
const (
	parcelMain = "app.bundle.js"
	parcelMap  = parcelMain + ".map"
)

// pack makes a version of the project as it is on the disk.
func pack(p *process, from source, message string) (*parcel, error) {
	project, vars, err := from.open(p.dir)
	if err != nil {
		return nil, err
	}
	if err := artifact.CheckApp(project.name()); err != nil {
		return nil, refused(`name = "shop" in `+configFile, "%v", err)
	}
	b, err := bundle.Build(bundle.Options{Root: project.root, Entry: project.entry, Define: project.config.Define})
	if err != nil {
		p.term.fault(buildFault(project, err))
		return nil, errReported
	}
	a := &parcel{contents: map[string][]byte{}, bundle: b, project: project, vars: vars}
	a.version = artifact.Version{
		App: project.name(), Main: parcelMain, Env: from.env, Routes: project.config.Routes, Created: time.Now().UTC().Truncate(time.Millisecond), Message: message,
	}
	if u, err := user.Current(); err == nil {
		a.version.By = u.Username
	}
	for name := range project.given {
		if a.version.Vars == nil {
			a.version.Vars = map[string]string{}
		}
		a.version.Vars[name], _ = project.config.Vars[name].(string)
	}
	a.add(parcelMain, b.Encode())
	a.add(parcelMap, b.SourceMap)
	if project.config.File != "" {
		text, err := os.ReadFile(project.config.File)
		if err != nil {
			return nil, failed("", "%v", err)
		}
		a.add(configFile, text)
	}
	if err := a.addAssets(); err != nil {
		return nil, err
	}
	if err := a.version.Check(); err != nil {
		return nil, refused("", "%v", err)
	}
	return a, nil
}

func (a *parcel) add(path string, data []byte) {
	sum := artifact.Sum(data)
	a.contents[sum] = data
	a.version.Files = append(a.version.Files, artifact.File{Path: path, Sum: sum, Size: int64(len(data))})
}

// addAssets adds the files that are served as they are.
func (a *parcel) addAssets() error {
	dir := a.project.assetsDir()
	if dir == "" {
		return nil
	}
	opened, err := a.project.openAssets(discarded) // which says what is wrong with them
	if err != nil {
		return err
	}
	opened.Close()
	base, err := filepath.Rel(a.project.root, dir)
	if err != nil || !filepath.IsLocal(base) {
		return refused("move it into the project", "assets.dir = %q is outside of the project: it cannot be deployed with it", a.project.config.Assets.Dir)
	}
	var total int64
	return filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return failed("", "%v", err)
		}
		hidden := strings.HasPrefix(e.Name(), ".") && e.Name() != ".well-known"
		switch {
		case name == dir:
			return nil
		case e.IsDir() && (hidden || e.Name() == "node_modules"):
			return fs.SkipDir
		case e.IsDir(), hidden, !e.Type().IsRegular():
			return nil
		}
		rel, err := filepath.Rel(a.project.root, name)
		if err != nil {
			return failed("", "%v", err)
		}
		info, err := e.Info()
		if err != nil {
			return failed("", "%v", err)
		}
		if total += info.Size(); info.Size() > artifact.FileBytesMax || total > artifact.BytesMax {
			return refused("serve it from elsewhere", "%s has %d bytes: a file has at most %d, all together %d", rel, info.Size(), artifact.FileBytesMax, artifact.BytesMax)
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return failed("", "%v", err)
		}
		a.add(filepath.ToSlash(rel), data)
		return nil
	})
}

// bytes is the size of the different contents.
func (a *parcel) bytes() (n int) {
	for _, data := range a.contents {
		n += len(data)
	}
	return n
}

// shown is what the person is told about it.
type shownParcel struct {
	App       string   `json:"app"`
	Bundle    string   `json:"bundle"`
	Files     int      `json:"files"`
	Bytes     int      `json:"bytes"`
	Routes    []string `json:"routes"`
	Bindings  []string `json:"bindings"`
	StartUpMs float64  `json:"startUpMs"`
}

// show prints what would be deployed.
func (a *parcel) show(t *term, asJSON bool) error {
	found, err := measureStartUp(a.project, a.bundle)
	if err != nil {
		return a.loadProblem(t, err)
	}
	s := shownParcel{
		App: a.version.App, Bundle: a.bundle.Hash, Files: len(a.version.Files), Bytes: a.bytes(), Routes: a.version.Paths(), Bindings: a.bindings(),
		StartUpMs: float64(found.StartUp.Microseconds()) / 1000,
	}
	if asJSON {
		return printJSON(t, s)
	}
	t.result("%s: %d files, %s, start-up %.1f ms\nRoutes %s", s.App, s.Files, kilobytes(s.Bytes), s.StartUpMs, strings.Join(s.Routes, " "))
	if len(s.Bindings) > 0 {
		t.result("Bindings %s", strings.Join(s.Bindings, ", "))
	}
	t.note("Nothing was deployed: --dry-run.")
	return nil
}

// bindings are the names in env with what they are.
func (a *parcel) bindings() []string {
	var all []string
	c := a.project.config
	for _, v := range a.vars {
		all = append(all, "env."+v.name+" (variable)")
	}
	for _, name := range sortedKeys(c.KV) {
		all = append(all, "env."+name+" (key-value)")
	}
	for _, name := range sortedKeys(c.Queues) {
		all = append(all, "env."+name+" (queue)")
	}
	for _, name := range sortedKeys(c.RateLimits) {
		all = append(all, "env."+name+" (rate limit)")
	}
	if c.Session.On {
		all = append(all, "ctx.session")
	}
	return append([]string{}, all...)
}

// uploadedPart is how far an upload has come, for a person.
func uploadedPart(done, all, bytes int) string {
	return fmt.Sprintf("\rUploading %d of %d files, %s", done, all, kilobytes(bytes))
}
