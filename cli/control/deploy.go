package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/artifact"
	"github.com/fortunadws/fortuna/kv/node"
)

func (s *Server) missing(_ http.ResponseWriter, c call) (any, error) {
	var sums []string
	if err := read(c.Request, &sums); err != nil {
		return nil, err
	}
	if len(sums) > missingAtOnceMax {
		return nil, fail(http.StatusRequestEntityTooLarge, "%d hashes, at most %d are possible", len(sums), missingAtOnceMax)
	}
	missing, err := s.Artifact.Missing(c.Context(), sums)
	return append([]string{}, missing...), err
}

// upload keeps a file. Who sends it says its hash, so that one that was damaged on the way is refused.
func (s *Server) upload(_ http.ResponseWriter, c call) (any, error) {
	data, err := io.ReadAll(io.LimitReader(c.Body, artifact.FileBytesMax+1))
	switch {
	case err != nil:
		return nil, fail(http.StatusBadRequest, "the file has broken off")
	case len(data) > artifact.FileBytesMax:
		return nil, fail(http.StatusRequestEntityTooLarge, "a file has at most %d bytes", artifact.FileBytesMax)
	case artifact.Sum(data) != c.PathValue("sum"):
		return nil, fail(http.StatusBadRequest, "the file was changed on the way: its SHA-256 is another")
	}
	_, err = s.Artifact.PutFile(c.Context(), data)
	return struct{}{}, err
}

