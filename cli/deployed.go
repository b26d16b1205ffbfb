package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/artifact"
	"github.com/fortunadws/fortuna/kv/node"
)

// deployed is an app of a node: it follows the releases of its name, one after the other.
type deployed struct {
	node *member
	app  *app
	dir  string        // of its versions: <data>/apps/<name>
	wake chan struct{} // there may be another release, or other secrets

	routes  []string // of the version that serves; the node's lock holds them
	serving string   // id of the version that serves, or ""; only follow uses it
	trial   *time.Timer

	mu     sync.Mutex
	status node.App // what the other nodes are told
}

// Files in the directory of an app.
const (
	inForceFile = "release.json" // the last release that was served: what a node begins with
	trialFile   = "trial.json"   // a version that has not proved itself yet
	versionFile = "version.json" // in that of a version: what it is
)

const (
	trialTime   = 30 * time.Second // for which a version has to serve without ending the process
	trialsMax   = 2                // starts of the process that a version may spoil; then it is parked
	followRetry = time.Second      // after the store did not answer
	followEvery = time.Minute      // looked at without being told, too
)

// trial is a version that was loaded so many times without having proved itself.
type trial struct {
	Version string `json:"version"`
	Starts  int    `json:"starts"`
}

func (m *member) newDeployed(name string) *deployed {
	a := &app{name: name, loops: m.house.loops, journal: m.house.journal.of(name), state: m.store.app()}
	return &deployed{node: m, app: a, dir: filepath.Join(m.identity.Path("apps"), name), wake: make(chan struct{}, 1)}
}

// say changes what the other nodes are told.
func (d *deployed) say(change func(*node.App)) {
	d.mu.Lock()
	change(&d.status)
	d.mu.Unlock()
	if r := d.node.registry; r != nil {
		r.Tell()
	}
}

func (d *deployed) said() node.App {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.status
}

// ring tells follow that there may be something to do.
func (d *deployed) ring() {
	select {
	case d.wake <- struct{}{}:
	default: // it knows
	}
}

// boot loads what was served last, from the disk: the store may be away.
func (d *deployed) boot(ctx context.Context) {
	var r artifact.Release
	text, err := os.ReadFile(filepath.Join(d.dir, inForceFile))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err == nil {
		err = d.load(ctx, r.Version)
	}
	if err != nil {
		d.app.journal.trouble(fmt.Errorf("begin with version %s of %s: %w", r.Version, d.app.name, err))
		return
	}
	d.say(func(s *node.App) { s.Version, s.Counter = r.Version, r.Counter })
}

