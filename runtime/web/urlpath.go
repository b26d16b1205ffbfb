package web

import "strings"

// parsePathStart is the path start state: s is what follows the host.
func (u *urlRecord) parsePathStart(s string) {
	if s == "" && !u.special() {
		return
	}
	if s != "" && (s[0] == '?' || s[0] == '#') && !u.special() {
		u.parseTail(s)
		return
	}
	u.parsePath(s)
}

// parsePath is the path state with its query and fragment: it adds the segments of s to the path. A separator at the
// start of s ends no segment.
func (u *urlRecord) parsePath(s string) {
	end := strings.IndexAny(s, "?#")
	if end < 0 {
		end = len(s)
	}
	u.addPath(s[:end])
	u.parseTail(s[end:])
}

// addPath adds the segments of s to the path, where "?" and "#" are characters like any other.
func (u *urlRecord) addPath(s string) {
	if u.path == "" && u.plainPath(s) {
		u.path = s
		return
	}
	special := u.special()
	if u.separator(s) {
		s = s[1:]
	}
	path := append(make([]byte, 0, len(u.path)+len(s)+16), u.path...)
	for last := false; !last; {
		end := strings.IndexByte(s, '/')
		if special {
			end = strings.IndexAny(s, `/\`)
		}
		if last = end < 0; last {
			end = len(s)
		}
		path = u.addSegment(path, s[:end], last)
		s = s[min(end+1, len(s)):]
	}
	u.path = string(path)
}

// plainPath reports whether s is a path as it stands: nothing to encode, no segment that could be a dot segment or
// a drive letter.
func (u *urlRecord) plainPath(s string) bool {
	if s == "" || s[0] != '/' || u.scheme == "file" {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if percentSets[c]&pathSet != 0 || c == '\\' {
			return false
		}
		if c == '/' && i+1 < len(s) && (s[i+1] == '.' || s[i+1] == '%') {
			return false
		}
	}
	return true
}

// addSegment adds one segment to path; last says that no separator follows it.
func (u *urlRecord) addSegment(path []byte, s string, last bool) []byte {
	switch dots(s) {
	case 2:
		path = path[:u.parent(string(path))]
		if last {
			path = append(path, '/')
		}
	case 1:
		if last {
			path = append(path, '/')
		}
	default:
		if u.scheme == "file" && len(path) == 0 && len(s) == 2 && startsWithDriveLetter(s) {
			return append(path, '/', s[0], ':')
		}
		path = appendPercent(append(path, '/'), s, pathSet)
	}
	return path
}

// dots returns 1 for a single-dot and 2 for a double-dot segment (URL 4.1), 0 for any other.
func dots(s string) int {
	n := 0
	for s != "" {
		switch {
		case s[0] == '.':
			s = s[1:]
		case len(s) >= 3 && s[0] == '%' && s[1] == '2' && s[2]|0x20 == 'e':
			s = s[3:]
		default:
			return 0
		}
		if n++; n > 2 {
			return 0
		}
	}
	return n
}

// shorten removes the last segment of the path (URL 4.1), but not a drive letter that is all of it.
func (u *urlRecord) shorten() { u.path = u.path[:u.parent(u.path)] }

// parent is the length of path without its last segment, as shorten leaves it.
func (u *urlRecord) parent(path string) int {
	if u.scheme == "file" && isDrivePath(path) {
		return len(path)
	}
	return max(0, strings.LastIndexByte(path, '/'))
}

// startsWithDriveLetter is "starts with a Windows drive letter" (URL 4.1).
func startsWithDriveLetter(s string) bool {
	return len(s) >= 2 && isAlpha(s[0]) && (s[1] == ':' || s[1] == '|') && (len(s) == 2 || strings.IndexByte(`/\?#`, s[2]) >= 0)
}

// isDrivePath reports whether path is one normalized drive letter: "/C:".
func isDrivePath(path string) bool {
	return len(path) == 3 && path[0] == '/' && isAlpha(path[1]) && path[2] == ':'
}
