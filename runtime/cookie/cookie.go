// Package cookie reads and writes HTTP cookies (RFC 6265bis): the Cookie field of a request, the Set-Cookie field of an
// answer. It does not know requests, JavaScript, or which cookies a client would keep.
package cookie

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// SameSite says with which requests from other sites a cookie is sent (RFC 6265bis 4.1.2.7).
type SameSite string

// The values of SameSite. The empty one leaves the choice to the client, which takes Lax.
const (
	Strict SameSite = "strict"
	Lax    SameSite = "lax"
	None   SameSite = "none"
)

// Cookie is a cookie as an answer sets it. Value is plain text; Field encodes it.
type Cookie struct {
	Name, Value string
	Domain      string    // "": only the host that set it
	Path        string    // "": the folder of the request's path
	Expires     time.Time // zero: none
	MaxAge      int64     // seconds, if HasMaxAge; it comes before Expires
	HasMaxAge   bool
	Secure      bool
	HTTPOnly    bool
	Partitioned bool
	SameSite    SameSite
}

// What clients take at least, and browsers at most (RFC 6265bis 5.7): a longer cookie is dropped without a word.
const (
	pairBytesMax      = 4096 // name and encoded value
	attributeBytesMax = 1024
)

// Prefixes of names that bind a client to check the attributes (RFC 6265bis 4.1.3).
const (
	securePrefix = "__Secure-"
	hostPrefix   = "__Host-"
)

// NeedsSecure reports whether clients drop a cookie of this name that is not Secure: it begins with __Secure- or __Host-.
func NeedsSecure(name string) bool {
	return hasPrefix(name, securePrefix) || hasPrefix(name, hostPrefix)
}

func hasPrefix(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// Expired reports whether the cookie tells a client at now to forget it.
func (c *Cookie) Expired(now time.Time) bool {
	if c.HasMaxAge {
		return c.MaxAge <= 0
	}
	return !c.Expires.IsZero() && !c.Expires.After(now)
}

// Check returns an error when a part of the cookie has no place in a Set-Cookie field (RFC 6265bis 4.1.1). Any Value has
// one, because Field encodes it.
func (c *Cookie) Check() error {
	if !isToken(c.Name) {
		return fmt.Errorf("name must be a token of letters, digits and !#$%%&'*+-.^_`|~, got %s", shown(c.Name))
	}
	if i := strings.IndexFunc(c.Domain, notDomain); i >= 0 {
		return fmt.Errorf("domain must be a host name of letters, digits, hyphens and dots, got %s", shown(c.Domain))
	}
	if i := strings.IndexFunc(c.Path, notPath); i >= 0 {
		return fmt.Errorf("path must be of printable ASCII without \";\", got %s", shown(c.Path))
	}
	if len(c.Domain) > attributeBytesMax || len(c.Path) > attributeBytesMax {
		return fmt.Errorf("domain and path may have %d bytes each, got %d and %d", attributeBytesMax, len(c.Domain), len(c.Path))
	}
	if y := c.Expires.UTC().Year(); !c.Expires.IsZero() && (y < 1601 || y > 9999) {
		return fmt.Errorf("expires must be in the years 1601 to 9999, got %d", y)
	}
	switch c.SameSite {
	case "", Strict, Lax, None:
		return nil
	}
	return fmt.Errorf("sameSite must be \"strict\", \"lax\" or \"none\", got %s", shown(string(c.SameSite)))
}

// Field is the value of a Set-Cookie field that sets the cookie, or an error when it has no place there or clients would
// drop it: it is too long, or breaks the promise of its name's prefix. The value is written as encodeURIComponent does.
func (c *Cookie) Field() (string, error) {
	if err := c.Check(); err != nil {
		return "", err
	}
	switch {
	case NeedsSecure(c.Name) && !c.Secure:
		return "", fmt.Errorf("%s must be set with secure: true, or browsers drop it", shown(c.Name))
	case hasPrefix(c.Name, hostPrefix) && (c.Domain != "" || c.Path != "/"):
		return "", fmt.Errorf("%s must be set with path \"/\" and no domain, or browsers drop it; got path %s and domain %s",
			shown(c.Name), shown(c.Path), shown(c.Domain))
	}
	var b []byte
	if len(c.Name)+len(c.Value) <= pairBytesMax { // what is longer need not be encoded to know it
		b = append(make([]byte, 0, len(c.Name)+len(c.Value)+64), c.Name...)
		b = append(b, '=')
		b = appendEncoded(b, c.Value)
	}
	if b == nil || len(b)-1 > pairBytesMax {
		return "", fmt.Errorf("%s is too long: name and encoded value may have %d bytes, or browsers drop it", shown(c.Name), pairBytesMax)
	}
	if c.Domain != "" {
		b = append(append(b, "; Domain="...), c.Domain...)
	}
	if c.Path != "" {
		b = append(append(b, "; Path="...), c.Path...)
	}
	if !c.Expires.IsZero() {
		b = c.Expires.UTC().AppendFormat(append(b, "; Expires="...), "Mon, 02 Jan 2006 15:04:05 GMT")
	}
	if c.HasMaxAge {
		b = strconv.AppendInt(append(b, "; Max-Age="...), c.MaxAge, 10)
	}
	if c.Secure {
		b = append(b, "; Secure"...)
	}
	if c.HTTPOnly {
		b = append(b, "; HttpOnly"...)
	}
	if c.Partitioned {
		b = append(b, "; Partitioned"...)
	}
	switch c.SameSite {
	case Strict:
		b = append(b, "; SameSite=Strict"...)
	case Lax:
		b = append(b, "; SameSite=Lax"...)
	case None:
		b = append(b, "; SameSite=None"...)
	}
	return string(b), nil
}

// shown is a part of a cookie for an error: quoted, and cut when it is long.
func shown(s string) string {
	if len(s) > 64 {
		return strconv.Quote(s[:64]) + "..."
	}
	return strconv.Quote(s)
}

func notDomain(r rune) bool {
	return !('a' <= r|0x20 && r|0x20 <= 'z' || '0' <= r && r <= '9' || r == '-' || r == '.')
}

func notPath(r rune) bool { return r < ' ' || r > '~' || r == ';' }

// isToken reports whether s is a token (RFC 9110 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isAlphanumeric(c) && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
}
