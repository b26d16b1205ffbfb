package http1

import (
	"bytes"
	"unicode/utf8"
)

// target is where the parts of a request target lie, as offsets into the head.
type target struct {
	host, hostEnd int // the authority of an absolute-form target without its user information; empty otherwise
	path          int // where the path begins
	query         int // after the "?", 0 without one
}

// parseTarget judges method and target together: which of the four forms of RFC 9112 section 3.2 it is, and whether
// its bytes may stand there. "%2f" stays as it is: only the application knows what it means by it.
func (p *Parser) parseTarget(buf []byte) (ready bool) {
	l := &p.line
	t := &l.target
	t.path = l.methodEnd + 1
	method, raw := buf[:l.methodEnd], buf[t.path:l.targetEnd]
	switch string(method) {
	case "CONNECT":
		return p.refuse(405, "CONNECT is for proxies, this is none")
	case "TRACE":
		return p.refuse(501, "TRACE is not implemented")
	}
	if string(raw) == "*" {
		if string(method) != "OPTIONS" {
			return p.refuse(400, "the target * is for OPTIONS only")
		}
		return true
	}
	if raw[0] != '/' {
		size := schemeBytes(raw)
		if size == 0 {
			return p.refuse(400, "the request target must be a path that begins with / or a URL of http or https")
		}
		rest := raw[size:]
		end := bytes.IndexAny(rest, "/?")
		if end < 0 {
			end = len(rest)
		}
		at := bytes.IndexByte(rest[:end], '@') // user information: of no use to a server (RFC 9110 section 4.2.4)
		if at >= 0 && !validUserinfo(rest[:at]) || !validHost(rest[at+1:end]) {
			return p.refuse(400, "the host in the request target is not a host name or address with an optional port")
		}
		t.host = t.path + size + at + 1
		t.path += size + end
		t.hostEnd = t.path
	}
	return p.checkPathAndQuery(buf[t.path:l.targetEnd])
}

// checkPathAndQuery refuses what two parsers might read differently: a broken or NUL escape, a backslash or a fragment
// in the path, and bytes that are not UTF-8. A query is the application's to decode.
func (p *Parser) checkPathAndQuery(b []byte) (ready bool) {
	i := 0
	for i < len(b) && b[i] != '?' {
		switch c := b[i]; {
		case is(c, classPath) || c >= utf8.RuneSelf:
		case c == '%':
			if !isEscape(b[i:]) {
				return p.refuse(400, "a %% in the path must be followed by two hexadecimal digits")
			}
			if b[i+1] == '0' && b[i+2] == '0' {
				return p.refuse(400, "the path must not contain %%00")
			}
			i += 2
		default:
			return p.refuse(400, "the path must not contain the byte %q", b[i:i+1])
		}
		i++
	}
	if i < len(b) {
		p.line.target.query = p.line.target.path + i + 1
	}
	if !utf8.Valid(b) {
		return p.refuse(400, "the request target must be ASCII or UTF-8")
	}
	return true
}

// isEscape reports whether b begins with "%" and two hexadecimal digits.
func isEscape(b []byte) bool {
	return len(b) > 2 && b[0] == '%' && is(b[1], classHex) && is(b[2], classHex)
}

// schemeBytes returns the length of "http://" or "https://" in front of b, in any case, or 0.
func schemeBytes(b []byte) int {
	for _, scheme := range [...]string{"http://", "https://"} {
		if len(b) > len(scheme) && foldEqual(b[:len(scheme)], scheme) {
			return len(scheme)
		}
	}
	return 0
}
