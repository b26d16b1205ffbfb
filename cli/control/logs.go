package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Line is one thing that an app did.
type Line struct {
	Time    time.Time `json:"time"`
	Node    string    `json:"node"`
	Kind    string    `json:"kind"` // "request", "console", "failure", or "dropped" for what there was no room for
	Version string    `json:"version,omitempty"`
	Level   string    `json:"level,omitempty"`
	Text    string    `json:"text,omitempty"`
	Method  string    `json:"method,omitempty"`
	Host    string    `json:"host,omitempty"`
	Path    string    `json:"path,omitempty"`
	Status  int       `json:"status,omitempty"`
	Micros  int64     `json:"dur_us,omitempty"`
	Route   string    `json:"route,omitempty"`
	Request string    `json:"request,omitempty"`
	Trace   string    `json:"trace,omitempty"`
	Gone    bool      `json:"gone,omitempty"`
}

// logsWithin bounds how long somebody may follow without asking again.
const logsWithin = 24 * time.Hour

// logs sends the lines of an app, since a time and, with follow, as they come.
func (s *Server) logs(w http.ResponseWriter, c call) (any, error) {
	return s.stream(w, c, func(ctx context.Context, since time.Time, follow bool, f func(lines []byte) error) error {
		return s.Logs(ctx, c.PathValue("app"), since, follow, f)
	})
}

// stream sends lines of JSON that read gives, since the time that the call asks for and, if it follows, until it ends.
func (s *Server) stream(w http.ResponseWriter, c call, read func(ctx context.Context, since time.Time, follow bool, f func(lines []byte) error) error) (any, error) {
	since := time.Now()
	if text := c.URL.Query().Get("since"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			return nil, fail(http.StatusBadRequest, "since is a duration like 1h, got %q", text)
		}
		since = since.Add(-d)
	}
	ctx, cancel := context.WithTimeout(c.Context(), logsWithin)
	defer cancel()
	control := http.NewResponseController(w)
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	_ = control.Flush() // so that the other side knows that it is let in
	err := read(ctx, since, c.URL.Query().Get("follow") != "", func(lines []byte) error {
		_ = control.SetWriteDeadline(time.Now().Add(answersWithin))
		if _, err := w.Write(lines); err != nil {
			return err
		}
		return control.Flush()
	})
	if err != nil && ctx.Err() == nil {
		s.Log.Warn("logs", "path", c.URL.Path, "err", err)
	}
	return nil, nil
}

// Tail calls told with what an app did since a time ago and, with follow, does, until ctx ends.
func (c *Client) Tail(ctx context.Context, app string, since time.Duration, follow bool, told func(Line) error) error {
	return streamed(ctx, c, "/v1/apps/"+app+"/logs", since, follow, told)
}

// streamed asks for lines of JSON since a time ago and calls told with each.
func streamed[T any](ctx context.Context, c *Client, path string, since time.Duration, follow bool, told func(T) error) error {
	q := url.Values{"since": {since.String()}}
	if follow {
		q.Set("follow", "1")
	}
	answer, err := c.open(ctx, http.MethodGet, path+"?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line T
		if err := json.Unmarshal(bytes.TrimSpace(lines.Bytes()), &line); err != nil {
			return fmt.Errorf("%w: a line cannot be read: %v", ErrUnreachable, err)
		}
		if err := told(line); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w: %v", ErrUnreachable, err)
	}
	return ctx.Err()
}
