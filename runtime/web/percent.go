package web

import "strings"

// percentSet is a percent-encode set (URL 1.3) as a bit in percentSets; other bits mark bytes the parsers look for.
type percentSet uint16

const (
	c0Set percentSet = 1 << iota
	fragmentSet
	querySet
	specialQuerySet
	pathSet
	userinfoSet
	formSet
	hostForbidden   // forbidden host code points (URL 3.1)
	domainForbidden // forbidden domain code points (URL 3.1)
)

// percentSets says for each byte in which sets it is. Bytes from 0x80 on are parts of non-ASCII characters, which
// every percent-encode set has.
var percentSets = func() (t [256]percentSet) {
	add := func(to percentSet, bytes string) {
		for i := 0; i < len(bytes); i++ {
			t[bytes[i]] |= to
		}
	}
	for c := range 256 {
		if c <= 0x1F || c >= 0x7F {
			t[c] = c0Set | fragmentSet | querySet | specialQuerySet | pathSet | userinfoSet | formSet
		}
		if c <= 0x1F || c == 0x7F {
			t[c] |= domainForbidden
		}
	}
	add(fragmentSet, " \"<>`")
	add(querySet|specialQuerySet|pathSet|userinfoSet|formSet, " \"#<>")
	add(specialQuerySet, "'")
	add(pathSet|userinfoSet|formSet, "?`{}")
	add(userinfoSet|formSet, "/:;=@[\\]^|")
	add(formSet, "$%&+,!'()~")
	add(hostForbidden|domainForbidden, "\x00\t\n\r #/:<>?@[\\]^|")
	add(domainForbidden, "%")
	return t
}()

const upperHex = "0123456789ABCDEF"

// percentEncode is "UTF-8 percent-encode" (URL 1.3) of well-formed UTF-8; s itself when it has nothing in set.
func percentEncode(s string, set percentSet) string {
	for i := 0; i < len(s); i++ {
		if percentSets[s[i]]&set != 0 {
			return string(appendPercent(make([]byte, 0, len(s)+16), s, set))
		}
	}
	return s
}

// appendPercent appends what percentEncode returns.
func appendPercent(dst []byte, s string, set percentSet) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; percentSets[c]&set != 0 {
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}

// percentDecode is "percent-decode" (URL 1.3): bytes, not always well-formed UTF-8.
func percentDecode(s string) string {
	i := strings.IndexByte(s, '%')
	if i < 0 {
		return s
	}
	b := append(make([]byte, 0, len(s)), s[:i]...)
	for ; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if hi, lo := unhex(s[i+1]), unhex(s[i+2]); hi >= 0 && lo >= 0 {
				b = append(b, byte(hi<<4|lo))
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

// unhex is the value of an ASCII hex digit, or -1.
func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

func isAlpha(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }
