package web

import (
	"errors"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// Why a host is refused; parseURL wraps none of them, so they say "host" themselves.
var (
	errHostMissing = errors.New("it has no host")
	errHost        = errors.New("its host has a character that a host must not have")
	errDomain      = errors.New("its host is not a valid domain name")
	errIPv4        = errors.New("its host ends in a number but is not a valid IPv4 address")
	errIPv6        = errors.New("its host is not a valid IPv6 address")
)

// parseHost is the host parser (URL 3.5) and serializer in one: it returns the host as the URL shows it. special
// says whether the scheme is, so that the host is a domain or an address and not opaque.
func parseHost(s string, special bool) (string, error) {
	if strings.HasPrefix(s, "[") {
		if !strings.HasSuffix(s, "]") {
			return "", errIPv6
		}
		a, ok := parseIPv6(s[1 : len(s)-1])
		if !ok {
			return "", errIPv6
		}
		return formatIPv6(a), nil
	}
	if !special {
		if hasAny(s, hostForbidden) {
			return "", errHost
		}
		return percentEncode(s, c0Set), nil
	}
	domain, err := domainToASCII(decodeUTF8String(percentDecode(s)))
	if err != nil {
		return "", err
	}
	if hasAny(domain, domainForbidden) {
		return "", errHost
	}
	if !endsInNumber(domain) {
		return domain, nil
	}
	a, ok := parseIPv4(domain)
	if !ok {
		return "", errIPv4
	}
	return formatIPv4(a, domain), nil
}

func hasAny(s string, set percentSet) bool {
	for i := 0; i < len(s); i++ {
		if percentSets[s[i]]&set != 0 {
			return true
		}
	}
	return false
}

// domainBytesMax bounds a domain that UTS 46 has to process, because Punycode takes quadratic time. A name that can be
// looked up has at most 253 bytes.
const domainBytesMax = 8 << 10

// domains is UTS 46 as domainToASCII wants it: CheckHyphens, VerifyDnsLength and UseSTD3ASCIIRules off, CheckBidi
// and CheckJoiners on, nontransitional.
var domains = idna.New(
	idna.MapForLookup(),
	idna.Transitional(false),
	idna.StrictDomainName(false),
	idna.CheckHyphens(false),
	idna.CheckJoiners(true),
	idna.BidiRule(),
	idna.VerifyDNSLength(false),
)

// domainToASCII is "domain to ASCII" with beStrict false (URL 3.3).
func domainToASCII(s string) (string, error) {
	if plainDomain(s) {
		return asciiLower(s), nil
	}
	if len(s) > domainBytesMax {
		return "", errDomain
	}
	a, err := domains.ToASCII(s)
	if err != nil || a == "" || !punycodeLabels(s) {
		return "", errDomain
	}
	if len(a) > decodedMax {
		if again, err := domains.ToASCII(a); err != nil || again != a {
			return "", errDomain
		}
	}
	return a, nil
}

// decodedMax is the length of labels up to which idna decodes what it encodes. A URL that does not parse again is none.
const decodedMax = 1024

// punycodeLabels reports whether what follows "xn--" in the labels of s, as UTS 46 maps them, is ASCII and not empty.
// idna decodes the rest of such a label without a look at either.
func punycodeLabels(s string) bool {
	var b strings.Builder
	for _, c := range s {
		if c < utf8.RuneSelf {
			b.WriteRune(unicode.ToLower(c))
			continue
		}
		mapped, _ := domains.ToUnicode(string(c)) // what is not valid alone is checked in its label by ToASCII
		b.WriteString(mapped)
	}
	for label := range strings.SplitSeq(norm.NFC.String(b.String()), ".") {
		if rest, ok := strings.CutPrefix(label, "xn--"); ok && (rest == "" || hasNonASCII(rest)) {
			return false
		}
	}
	return true
}

func hasNonASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return true
		}
	}
	return false
}

// plainDomain reports whether s is ASCII without an "xn--" label, which UTS 46 only lower-cases.
func plainDomain(s string) bool {
	start := true
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x80 || start && c|0x20 == 'x' && len(s) >= i+4 && strings.EqualFold(s[i:i+4], "xn--") {
			return false
		}
		start = c == '.'
	}
	return s != ""
}

// asciiLower lower-cases A to Z only; it returns s itself when there are none.
func asciiLower(s string) string {
	for i := 0; i < len(s); i++ {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if 'A' <= b[i] && b[i] <= 'Z' {
					b[i] |= 0x20
				}
			}
			return string(b)
		}
	}
	return s
}

// endsInNumber is the "ends in a number checker" (URL 3.5).
func endsInNumber(s string) bool {
	s = strings.TrimSuffix(s, ".")
	last := s[strings.LastIndexByte(s, '.')+1:]
	if last == "" || !isDigit(last[0]) { // what an IPv4 number begins with, in any base
		return false
	}
	if strings.Trim(last, "0123456789") == "" {
		return true
	}
	_, ok := parseIPv4Number(last)
	return ok
}

