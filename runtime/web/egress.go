package web

import "net/netip"

// Egress says which addresses fetch may reach beyond the public internet.
type Egress struct {
	Allow []netip.Prefix // private or loopback ranges that code may reach all the same
}
