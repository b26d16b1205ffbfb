package web

import (
	"strconv"
	"strings"

	"github.com/fortunadws/fortuna/runtime/urlpattern"
)

// urlCanon is what URL patterns need of the URL parser (URL Pattern 3.1). Its functions are the parser with a state
// override on a dummy URL, https://dummy.invalid/, as the setters of URL are; but these say what is wrong.
var urlCanon = urlpattern.Canon{
	URL: func(input string, base *string) (*urlpattern.URL, error) {
		var relative *urlRecord
		if base != nil {
			var err error
			if relative, err = parseURL(*base, nil); err != nil {
				return nil, err
			}
		}
		u, err := parseURL(input, relative)
		if err != nil {
			return nil, err
		}
		return &urlpattern.URL{Opaque: u.opaque, Parts: [urlpattern.Components]string{
			u.scheme, u.user, u.secret, u.name, u.port(), u.path, u.query, u.fragment,
		}}, nil
	},
	DefaultPort: func(scheme string) (string, bool) {
		port, special := specialPort(scheme)
		if port == noPort {
			return "", special
		}
		return strconv.Itoa(int(port)), special
	},
	Protocol: func(s string) (string, error) {
		u, err := parseURL(s+"://dummy.invalid/", nil)
		if err != nil {
			return "", err
		}
		return u.scheme, nil
	},
	Username: func(s string) (string, error) { return percentEncode(wellFormed(s), userinfoSet), nil },
	Password: func(s string) (string, error) { return percentEncode(wellFormed(s), userinfoSet), nil },
	Hostname: func(s string) (string, error) {
		u := urlRecord{scheme: "https"}
		host, _, colon, _ := u.cutHost(wellFormed(s))
		if colon {
			return "", errHost
		}
		if host == "" {
			return "", errHostMissing
		}
		return parseHost(host, true)
	},
	Port: func(s, scheme string) (string, error) {
		u := urlRecord{scheme: scheme, portNumber: noPort}
		if digits, ok := u.parsePort(withoutTabs(s)); !ok || digits == 0 {
			return "", errPort
		}
		return u.port(), nil
	},
	Pathname: func(s string) (string, error) {
		u := urlRecord{scheme: "https"}
		if s = wellFormed(s); strings.HasPrefix(s, "/") {
			u.addPath(withoutTabs(s))
			return u.path, nil
		}
		// It is a piece from the middle of a path: neither a slash is put before it nor a dot segment taken away.
		u.addPath("/-" + withoutTabs(s))
		return u.path[min(2, len(u.path)):], nil
	},
	OpaquePathname: func(s string) (string, error) {
		var u urlRecord
		u.parseOpaque(withoutTabs(wellFormed(s)))
		return u.path, nil
	},
	Search: func(s string) (string, error) { return percentEncode(withoutTabs(wellFormed(s)), specialQuerySet), nil },
	Hash:   func(s string) (string, error) { return percentEncode(withoutTabs(wellFormed(s)), fragmentSet), nil },
}