// parseIPv4 is the IPv4 parser (URL 3.5).
func parseIPv4(s string) (uint32, bool) {
	s = strings.TrimSuffix(s, ".")
	var address uint64
	for i := 0; ; i++ {
		part, rest, more := strings.Cut(s, ".")
		n, ok := parseIPv4Number(part)
		switch {
		case !ok || i > 3:
			return 0, false
		case more && n > 255:
			return 0, false
		case more:
			address |= n << (8 * (3 - i))
			s = rest
			continue
		case n >= 1<<(8*(4-i)):
			return 0, false
		}
		return uint32(address | n), true
	}
}

// parseIPv4Number reads a decimal, octal (0...) or hexadecimal (0x...) number; what is too large for an address comes
// out as some number that is, too.
func parseIPv4Number(s string) (n uint64, ok bool) {
	base := uint64(10)
	switch {
	case s == "":
		return 0, false
	case len(s) >= 2 && s[0] == '0' && s[1]|0x20 == 'x':
		s, base = s[2:], 16
	case len(s) >= 2 && s[0] == '0':
		s, base = s[1:], 8
	}
	for i := 0; i < len(s); i++ {
		d := unhex(s[i])
		if d < 0 || uint64(d) >= base {
			return 0, false
		}
		n = min(n*base+uint64(d), 1<<40)
	}
	return n, true
}

// formatIPv4 is the IPv4 serializer (URL 3.6); it returns was, the text that a was parsed from, when that is the same.
func formatIPv4(a uint32, was string) string {
	var buf [15]byte
	b := buf[:0]
	for shift := 24; shift >= 0; shift -= 8 {
		b = strconv.AppendUint(b, uint64(a>>shift&0xFF), 10)
		if shift > 0 {
			b = append(b, '.')
		}
	}
	if string(b) == was {
		return was
	}
	return string(b)
}

// parseIPv6 is the IPv6 parser (URL 3.5).
func parseIPv6(s string) (a [8]uint16, ok bool) {
	piece, compress, i := 0, -1, 0
	at := func(j int) byte {
		if j < len(s) {
			return s[j]
		}
		return 0
	}
	if at(0) == ':' {
		if at(1) != ':' {
			return a, false
		}
		i, piece, compress = 2, 1, 1
	}
	for i < len(s) {
		if piece == 8 {
			return a, false
		}
		if s[i] == ':' {
			if compress >= 0 {
				return a, false
			}
			i++
			piece++
			compress = piece
			continue
		}
		value, start := 0, i
		for i < len(s) && i-start < 4 && unhex(s[i]) >= 0 {
			value = value<<4 | unhex(s[i])
			i++
		}
		if at(i) == '.' && i > start {
			hi, lo, valid := parseEmbeddedIPv4(s[start:])
			if !valid || piece > 6 {
				return a, false
			}
			a[piece], a[piece+1] = hi, lo
			piece += 2
			break
		}
		switch {
		case at(i) == ':':
			i++
			if i == len(s) {
				return a, false
			}
		case i < len(s):
			return a, false
		}
		a[piece] = uint16(value)
		piece++
	}
	if compress < 0 {
		return a, piece == 8
	}
	for swaps, from := piece-compress, 7; from != 0 && swaps > 0; from, swaps = from-1, swaps-1 {
		a[from], a[compress+swaps-1] = a[compress+swaps-1], a[from]
	}
	return a, true
}

// parseEmbeddedIPv4 reads the dotted end of an IPv6 address: four plain decimal numbers.
func parseEmbeddedIPv4(s string) (hi, lo uint16, ok bool) {
	parts := strings.Split(s, ".")
	if len(parts) != 4 {
		return 0, 0, false
	}
	var a uint32
	for _, p := range parts {
		n, err := strconv.ParseUint(p, 10, 8)
		if err != nil || len(p) > 1 && p[0] == '0' {
			return 0, 0, false
		}
		a = a<<8 | uint32(n)
	}
	return uint16(a >> 16), uint16(a), true
}

// formatIPv6 is the IPv6 serializer (URL 3.6) with its brackets: the first longest run of zeros becomes "::".
func formatIPv6(a [8]uint16) string {
	from, length := -1, 1
	for i := 0; i < 8; i++ {
		j := i
		for j < 8 && a[j] == 0 {
			j++
		}
		if j-i > length {
			from, length = i, j-i
		}
		i = max(i, j-1)
	}
	b := append(make([]byte, 0, 41), '[')
	for i := 0; i < 8; i++ {
		if i == from {
			b = append(b, ':', ':')
			i += length - 1
			continue
		}
		if i > 0 && b[len(b)-1] != ':' {
			b = append(b, ':')
		}
		b = strconv.AppendUint(b, uint64(a[i]), 16)
	}
	return string(append(b, ']'))
}
