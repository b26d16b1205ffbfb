package web

import (
	"strings"
	"testing"
)

// reference is the basic URL parser as the standard writes it: one code point at a time, a buffer, a state, and the
// path as a list. It is slow and plain, and judges parseURL.
type reference struct {
	scheme, user, secret, host string
	hasHost                    bool
	port                       int
	path                       []string
	opaque                     *string
	query, fragment            *string
}

var referencePorts = map[string]int{"http": 80, "ws": 80, "https": 443, "wss": 443, "ftp": 21, "file": -1}

func (u *reference) special() bool { _, ok := referencePorts[u.scheme]; return ok }

func (u *reference) shorten() {
	if u.scheme == "file" && len(u.path) == 1 && len(u.path[0]) == 2 && isAlpha(u.path[0][0]) && u.path[0][1] == ':' {
		return
	}
	if len(u.path) > 0 {
		u.path = u.path[:len(u.path)-1]
	}
}

func (u *reference) href() string {
	s := u.scheme + ":"
	if u.hasHost {
		s += "//"
		if u.user != "" || u.secret != "" {
			s += u.user
			if u.secret != "" {
				s += ":" + u.secret
			}
			s += "@"
		}
		s += u.host
		if u.port >= 0 {
			s += ":" + (&urlRecord{portNumber: int32(u.port)}).port()
		}
	} else if u.opaque == nil && len(u.path) > 1 && u.path[0] == "" {
		s += "/."
	}
	if u.opaque != nil {
		s += *u.opaque
	} else {
		for _, p := range u.path {
			s += "/" + p
		}
	}
	if u.query != nil {
		s += "?" + *u.query
	}
	if u.fragment != nil {
		s += "#" + *u.fragment
	}
	return s
}

// referenceOf reads back a record, to be a base.
func referenceOf(t *testing.T, href string) *reference {
	u := referenceParse(href, nil)
	if u == nil {
		t.Fatalf("the reference refuses %q, which parseURL wrote", href)
	}
	return u
}

