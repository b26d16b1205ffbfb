package control

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Sharing is what it would mean that other nodes have the store too.
type Sharing struct {
	Node     string   `json:"node"`              // that has it alone
	With     []string `json:"with"`              // nodes that would have it too
	Streams  int      `json:"streams"`           // buckets, queues and logs that are to be copied
	Messages uint64   `json:"messages"`          // in them
	Bytes    int64    `json:"bytes"`             // of those
	Former   string   `json:"former"`            // directory that keeps the former store
	Machines int      `json:"machines"`          // on which the nodes are, by their addresses
	Against  string   `json:"against,omitempty"` // why it cannot be done
}

// Shared is one line of the answer: what has been done.
type Shared struct {
	What   string `json:"what"`
	TookMs int64  `json:"tookMs"` // since the begin
	Done   bool   `json:"done,omitempty"`
	Failed string `json:"failed,omitempty"`
}

// shareWithin bounds it: copying is by far the longest part.
const shareWithin = 30 * time.Minute

// sharing says what sharing the store would mean.
func (s *Server) sharing(_ http.ResponseWriter, c call) (any, error) {
	return s.Sharing(c.Context(), strings.Split(c.URL.Query().Get("with"), ","))
}

// share has other nodes have the store too, and tells line by line how far that is.
func (s *Server) share(w http.ResponseWriter, c call) (any, error) {
	var with []string
	if err := read(c.Request, &with); err != nil {
		return nil, err
	}
	plan, err := s.Sharing(c.Context(), with)
	if err != nil {
		return nil, err
	}
	if plan.Against != "" {
		return nil, fail(http.StatusConflict, "%s", plan.Against)
	}
	s.audit(c, "share the store with %s", strings.Join(with, ", "))
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	begun, out, control := time.Now(), json.NewEncoder(w), http.NewResponseController(w)
	_ = control.SetWriteDeadline(begun.Add(shareWithin))
	tell := func(line Shared) {
		line.TookMs = time.Since(begun).Milliseconds()
		_ = out.Encode(line) // who has left asks for the status
		_ = control.Flush()
	}
	// It is finished also when whoever asked for it has left.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), shareWithin)
	defer cancel()
	last := Shared{Done: true}
	if err := s.Share(ctx, with, func(what string) { tell(Shared{What: what}) }); err != nil {
		s.Log.Error("share the store", "err", err)
		last.Failed = err.Error()
	}
	tell(last)
	return nil, nil
}

// Sharing is what it would mean that other nodes have the store too.
func (c *Client) Sharing(ctx context.Context, with []string) (plan Sharing, err error) {
	return plan, c.do(ctx, http.MethodGet, "/v1/cores?with="+url.QueryEscape(strings.Join(with, ",")), nil, &plan)
}

// Share has other nodes have the store too, and calls told with what has been done.
func (c *Client) Share(ctx context.Context, with []string, told func(Shared)) error {
	text, err := json.Marshal(with)
	if err != nil {
		return err
	}
	answer, err := c.open(ctx, http.MethodPost, "/v1/cores", text)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		var line Shared
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			break
		}
		told(line)
		if line.Done {
			return nil
		}
	}
	return fmt.Errorf("%w: its answer breaks off; it goes on there", ErrUnreachable)
}
