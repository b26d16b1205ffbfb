package tls

import (
	cryptotls "crypto/tls"
	"strings"
	"time"
)

// names finds the certificate for the host that a client names (RFC 6066, section 3).
type names struct {
	byHost map[string][]*cryptotls.Certificate // also "*.example.com"
	first  []*cryptotls.Certificate            // for every other host, and for clients that name none
	source Source                              // asked before; may be nil
}

// loadNames loads all files, or says what is wrong with the first that cannot be used.
func loadNames(files []Files, now time.Time) (*names, error) {
	n := &names{byHost: map[string][]*cryptotls.Certificate{}}
	for _, f := range files {
		c, err := f.load(now)
		if err != nil {
			return nil, err
		}
		n.first = append(n.first, c)
		for _, host := range hosts(c.Leaf) {
			n.byHost[host] = append(n.byHost[host], c)
		}
	}
	return n, nil
}

// choose prefers the exact name to a wildcard, which stands for one label, and a wildcard to the first certificate.
// Several for one host differ in the kind of their keys: the client gets the first that it can check.
func (n *names) choose(hello *cryptotls.ClientHelloInfo) (*cryptotls.Certificate, error) {
	if n.source != nil {
		if c, err := n.source(hello); err == nil || len(n.first) == 0 {
			return c, err
		}
	}
	host := strings.TrimSuffix(strings.ToLower(hello.ServerName), ".")
	known := n.byHost[host]
	if _, parent, ok := strings.Cut(host, "."); len(known) == 0 && ok {
		known = n.byHost["*."+parent]
	}
	for _, c := range known {
		if hello.SupportsCertificate(c) == nil {
			return c, nil
		}
	}
	if len(known) > 0 {
		return known[0], nil
	}
	return n.first[0], nil
}