func referenceParse(input string, base *reference) *reference {
	const eof = rune(-1)
	input = strings.TrimFunc(strings.ToValidUTF8(input, "\uFFFD"), func(c rune) bool { return c <= ' ' })
	input = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(input)
	in := []rune(input)
	at := func(i int) rune {
		if i < len(in) {
			return in[i]
		}
		return eof
	}
	drive := func(s string) bool { return len(s) == 2 && isAlpha(s[0]) && (s[1] == ':' || s[1] == '|') }
	startsDrive := func(i int) bool {
		rest := string(in[min(i, len(in)):])
		return len(rest) >= 2 && drive(rest[:2]) && (len(rest) == 2 || strings.ContainsRune(`/\?#`, rune(rest[2])))
	}
	u, state, buffer := &reference{port: -1}, "scheme start", ""
	atSign, brackets, password := false, false, false
	empty := func() *string { s := ""; return &s }
	for p := 0; ; p++ {
		c := at(p)
		ascii := c >= 0 && c < 0x80
		switch state {
		case "scheme start":
			if ascii && isAlpha(byte(c)) {
				buffer += strings.ToLower(string(c))
				state = "scheme"
			} else {
				state, p = "no scheme", p-1
			}
		case "scheme":
			switch {
			case ascii && (isAlpha(byte(c)) || isDigit(byte(c)) || c == '+' || c == '-' || c == '.'):
				buffer += strings.ToLower(string(c))
			case c == ':':
				u.scheme, buffer = buffer, ""
				switch {
				case u.scheme == "file":
					state = "file"
				case u.special() && base != nil && base.scheme == u.scheme:
					state = "special relative or authority"
				case u.special():
					state = "special authority slashes"
				case at(p+1) == '/':
					state, p = "path or authority", p+1
				default:
					u.opaque, state = empty(), "opaque path"
				}
			default:
				buffer, state, p = "", "no scheme", -1
			}
		case "no scheme":
			switch {
			case base == nil || base.opaque != nil && c != '#':
				return nil
			case base.opaque != nil:
				u.scheme, u.opaque, u.query, u.fragment, state = base.scheme, base.opaque, base.query, empty(), "fragment"
			case base.scheme != "file":
				state, p = "relative", p-1
			default:
				state, p = "file", p-1
			}
		case "special relative or authority":
			if c == '/' && at(p+1) == '/' {
				state, p = "special authority ignore slashes", p+1
			} else {
				state, p = "relative", p-1
			}
		case "path or authority":
			if c == '/' {
				state = "authority"
			} else {
				state, p = "path", p-1
			}
		case "relative":
			u.scheme = base.scheme
			switch {
			case c == '/' || u.special() && c == '\\':
				state = "relative slash"
			default:
				u.user, u.secret, u.host, u.hasHost, u.port = base.user, base.secret, base.host, base.hasHost, base.port
				u.path, u.query = append([]string{}, base.path...), base.query
				if c == '?' {
					u.query, state = empty(), "query"
				} else if c == '#' {
					u.fragment, state = empty(), "fragment"
				} else if c != eof {
					u.query = nil
					u.shorten()
					state, p = "path", p-1
				}
			}
		case "relative slash":
			switch {
			case u.special() && (c == '/' || c == '\\'):
				state = "special authority ignore slashes"
			case c == '/':
				state = "authority"
			default:
				u.user, u.secret, u.host, u.hasHost, u.port = base.user, base.secret, base.host, base.hasHost, base.port
				state, p = "path", p-1
			}
		case "special authority slashes":
			if c == '/' && at(p+1) == '/' {
				state, p = "special authority ignore slashes", p+1
			} else {
				state, p = "special authority ignore slashes", p-1
			}
		case "special authority ignore slashes":
			if c != '/' && c != '\\' {
				state, p = "authority", p-1
			}
		case "authority":
			switch {
			case c == '@':
				if atSign {
					buffer = "%40" + buffer
				}
				atSign = true
				for _, b := range buffer {
					if b == ':' && !password {
						password = true
						continue
					}
					if password {
						u.secret += percentEncode(string(b), userinfoSet)
					} else {
						u.user += percentEncode(string(b), userinfoSet)
					}
				}
				buffer = ""
			case c == eof || c == '/' || c == '?' || c == '#' || u.special() && c == '\\':
				if atSign && buffer == "" {
					return nil
				}
				p -= len([]rune(buffer)) + 1
				buffer, state = "", "host"
			default:
				buffer += string(c)
			}
		case "host":
			switch {
			case c == ':' && !brackets:
				if buffer == "" {
					return nil
				}
				host, err := parseHost(buffer, u.special())
				if err != nil {
					return nil
				}
				u.host, u.hasHost, buffer, state = host, true, "", "port"
			case c == eof || c == '/' || c == '?' || c == '#' || u.special() && c == '\\':
				p--
				if u.special() && buffer == "" {
					return nil
				}
				host, err := parseHost(buffer, u.special())
				if err != nil {
					return nil
				}
				u.host, u.hasHost, buffer, state = host, true, "", "path start"
			default:
				brackets = c == '[' || brackets && c != ']'
				buffer += string(c)
			}
		case "port":
			switch {
			case ascii && isDigit(byte(c)):
				buffer += string(c)
			case c == eof || c == '/' || c == '?' || c == '#' || u.special() && c == '\\':
				if buffer != "" {
					n := 0
					for _, d := range buffer {
						n = min(n*10+int(d-'0'), 1<<20)
					}
					if n > 65535 {
						return nil
					}
					if u.port = n; u.special() && referencePorts[u.scheme] == n {
						u.port = -1
					}
				}
				buffer, state, p = "", "path start", p-1
			default:
				return nil
			}
		case "file":
			u.scheme, u.host, u.hasHost = "file", "", true
			switch {
			case c == '/' || c == '\\':
				state = "file slash"
			case base != nil && base.scheme == "file":
				u.host, u.path, u.query = base.host, append([]string{}, base.path...), base.query
				if c == '?' {
					u.query, state = empty(), "query"
				} else if c == '#' {
					u.fragment, state = empty(), "fragment"
				} else if c != eof {
					u.query = nil
					if startsDrive(p) {
						u.path = nil
					} else {
						u.shorten()
					}
					state, p = "path", p-1
				}
			default:
				state, p = "path", p-1
			}
		case "file slash":
			if c == '/' || c == '\\' {
				state = "file host"
				break
			}
			if base != nil && base.scheme == "file" {
				u.host = base.host
				if !startsDrive(p) && len(base.path) > 0 && drive(base.path[0]) && base.path[0][1] == ':' {
					u.path = append(u.path, base.path[0])
				}
			}
			state, p = "path", p-1
		case "file host":
			if c != eof && c != '/' && c != '\\' && c != '?' && c != '#' {
				buffer += string(c)
				break
			}
			p--
			if drive(buffer) {
				state = "path"
				break
			}
			if buffer != "" {
				host, err := parseHost(buffer, true)
				if err != nil {
					return nil
				}
				if u.host = host; host == "localhost" {
					u.host = ""
				}
			}
			buffer, state = "", "path start"
		case "path start":
			switch {
			case u.special():
				if state = "path"; c != '/' && c != '\\' {
					p--
				}
			case c == '?':
				u.query, state = empty(), "query"
			case c == '#':
				u.fragment, state = empty(), "fragment"
			case c != eof:
				if state = "path"; c != '/' {
					p--
				}
			}
		case "path":
			slash := c == '/' || u.special() && c == '\\'
			if c != eof && !slash && c != '?' && c != '#' {
				buffer += percentEncode(string(c), pathSet)
				break
			}
			plain := strings.ReplaceAll(strings.ToLower(buffer), "%2e", ".")
			switch {
			case plain == "..":
				u.shorten()
				if !slash {
					u.path = append(u.path, "")
				}
			case plain == "." && !slash:
				u.path = append(u.path, "")
			case plain != ".":
				if u.scheme == "file" && len(u.path) == 0 && drive(buffer) {
					buffer = buffer[:1] + ":"
				}
				u.path = append(u.path, buffer)
			}
			buffer = ""
			if c == '?' {
				u.query, state = empty(), "query"
			} else if c == '#' {
				u.fragment, state = empty(), "fragment"
			}
		case "opaque path":
			if c == '?' {
				u.query, state = empty(), "query"
			} else if c == '#' {
				u.fragment, state = empty(), "fragment"
			} else if c != eof {
				*u.opaque += percentEncode(string(c), c0Set)
			}
		case "query":
			if c == '#' {
				u.fragment, state = empty(), "fragment"
			} else if c != eof {
				set := querySet
				if u.special() {
					set = specialQuerySet
				}
				*u.query += percentEncode(string(c), set)
			}
		case "fragment":
			if c != eof {
				*u.fragment += percentEncode(string(c), fragmentSet)
			}
		}
		if p >= len(in) {
			return u
		}
	}
}
