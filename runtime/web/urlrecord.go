package web

import (
	"strconv"
	"strings"
)

// urlRecord is a URL (URL 4.1). Its parts are kept as the URL shows them, percent-encoded.
type urlRecord struct {
	scheme                string // without the colon
	user, secret          string // username and password
	name                  string // the host
	path                  string // begins with "/", or is empty, unless opaque
	query, fragment       string // without "?" and "#"
	portNumber            int32  // noPort when it has none, or its scheme's own
	hasHost               bool   // an empty host is one
	opaque                bool   // the path is opaque: "mailto:x"
	hasQuery, hasFragment bool   // an empty one is shown as "?" or "#"
}

const noPort = -1

// specialPort returns the default port of a special scheme (URL 4.2), noPort for "file"; special is false for others.
func specialPort(scheme string) (port int32, special bool) {
	switch scheme {
	case "http", "ws":
		return 80, true
	case "https", "wss":
		return 443, true
	case "ftp":
		return 21, true
	case "file":
		return noPort, true
	}
	return noPort, false
}

func (u *urlRecord) special() bool {
	_, special := specialPort(u.scheme)
	return special
}

func (u *urlRecord) credentials() bool { return u.user != "" || u.secret != "" }

// addressable reports whether u can have a username, password or port (URL 4.3).
func (u *urlRecord) addressable() bool { return u.name != "" && u.scheme != "file" }

// href is the URL serializer (URL 4.5).
func (u *urlRecord) href() string {
	return string(u.appendHref(make([]byte, 0, len(u.scheme)+len(u.user)+len(u.secret)+len(u.name)+len(u.path)+len(u.query)+len(u.fragment)+16)))
}

// withoutFragment is the URL serializer with its "exclude fragment": what a request line or Referer shows.
func (u *urlRecord) withoutFragment() string {
	c := *u
	c.hasFragment = false
	return c.href()
}

func (u *urlRecord) appendHref(b []byte) []byte {
	b = append(b, u.scheme...)
	b = append(b, ':')
	switch {
	case u.hasHost:
		b = append(b, '/', '/')
		if u.credentials() {
			b = append(b, u.user...)
			if u.secret != "" {
				b = append(b, ':')
				b = append(b, u.secret...)
			}
			b = append(b, '@')
		}
		b = u.appendHost(b)
	case !u.opaque && strings.HasPrefix(u.path, "//"):
		b = append(b, '/', '.') // or the path would read as a host
	}
	b = append(b, u.path...)
	if u.hasQuery {
		b = append(b, '?')
		b = append(b, u.query...)
	}
	if u.hasFragment {
		b = append(b, '#')
		b = append(b, u.fragment...)
	}
	return b
}

func (u *urlRecord) appendHost(b []byte) []byte {
	b = append(b, u.name...)
	if u.portNumber != noPort {
		b = append(b, ':')
		b = strconv.AppendInt(b, int64(u.portNumber), 10)
	}
	return b
}

// origin is the serialized origin (URL 4.7): "null" when it is opaque.
func (u *urlRecord) origin() string {
	switch u.scheme {
	case "http", "https", "ws", "wss", "ftp":
		return u.scheme + "://" + u.host()
	case "blob":
		if inner, err := parseURL(u.path, nil); err == nil && (inner.scheme == "http" || inner.scheme == "https") {
			return inner.origin()
		}
	}
	return "null"
}

// host is the host with its port, as in the Host field.
func (u *urlRecord) host() string {
	if u.portNumber == noPort {
		return u.name
	}
	return string(u.appendHost(make([]byte, 0, len(u.name)+6)))
}

func (u *urlRecord) protocol() string { return u.scheme + ":" }
func (u *urlRecord) hostname() string { return u.name }
func (u *urlRecord) pathname() string { return u.path }

func (u *urlRecord) port() string {
	if u.portNumber == noPort {
		return ""
	}
	return strconv.Itoa(int(u.portNumber))
}

// search is the query with its "?", or empty.
func (u *urlRecord) search() string {
	if u.query == "" {
		return ""
	}
	return "?" + u.query
}

// hash is the fragment with its "#", or empty.
func (u *urlRecord) hash() string {
	if u.fragment == "" {
		return ""
	}
	return "#" + u.fragment
}
