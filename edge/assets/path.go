package assets

import (
	"net/url"
	"strings"
)

// decode undoes percent-encoding once. ok is false for what could mean another path to somebody else: a bad escape, an
// encoded separator, a backslash, a NUL, and what is no path.
func decode(path string) (decoded string, ok bool) {
	if !strings.HasPrefix(path, "/") {
		return "", false
	}
	if strings.IndexByte(path, '%') >= 0 {
		lower := strings.ToLower(path)
		if strings.Contains(lower, "%2f") {
			return "", false
		}
		var err error
		if path, err = url.PathUnescape(path); err != nil {
			return "", false
		}
	}
	return path, !strings.ContainsAny(path, "\\\x00")
}

// escape is a path as a Location has it.
func escape(path string) string {
	// A path that begins with two slashes would be a host.
	return "/" + strings.TrimLeft((&url.URL{Path: path}).EscapedPath(), "/")
}
