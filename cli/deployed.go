package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fortunadws/fortuna/cli/cluster"
	"github.com/fortunadws/fortuna/cli/control"
	"github.com/fortunadws/fortuna/edge"
	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/artifact"
	"github.com/fortunadws/fortuna/kv/node"
)

// deployed is an app of a node: it follows the releases of its name, one after the other.
type deployed struct {
	node   *member
	app    *app
	canary atomic.Pointer[canary] // nil without
	dir    string                 // of its versions: <data>/apps/<name>
	wake   chan struct{}          // there may be another release

	routes  []string               // of the version that serves; the node's lock holds them
	serving atomic.Pointer[string] // id of the version that serves; nil before the first
	waits   atomic.Bool            // what is on the disk could not be loaded without the store

	mu     sync.Mutex
	status node.App               // what the other nodes are told
	trials map[string]*time.Timer // by version
}

// inForce is what a node remembers of the release that it serves.
type inForce struct {
	artifact.Release
	Aborted bool   `json:"aborted,omitempty"` // its canary has ended by itself
	Why     string `json:"why,omitempty"`
}

// Files in the directory of an app.
const (
	inForceFile = "release.json" // the last release that was served: what a node begins with
	versionFile = "version.json" // in that of a version: what it is
)

const (
	followRetry = time.Second // after the store did not answer
	followEvery = time.Minute // looked at without being told, too
	patienceMax = time.Hour   // between two tries of a version that could not be loaded
)

func (m *member) newDeployed(name string) *deployed {
	return &deployed{
		node: m, app: m.newApp(name), dir: filepath.Join(m.identity.Path("apps"), name), wake: make(chan struct{}, 1), trials: map[string]*time.Timer{},
	}
}

func (m *member) newApp(name string) *app {
	return &app{name: name, loops: m.house.loops, journal: m.house.journal.of(name, func(l control.Line) { m.logs.add(name, l) }), state: m.store.app()}
}

// serve answers one exchange, on its loop. It reports false, and does nothing, when no version is loaded.
func (d *deployed) serve(x exchange.Exchange) bool {
	q := x.Request()
	if c := d.canary.Load(); c != nil && !c.over.Load() {
		yes, set := c.takes(q)
		if set != "" {
			x = pinned{x, set}
		}
		if q.Version = c.version; yes && c.app.serve(x) {
			return true
		}
	}
	q.Version = d.version()
	return d.app.serve(x)
}

// version is the id of the version that serves, or "".
func (d *deployed) version() string {
	if id := d.serving.Load(); id != nil {
		return *id
	}
	return ""
}

// answered lets the canary know of an answer.
func (d *deployed) answered(r *edge.Record) {
	c := d.canary.Load()
	switch {
	case c == nil || c.over.Load():
	case r.Request.Version != c.version:
		c.others.observe(r)
	default:
		c.own.observe(r)
		if why := c.worse(); why != "" {
			d.abort(c.counter, why)
		}
	}
}

// abort ends the canary of a release, here and, by what is said, on the other nodes.
func (d *deployed) abort(counter uint64, why string) {
	c := d.canary.Load()
	if c == nil || c.counter != counter || !c.over.CompareAndSwap(false, true) {
		return
	}
	d.app.journal.trouble(fmt.Errorf("canary %s of %s has ended: %s", c.version, d.app.name, why))
	go func() { // whoever calls must not wait, and may be the registry
		d.say(func(s *node.App) { s.Aborted, s.Why = counter, why })
		d.ring()
	}()
}

// all are the app and its canary.
func (d *deployed) all() []*app {
	if c := d.canary.Load(); c != nil {
		return []*app{d.app, c.app}
	}
	return []*app{d.app}
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
	r, err := d.remembered()
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if _, v, bad := openVersion(filepath.Join(d.dir, r.Version)); err == nil && bad == nil {
		d.node.settle(d, v.Paths()) // also if it does not load now: its requests are not another app's
	}
	if err == nil && d.node.store.away != nil && d.needsStore(r.Version) {
		d.app.journal.log.Info("an app waits for the store", "app", d.app.name, "version", r.Version)
		d.waits.Store(true)
		return
	}
	if err == nil {
		err = d.load(ctx, r.Version)
	}
	if good := d.good(r.Version); err != nil && good != "" {
		if bad := d.load(ctx, good); bad == nil {
			d.refuse(r.Release, fmt.Errorf("%w; version %s is served in its place", err, good))
			d.say(func(s *node.App) { s.Version = good })
			return
		}
	}
	if err == nil && r.Canary != "" && !r.Aborted {
		err = d.loadCanary(ctx, r.Release)
	}
	if err != nil {
		d.refuse(r.Release, err)
		return
	}
	d.say(func(s *node.App) {
		*s = node.App{Version: r.Version, Canary: r.Canary, Counter: r.Counter}
		if r.Aborted {
			s.Aborted, s.Why = r.Counter, r.Why
		}
	})
}

