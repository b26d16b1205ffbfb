// Package forwarded finds out who sent a request that came through a proxy, and keeps what only a proxy may say from those
// who are none. It knows neither connections nor answers.
//
// A Trust is the list of proxies whose word is taken. Apply reads their header fields; ParseProxy the PROXY protocol, which
// they speak before anything else on a connection.
package forwarded

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// Fields are the header fields that may name the client.
var Fields = []string{"X-Forwarded-For", "Forwarded"}

// Trust says whose word about clients is taken, and how they give it. A nil one takes nobody's.
type Trust struct {
	Proxies  []netip.Prefix // empty: nobody
	Field    string         // which of Fields the proxies write; another that is there is a client's own. "" is the first
	Protocol bool           // they begin connections with the PROXY protocol
}

// ParseProxies reads addresses and ranges like "10.0.0.1" and "10.0.0.0/8".
func ParseProxies(list []string) ([]netip.Prefix, error) {
	var proxies []netip.Prefix
	for _, text := range list {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			a, err := netip.ParseAddr(text)
			if err != nil || a.Zone() != "" {
				return nil, fmt.Errorf("%q is neither an address nor a range like 10.0.0.0/8", text)
			}
			p = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())
		}
		if p.Masked() != p {
			return nil, fmt.Errorf("%q has bits outside of its range: did you mean %s?", text, p.Masked())
		}
		proxies = append(proxies, p)
	}
	return proxies, nil
}

// Trusts reports whether a is a proxy.
func (t *Trust) Trusts(a netip.Addr) bool {
	if t == nil {
		return false
	}
	a = a.Unmap()
	return slices.ContainsFunc(t.Proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// Speaks reports whether a connection from a begins with the PROXY protocol.
func (t *Trust) Speaks(a netip.Addr) bool { return t != nil && t.Protocol && t.Trusts(a) }

// Apply makes q.Remote the client as far as proxies that are trusted vouch for it, and q.TLS what the nearest of them says
// about its side. q.ID becomes the name that it gives the request. What nobody vouches for is removed from q.Header: fields
// of proxies that came from others, and names with "_", which what is behind may take for those with "-".
func (t *Trust) Apply(q *exchange.Request) {
	trusted := t.Trusts(q.Remote.Addr())
	field := Fields[0]
	if trusted && t.Field != "" {
		field = t.Field
	}
	keep := 0
	var hops []hop
	sound := true
	for i := range q.Header {
		f := &q.Header[i]
		switch kindOf(f.Name) {
		case misspelt:
			continue
		case ofProxies:
			if !trusted || isOneOf(f.Name, Fields) && !exchange.EqualFold(f.Name, field) {
				continue
			}
		}
		if trusted && exchange.EqualFold(f.Name, field) && sound {
			hops, sound = appendHops(hops, field, f.Value)
		}
		if keep != i {
			q.Header[keep] = *f
		}
		keep++
	}
	clear(q.Header[keep:])
	q.Header = q.Header[:keep]
	if !trusted {
		return
	}
	if id := q.Get("X-Request-Id"); isName(id) {
		q.ID = id
	}
	switch scheme := t.scheme(q, hops, field); {
	case exchange.EqualFold(scheme, "https"):
		q.TLS = true
	case exchange.EqualFold(scheme, "http"):
		q.TLS = false
	}
	for i := len(hops) - 1; i >= 0; i-- { // from the nearest: what is behind an address that is not trusted may be made up
		if !hops[i].client.IsValid() {
			break
		}
		q.Remote = hops[i].client
		if !t.Trusts(q.Remote.Addr()) {
			break
		}
	}
}

// scheme is what the nearest proxy was asked by: "http", "https", or "" when it does not say.
func (t *Trust) scheme(q *exchange.Request, hops []hop, field string) string {
	if field == "Forwarded" {
		if len(hops) == 0 {
			return ""
		}
		return hops[len(hops)-1].scheme
	}
	list := q.Get("X-Forwarded-Proto")
	return strings.TrimSpace(list[strings.LastIndexByte(list, ',')+1:])
}

// kind is what a header field's name says about it.
type kind int

const (
	ordinary  kind = iota
	ofProxies      // only a proxy may say it
	misspelt       // has a "_"
)

func kindOf(name string) kind {
	const prefix = "X-Forwarded-"
	switch {
	case strings.IndexByte(name, '_') >= 0:
		return misspelt
	case len(name) > len(prefix) && exchange.EqualFold(name[:len(prefix)], prefix),
		exchange.EqualFold(name, "Forwarded"), exchange.EqualFold(name, "X-Real-IP"):
		return ofProxies
	}
	return ordinary
}

func isOneOf(name string, list []string) bool {
	return slices.ContainsFunc(list, func(l string) bool { return exchange.EqualFold(name, l) })
}

// isName reports whether an id is short and plain enough for logs and header fields.
func isName(id string) bool {
	if id == "" || len(id) > 128 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_.:/+=", c) >= 0) {
			return false
		}
	}
	return true
}
