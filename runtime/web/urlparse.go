package web

import (
	"errors"
	"strings"
	"unicode/utf8"
)

var (
	errRelative = errors.New("it is relative and no base was given")
	errOpaque   = errors.New("it is relative and its base has an opaque path")
	errPort     = errors.New("its port is not a number from 0 to 65535")
)

// parseURL is the basic URL parser (URL 4.4) without state override: an absolute URL, or one relative to base, which
// may be nil and is not changed. The error says what is wrong as a sentence about "it".
//
// The states of the standard are methods that consume a whole part each, because where a part ends depends on
// ASCII delimiters only and percent-encoding works byte by byte.
func parseURL(input string, base *urlRecord) (*urlRecord, error) {
	u := &urlRecord{}
	if err := u.parseInput(input, base); err != nil {
		return nil, err
	}
	return u, nil
}

// parseInput is parseURL into u, which is empty; u is of no use after an error.
func (u *urlRecord) parseInput(input string, base *urlRecord) error {
	s := strings.TrimFunc(wellFormed(input), func(c rune) bool { return c <= ' ' })
	u.portNumber = noPort
	return u.parse(withoutTabs(s), base)
}

// wellFormed replaces every byte that is not UTF-8 by U+FFFD.
func wellFormed(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}

// withoutTabs removes ASCII tab and newline, which the parser ignores wherever they are.
func withoutTabs(s string) string {
	if strings.IndexByte(s, '\t') < 0 && strings.IndexByte(s, '\n') < 0 && strings.IndexByte(s, '\r') < 0 {
		return s
	}
	return strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(s)
}

