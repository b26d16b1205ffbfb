package web

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Bounds of outbound connections.
const (
	egressDialDeadline      = 10 * time.Second
	egressHandshakeDeadline = 10 * time.Second
	egressHeadDeadline      = 30 * time.Second // from the request's end to the response's head
	egressIdleDeadline      = 90 * time.Second
	egressHeadBytesMax      = 256 << 10
	egressIdleMax           = 256 // kept-alive connections
	egressIdleMaxPerHost    = 32
)

// Egress decides which addresses fetch may reach and keeps the connections to them. It is judged at every dial, on the
// address that is dialled: names, redirects and a DNS server that changes its mind cannot get around it. It may be used
// from any goroutine.
type Egress struct {
	prefixes  []netip.Prefix  // private ranges that code may reach all the same
	names     map[string]bool // host or host:port that may resolve to anything
	private   bool            // all private ranges are allowed
	transport *http.Transport
	resolver  *net.Resolver // nil for the system's
}

// reserved are the addresses that are not public (IANA special-purpose registries). local ones are what allow =
// ["private"] means; the others have to be allowed one by one: link-local addresses among them, because cloud
// providers serve credentials there.
var reserved = []struct {
	prefix netip.Prefix
	local  bool
}{
	{netip.MustParsePrefix("0.0.0.0/8"), false}, {netip.MustParsePrefix("10.0.0.0/8"), true},
	{netip.MustParsePrefix("100.64.0.0/10"), true}, {netip.MustParsePrefix("127.0.0.0/8"), true},
	{netip.MustParsePrefix("169.254.0.0/16"), false}, {netip.MustParsePrefix("172.16.0.0/12"), true},
	{netip.MustParsePrefix("192.0.0.0/24"), false}, {netip.MustParsePrefix("192.0.2.0/24"), false},
	{netip.MustParsePrefix("192.88.99.0/24"), false}, {netip.MustParsePrefix("192.168.0.0/16"), true},
	{netip.MustParsePrefix("198.18.0.0/15"), false}, {netip.MustParsePrefix("198.51.100.0/24"), false},
	{netip.MustParsePrefix("203.0.113.0/24"), false}, {netip.MustParsePrefix("224.0.0.0/4"), false},
	{netip.MustParsePrefix("240.0.0.0/4"), false}, {netip.MustParsePrefix("::1/128"), true},
	{netip.MustParsePrefix("::/96"), false}, {netip.MustParsePrefix("64:ff9b:1::/48"), false},
	{netip.MustParsePrefix("100::/64"), false}, {netip.MustParsePrefix("2001::/23"), false},
	{netip.MustParsePrefix("2001:db8::/32"), false}, {netip.MustParsePrefix("2002::/16"), false},
	{netip.MustParsePrefix("3fff::/20"), false}, {netip.MustParsePrefix("5f00::/16"), false},
	{netip.MustParsePrefix("fc00::/7"), true}, {netip.MustParsePrefix("fe80::/10"), false},
	{netip.MustParsePrefix("fec0::/10"), false}, {netip.MustParsePrefix("ff00::/8"), false},
}

// nat64 is the prefix that carries an IPv4 address in its last four bytes (RFC 6052).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// ParseEgress reads the list that [egress] allow holds: "private" for all private ranges, a CIDR, an address, or
// host[:port]. The error says which entry is wrong.
func ParseEgress(allow []string) (*Egress, error) {
	e := &Egress{names: map[string]bool{}}
	for _, entry := range allow {
		if entry == "private" {
			e.private = true
		} else if p, err := netip.ParsePrefix(entry); err == nil {
			e.prefixes = append(e.prefixes, p.Masked())
		} else if a, err := netip.ParseAddr(unbracket(entry)); err == nil {
			a = a.Unmap()
			e.prefixes = append(e.prefixes, netip.PrefixFrom(a, a.BitLen()))
		} else if isHost(entry) {
			e.names[strings.ToLower(entry)] = true
		} else {
			return nil, fmt.Errorf(`egress allow: %q is none of "private", a range such as "10.0.0.0/8", an address, or a name such as "db.internal:5432"`, entry)
		}
	}
	e.transport = &http.Transport{
		DialContext:            e.dial,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    egressHandshakeDeadline,
		ResponseHeaderTimeout:  egressHeadDeadline,
		IdleConnTimeout:        egressIdleDeadline,
		MaxIdleConns:           egressIdleMax,
		MaxIdleConnsPerHost:    egressIdleMaxPerHost,
		MaxResponseHeaderBytes: egressHeadBytesMax,
	}
	return e, nil
}

// closedEgress is what a realm without an Egress uses: nothing private is allowed.
var closedEgress = sync.OnceValue(func() *Egress {
	e, err := ParseEgress(nil)
	must(err)
	return e
})

// unbracket is the address in "[::1]", as URLs write it.
func unbracket(s string) string {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		if inner, ok = strings.CutSuffix(inner, "]"); ok {
			return inner
		}
	}
	return s
}

// isHost reports whether s is a host name or address, perhaps with a port.
func isHost(s string) bool {
	host := s
	if h, port, err := net.SplitHostPort(s); err == nil {
		if host = h; !isIndex(port) {
			return false
		}
		if _, err := netip.ParseAddr(host); err == nil {
			return true
		}
	}
	for _, label := range strings.Split(host, ".") {
		if label == "" || len(label) > 63 || strings.Trim(strings.ToLower(label), "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return len(host) <= 253
}

// permits reports whether a connection to ip may be made.
func (e *Egress) permits(ip netip.Addr) bool {
	ip = ip.WithZone("").Unmap()
	if nat64.Contains(ip) {
		b := ip.As16()
		ip = netip.AddrFrom4([4]byte(b[12:]))
	}
	for _, p := range e.prefixes {
		if p.Contains(ip) {
			return true
		}
	}
	for _, r := range reserved {
		if r.prefix.Contains(ip) {
			if !r.local || !e.private {
				return false
			}
			return true
		}
	}
	return ip.IsValid()
}

// refusedError is what a dial to an address that is not allowed ends with.
type refusedError struct {
	host string // as the URL names it
	at   netip.AddrPort
}

func (r *refusedError) Error() string {
	ip := r.at.Addr().WithZone("").Unmap()
	what := netip.AddrPortFrom(ip, r.at.Port()).String()
	if a, err := netip.ParseAddr(r.host); err != nil || a.Unmap() != ip {
		what = fmt.Sprintf("%s (%s)", r.host, what)
	}
	return fmt.Sprintf("%s is a private address; allow it in fortuna.toml: [egress] allow = [%q]", what, netip.PrefixFrom(ip, ip.BitLen()))
}

// dial connects to addr, a host and port; each address the host resolves to is judged before it is tried.
func (e *Egress) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: egressDialDeadline, Resolver: e.resolver}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if !e.names[strings.ToLower(host)] && !e.names[strings.ToLower(addr)] {
		d.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("%q is not an address", address)
			}
			if !e.permits(at.Addr()) {
				return &refusedError{host, at}
			}
			return nil
		}
	}
	return d.DialContext(ctx, network, addr)
}
