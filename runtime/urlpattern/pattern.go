// Package urlpattern matches URLs against patterns, as the URL Pattern standard of WHATWG defines them.
//
// It does not know how a URL is parsed, which its caller hands in as a Canon, nor JavaScript.
//
// A pattern is a pattern string for each of the eight components of a URL. Each becomes tokens (token.go), the tokens
// parts (part.go), and the parts a matcher (matcher.go) and, once more, a pattern string (print.go). A pattern may also
// come as one string that looks like a URL, which is cut into components first (constructor.go).
package urlpattern

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Component is one of the eight parts of a URL that a pattern describes, in the order of the standard.
type Component uint8

// The components, in the order that a URL has them.
const (
	Protocol Component = iota
	Username
	Password
	Hostname
	Port
	Pathname
	Search
	Hash
	Components // how many there are
)

// String is the name that JavaScript knows the component by.
func (c Component) String() string {
	return [...]string{"protocol", "username", "password", "hostname", "port", "pathname", "search", "hash"}[c]
}

// ErrLimit says that a pattern or what it was matched with asks for more work than it may.
var ErrLimit = errors.New("too much work")

// Init is a URLPatternInit: components, nil where there is none, and a URL that gives what they lack.
type Init struct {
	Parts   [Components]*string
	BaseURL *string
}

// URL is a parsed URL: its components as they are stored, so "https" and not "https:", "q" and not "?q".
type URL struct {
	Parts  [Components]string
	Opaque bool // the path is opaque: "mailto:x"
}

// Canon is the URL parser of the platform. Each function but URL and DefaultPort gets a value that is not empty and
// returns it as a parsed URL would have it, or an error that is a sentence about "it".
type Canon struct {
	// URL parses a URL, relative to base unless that is nil.
	URL func(input string, base *string) (*URL, error)
	// DefaultPort is the port of a special scheme, "" when it has none; special is false for other schemes.
	DefaultPort func(scheme string) (port string, special bool)

	Protocol, Username, Password, Hostname, Pathname, OpaquePathname, Search, Hash func(value string) (string, error)
	// Port also gets the scheme, because the default port is written as "".
	Port func(value, scheme string) (string, error)
}

// Options is a URLPatternOptions.
type Options struct {
	IgnoreCase bool // in pathname, search and hash
}

// Pattern is a pattern for URLs. It does not change, so it may be used from anywhere.
type Pattern struct {
	canon      *Canon
	components [Components]*component
}

// Parse makes a pattern of a constructor string, "https://*.example.com/:id", relative to base unless that is nil.
// The error is ErrLimit or a sentence about the pattern.
func Parse(canon *Canon, input string, base *string, o Options) (*Pattern, error) {
	init, err := parseConstructor(canon, input)
	if err != nil {
		return nil, err
	}
	if base == nil && init.Parts[Protocol] == nil {
		return nil, fmt.Errorf("%.200q is relative and no base URL was given", input)
	}
	init.BaseURL = base
	return New(canon, init, o)
}

// New makes a pattern of components; one that is missing matches anything. The error is ErrLimit or a sentence about
// the pattern.
func New(canon *Canon, init Init, o Options) (*Pattern, error) {
	process := processor{canon: canon, pattern: true}
	if err := process.run(init); err != nil {
		return nil, err
	}
	var parts [Components]string
	for c := range parts {
		parts[c] = "*"
		if v := process.parts[c]; v != nil {
			parts[c] = *v
		}
	}
	if port, special := canon.DefaultPort(parts[Protocol]); special && port == parts[Port] {
		parts[Port] = ""
	}
	p := &Pattern{canon: canon}
	for c, part := range parts {
		encode, options := p.encoding(Component(c), part)
		options.ignoreCase = o.IgnoreCase && Component(c) >= Pathname
		compiled, err := compile(part, options, encode)
		if err != nil {
			return nil, fmt.Errorf("the %s pattern %.200q: %w", Component(c), part, err)
		}
		p.components[c] = compiled
	}
	return p, nil
}

