package urlpattern

import (
	"fmt"
	"strings"
)

// processor is "process a URLPatternInit": it makes the components of a pattern, or of a URL to match, of what the
// caller gave and of the base URL.
type processor struct {
	canon   *Canon
	pattern bool // the components are patterns, which are canonicalized in pieces when they are compiled
	parts   [Components]*string
}

func (p *processor) run(init Init) error {
	var base *URL
	if init.BaseURL != nil {
		var err error
		if base, err = p.canon.URL(*init.BaseURL, nil); err != nil {
			return fmt.Errorf("the base URL %.200q: %w", *init.BaseURL, err)
		}
		p.inherit(&init, base)
	}
	for c := range Components {
		v := init.Parts[c]
		if v == nil {
			continue
		}
		value := *v
		switch c {
		case Protocol:
			value = strings.TrimSuffix(value, ":")
		case Search:
			value = strings.TrimPrefix(value, "?")
		case Hash:
			value = strings.TrimPrefix(value, "#")
		case Pathname:
			if base != nil && !base.Opaque && !p.absolute(value) {
				path := p.escaped(base.Parts[Pathname])
				value = path[:strings.LastIndexByte(path, '/')+1] + value
			}
		}
		if !p.pattern && value != "" {
			var err error
			if value, err = p.canonical(c, value); err != nil {
				return err
			}
		}
		p.parts[c] = &value
	}
	return nil
}

// inherit takes from the base what init does not say: a component is inherited when neither it nor what is before it
// was given.
func (p *processor) inherit(init *Init, base *URL) {
	set := func(c Component) {
		value := p.escaped(base.Parts[c])
		p.parts[c] = &value
	}
	none := func(list ...Component) bool {
		for _, c := range list {
			if init.Parts[c] != nil {
				return false
			}
		}
		return true
	}
	if none(Protocol) {
		set(Protocol)
	}
	if !p.pattern && none(Protocol, Hostname, Port, Username) {
		set(Username)
		if none(Password) {
			set(Password)
		}
	}
	before := []Component{Protocol}
	for _, c := range []Component{Hostname, Port, Pathname, Search, Hash} {
		if before = append(before, c); !none(before...) {
			return
		}
		set(c)
	}
}

// escaped is "process a base URL string".
func (p *processor) escaped(s string) string {
	if p.pattern {
		return escapePattern(s)
	}
	return s
}

// absolute is "is an absolute pathname".
func (p *processor) absolute(path string) bool {
	return strings.HasPrefix(path, "/") || p.pattern && (strings.HasPrefix(path, `\/`) || strings.HasPrefix(path, "{/"))
}

// canonical is the canonical form of a whole component, which is not empty.
func (p *processor) canonical(c Component, value string) (string, error) {
	scheme := ""
	if v := p.parts[Protocol]; v != nil {
		scheme = *v
	}
	switch c {
	case Protocol:
		return p.canon.Protocol(value)
	case Username:
		return p.canon.Username(value)
	case Password:
		return p.canon.Password(value)
	case Hostname:
		return p.canon.Hostname(value)
	case Port:
		return p.canon.Port(value, scheme)
	case Pathname:
		if _, special := p.canon.DefaultPort(scheme); special || scheme == "" {
			return p.canon.Pathname(value)
		}
		return p.canon.OpaquePathname(value)
	case Search:
		return p.canon.Search(value)
	default:
		return p.canon.Hash(value)
	}
}
