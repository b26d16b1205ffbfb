package urlpattern

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// span is a range of code points, both ends in it.
type span struct{ lo, hi rune }

// runeSet is a set of code points: sorted, and no two spans touch.
type runeSet []span

// union is what is in any of the sets.
func union(sets ...runeSet) runeSet {
	all := slices.Concat(sets...)
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.lo, b.lo) })
	merged := all[:0]
	for _, s := range all {
		if n := len(merged); n > 0 && s.lo <= merged[n-1].hi+1 {
			merged[n-1].hi = max(merged[n-1].hi, s.hi)
			continue
		}
		merged = append(merged, s)
	}
	return merged
}

// complement is every other code point.
func (s runeSet) complement() runeSet {
	var out runeSet
	next := rune(0)
	for _, r := range s {
		if r.lo > next {
			out = append(out, span{next, r.lo - 1})
		}
		next = r.hi + 1
	}
	if next <= unicode.MaxRune {
		out = append(out, span{next, unicode.MaxRune})
	}
	return out
}

// intersect is what is in both sets.
func (s runeSet) intersect(t runeSet) runeSet {
	return union(s.complement(), t.complement()).complement()
}

// subtract is what is in s and not in t.
func (s runeSet) subtract(t runeSet) runeSet {
	return union(s.complement(), t).complement()
}

func (s runeSet) has(r rune) bool {
	i, found := slices.BinarySearchFunc(s, r, func(e span, r rune) int { return cmp.Compare(e.lo, r) })
	return found || i > 0 && r <= s[i-1].hi
}

// cased lists the code points that are the same as others when case is ignored.
var cased = sync.OnceValue(func() []rune {
	var list []rune
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if unicode.SimpleFold(r) != r {
			list = append(list, r)
		}
	}
	return list
})

// folded is s with everything that is the same when case is ignored. Complements of such sets are such sets.
func (s runeSet) folded() runeSet {
	var more runeSet
	for _, r := range cased() {
		if s.has(r) {
			other := unicode.SimpleFold(r)
			for ; other != r; other = unicode.SimpleFold(other) {
				more = append(more, span{other, other})
			}
		}
	}
	return union(s, more)
}

// source writes s as a character class of a regular expression.
func (s runeSet) source() string {
	if len(s) == 0 {
		return "(?!)"
	}
	if len(s) == 1 && s[0] == (span{0, unicode.MaxRune}) {
		return `[\s\S]`
	}
	var b strings.Builder
	b.WriteByte('[')
	for _, r := range s {
		fmt.Fprintf(&b, `\u{%x}`, r.lo)
		if r.hi > r.lo {
			fmt.Fprintf(&b, `-\u{%x}`, r.hi)
		}
	}
	b.WriteByte(']')
	return b.String()
}
