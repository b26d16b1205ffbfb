package http1

import (
	"bytes"
	"net/netip"
)

// validHost reports whether b is uri-host [ ":" port ] (RFC 9110 section 7.2), not empty and without percent escapes,
// which no name in the DNS has: the value of a Host field.
func validHost(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	if b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		return end > 0 && validIPv6(b[1:end]) && validPort(b[end+1:])
	}
	name := b
	if colon := bytes.IndexByte(b, ':'); colon >= 0 {
		name = b[:colon]
		if !validPort(b[colon:]) {
			return false
		}
	}
	return len(name) > 0 && every(name, classHost)
}

// validIPv6 refuses the zone that netip allows: it has no meaning beyond one machine.
func validIPv6(b []byte) bool {
	if bytes.IndexByte(b, '%') >= 0 {
		return false
	}
	a, err := netip.ParseAddr(string(b))
	return err == nil && a.Is6()
}

// validPort reports whether b is nothing, or a colon and a port, which RFC 3986 allows to be empty.
func validPort(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	if b[0] != ':' {
		return false
	}
	port := 0
	for _, c := range b[1:] {
		if !is(c, classDigit) {
			return false
		}
		if port = port*10 + int(c-'0'); port > 65535 {
			return false
		}
	}
	return true
}

// validUserinfo reports whether b may stand before the "@" of an authority (RFC 3986 section 3.2.1).
func validUserinfo(b []byte) bool {
	for i := 0; i < len(b); i++ {
		switch {
		case is(b[i], classHost) || b[i] == ':':
		case isEscape(b[i:]):
			i += 2
		default:
			return false
		}
	}
	return true
}
