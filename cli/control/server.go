// Package control is how people and their tools tell a cluster what to do: an API over HTTP on the listener of who looks
// after a node, and its client. Requests carry the password of a token (RFC 6750); what they deploy is signed with its key.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/artifact"
	"github.com/fortunadws/fortuna/kv/node"
)

// Server answers for a node that has the store.
type Server struct {
	Cluster  Cluster
	Artifact *artifact.Store
	Members  *node.Members
	Registry *node.Registry
	// Verify loads a version where it can do no harm, and says what it found out. The error is for people.
	Verify func(ctx context.Context, v artifact.Version) (Verified, error)
	// Sharing says what it would mean that nodes have the store too, and Share has them have it, and calls told with what has
	// been done.
	Sharing func(ctx context.Context, with []string) (Sharing, error)
	Share   func(ctx context.Context, with []string, told func(what string)) error
	// Prove answers a question as only a node of the cluster can.
	Prove   func(question string) (string, error)
	Explain func(method, host, path string) Explanation
	// Logs calls f with lines of JSON that an app has left since a time and, with follow, leaves, until ctx ends.
	Logs func(ctx context.Context, app string, since time.Time, follow bool, f func(lines []byte) error) error
	// Audit notes what somebody did, where nobody changes it; it fills in when and where. Audited gives that back as Logs does.
	Audit   func(ctx context.Context, e Event)
	Audited func(ctx context.Context, since time.Time, follow bool, f func(lines []byte) error) error
	Log     *slog.Logger

	mu       sync.Mutex
	minute   time.Time // that refusals were noted in
	refusals int
}

// Cluster is what there is to say about the node that answers.
type Cluster struct {
	Node    string `json:"node"`
	Role    string `json:"role"`
	Fortuna string `json:"fortuna"`
}

// Verified is what loading a version has shown.
type Verified struct {
	StartUpMs float64  `json:"startUpMs"`
	Routes    []string `json:"routes,omitempty"` // declared by the app
	Warnings  []string `json:"warnings,omitempty"`
}

// Status is how a cluster is.
type Status struct {
	Cluster
	Nodes []NodeStatus `json:"nodes"`
	Apps  []AppStatus  `json:"apps"`
}

// NodeStatus is how a node is.
type NodeStatus struct {
	node.Info
	State node.State `json:"state"`
	Wish  node.Wish  `json:"wish,omitempty"`
}

// AppStatus is what is in force for an app.
type AppStatus struct {
	artifact.Release
	Routes []string `json:"routes,omitempty"`
}

// Created is the answer to a version.
type Created struct {
	ID string `json:"id"`
	Verified
}

// Step is one line of the answer to a release: what a node says of it.
type Step struct {
	Node    string `json:"node,omitempty"`
	Ready   bool   `json:"ready"`
	Failure string `json:"failure,omitempty"`
	TookMs  int64  `json:"tookMs"` // since the release, as the node that answers has seen it
	Done    bool   `json:"done,omitempty"`
	Missing int    `json:"missing,omitempty"` // nodes that have said nothing in time
}

// Bounds of requests.
const (
	bodyBytesMax     = 4 << 20 // but for files
	releaseWait      = time.Minute
	releaseWaitMax   = 10 * time.Minute
	answersWithin    = time.Minute // a version is loaded in this time
	missingAtOnceMax = artifact.FilesMax
	strangerWithin   = 10 * time.Second // for what needs no token
)

// call is one request of somebody.
type call struct {
	*http.Request
	grant artifact.Grant
}

// failure is an answer that is none.
type failure struct {
	status int
	what   string
}

func (f *failure) Error() string { return f.what }

func fail(status int, format string, args ...any) error {
	return &failure{status, fmt.Sprintf(format, args...)}
}

