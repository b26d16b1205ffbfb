// Package artifact keeps what is deployed: files by their content's hash, versions that never change, and which version of
// an app is to be served. All of it is signed by whoever deploys and checked by whoever serves, so that to be able to write
// to the store is not enough to have code run. It does not know what the files are.
//
// The root key of a cluster signs grants, the key of a grant signs versions and releases. A release has a counter, so that a
// former one is no release any more.
package artifact

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fortunadws/fortuna/kv"
)

// Store is what a cluster has deployed. Its methods may be called from any goroutine.
type Store struct {
	root     ed25519.PublicKey
	files    *kv.Space
	grants   *kv.Space
	revoked  *kv.Space
	versions *kv.Space
	releases *kv.Space
	replica  *kv.Replica // of statements
}

// Errors of the store, besides those of kv.
var (
	ErrReplayed = errors.New("artifact: it is older than what is in force")
	ErrExpired  = errors.New("artifact: the token that signed it has expired, or was revoked")
	ErrScope    = errors.New("artifact: the token that signed it is not for this app")
)

// FilesConfig and StatementsConfig are the buckets of artifacts. Only nodes that have the store write them.
var (
	FilesConfig      = kv.Config{Name: "files", Announce: kv.Keys}
	StatementsConfig = kv.Config{Name: "cluster", Announce: kv.Values}
)

// New is what a cluster has deployed, in its buckets; replica is of statements. The grants that root has signed count.
func New(files, statements *kv.Bucket, replica *kv.Replica, root ed25519.PublicKey) *Store {
	return &Store{
		root: root, files: files.Space("sha256"), grants: statements.Space("grants"), revoked: statements.Space("revoked"),
		versions: statements.Space("versions"), releases: statements.Space("releases"), replica: replica,
	}
}

// Missing says which of the contents nobody has uploaded yet.
func (s *Store) Missing(ctx context.Context, sums []string) (missing []string, err error) {
	for _, sum := range sums {
		if !sumName.MatchString(sum) {
			return nil, fmt.Errorf("artifact: no SHA-256 in hex: %q", sum)
		}
		_, err := s.files.GetLeader(ctx, sum)
		switch {
		case errors.Is(err, kv.ErrNotFound):
			missing = append(missing, sum)
		case err != nil:
			return nil, err
		}
	}
	return missing, nil
}

// PutFile keeps a content and gives its hash.
func (s *Store) PutFile(ctx context.Context, data []byte) (sum string, err error) {
	if len(data) > FileBytesMax {
		return "", fmt.Errorf("%w: %d bytes, at most %d are possible", kv.ErrTooLarge, len(data), FileBytesMax)
	}
	sum = Sum(data)
	_, err = s.files.Put(ctx, kv.Write{Key: sum, Value: data, Check: kv.IfNew()})
	if errors.Is(err, kv.ErrExists) {
		err = nil
	}
	return sum, err
}

// File gives a content by its hash, and checks that it is that.
func (s *Store) File(ctx context.Context, sum string) ([]byte, error) {
	e, err := s.files.ReadWhole(ctx, sum)
	if err != nil {
		return nil, err
	}
	if Sum(e.Value) != sum {
		return nil, fmt.Errorf("%w: the content %s is another", ErrForged, sum[:12])
	}
	return e.Value, nil
}

// read gives a statement as it is now.
func (s *Store) read(ctx context.Context, from *kv.Space, key string) (sealed Sealed, rev uint64, err error) {
	e, err := s.replica.Read(ctx, from, key, kv.Need{Bound: time.Second})
	if err != nil {
		return sealed, e.Rev, err
	}
	if err := json.Unmarshal(e.Value, &sealed); err != nil {
		return sealed, e.Rev, fmt.Errorf("%w: it cannot be read", ErrForged)
	}
	return sealed, e.Rev, nil
}

// put keeps a statement.
func (s *Store) put(ctx context.Context, to *kv.Space, key string, sealed Sealed, check kv.Check) error {
	text, err := json.Marshal(sealed)
	if err != nil {
		return err
	}
	w := kv.Write{Key: key, Value: text, Check: check}
	rev, err := to.Put(ctx, w)
	if err == nil {
		s.replica.Keep(to, w.Entry(rev)) // who asks this process next finds it
	}
	return err
}

// PutGrant makes a grant known that the root has signed.
func (s *Store) PutGrant(ctx context.Context, sealed Sealed) (g Grant, err error) {
	if err := sealed.open(ofGrant, s.root, &g); err != nil {
		return g, err
	}
	return g, s.put(ctx, s.grants, g.ID, sealed, kv.IfNew())
}

