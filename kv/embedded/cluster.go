package embedded

import (
	"crypto/tls"
	"fmt"
	"net/url"
	"regexp"

	"github.com/nats-io/nats-server/v2/server"
)

// Cluster is a cluster and a member's place in it.
type Cluster struct {
	Name    string      // of the cluster: letters, digits, "_" and "-"
	Node    string      // of this member, unique and kept for life
	Listen  Address     // where the other members reach this one
	Members []Address   // of every member at the cluster's beginning, this one included: three or five
	TLS     *tls.Config // mutual; nil only where the network is the machine itself
	Secret  string      // shared by the members; "" only where the network is the machine itself
}

// Address is a host, by name or number, and a port.
type Address struct {
	Host string
	Port int
}

var nameOf = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Clustered opens a server that is a member of a cluster. It returns when the member runs, which is before the cluster
// has a leader: what is asked of it until then fails with kv.ErrUnavailable.
func Clustered(o Options, c Cluster) (*Server, error) {
	for what, name := range map[string]string{"cluster": c.Name, "node": c.Node} {
		if !nameOf.MatchString(name) {
			return nil, fmt.Errorf("the name of a %s is 1 to 64 letters, digits, \"_\" and \"-\", got %q", what, name)
		}
	}
	// With all members listed, two that start first cannot make a cluster of their own.
	if n := len(c.Members); n != 3 && n != 5 {
		return nil, fmt.Errorf("a cluster has three or five members, got %d: one or two cannot outvote a lost one", n)
	}
	var routes []*url.URL
	for _, m := range c.Members {
		u := &url.URL{Scheme: "nats", Host: fmt.Sprintf("%s:%d", m.Host, m.Port)}
		if c.Secret != "" {
			u.User = url.UserPassword("member", c.Secret)
		}
		routes = append(routes, u)
	}
	return open(o, "cluster-"+c.Name, 3, func(no *server.Options) {
		no.ServerName = c.Node
		no.Host, no.Port = "127.0.0.1", server.RANDOM_PORT
		no.Cluster.Name = c.Name
		no.Cluster.Host, no.Cluster.Port = c.Listen.Host, c.Listen.Port
		if c.Secret != "" {
			no.Cluster.Username, no.Cluster.Password = "member", c.Secret
		}
		no.Cluster.TLSConfig = c.TLS
		no.Routes = routes
	})
}
