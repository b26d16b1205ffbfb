package cookie

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// maxAgeMax is the longest Max-Age that is told from others: what JavaScript counts exactly.
const maxAgeMax = 1<<53 - 1

// ParseSet reads a Set-Cookie field as clients do (RFC 6265bis 5.6). The value is as written: a client does not decode it.
// Attributes that are not valid are ignored; the error is about a name that is missing, or a control character.
func ParseSet(field string) (Cookie, error) {
	for i := range len(field) {
		if c := field[i]; c < ' ' && c != '\t' || c == 0x7F {
			return Cookie{}, fmt.Errorf("a cookie must not hold control characters, got %q", c)
		}
	}
	pair, attributes, _ := strings.Cut(field, ";")
	name, value, ok := strings.Cut(pair, "=")
	name = strings.Trim(name, " \t")
	switch {
	case !ok:
		return Cookie{}, fmt.Errorf("a cookie must begin with a name, \"=\" and a value, got %s", shown(pair))
	case name == "":
		return Cookie{}, errors.New("a cookie must have a name before its \"=\"")
	}
	c := Cookie{Name: name, Value: strings.Trim(value, " \t")}
	for attributes != "" {
		var one string
		one, attributes, _ = strings.Cut(attributes, ";")
		name, value, _ := strings.Cut(one, "=")
		if value = strings.Trim(value, " \t"); len(value) <= attributeBytesMax {
			c.attribute(strings.ToLower(strings.Trim(name, " \t")), value)
		}
	}
	return c, nil
}

// attribute takes an attribute in; the last of a name counts.
func (c *Cookie) attribute(name, value string) {
	switch name {
	case "domain":
		if value != "" {
			c.Domain = strings.ToLower(strings.TrimPrefix(value, "."))
		}
	case "path":
		if c.Path = value; !strings.HasPrefix(value, "/") {
			c.Path = ""
		}
	case "expires":
		if t, ok := parseDate(value); ok {
			c.Expires = t
		}
	case "max-age":
		if seconds, ok := parseMaxAge(value); ok {
			c.MaxAge, c.HasMaxAge = seconds, true
		}
	case "secure":
		c.Secure = true
	case "httponly":
		c.HTTPOnly = true
	case "partitioned":
		c.Partitioned = true
	case "samesite":
		switch s := SameSite(strings.ToLower(value)); s {
		case Strict, Lax, None:
			c.SameSite = s
		default:
			c.SameSite = ""
		}
	}
}

// parseMaxAge reads digits, with a hyphen before them if the number is negative (RFC 6265bis 5.6.2).
func parseMaxAge(s string) (seconds int64, ok bool) {
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	seconds, _ = strconv.ParseInt(s, 10, 64) // the nearest, if s is beyond an int64
	return min(max(seconds, -maxAgeMax), maxAgeMax), true
}