// follow serves what the releases say, until ctx ends.
func (d *deployed) follow(ctx context.Context) {
	for {
		wait := followEvery
		if err := d.catchUp(ctx); err != nil {
			wait = followRetry
			d.app.journal.log.Debug("releases", "app", d.app.name, "err", err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-d.wake:
		case <-d.app.state.changes:
			d.renew()
		case <-ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// catchUp serves the release in force, unless that is done already. The error says that it has to be tried again: a version
// that cannot be served is none.
func (d *deployed) catchUp(ctx context.Context) error {
	r, err := d.node.artifacts.Release(ctx, d.app.name)
	switch {
	case errors.Is(err, kv.ErrNotFound):
		return nil
	case errors.Is(err, kv.ErrUnavailable):
		return err
	case err != nil:
		d.refuse(r, err)
		return nil
	}
	before := d.said()
	switch {
	case r.Counter == before.Counter:
		return nil
	case r.Counter < before.Counter:
		d.refuse(artifact.Release{Counter: before.Counter}, fmt.Errorf("%w: release %d came after release %d", artifact.ErrReplayed, r.Counter, before.Counter))
		return nil
	}
	begun := time.Now()
	if r.Version != d.serving {
		err = d.fetch(ctx, r.Version)
		if errors.Is(err, kv.ErrUnavailable) || errors.Is(err, kv.ErrNotFound) { // its files come before it
			return err
		}
		if err == nil {
			err = d.load(ctx, r.Version)
		}
	}
	if err == nil {
		err = d.remember(r)
	}
	if err != nil {
		d.refuse(r, err)
		return nil
	}
	d.app.journal.released(d.app.name, r.Version, r.Counter, time.Since(begun))
	d.say(func(s *node.App) {
		*s = node.App{Version: r.Version, Counter: r.Counter, Took: time.Since(begun).Milliseconds()}
	})
	return nil
}

// refuse keeps what is served, and says why.
func (d *deployed) refuse(r artifact.Release, err error) {
	why := err.Error()
	var p *problem
	if errors.As(err, &p) && p.what == "" {
		why = "it does not load: the log of the node has the reason"
	}
	d.app.journal.trouble(fmt.Errorf("release %d of %s, version %s, is not served: %s", r.Counter, d.app.name, r.Version, why))
	d.say(func(s *node.App) { s.Counter, s.Failure = max(s.Counter, r.Counter), why })
}

// fetch brings the files of a version to the disk, whole or not at all.
func (d *deployed) fetch(ctx context.Context, id string) error {
	place := filepath.Join(d.dir, id)
	if _, err := os.Stat(filepath.Join(place, versionFile)); err == nil {
		return nil
	}
	v, sealed, err := d.node.artifacts.Version(ctx, d.app.name, id)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return err
	}
	part, err := os.MkdirTemp(d.dir, ".part-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(part)
	if err := d.node.unpack(ctx, v, sealed, part); err != nil {
		return err
	}
	if err := os.RemoveAll(place); err != nil { // half of a former try
		return err
	}
	return os.Rename(part, place)
}

// unpack writes the files of a version into an empty directory. Paths have been checked, and cannot leave it in any case.
func (m *member) unpack(ctx context.Context, v artifact.Version, sealed artifact.Sealed, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, f := range v.Files {
		data, err := m.artifacts.File(ctx, f.Sum)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
		if err := root.MkdirAll(filepath.Dir(filepath.FromSlash(f.Path)), 0o700); err != nil {
			return err
		}
		if err := root.WriteFile(filepath.FromSlash(f.Path), data, 0o600); err != nil {
			return err
		}
	}
	return root.WriteFile(versionFile, sealed.Body, 0o600)
}

// openVersion is the project in the directory of a version.
func openVersion(dir string) (*project, artifact.Version, error) {
	var v artifact.Version
	text, err := os.ReadFile(filepath.Join(dir, versionFile))
	if err == nil {
		err = json.Unmarshal(text, &v)
	}
	if err == nil {
		err = v.Check()
	}
	if err != nil {
		return nil, v, fmt.Errorf("read the version in %s: %w", dir, err)
	}
	p := &project{root: dir, entry: filepath.FromSlash(v.Main), shown: v.App, given: map[string]bool{}}
	if p.config, err = loadConfig(dir, v.Env); err != nil {
		return nil, v, err
	}
	p.config.Name = v.App
	for name, value := range v.Vars {
		p.given[name], p.config.Vars[name] = true, value
	}
	return p, v, nil
}

// load makes the version on the disk the one that serves. One that has ended the process before it had proved itself is
// parked.
func (d *deployed) load(ctx context.Context, id string) error {
	dir := filepath.Join(d.dir, id)
	p, v, err := openVersion(dir)
	if err != nil {
		return err
	}
	t := d.tried(id)
	if t.Starts >= trialsMax {
		return fmt.Errorf("it is parked: %d times the process ended while it was loaded or had just been; deploy another version, or roll back", t.Starts)
	}
	if t.Starts > 0 || d.serving != "" || d.node.suspicious { // what has served before is trusted at a start
		if _, err := verifyVersion(ctx, dir); err != nil {
			return err
		}
	}
	if err := d.try(trial{id, t.Starts + 1}); err != nil {
		return err
	}
	loaded, err := d.app.prepare(p)
	if err != nil {
		d.prove()
		return err
	}
	d.app.change(loaded)
	d.serving = id
	d.node.settle(d, v.Paths())
	if d.trial != nil {
		d.trial.Stop()
	}
	d.trial = time.AfterFunc(trialTime, d.prove)
	return nil
}

// renew loads the version that serves again: its secrets have changed.
func (d *deployed) renew() {
	if d.serving == "" {
		return
	}
	p, _, err := openVersion(filepath.Join(d.dir, d.serving))
	var v *version
	if err == nil {
		v, err = d.app.prepare(p)
	}
	if err != nil {
		d.app.journal.reloadFailed(err)
		return
	}
	d.app.change(v)
	d.app.journal.reloaded(v.bundle.Hash)
}

func (d *deployed) tried(id string) (t trial) {
	text, err := os.ReadFile(filepath.Join(d.dir, trialFile))
	if err != nil || json.Unmarshal(text, &t) != nil || t.Version != id {
		return trial{Version: id}
	}
	return t
}

func (d *deployed) try(t trial) error { return writeJSON(filepath.Join(d.dir, trialFile), t) }

// prove forgets that a version was on trial.
func (d *deployed) prove() { _ = os.Remove(filepath.Join(d.dir, trialFile)) } // one that stays costs a check at the next start

// versionsKept is how many versions of an app stay on the disk of a node.
const versionsKept = 5

// remember notes what is served, and removes old versions.
func (d *deployed) remember(r artifact.Release) error {
	if err := writeJSON(filepath.Join(d.dir, inForceFile), r); err != nil {
		return err
	}
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return nil // it is about room only
	}
	type old struct {
		name string
		at   time.Time
	}
	var all []old
	for _, e := range entries {
		if info, err := e.Info(); err == nil && e.IsDir() && !strings.HasPrefix(e.Name(), ".") && e.Name() != r.Version {
			all = append(all, old{e.Name(), info.ModTime()})
		}
	}
	slices.SortFunc(all, func(a, b old) int { return b.at.Compare(a.at) })
	for i, o := range all {
		if i >= versionsKept-1 {
			_ = os.RemoveAll(filepath.Join(d.dir, o.name)) // it is about room only
		}
	}
	return nil
}

// writeJSON makes v the content of a file: others see the old one or the new one, whole.
func writeJSON(name string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	return place(name, append(text, '\n'))
}

// of is the journal of one app among several.
func (j *journal) of(app string) *journal {
	own := *j
	own.log = j.log.With("app", app)
	return &own
}

// released is a version that answers from now on.
func (j *journal) released(app, version string, counter uint64, took time.Duration) {
	if j.text {
		j.term.note("%s %s %s in %s", j.term.err.paint(green, "Serving"), app, version, milliseconds(took))
	} else {
		j.event(slog.LevelInfo, "released", slog.String("version", version), slog.Uint64("counter", counter), slog.Int64("dur_ms", took.Milliseconds()))
	}
}