// encoding is how text in the pattern of a component is written, and how the pattern is parsed. The pathname's depends
// on the protocol, which must have been compiled.
func (p *Pattern) encoding(c Component, pattern string) (encoder, options) {
	switch c {
	case Protocol:
		return p.canon.Protocol, options{}
	case Username:
		return p.canon.Username, options{}
	case Password:
		return p.canon.Password, options{}
	case Hostname:
		if bracketed(pattern) {
			return ipv6Text, options{delimiter: "."}
		}
		return p.canon.Hostname, options{delimiter: "."}
	case Port:
		return func(s string) (string, error) { return p.canon.Port(s, "") }, options{}
	case Pathname:
		if p.components[Protocol].matchesSpecial() {
			return p.canon.Pathname, options{delimiter: "/", prefix: "/"}
		}
		return p.canon.OpaquePathname, options{}
	case Search:
		return p.canon.Search, options{}
	default:
		return p.canon.Hash, options{}
	}
}

// bracketed is "hostname pattern is an IPv6 address".
func bracketed(pattern string) bool {
	return len(pattern) > 1 && (pattern[0] == '[' || strings.HasPrefix(pattern, "{[") || strings.HasPrefix(pattern, `\[`))
}

// ipv6Text is "canonicalize an IPv6 hostname": the text may be any piece of an address.
func ipv6Text(s string) (string, error) {
	if strings.Trim(s, "0123456789abcdefABCDEF[]:") != "" {
		return "", fmt.Errorf("%q cannot be in an IPv6 address", s)
	}
	return strings.ToLower(s), nil
}

// specialSchemes are those of the URL standard (URL 4.2).
var specialSchemes = []string{"ftp", "file", "http", "https", "ws", "wss"}

// matchesSpecial is "protocol component matches a special scheme". A pattern too slow to say so does not.
func (c *component) matchesSpecial() bool {
	for _, scheme := range specialSchemes {
		if found, err := c.matcher.find(scheme); err != nil {
			return false
		} else if found != nil {
			return true
		}
	}
	return false
}

// Part is the pattern string of a component, in its normal form.
func (p *Pattern) Part(c Component) string { return p.components[c].pattern }

// HasRegexpGroups reports whether the pattern has a regular expression of its author in it.
func (p *Pattern) HasRegexpGroups() bool {
	for _, c := range p.components {
		if c.regexpGroups {
			return true
		}
	}
	return false
}

// Group is what a group of a pattern captured: Matched is false when the group had no part in the match.
type Group struct {
	Name, Value string
	Matched     bool
}

// Match is what one component of a URL was and what the groups in its pattern captured.
type Match struct {
	Input  string
	Groups []Group
}

// MatchString matches a URL, relative to base unless that is nil. It returns nil when it does not match or is no URL;
// the error is ErrLimit.
func (p *Pattern) MatchString(input string, base *string) (*[Components]Match, error) {
	u, err := p.canon.URL(input, base)
	if err != nil {
		return nil, nil
	}
	return p.match(&u.Parts)
}

// MatchInit matches a URL given in components. It returns nil when it does not match or is no URL; the error is
// ErrLimit.
func (p *Pattern) MatchInit(init Init) (*[Components]Match, error) {
	process := processor{canon: p.canon}
	if err := process.run(init); err != nil {
		return nil, nil
	}
	var parts [Components]string
	for c, v := range process.parts {
		if v != nil {
			parts[c] = *v
		}
	}
	return p.match(&parts)
}

func (p *Pattern) match(parts *[Components]string) (*[Components]Match, error) {
	var found [Components][]int
	began := time.Now()
	for i, c := range p.components {
		if _, slow := c.matcher.(backtracking); slow && time.Since(began) > matchTimeout {
			return nil, fmt.Errorf("the %s pattern %.200q: %w: those before it have used up the time", Component(i), c.pattern, ErrLimit)
		}
		var err error
		if found[i], err = c.matcher.find(parts[i]); err != nil {
			return nil, fmt.Errorf("the %s pattern %.200q: %w", Component(i), c.pattern, err)
		}
		if found[i] == nil {
			return nil, nil
		}
	}
	var result [Components]Match
	for i, c := range p.components {
		result[i] = Match{Input: parts[i], Groups: c.groups(parts[i], found[i])}
	}
	return &result, nil
}
