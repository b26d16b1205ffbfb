package control

import (
	"cmp"
	"fmt"
	"net/http"
	"time"

	"github.com/fortunadws/fortuna/kv/artifact"
	"github.com/fortunadws/fortuna/kv/node"
)

// status tells of nodes, and of the apps that the token is for.
func (s *Server) status(_ http.ResponseWriter, c call) (any, error) {
	out := Status{Cluster: s.Cluster, Nodes: []NodeStatus{}, Apps: []AppStatus{}}
	members, err := s.Members.All(c.Context())
	if err != nil {
		return nil, err
	}
	seen, now := map[string]node.Seen{}, time.Now()
	for _, n := range s.Registry.Nodes() {
		seen[n.Name] = n
	}
	for _, m := range members {
		n, ok := seen[m.Name]
		if !ok {
			n.Info = node.Info{Name: m.Name, Role: m.Role}
		}
		apps := map[string]node.App{}
		for app, a := range n.Apps {
			if c.grant.Covers(app) {
				apps[app] = a
			}
		}
		n.Apps = apps
		out.Nodes = append(out.Nodes, NodeStatus{n.Info, n.State(now), m.Wish})
	}
	apps, err := s.Artifact.Apps(c.Context())
	if err != nil {
		return nil, err
	}
	for _, app := range apps {
		if !c.grant.Covers(app) {
			continue
		}
		r, err := s.Artifact.Release(c.Context(), app)
		if err != nil {
			continue // nobody serves it
		}
		v, _, err := s.Artifact.Version(c.Context(), app, r.Version)
		if err != nil {
			continue
		}
		out.Apps = append(out.Apps, AppStatus{r, v.Paths()})
	}
	return out, nil
}

// GrantInfo is a grant without what proves it.
type GrantInfo struct {
	ID      string        `json:"id"`
	Name    string        `json:"name"`
	Role    artifact.Role `json:"role"`
	Apps    string        `json:"apps"`
	Created time.Time     `json:"created"`
	Expires time.Time     `json:"expires,omitzero"`
}

func (s *Server) grants(_ http.ResponseWriter, c call) (any, error) {
	all, err := s.Artifact.Grants(c.Context())
	list := []GrantInfo{}
	for _, g := range all {
		list = append(list, GrantInfo{g.ID, g.Name, g.Role, g.Apps, g.Created, g.Expires})
	}
	return list, err
}

func (s *Server) grant(r *http.Request) (any, error) {
	var sealed artifact.Sealed
	if err := read(r, &sealed); err != nil {
		return nil, err
	}
	g, err := s.Artifact.PutGrant(r.Context(), sealed)
	if err != nil {
		return nil, err
	}
	s.Audit(r.Context(), Event{Who: "root", Address: r.RemoteAddr, What: fmt.Sprintf("token %s (%s) for %s of %s", g.Name, g.ID, g.Role, g.Apps)})
	return struct{}{}, nil
}

func (s *Server) revoke(_ http.ResponseWriter, c call) (any, error) {
	err := s.Artifact.Revoke(c.Context(), c.PathValue("id"))
	if err == nil {
		s.audit(c, "token %s revoked", c.PathValue("id"))
	}
	return struct{}{}, err
}

// wish tells a node what is wanted of it.
func (s *Server) wish(_ http.ResponseWriter, c call) (any, error) {
	var w node.Wish
	if err := read(c.Request, &w); err != nil {
		return nil, err
	}
	if w != node.Work && w != node.Cordon && w != node.Drain {
		return nil, fail(http.StatusBadRequest, "a node can be %q or %q, got %q", node.Cordon, node.Drain, w)
	}
	return s.change(c, cmp.Or(string(w), "uncordon"), func(m *node.Member) error {
		m.Wish = w
		return nil
	})
}

// remove takes a node out of the cluster for good.
func (s *Server) remove(_ http.ResponseWriter, c call) (any, error) {
	name := c.PathValue("name")
	if name == s.Cluster.Node {
		return nil, fail(http.StatusConflict, "%s is the node that answers: ask another to remove it", name)
	}
	answer, err := s.change(c, "remove", func(m *node.Member) error {
		if m.Role == "core" {
			return fail(http.StatusConflict, "%s has the store: it cannot be removed", name)
		}
		m.Removed = true
		return nil
	})
	if err == nil {
		s.Registry.Forget(name)
	}
	return answer, err
}

func (s *Server) change(c call, what string, change func(*node.Member) error) (any, error) {
	name := c.PathValue("name")
	err := s.Members.Change(c.Context(), name, func(m *node.Member) error {
		if m.Name == "" || m.Removed {
			return fail(http.StatusNotFound, "there is no node %q", name)
		}
		return change(m)
	})
	if err == nil {
		s.audit(c, "%s node %s", what, name)
	}
	return struct{}{}, err
}