// parse is the scheme start, scheme, no scheme and path or authority states.
func (u *urlRecord) parse(s string, base *urlRecord) error {
	scheme, rest, ok := cutScheme(s)
	if !ok {
		return u.parseNoScheme(s, base)
	}
	u.scheme = scheme
	switch {
	case scheme == "file":
		return u.parseFile(rest, base)
	case u.special():
		if base != nil && base.scheme == scheme && !strings.HasPrefix(rest, "//") {
			return u.parseRelative(rest, base)
		}
		return u.parseAuthority(strings.TrimLeft(rest, `/\`))
	case strings.HasPrefix(rest, "//"):
		return u.parseAuthority(rest[2:])
	case strings.HasPrefix(rest, "/"):
		u.parsePath(rest)
	default:
		u.parseOpaque(rest)
	}
	return nil
}

// cutScheme splits s after a scheme and its colon, and lower-cases the scheme.
func cutScheme(s string) (scheme, rest string, ok bool) {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case isAlpha(c):
		case i > 0 && (isDigit(c) || c == '+' || c == '-' || c == '.'):
		case i > 0 && c == ':':
			return asciiLower(s[:i]), s[i+1:], true
		default:
			return "", s, false
		}
	}
	return "", s, false
}

// parseNoScheme is the no scheme state.
func (u *urlRecord) parseNoScheme(s string, base *urlRecord) error {
	switch {
	case base == nil:
		return errRelative
	case base.opaque && !strings.HasPrefix(s, "#"):
		return errOpaque
	case base.opaque:
		*u = *base
		u.parseTail(s)
		return nil
	case base.scheme == "file":
		u.scheme = base.scheme
		return u.parseFile(s, base)
	}
	u.scheme = base.scheme
	return u.parseRelative(s, base)
}

// separator reports whether s begins with a "/", or with a "\" where that is the same.
func (u *urlRecord) separator(s string) bool {
	return s != "" && (s[0] == '/' || s[0] == '\\' && u.special())
}

// parseRelative is the relative and relative slash states.
func (u *urlRecord) parseRelative(s string, base *urlRecord) error {
	if u.separator(s) {
		if u.separator(s[1:]) {
			if u.special() {
				s = strings.TrimLeft(s, `/\`)
			} else {
				s = s[2:]
			}
			return u.parseAuthority(s)
		}
		u.user, u.secret, u.name, u.hasHost, u.portNumber = base.user, base.secret, base.name, base.hasHost, base.portNumber
		u.parsePath(s)
		return nil
	}
	*u = *base
	u.parseReference(s)
	return nil
}

// parseReference is the end of the relative and file states: u is a copy of the base, with the base's path and query.
func (u *urlRecord) parseReference(s string) {
	u.fragment, u.hasFragment = "", false
	if s != "" && s[0] != '?' && s[0] != '#' {
		u.query, u.hasQuery = "", false
		if u.scheme == "file" && startsWithDriveLetter(s) {
			u.path = ""
		} else {
			u.shorten()
		}
		u.parsePath(s)
		return
	}
	u.parseTail(s)
}

// parseAuthority is the authority, host and port states, on what follows the slashes.
func (u *urlRecord) parseAuthority(s string) error {
	special := u.special()
	end, at := len(s), -1
scan:
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '/', '?', '#':
			end = i
			break scan
		case '\\':
			if special {
				end = i
				break scan
			}
		case '@':
			at = i
		}
	}
	hostport, rest := s[:end], s[end:]
	if at >= 0 {
		user, secret, _ := strings.Cut(s[:at], ":")
		u.user, u.secret = percentEncode(user, userinfoSet), percentEncode(secret, userinfoSet)
		hostport = s[at+1 : end]
		if hostport == "" {
			return errHostMissing
		}
	}
	host, port, colon := cutPort(hostport)
	if host == "" && (special || colon) {
		return errHostMissing
	}
	name, err := parseHost(host, special)
	if err != nil {
		return err
	}
	u.name, u.hasHost = name, true
	if digits, ok := u.parsePort(port); !ok || digits != len(port) {
		return errPort
	}
	u.parsePathStart(rest)
	return nil
}

// cutPort splits at the first colon outside of brackets.
func cutPort(s string) (host, port string, colon bool) {
	bracket := false
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '[':
			bracket = true
		case ']':
			bracket = false
		case ':':
			if !bracket {
				return s[:i], s[i+1:], true
			}
		}
	}
	return s, "", false
}

// parsePort is the port state: it sets the port that the digits at the start of s say, if there are any, and returns
// how many they are.
func (u *urlRecord) parsePort(s string) (digits int, ok bool) {
	n := int32(0)
	for digits < len(s) && isDigit(s[digits]) {
		if n = n*10 + int32(s[digits]-'0'); n > 65535 {
			return 0, false
		}
		digits++
	}
	if digits > 0 {
		if own, _ := specialPort(u.scheme); n == own {
			n = noPort
		}
		u.portNumber = n
	}
	return digits, true
}

// parseFile is the file, file slash and file host states.
func (u *urlRecord) parseFile(s string, base *urlRecord) error {
	u.hasHost = true
	if base != nil && base.scheme != "file" {
		base = nil
	}
	switch {
	case !u.separator(s):
		if base == nil {
			u.parsePath(s)
			return nil
		}
		*u = *base
		u.parseReference(s)
	case !u.separator(s[1:]):
		if base != nil {
			u.name = base.name
			if drive := base.path[:min(3, len(base.path))]; !startsWithDriveLetter(s[1:]) && isDrivePath(drive) && (len(base.path) == 3 || base.path[3] == '/') {
				u.path = drive
			}
		}
		u.parsePath(s)
	default:
		s = s[2:]
		end := strings.IndexAny(s, `/\?#`)
		if end < 0 {
			end = len(s)
		}
		host := s[:end]
		if len(host) == 2 && startsWithDriveLetter(host) {
			u.parsePath(s)
			return nil
		}
		if err := u.parseFileHost(host); err != nil {
			return err
		}
		u.parsePathStart(s[end:])
	}
	return nil
}

func (u *urlRecord) parseFileHost(s string) error {
	if s == "" {
		u.name = ""
		return nil
	}
	name, err := parseHost(s, true)
	if err != nil {
		return err
	}
	if name == "localhost" {
		name = ""
	}
	u.name = name
	return nil
}

// parseOpaque is the opaque path state.
func (u *urlRecord) parseOpaque(s string) {
	end := strings.IndexAny(s, "?#")
	if end < 0 {
		end = len(s)
	}
	u.opaque, u.path = true, percentEncode(s[:end], c0Set)
	u.parseTail(s[end:])
}

// parseTail is the query and fragment states: s is empty or begins with "?" or "#".
func (u *urlRecord) parseTail(s string) {
	if s == "" {
		return
	}
	if s[0] == '?' {
		query, fragment, more := strings.Cut(s[1:], "#")
		u.hasQuery, u.query = true, percentEncode(query, u.queryEncodeSet())
		if !more {
			return
		}
		s = s[len(s)-len(fragment)-1:]
	}
	u.hasFragment, u.fragment = true, percentEncode(s[1:], fragmentSet)
}

func (u *urlRecord) queryEncodeSet() percentSet {
	if u.special() {
		return specialQuerySet
	}
	return querySet
}