// Grant is the one with an id, revoked or not. The error is kv.ErrNotFound when there is none.
func (s *Store) Grant(ctx context.Context, id string) (g Grant, err error) {
	sealed, _, err := s.read(ctx, s.grants, id)
	if err == nil {
		err = sealed.open(ofGrant, s.root, &g)
	}
	if err == nil && g.ID != id {
		err = ErrForged
	}
	if err != nil {
		return g, err
	}
	e, err := s.replica.Read(ctx, s.revoked, id, kv.Need{Bound: time.Second})
	switch {
	case errors.Is(err, kv.ErrNotFound):
		return g, nil
	case err == nil:
		g.Revoked = e.Written
	}
	return g, err
}

// Revoke ends a grant: nothing that is signed from now on counts. What was deployed with it stays.
func (s *Store) Revoke(ctx context.Context, id string) error {
	if _, err := s.Grant(ctx, id); err != nil {
		return err
	}
	w := kv.Write{Key: id, Value: []byte("{}"), Check: kv.IfNew()}
	rev, err := s.revoked.Put(ctx, w)
	if errors.Is(err, kv.ErrExists) {
		return nil
	}
	if err == nil {
		s.replica.Keep(s.revoked, w.Entry(rev))
	}
	return err
}

// Grants are all of them, by id.
func (s *Store) Grants(ctx context.Context) (all []Grant, err error) {
	err = s.each(ctx, s.grants, "", func(key string) error {
		g, err := s.Grant(ctx, key)
		if err == nil && g.Revoked.IsZero() {
			all = append(all, g)
		}
		return err
	})
	return all, err
}

const listMax = 10_000

// each calls f for the keys of a space that begin with prefix; one that goes meanwhile, or is forged, is left out.
func (s *Store) each(ctx context.Context, space *kv.Space, prefix string, f func(key string) error) error {
	page, err := space.List(ctx, prefix, "", listMax)
	if err != nil {
		return err
	}
	for _, e := range page.Entries {
		if err := f(e.Key); err != nil && !errors.Is(err, kv.ErrNotFound) && !nobodys(err) {
			return err
		}
	}
	return nil
}

// signed opens a statement about an app that the holder of a token has signed at a time.
func (s *Store) signed(ctx context.Context, sealed *Sealed, k kind, into any, about func() (app string, at time.Time)) error {
	g, err := s.Grant(ctx, sealed.Key)
	if errors.Is(err, kv.ErrNotFound) {
		return fmt.Errorf("%w: nobody knows the token %q", ErrForged, sealed.Key)
	}
	if err != nil {
		return err
	}
	if err := sealed.open(k, g.Public, into); err != nil {
		return err
	}
	app, at := about()
	switch {
	case !g.Covers(app):
		return fmt.Errorf("%w: it is for %q, not for %q", ErrScope, g.Apps, app)
	case !g.Valid(at):
		return ErrExpired
	}
	return nil
}

// OpenVersion checks a version that came from somewhere.
func (s *Store) OpenVersion(ctx context.Context, sealed *Sealed) (v Version, err error) {
	err = s.signed(ctx, sealed, ofVersion, &v, func() (string, time.Time) { return v.App, v.Created })
	if err == nil {
		err = v.Check()
	}
	return v, err
}

// skewMax is how far the clock of who deploys may be from that of who takes it.
const skewMax = 10 * time.Minute