// needsStore reports whether a version on the disk cannot be loaded before the store is reached.
func (d *deployed) needsStore(id string) bool {
	p, _, err := openVersion(filepath.Join(d.dir, id))
	if err != nil {
		return false // loading it says why
	}
	c := p.config
	return c.Session.On || len(c.KV)+len(c.Queues)+len(c.RateLimits)+len(c.Crons)+len(c.Secrets.Required) > 0
}

// follow serves what the releases say, until ctx ends.
func (d *deployed) follow(ctx context.Context) {
	again, patience, tried := false, followEvery, time.Now()
	for {
		wait := followEvery
		if err := d.catchUp(ctx, again); err != nil {
			wait = followRetry
			d.app.journal.log.Debug("releases", "app", d.app.name, "err", err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
			if again = d.said().Failure != "" && time.Since(tried) >= patience; again { // what hindered it may be gone
				tried, patience = time.Now(), min(2*patience, patienceMax)
			}
		case <-d.wake:
			again, patience, tried = false, followEvery, time.Now()
		case <-d.app.state.changes:
			d.renew()
			again = d.said().Failure != "" // what was missing may be there now
		case <-ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// catchUp serves the release in force, unless that is done already. The error says that it has to be tried again: a version
// that cannot be served is none, and is looked at once more only if again says so.
func (d *deployed) catchUp(ctx context.Context, again bool) error {
	if c := d.canary.Load(); c != nil && c.over.Load() {
		d.endCanary()
		if r, err := d.remembered(); err == nil {
			s := d.said()
			r.Aborted, r.Why = true, s.Why
			if err := writeJSON(filepath.Join(d.dir, inForceFile), r); err != nil {
				return err
			}
		}
	}
	r, err := d.node.artifacts.Release(ctx, d.app.name)
	switch {
	case errors.Is(err, kv.ErrNotFound):
		return nil
	case errors.Is(err, kv.ErrUnavailable):
		return err
	case err != nil: // it is nobody's, and so is its counter
		d.refuse(artifact.Release{}, err)
		return nil
	}
	before := d.said()
	switch {
	case r.Counter == before.Counter && before.Counter > 0 && !again:
		return nil
	case r.Counter < before.Counter:
		d.refuse(artifact.Release{Counter: before.Counter}, fmt.Errorf("%w: release %d came after release %d", artifact.ErrReplayed, r.Counter, before.Counter))
		return nil
	}
	begun := time.Now()
	if d.node.identity.Role() == cluster.Balancer {
		return d.point(ctx, r)
	}
	if r.Version != d.version() {
		err = d.fetch(ctx, r.Version)
		if err == nil {
			err = d.load(ctx, r.Version)
		}
	}
	if err == nil && r.Canary != "" {
		err = d.fetch(ctx, r.Canary)
		if err == nil {
			err = d.loadCanary(ctx, r)
		}
	}
	if errors.Is(err, kv.ErrUnavailable) || errors.Is(err, kv.ErrNotFound) { // what belongs to a release comes before it
		return err
	}
	if err == nil && r.Canary == "" {
		d.endCanary()
	}
	if err != nil {
		d.refuse(r, err)
		return nil
	}
	if err := d.remember(r); err != nil { // a start would begin with the former one
		d.app.journal.trouble(fmt.Errorf("note that release %d of %s is served: %w", r.Counter, d.app.name, err))
	}
	d.app.journal.released(d.app.name, r.Version, r.Counter, time.Since(begun))
	d.say(func(s *node.App) {
		*s = node.App{Version: r.Version, Canary: r.Canary, Counter: r.Counter, Took: time.Since(begun).Milliseconds()}
	})
	return nil
}

// point has a node that runs no apps know which requests this one is for.
func (d *deployed) point(ctx context.Context, r artifact.Release) error {
	v, _, err := d.node.artifacts.Version(ctx, d.app.name, r.Version)
	if err != nil {
		return err
	}
	d.node.settle(d, v.Paths())
	d.say(func(s *node.App) { *s = node.App{Counter: r.Counter} })
	return nil
}

// failureBytesMax is how much of a reason the other nodes are told.
const failureBytesMax = 1 << 10

// refuse keeps what is served, and says why.
func (d *deployed) refuse(r artifact.Release, err error) {
	why := err.Error()
	why = why[:min(len(why), failureBytesMax)] // each heartbeat has it
	var p *problem
	if errors.As(err, &p) && p.what == "" {
		why = "it does not load: the log of the node has the reason"
	}
	d.app.journal.trouble(fmt.Errorf("release %d of %s, version %s, is not served: %s", r.Counter, d.app.name, r.Version, why))
	d.say(func(s *node.App) { s.Counter, s.Failure = max(s.Counter, r.Counter), why })
}

// load makes the version on the disk the one that serves.
func (d *deployed) load(ctx context.Context, id string) error {
	v, err := d.loadInto(ctx, d.app, id)
	if err == nil {
		d.serving.Store(&id)
		d.node.settle(d, v.Paths())
	}
	return err
}

// loadCanary has some visitors get the canary of a release, beside the version that serves.
func (d *deployed) loadCanary(ctx context.Context, r artifact.Release) error {
	c := &canary{app: d.node.newApp(d.app.name), version: r.Canary, share: r.Share, counter: r.Counter}
	c.app.jobless = true
	if former := d.canary.Load(); former != nil && former.version == r.Canary && !former.over.Load() {
		c.app = former.app // its share is another
		d.canary.Store(c)
		return nil
	}
	if _, err := d.loadInto(ctx, c.app, r.Canary); err != nil {
		c.app.state.close()
		return fmt.Errorf("the canary %s: %w", r.Canary, err)
	}
	d.endCanary()
	d.canary.Store(c)
	return nil
}

// endCanary gives its visitors the version that the others have.
func (d *deployed) endCanary() {
	if c := d.canary.Swap(nil); c != nil {
		c.app.unload()
		c.app.state.close()
	}
}

// loadInto makes the version on the disk the one that an app serves. One that has ended the process before it had proved
// itself is parked.
func (d *deployed) loadInto(ctx context.Context, a *app, id string) (v artifact.Version, err error) {
	dir := filepath.Join(d.dir, id)
	p, v, err := openVersion(dir)
	if err != nil {
		return v, err
	}
	if !isFile(filepath.Join(dir, provenFile)) {
		if _, err := verifyVersion(ctx, dir); err != nil {
			return v, err
		}
	}
	if err := d.node.allowed(p, v); err != nil {
		return v, err
	}
	if err := d.try(id); err != nil {
		return v, err
	}
	loaded, err := a.prepare(p)
	if err != nil {
		d.forgive(id)
		return v, err
	}
	a.change(loaded)
	d.watch(id)
	return v, nil
}

// renew loads the versions that serve again: their secrets have changed.
func (d *deployed) renew() {
	apps := map[string]*app{d.version(): d.app}
	if c := d.canary.Load(); c != nil {
		apps[c.version] = c.app
	}
	for id, a := range apps {
		if id == "" {
			continue
		}
		p, _, err := openVersion(filepath.Join(d.dir, id))
		var v *version
		if err == nil {
			v, err = a.prepare(p)
		}
		if err != nil {
			d.app.journal.reloadFailed(err)
			continue
		}
		a.change(v)
		d.app.journal.reloaded(v.bundle.Hash)
	}
}

// remembered is what was last in force here. The error is fs.ErrNotExist before the first release.
func (d *deployed) remembered() (r inForce, err error) {
	text, err := os.ReadFile(filepath.Join(d.dir, inForceFile))
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	return r, err
}

// versionsKept is how many versions of an app stay on the disk of a node.
const versionsKept = 5

// remember notes what is served, and removes old versions.
func (d *deployed) remember(r artifact.Release) error {
	if err := writeJSON(filepath.Join(d.dir, inForceFile), inForce{Release: r}); err != nil {
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
		if info, err := e.Info(); err == nil && e.IsDir() && !strings.HasPrefix(e.Name(), ".") && e.Name() != r.Version && e.Name() != r.Canary {
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
