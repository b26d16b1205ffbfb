package web

import "strings"

// The setters of the URL API (URL 6.1): each is the basic URL parser with a state override. What cannot be set is
// left as it is, without an error.

func (u *urlRecord) setProtocol(s string) {
	scheme, _, ok := cutScheme(withoutTabs(s) + ":")
	port, special := specialPort(scheme)
	switch {
	case !ok, special != u.special():
		return
	case scheme == "file" && (u.credentials() || u.portNumber != noPort):
		return
	case u.scheme == "file" && u.name == "":
		return
	}
	u.scheme = scheme
	if u.portNumber == port {
		u.portNumber = noPort
	}
}

func (u *urlRecord) setUsername(s string) {
	if u.addressable() {
		u.user = percentEncode(s, userinfoSet)
	}
}

func (u *urlRecord) setPassword(s string) {
	if u.addressable() {
		u.secret = percentEncode(s, userinfoSet)
	}
}

func (u *urlRecord) setHost(s string) {
	host, port, colon, ok := u.cutHost(s)
	if !ok || !u.setName(host, port, colon) {
		return
	}
	if colon && u.scheme != "file" {
		u.parsePort(port)
	}
}

func (u *urlRecord) setHostname(s string) {
	if host, port, colon, ok := u.cutHost(s); ok && (!colon || u.scheme == "file") {
		u.setName(host, port, colon)
	}
}

// cutHost finds the host in what a setter was given, which ends where an authority does; ok is false when u cannot
// have one.
func (u *urlRecord) cutHost(s string) (host, port string, colon, ok bool) {
	if u.opaque {
		return "", "", false, false
	}
	s = withoutTabs(s)
	ends := "/?#"
	if u.special() {
		ends = `/\?#`
	}
	if end := strings.IndexAny(s, ends); end >= 0 {
		s = s[:end]
	}
	if u.scheme == "file" {
		return s, "", false, true
	}
	host, port, colon = cutPort(s)
	return host, port, colon, true
}

func (u *urlRecord) setName(host, port string, colon bool) (ok bool) {
	if u.scheme == "file" {
		return u.parseFileHost(host) == nil
	}
	if host == "" && (u.special() || colon || u.credentials() || u.portNumber != noPort) {
		return false
	}
	name, err := parseHost(host, u.special())
	if err == nil {
		u.name, u.hasHost = name, true
	}
	return err == nil
}

func (u *urlRecord) setPort(s string) {
	if !u.addressable() {
		return
	}
	if s == "" {
		u.portNumber = noPort
		return
	}
	u.parsePort(withoutTabs(s))
}

func (u *urlRecord) setPathname(s string) {
	if u.opaque {
		return
	}
	u.path = ""
	if s = withoutTabs(s); s != "" || u.special() {
		u.addPath(s)
	} else if !u.hasHost {
		u.path = "/"
	}
}

func (u *urlRecord) setSearch(s string) {
	if s == "" {
		u.query, u.hasQuery = "", false
		u.trimOpaque()
		return
	}
	u.hasQuery, u.query = true, percentEncode(withoutTabs(strings.TrimPrefix(s, "?")), u.queryEncodeSet())
}

func (u *urlRecord) setHash(s string) {
	if s == "" {
		u.fragment, u.hasFragment = "", false
		u.trimOpaque()
		return
	}
	u.hasFragment, u.fragment = true, percentEncode(withoutTabs(strings.TrimPrefix(s, "#")), fragmentSet)
}

// trimOpaque is "strip trailing spaces from an opaque path": once nothing follows them they would not be read back.
func (u *urlRecord) trimOpaque() {
	if u.opaque && !u.hasQuery && !u.hasFragment {
		u.path = strings.TrimRight(u.path, " ")
	}
}
