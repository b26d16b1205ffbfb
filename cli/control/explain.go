package control

import (
	"net/http"
	"net/url"
	"strings"
)

// Explanation is where a request would go if it came to a node, and why.
type Explanation struct {
	Node       string      `json:"node"` // that it comes to
	Host       string      `json:"host"`
	Path       string      `json:"path"`
	App        string      `json:"app,omitempty"`
	Version    string      `json:"version,omitempty"`
	Where      string      `json:"where,omitempty"` // the node that answers
	Why        string      `json:"why"`
	Policy     string      `json:"policy,omitempty"`
	Candidates []Candidate `json:"candidates,omitempty"`
}

// Candidate is another node as the one that chooses sees it.
type Candidate struct {
	Node     string  `json:"node"`
	State    string  `json:"state"`
	Weight   float64 `json:"weight"`
	Score    float64 `json:"score"`
	Inflight int     `json:"inflight"` // requests given to it from here
	Queue    int     `json:"queue"`
	CPU      float64 `json:"cpu"`
	PaceMs   float64 `json:"paceMs"` // to the heads of its answers, a moving mean; 0: none has come lately
	Chosen   bool    `json:"chosen"` // if another node were to answer
	Why      string  `json:"why,omitempty"`
}

func (s *Server) explain(_ http.ResponseWriter, c call) (any, error) {
	u, err := url.Parse(c.URL.Query().Get("url"))
	if err != nil || !strings.HasPrefix(u.EscapedPath()+"/", "/") {
		return nil, fail(http.StatusBadRequest, "the URL must be like http://example.com/path")
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	return s.Explain("GET", u.Host, path), nil
}
