package artifact

import (
	"fmt"
	"regexp"
	"strings"
)

// Route says which requests an app is for: "example.com/*", "*.example.com/api/*", "/docs/*".
type Route struct {
	Host string // lower case; "" is any, "*.example.com" all below
	Path string // "/" is any; else the path itself and what is below it
}

var (
	hostName = regexp.MustCompile(`^(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$|^\[[0-9a-f:.]+\]$`)
	pathName = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)*/?$`)
)

// ParseRoute reads a route.
func ParseRoute(text string) (Route, error) {
	host, path, found := strings.Cut(text, "/")
	path = "/" + path
	exact := !strings.HasSuffix(path, "*")
	path = strings.TrimSuffix(path, "*")
	r := Route{Host: strings.ToLower(host), Path: path}
	if r.Host == "*" {
		r.Host = ""
	}
	if !found && host != "" {
		exact, r.Path = false, "/"
	}
	if text == "" || r.Host != "" && !hostName.MatchString(r.Host) || !pathName.MatchString(r.Path) || exact || !strings.HasSuffix(r.Path, "/") {
		return r, fmt.Errorf(`a route is like "example.com/*", "*.example.com/api/*" or "/docs/*", got %q`, text)
	}
	return r, nil
}

// String is the route as it is written.
func (r Route) String() string { return r.Host + r.Path + "*" }

// Matches reports whether a request is for it; host is in lower case and without port.
func (r Route) Matches(host, path string) bool {
	switch {
	case r.Host == "" || r.Host == host:
	case strings.HasPrefix(r.Host, "*."):
		if !strings.HasSuffix(host, r.Host[1:]) {
			return false
		}
	default:
		return false
	}
	return strings.HasPrefix(path, r.Path) || path+"/" == r.Path
}

// Before orders routes so that the first that matches is the one that says most: an exact host before those below a domain
// before any, and then the longer path.
func (r Route) Before(s Route) int {
	if a, b := r.weight(), s.weight(); a != b {
		return b - a
	}
	if len(r.Host) != len(s.Host) {
		return len(s.Host) - len(r.Host)
	}
	return len(s.Path) - len(r.Path)
}

func (r Route) weight() int {
	switch {
	case r.Host == "":
		return 0
	case r.Host[0] == '*':
		return 1
	}
	return 2
}

// Overlap reports whether there are requests that both routes, as Paths gives them, match.
func Overlap(a, b string) bool {
	x, err := ParseRoute(a)
	if err != nil {
		return false
	}
	y, err := ParseRoute(b)
	if err != nil {
		return false
	}
	return x.hostsMeet(y) && (strings.HasPrefix(x.Path, y.Path) || strings.HasPrefix(y.Path, x.Path))
}

func (r Route) hostsMeet(s Route) bool {
	below := func(r, s Route) bool { // hosts of r are below those of s
		return strings.HasPrefix(s.Host, "*.") && strings.HasSuffix(r.Host, s.Host[1:])
	}
	return r.Host == "" || s.Host == "" || r.Host == s.Host || below(r, s) || below(s, r)
}
