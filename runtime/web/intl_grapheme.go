package web

import (
	"unicode"

	"github.com/dop251/goja"
)

// graphemes returns where each user-perceived character of s ends, in code units (UAX 29, extended grapheme clusters; the
// pictographs are ranges, not the list of Unicode, and the conjuncts of Indic scripts are split).
func graphemes(s goja.String) []int {
	var ends []int
	var prev rune
	flags, joiner := 0, false // regional indicators in a row; a pictograph, then extenders, then a joiner
	pictograph := false
	n := s.Length()
	for i := 0; i < n; {
		c, width := rune(s.CharAt(i)), 1
		if 0xD800 <= c && c < 0xDC00 && i+1 < n {
			if low := rune(s.CharAt(i + 1)); 0xDC00 <= low && low < 0xE000 {
				c, width = (c-0xD800)<<10+(low-0xDC00)+0x10000, 2
			}
		}
		if i > 0 && breaksBetween(prev, c, flags, joiner) {
			ends = append(ends, i)
		}
		switch {
		case isRegional(c):
			flags++
		default:
			flags = 0
		}
		switch {
		case isPictograph(c):
			pictograph, joiner = true, false
		case c == zeroWidthJoiner:
			joiner = pictograph
		case isExtender(c):
			joiner = false
		default:
			pictograph, joiner = false, false
		}
		prev = c
		i += width
	}
	if n > 0 {
		ends = append(ends, n)
	}
	return ends
}

const zeroWidthJoiner = 0x200D

func breaksBetween(a, b rune, flags int, joiner bool) bool {
	switch {
	case a == '\r' && b == '\n': // GB3
		return false
	case isControl(a) || isControl(b): // GB4, GB5
		return true
	case joinsHangul(a, b): // GB6 to GB8
		return false
	case b == zeroWidthJoiner || isExtender(b) || unicode.Is(unicode.Mc, b): // GB9, GB9a
		return false
	case joiner && isPictograph(b): // GB11
		return false
	case isRegional(a) && isRegional(b): // GB12, GB13
		return flags%2 == 0
	}
	return true
}

func isControl(c rune) bool {
	return c != zeroWidthJoiner && c != 0x200C && (unicode.Is(unicode.Cc, c) || unicode.Is(unicode.Zl, c) || unicode.Is(unicode.Zp, c) ||
		unicode.Is(unicode.Cf, c) && !isTag(c))
}

func isTag(c rune) bool { return 0xE0020 <= c && c <= 0xE007F }

func isExtender(c rune) bool {
	return unicode.Is(unicode.Mn, c) || unicode.Is(unicode.Me, c) || c == 0x200C || isTag(c) ||
		0x1F3FB <= c && c <= 0x1F3FF || c == 0xFF9E || c == 0xFF9F
}

func isRegional(c rune) bool { return 0x1F1E6 <= c && c <= 0x1F1FF }

func isPictograph(c rune) bool {
	switch {
	case c < 0xA9:
		return false
	case c == 0xA9 || c == 0xAE || c == 0x203C || c == 0x2049 || c == 0x2122 || c == 0x2139 || c == 0x3030 || c == 0x303D || c == 0x3297 || c == 0x3299:
		return true
	case 0x2190 <= c && c <= 0x21FF, 0x2300 <= c && c <= 0x23FF, 0x2600 <= c && c <= 0x27BF, 0x2934 <= c && c <= 0x2935, 0x2B05 <= c && c <= 0x2B55:
		return true
	}
	return 0x1F000 <= c && c <= 0x1FAFF && !isRegional(c) && !(0x1F3FB <= c && c <= 0x1F3FF)
}

// joinsHangul reports whether a and b are of one syllable.
func joinsHangul(a, b rune) bool {
	leading := func(c rune) bool { return 0x1100 <= c && c <= 0x115F || 0xA960 <= c && c <= 0xA97C }
	vowel := func(c rune) bool { return 0x1160 <= c && c <= 0x11A7 || 0xD7B0 <= c && c <= 0xD7C6 }
	trailing := func(c rune) bool { return 0x11A8 <= c && c <= 0x11FF || 0xD7CB <= c && c <= 0xD7FB }
	syllable := func(c rune) bool { return 0xAC00 <= c && c <= 0xD7A3 }
	open := func(c rune) bool { return syllable(c) && (c-0xAC00)%28 == 0 }
	switch {
	case leading(a):
		return leading(b) || vowel(b) || syllable(b)
	case vowel(a) || open(a):
		return vowel(b) || trailing(b)
	case trailing(a) || syllable(a):
		return trailing(b)
	}
	return false
}