// fresh checks that what is to be taken now was signed now, by a token that is in force.
func (s *Store) fresh(ctx context.Context, sealed *Sealed, created time.Time) error {
	now := time.Now()
	if off := now.Sub(created); off > skewMax || off < -skewMax {
		return fmt.Errorf("%w: it was signed at %s, and it is %s here: set the clocks", ErrReplayed, created.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	g, err := s.Grant(ctx, sealed.Key)
	if err == nil && !g.Valid(now) {
		err = ErrExpired
	}
	return err
}

// PutVersion keeps a version and gives its id.
func (s *Store) PutVersion(ctx context.Context, sealed Sealed) (id string, err error) {
	v, err := s.OpenVersion(ctx, &sealed)
	if err == nil {
		err = s.fresh(ctx, &sealed, v.Created)
	}
	if err != nil {
		return "", err
	}
	id = sealed.ID()
	err = s.put(ctx, s.versions, v.App+"/"+id, sealed, kv.IfNew())
	if errors.Is(err, kv.ErrExists) {
		err = nil // it is the same
	}
	return id, err
}

// Version is one of an app.
func (s *Store) Version(ctx context.Context, app, id string) (v Version, sealed Sealed, err error) {
	sealed, _, err = s.read(ctx, s.versions, app+"/"+id)
	if err == nil {
		v, err = s.OpenVersion(ctx, &sealed)
	}
	if err == nil && (v.App != app || sealed.ID() != id) {
		err = ErrForged
	}
	return v, sealed, err
}

// Deployed is a version with its id.
type Deployed struct {
	ID string
	Version
}

// Versions are those of an app, the newest first.
func (s *Store) Versions(ctx context.Context, app string) (all []Deployed, err error) {
	err = s.each(ctx, s.versions, app+"/", func(key string) error {
		id := key[len(app)+1:]
		v, _, err := s.Version(ctx, app, id)
		if err == nil {
			all = append(all, Deployed{id, v})
		}
		return err
	})
	slices.SortFunc(all, func(a, b Deployed) int { return b.Created.Compare(a.Created) })
	return all, err
}

// OpenRelease checks a release that came from somewhere, but for its counter.
func (s *Store) OpenRelease(ctx context.Context, sealed *Sealed) (r Release, err error) {
	err = s.signed(ctx, sealed, ofRelease, &r, func() (string, time.Time) { return r.App, r.Created })
	if err == nil {
		err = r.Check()
	}
	return r, err
}

// Release is the one in force for an app. The error is kv.ErrNotFound when there is none.
func (s *Store) Release(ctx context.Context, app string) (Release, error) {
	r, _, err := s.release(ctx, app)
	return r, err
}

// nobodys reports whether an error is of a statement that nobody entitled has made.
func nobodys(err error) bool {
	return errors.Is(err, ErrForged) || errors.Is(err, ErrScope) || errors.Is(err, ErrExpired)
}

func (s *Store) release(ctx context.Context, app string) (r Release, rev uint64, err error) {
	sealed, rev, err := s.read(ctx, s.releases, app)
	if err != nil {
		return r, rev, err
	}
	r, err = s.OpenRelease(ctx, &sealed)
	if err == nil && r.App != app {
		err = ErrForged
	}
	return r, rev, err
}

// PutRelease puts a release in force: its counter is above that of the one before, which must not change meanwhile. The
// error wraps ErrReplayed when it has.
func (s *Store) PutRelease(ctx context.Context, sealed Sealed) (Release, error) {
	r, err := s.OpenRelease(ctx, &sealed)
	if err == nil {
		err = s.fresh(ctx, &sealed, r.Created)
	}
	if err != nil {
		return r, err
	}
	former, rev, err := s.release(ctx, r.App)
	check := kv.IfRev(rev)
	switch {
	case errors.Is(err, kv.ErrNotFound):
		check = kv.IfNew()
	case nobodys(err): // what follows replaces it, and nodes judge its counter
		former = Release{}
	case err != nil:
		return r, err
	}
	if r.Counter <= former.Counter { // more than one above it, when nodes have seen releases that the store has lost
		return r, fmt.Errorf("%w: release %d of %s was prepared, and %d is in force", ErrReplayed, r.Counter, r.App, former.Counter)
	}
	for _, id := range []string{r.Version, r.Canary} {
		if id == "" {
			continue
		}
		if _, _, err := s.Version(ctx, r.App, id); err != nil {
			return r, fmt.Errorf("version %s of %s: %w", id, r.App, err)
		}
	}
	err = s.put(ctx, s.releases, r.App, sealed, check)
	if errors.Is(err, kv.ErrMismatch) || errors.Is(err, kv.ErrExists) {
		err = fmt.Errorf("%w: somebody else has released %s meanwhile", ErrReplayed, r.App)
	}
	return r, err
}

// Apps are the names of those that have a release.
func (s *Store) Apps(ctx context.Context) (apps []string, err error) {
	err = s.each(ctx, s.releases, "", func(key string) error {
		apps = append(apps, key)
		return nil
	})
	return apps, err
}

// Follow calls f with the name of an app whenever its release may be another, and with "" when any may be. It must not block.
func (s *Store) Follow(f func(app string)) (end func()) {
	return s.replica.Listen(&kv.Listener{Space: s.releases, Changed: func(e kv.Entry) { f(e.Key) }, Missed: func() { f("") }})
}
