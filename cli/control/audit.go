package control

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Event is something that somebody did to the cluster, or was refused.
type Event struct {
	Time    time.Time `json:"time"`
	Node    string    `json:"node"`            // that was asked
	Who     string    `json:"who"`             // the name of a token, "root", or that of a node
	Token   string    `json:"token,omitempty"` // its id
	Address string    `json:"address,omitempty"`
	App     string    `json:"app,omitempty"`
	What    string    `json:"what"`
	Refused bool      `json:"refused,omitempty"`
}

// event is one of a call.
func (c *call) event(format string, args ...any) Event {
	return Event{Who: c.grant.Name, Token: c.grant.ID, Address: c.RemoteAddr, App: c.PathValue("app"), What: fmt.Sprintf(format, args...)}
}

func (s *Server) audit(c call, format string, args ...any) {
	s.Audit(c.Context(), c.event(format, args...))
}

// refusalsMax bounds what is noted in a minute: who is refused again and again must not push out what was done.
const refusalsMax = 60

// refused notes that somebody who is known was refused, and returns why.
func (s *Server) refused(c call, why error) error {
	s.mu.Lock()
	if now := time.Now(); now.Sub(s.minute) >= time.Minute {
		s.minute, s.refusals = now, 0
	}
	s.refusals++
	over := s.refusals > refusalsMax
	s.mu.Unlock()
	if over {
		return why
	}
	e := c.event("%s %s: %v", c.Method, c.URL.Path, why)
	e.Refused = true
	s.Audit(c.Context(), e)
	return why
}

// events sends what was done, since a time and, with follow, as it is done.
func (s *Server) events(w http.ResponseWriter, c call) (any, error) {
	return s.stream(w, c, s.Audited)
}

// Audit calls told with what was done to the cluster since a time ago and, with follow, is done, until ctx ends.
func (c *Client) Audit(ctx context.Context, since time.Duration, follow bool, told func(Event) error) error {
	return streamed(ctx, c, "/v1/audit", since, follow, told)
}
