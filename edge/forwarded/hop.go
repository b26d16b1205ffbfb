package forwarded

import (
	"net/netip"
	"strings"
)

// hop is one step of a request's way, as a proxy tells it.
type hop struct {
	client netip.AddrPort // who asked the proxy; invalid if it does not say, or hides it
	scheme string         // "" if it does not say
}

// appendHops appends those that a field names, the nearest last. ok is false, and there are none, when it breaks its
// grammar: a hop that cannot be read might have been any.
func appendHops(hops []hop, field, value string) (all []hop, ok bool) {
	if field == "Forwarded" {
		return appendForwarded(hops, value)
	}
	for part := range strings.SplitSeq(value, ",") {
		hops = append(hops, hop{client: parseNode(strings.TrimSpace(part))})
	}
	return hops, true
}

// appendForwarded reads a Forwarded field (RFC 7239, section 4): elements with commas between them, each of pairs with
// semicolons between them.
func appendForwarded(hops []hop, value string) (all []hop, ok bool) {
	rest := value
	for {
		var h hop
		seen := ""
		for {
			name, value, after, ok := cutPair(strings.TrimLeft(rest, " \t"))
			if !ok || strings.Contains(seen, "\x00"+name+"\x00") {
				return nil, false
			}
			seen += "\x00" + name + "\x00"
			switch name {
			case "for":
				h.client = parseNode(value)
			case "proto":
				h.scheme = value
			}
			rest = strings.TrimLeft(after, " \t")
			if rest == "" || rest[0] != ';' {
				break
			}
			rest = rest[1:]
		}
		hops = append(hops, h)
		if rest == "" {
			return hops, true
		}
		if rest[0] != ',' {
			return nil, false
		}
		rest = rest[1:]
	}
}

// cutPair cuts one name=value off, the name in lower case, the value a token or a quoted string.
func cutPair(text string) (name, value, rest string, ok bool) {
	name, text, ok = strings.Cut(text, "=")
	if !ok || name == "" || tokenLength(name) != len(name) {
		return "", "", "", false
	}
	name = strings.ToLower(name)
	if !strings.HasPrefix(text, `"`) {
		n := tokenLength(text)
		return name, text[:n], text[n:], n > 0
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			return name, b.String(), text[i+1:], true
		case '\\':
			if i++; i == len(text) {
				return "", "", "", false
			}
		}
		b.WriteByte(text[i])
	}
	return "", "", "", false
}

// tokenLength is how much of text is a token (RFC 9110, section 5.6.2).
func tokenLength(text string) int {
	for i := range len(text) {
		c := text[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return i
		}
	}
	return len(text)
}

// parseNode reads an address, with or without a port: "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]:80". What
// is none, like "unknown", is invalid.
func parseNode(text string) netip.AddrPort {
	if ap, err := netip.ParseAddrPort(text); err == nil && ap.Addr().Zone() == "" {
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	if inner, ok := strings.CutPrefix(text, "["); ok {
		if inner, ok = strings.CutSuffix(inner, "]"); !ok || !strings.Contains(inner, ":") {
			return netip.AddrPort{}
		}
		text = inner
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a.Unmap(), 0)
}