// Handler answers everything below /v1/.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	on := func(pattern string, role artifact.Role, f func(w http.ResponseWriter, c call) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			c, err := s.admit(r, role)
			var answer any
			if err == nil {
				if answer, err = f(w, c); forbidden(err) {
					s.refused(c, err)
				}
			}
			s.answer(w, r, answer, err)
		})
	}
	on("GET /v1/status", artifact.Deploy, s.status)
	on("GET /v1/explain", artifact.Deploy, s.explain)
	on("GET /v1/audit", artifact.Admin, s.events)
	on("GET /v1/grants", artifact.Admin, s.grants)
	on("DELETE /v1/grants/{id}", artifact.Admin, s.revoke)
	on("POST /v1/apps/{app}/missing", artifact.Deploy, s.missing)
	on("PUT /v1/apps/{app}/files/{sum}", artifact.Deploy, s.upload)
	on("POST /v1/apps/{app}/versions", artifact.Deploy, s.version)
	on("GET /v1/apps/{app}/logs", artifact.Deploy, s.logs)
	on("GET /v1/apps/{app}/versions", artifact.Deploy, s.versions)
	on("GET /v1/apps/{app}/release", artifact.Deploy, s.current)
	on("POST /v1/apps/{app}/releases", artifact.Deploy, s.release)
	on("GET /v1/cores", artifact.Admin, s.sharing)
	on("POST /v1/cores", artifact.Admin, s.share)
	on("POST /v1/nodes/{name}/wish", artifact.Admin, s.wish)
	on("DELETE /v1/nodes/{name}", artifact.Admin, s.remove)
	mux.HandleFunc("GET /v1/proof", func(w http.ResponseWriter, r *http.Request) { // who asks has no token yet
		var answer any
		proof, err := s.Prove(r.URL.Query().Get("question"))
		if err == nil {
			answer = map[string]string{"proof": proof}
		}
		s.answer(w, r, answer, err)
	})
	mux.HandleFunc("POST /v1/grants", func(w http.ResponseWriter, r *http.Request) { // anybody may ask, and not for long: the root has signed it: that is who asks
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(strangerWithin)) // a connection always has one
		answer, err := s.grant(r)
		s.answer(w, r, answer, err)
	})
	return mux
}

// admit finds out who asks, and whether they may.
func (s *Server) admit(r *http.Request, role artifact.Role) (call, error) {
	id, password, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), ".")
	if id == "" || password == "" {
		return call{}, fail(http.StatusUnauthorized, "a token is needed: fortuna login")
	}
	g, err := s.Artifact.Grant(r.Context(), id)
	switch {
	case errors.Is(err, kv.ErrUnavailable):
		return call{}, err
	case err != nil || !g.Knows(password):
		return call{}, fail(http.StatusUnauthorized, "the token is not known here, or was revoked")
	}
	c := call{r, g}
	// Who shows no token that is known is nobody, and may come as often as they like: only what a token is not for is audited.
	switch {
	case !g.Valid(time.Now()):
		return call{}, s.refused(c, fail(http.StatusUnauthorized, "the token has expired, or was revoked"))
	case role == artifact.Admin && g.Role != artifact.Admin:
		return call{}, s.refused(c, fail(http.StatusForbidden, "the token %s is for deploying, not for looking after nodes", g.Name))
	}
	if app := r.PathValue("app"); app != "" {
		if err := artifact.CheckApp(app); err != nil {
			return call{}, fail(http.StatusBadRequest, "%v", err)
		}
		if !g.Covers(app) {
			return call{}, s.refused(c, fail(http.StatusForbidden, "the token %s is for the apps %q, not for %q", g.Name, g.Apps, app))
		}
	}
	return c, nil
}

// forbidden reports whether a statement was refused that somebody should not have made.
func forbidden(err error) bool {
	return errors.Is(err, artifact.ErrForged) || errors.Is(err, artifact.ErrScope) || errors.Is(err, artifact.ErrExpired) || errors.Is(err, artifact.ErrReplayed)
}

// answer tells the outcome, unless the handler has.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, answer any, err error) {
	w.Header().Set("Cache-Control", "no-store")
	if err == nil {
		if answer != nil {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(answer) // who has left asks again
		}
		return
	}
	status, what := http.StatusInternalServerError, strings.TrimPrefix(strings.TrimPrefix(err.Error(), "artifact: "), "kv: ")
	var f *failure
	switch {
	case errors.As(err, &f):
		status = f.status
	case errors.Is(err, kv.ErrNotFound):
		status, what = http.StatusNotFound, "there is no such thing"
	case errors.Is(err, kv.ErrUnavailable):
		status = http.StatusServiceUnavailable
	case errors.Is(err, kv.ErrFull):
		status = http.StatusInsufficientStorage
	case errors.Is(err, kv.ErrTooLarge):
		status = http.StatusRequestEntityTooLarge
	case errors.Is(err, artifact.ErrReplayed):
		status = http.StatusConflict
	case forbidden(err):
		status = http.StatusForbidden
	}
	if status >= 500 {
		s.Log.Error("control", "method", r.Method, "path", r.URL.Path, "status", status, "err", err)
	}
	http.Error(w, what, status)
}

// read reads the body of a request.
func read(r *http.Request, into any) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, bodyBytesMax+1))
	switch {
	case err != nil:
		return fail(http.StatusBadRequest, "the request has broken off")
	case len(body) > bodyBytesMax:
		return fail(http.StatusRequestEntityTooLarge, "the request has more than %d bytes", bodyBytesMax)
	case json.Unmarshal(body, into) != nil:
		return fail(http.StatusBadRequest, "the request is not what this version of fortuna reads")
	}
	return nil
}