// version makes a version of files that are here, if it loads.
func (s *Server) version(_ http.ResponseWriter, c call) (any, error) {
	var sealed artifact.Sealed
	if err := read(c.Request, &sealed); err != nil {
		return nil, err
	}
	v, err := s.Artifact.OpenVersion(c.Context(), &sealed)
	switch {
	case errors.Is(err, kv.ErrUnavailable), errors.Is(err, artifact.ErrForged), errors.Is(err, artifact.ErrScope), errors.Is(err, artifact.ErrExpired):
		return nil, err
	case err != nil:
		return nil, fail(http.StatusBadRequest, "%v", err)
	case v.App != c.PathValue("app") || sealed.Key != c.grant.ID:
		return nil, artifact.ErrScope
	}
	var sums []string
	for _, f := range v.Files {
		sums = append(sums, f.Sum)
	}
	switch missing, err := s.Artifact.Missing(c.Context(), sums); {
	case err != nil:
		return nil, err
	case len(missing) > 0:
		return nil, fail(http.StatusConflict, "%d files are not uploaded", len(missing))
	}
	if err := s.free(c, v); err != nil {
		return nil, err
	}
	verified, err := s.Verify(c.Context(), v)
	if err != nil {
		s.audit(c, "version of %s refused: %s", v.App, firstLine(err.Error()))
		return nil, fail(http.StatusUnprocessableEntity, "%v", err)
	}
	id, err := s.Artifact.PutVersion(c.Context(), sealed)
	if err != nil {
		return nil, err
	}
	s.audit(c, "version %s of %s", id, v.App)
	return Created{id, verified}, nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// free says whether v takes requests that are another app's: by the same route, or by one that says more of what the other
// has. The latter is for who may deploy both.
func (s *Server) free(c call, v artifact.Version) error {
	has, err := s.routes(c.Context(), v.App)
	if err != nil {
		return err
	}
	apps, err := s.Artifact.Apps(c.Context())
	if err != nil {
		return err
	}
	for _, app := range apps {
		if app == v.App {
			continue
		}
		others, err := s.routes(c.Context(), app)
		if err != nil {
			return err
		}
		for _, route := range v.Paths() {
			if slices.Contains(others, route) {
				return fail(http.StatusConflict, "the app %s has the route %s already: say which requests are for %s by routes = [\"host/path/*\"] in fortuna.toml", app, route, v.App)
			}
			for _, other := range others {
				if !slices.Contains(has, route) && !c.grant.Covers(app) && artifact.Overlap(route, other) {
					return fail(http.StatusForbidden, "the route %s takes requests of the app %s, which has %s: release it once with a token for both", route, app, other)
				}
			}
		}
	}
	return nil
}

// routes are those in force for an app; none before its first release.
func (s *Server) routes(ctx context.Context, app string) ([]string, error) {
	r, err := s.Artifact.Release(ctx, app)
	if err == nil {
		var v artifact.Version
		if v, _, err = s.Artifact.Version(ctx, app, r.Version); err == nil {
			return v.Paths(), nil
		}
	}
	if errors.Is(err, kv.ErrUnavailable) {
		return nil, err
	}
	return nil, nil // nobody serves what is forged or missing
}

func (s *Server) versions(_ http.ResponseWriter, c call) (any, error) {
	all, err := s.Artifact.Versions(c.Context(), c.PathValue("app"))
	return append([]artifact.Deployed{}, all...), err
}

// current is the release in force, the zero one before the first.
func (s *Server) current(_ http.ResponseWriter, c call) (any, error) {
	r, err := s.Artifact.Release(c.Context(), c.PathValue("app"))
	app := c.PathValue("app")
	switch {
	case errors.Is(err, kv.ErrNotFound), errors.Is(err, artifact.ErrForged), errors.Is(err, artifact.ErrScope), errors.Is(err, artifact.ErrExpired):
		r = artifact.Release{App: app} // there is none, or what is there is nobody's
	case err != nil:
		return nil, err
	}
	for _, n := range s.Registry.Nodes() { // the store may be an older one, from a backup
		r.Counter = max(r.Counter, n.Apps[app].Counter)
	}
	return r, nil
}

// release puts a release in force, and tells line by line what the nodes make of it.
func (s *Server) release(w http.ResponseWriter, c call) (any, error) {
	var sealed artifact.Sealed
	if err := read(c.Request, &sealed); err != nil {
		return nil, err
	}
	wait := releaseWait
	if text := c.URL.Query().Get("wait"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 || d > releaseWaitMax {
			return nil, fail(http.StatusBadRequest, "wait is a duration up to %v, got %q", releaseWaitMax, text)
		}
		wait = d
	}
	bell, end := s.Registry.Watch()
	defer end()
	begun := time.Now()
	r, err := s.Artifact.OpenRelease(c.Context(), &sealed)
	if err == nil && (r.App != c.PathValue("app") || sealed.Key != c.grant.ID) {
		err = artifact.ErrScope
	}
	for _, id := range []string{r.Version, r.Canary} {
		if err == nil && id != "" {
			var v artifact.Version
			if v, _, err = s.Artifact.Version(c.Context(), r.App, id); err == nil {
				err = s.free(c, v)
			}
		}
	}
	if err == nil {
		_, err = s.Artifact.PutRelease(c.Context(), sealed)
	}
	if err != nil {
		return nil, err
	}
	s.audit(c, "%s of %s: release %d, version %s", r.Kind, r.App, r.Counter, r.Version)
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	s.tell(w, c, r, begun, wait, bell)
	return nil, nil
}

// tell writes a line for each node that has dealt with a release, until all have or time is up.
func (s *Server) tell(w http.ResponseWriter, c call, r artifact.Release, begun time.Time, wait time.Duration, bell <-chan struct{}) {
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	out, control := json.NewEncoder(w), http.NewResponseController(w)
	_ = control.SetWriteDeadline(begun.Add(wait + answersWithin))
	said := map[string]bool{}
	for {
		missing := 0
		for _, n := range s.Registry.Nodes() {
			if n.State(time.Now()) != node.Alive || n.Role == "balancer" || said[n.Name] {
				continue
			}
			a, ok := n.Apps[r.App]
			if !ok || a.Counter < r.Counter {
				missing++
				continue
			}
			said[n.Name] = true
			if a.Counter > r.Counter && a.Failure == "" {
				a.Failure = fmt.Sprintf("release %d has come in between", a.Counter)
			}
			_ = out.Encode(Step{Node: n.Name, Ready: a.Failure == "", Failure: a.Failure, TookMs: time.Since(begun).Milliseconds()})
		}
		_ = control.Flush()
		if missing == 0 && len(said) > 0 {
			_ = out.Encode(Step{Done: true, TookMs: time.Since(begun).Milliseconds()})
			return
		}
		select {
		case <-bell:
		case <-deadline.C:
			_ = out.Encode(Step{Done: true, Missing: missing, TookMs: time.Since(begun).Milliseconds()})
			return
		case <-c.Context().Done():
			return
		}
	}
}
