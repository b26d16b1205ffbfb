package bundle

import (
	"fmt"
	"sort"
	"strings"
	"unicode"
)

// RewriteRegexp writes the property escapes \p{...} and \P{...} of a pattern with the flag u as ranges, which is what
// goja understands. The properties are those that Go has tables for: general categories, scripts, and the common binary
// ones; any other is an error that names it.
func RewriteRegexp(pattern string) (string, error) {
	if !strings.Contains(pattern, `\p{`) && !strings.Contains(pattern, `\P{`) {
		return pattern, nil
	}
	var b strings.Builder
	class := false
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		switch {
		case c == '[':
			class = true
		case c == ']':
			class = false
		case c == '\\' && i+1 < len(pattern):
			i++
			if p := pattern[i]; (p == 'p' || p == 'P') && strings.HasPrefix(pattern[i+1:], "{") {
				name, _, ok := strings.Cut(pattern[i+2:], "}")
				if !ok {
					return "", fmt.Errorf(`\%c{ without "}" in the regular expression /%s/`, p, pattern)
				}
				table, err := property(name)
				if err != nil {
					return "", err
				}
				ranges := rangesOf(table)
				if p == 'P' {
					ranges = invert(ranges)
				}
				if !class {
					b.WriteByte('[')
				}
				writeRanges(&b, ranges)
				if !class {
					b.WriteByte(']')
				}
				i += len(name) + 2
				continue
			}
			b.WriteByte(c)
			c = pattern[i]
		}
		b.WriteByte(c)
	}
	return b.String(), nil
}

// binaries are the binary properties offered, by every name ECMAScript gives them (ECMA-262, table 69).
var binaries = map[string][]*unicode.RangeTable{
	"Any":                     {{R16: []unicode.Range16{{Lo: 0, Hi: 0xffff, Stride: 1}}, R32: []unicode.Range32{{Lo: 0x10000, Hi: 0x10ffff, Stride: 1}}}},
	"ASCII":                   {{R16: []unicode.Range16{{Lo: 0, Hi: 0x7f, Stride: 1}}}},
	"Alphabetic":              {unicode.L, unicode.Nl, unicode.Other_Alphabetic},
	"Lowercase":               {unicode.Ll, unicode.Other_Lowercase},
	"Uppercase":               {unicode.Lu, unicode.Other_Uppercase},
	"White_Space":             {unicode.White_Space},
	"ID_Start":                {unicode.L, unicode.Nl, unicode.Other_ID_Start},
	"ID_Continue":             {unicode.L, unicode.Nl, unicode.Other_ID_Start, unicode.Mn, unicode.Mc, unicode.Nd, unicode.Pc, unicode.Other_ID_Continue},
	"Math":                    {unicode.Sm, unicode.Other_Math},
	"Dash":                    {unicode.Dash},
	"Hex_Digit":               {unicode.Hex_Digit},
	"ASCII_Hex_Digit":         {unicode.ASCII_Hex_Digit},
	"Diacritic":               {unicode.Diacritic},
	"Extender":                {unicode.Extender},
	"Ideographic":             {unicode.Ideographic},
	"Unified_Ideograph":       {unicode.Unified_Ideograph},
	"Radical":                 {unicode.Radical},
	"Quotation_Mark":          {unicode.Quotation_Mark},
	"Sentence_Terminal":       {unicode.Sentence_Terminal},
	"Terminal_Punctuation":    {unicode.Terminal_Punctuation},
	"Variation_Selector":      {unicode.Variation_Selector},
	"Noncharacter_Code_Point": {unicode.Noncharacter_Code_Point},
	"Join_Control":            {unicode.Join_Control},
	"Regional_Indicator":      {unicode.Regional_Indicator},
	"Pattern_Syntax":          {unicode.Pattern_Syntax},
	"Pattern_White_Space":     {unicode.Pattern_White_Space},
	"Soft_Dotted":             {unicode.Soft_Dotted},
	"Logical_Order_Exception": {unicode.Logical_Order_Exception},
	"Bidi_Control":            {unicode.Bidi_Control},
	"Deprecated":              {unicode.Deprecated},
	"Emoji":                   {emoji},
	"Emoji_Presentation":      {emojiPresentation},
	"Extended_Pictographic":   {extendedPictographic},
	"Emoji_Modifier":          {emojiModifier},
	"Emoji_Component":         {emojiComponent},
	"Emoji_Modifier_Base":     {emojiModifierBase},
}

// shortNames are the short names of binary properties and the long names of general categories.
var shortNames = map[string]string{
	"Alpha": "Alphabetic", "Lower": "Lowercase", "Upper": "Uppercase", "space": "White_Space", "IDS": "ID_Start",
	"IDC": "ID_Continue", "Hex": "Hex_Digit", "AHex": "ASCII_Hex_Digit", "Dia": "Diacritic", "Ext": "Extender",
	"Ideo": "Ideographic", "UIdeo": "Unified_Ideograph", "QMark": "Quotation_Mark", "STerm": "Sentence_Terminal",
	"Term": "Terminal_Punctuation", "VS": "Variation_Selector", "NChar": "Noncharacter_Code_Point",
	"Join_C": "Join_Control", "RI": "Regional_Indicator", "Pat_Syn": "Pattern_Syntax", "Pat_WS": "Pattern_White_Space",
	"SD": "Soft_Dotted", "LOE": "Logical_Order_Exception", "Bidi_C": "Bidi_Control", "Dep": "Deprecated",
	"EPres": "Emoji_Presentation", "ExtPict": "Extended_Pictographic", "EMod": "Emoji_Modifier", "EComp": "Emoji_Component",
	"EBase": "Emoji_Modifier_Base",

	"Letter": "L", "Cased_Letter": "LC", "Uppercase_Letter": "Lu", "Lowercase_Letter": "Ll", "Titlecase_Letter": "Lt",
	"Modifier_Letter": "Lm", "Other_Letter": "Lo", "Mark": "M", "Combining_Mark": "M", "Nonspacing_Mark": "Mn",
	"Spacing_Mark": "Mc", "Enclosing_Mark": "Me", "Number": "N", "Decimal_Number": "Nd", "digit": "Nd",
	"Letter_Number": "Nl", "Other_Number": "No", "Punctuation": "P", "punct": "P", "Connector_Punctuation": "Pc",
	"Dash_Punctuation": "Pd", "Open_Punctuation": "Ps", "Close_Punctuation": "Pe", "Initial_Punctuation": "Pi",
	"Final_Punctuation": "Pf", "Other_Punctuation": "Po", "Symbol": "S", "Math_Symbol": "Sm", "Currency_Symbol": "Sc",
	"Modifier_Symbol": "Sk", "Other_Symbol": "So", "Separator": "Z", "Space_Separator": "Zs", "Line_Separator": "Zl",
	"Paragraph_Separator": "Zp", "Other": "C", "Control": "Cc", "cntrl": "Cc", "Format": "Cf", "Surrogate": "Cs",
	"Private_Use": "Co", "Unassigned": "Cn",
}

// property is the set that a property expression names: "L", "gc=Letter", "Script=Greek", "Alphabetic".
func property(expression string) ([]*unicode.RangeTable, error) {
	key, value, pair := strings.Cut(expression, "=")
	unknown := fmt.Errorf(`the property \p{%s} of regular expressions is not available in fortuna: write its characters as ranges`, expression)
	if !pair {
		value = key
	}
	if long, ok := shortNames[value]; ok && (!pair || len(long) <= 2) {
		value = long
	}
	switch {
	case !pair && binaries[value] != nil:
		return binaries[value], nil
	case !pair, key == "General_Category", key == "gc":
		if t, ok := unicode.Categories[value]; ok && len(value) <= 2 {
			return []*unicode.RangeTable{t}, nil
		}
	case key == "Script", key == "sc":
		if t, ok := unicode.Scripts[value]; ok {
			return []*unicode.RangeTable{t}, nil
		}
	}
	return nil, unknown
}

// span is a range of code points, both ends in it.
type span struct{ lo, hi rune }

// rangesOf is the union of tables: sorted, and no two ranges touch.
func rangesOf(tables []*unicode.RangeTable) []span {
	var list []span
	add := func(lo, hi, stride rune) {
		if stride == 1 {
			list = append(list, span{lo, hi})
			return
		}
		for r := lo; r <= hi; r += stride {
			list = append(list, span{r, r})
		}
	}
	for _, t := range tables {
		for _, r := range t.R16 {
			add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
		for _, r := range t.R32 {
			add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].lo < list[j].lo })
	merged := list[:0]
	for _, s := range list {
		if n := len(merged); n > 0 && s.lo <= merged[n-1].hi+1 {
			merged[n-1].hi = max(merged[n-1].hi, s.hi)
			continue
		}
		merged = append(merged, s)
	}
	return merged
}

// invert is every other code point.
func invert(list []span) []span {
	var out []span
	next := rune(0)
	for _, s := range list {
		if s.lo > next {
			out = append(out, span{next, s.lo - 1})
		}
		next = s.hi + 1
	}
	if next <= unicode.MaxRune {
		out = append(out, span{next, unicode.MaxRune})
	}
	return out
}

// writeRanges writes the inside of a character class. Code points are escaped, the largest included, because goja's
// parser panics on none of these in a regular expression.
func writeRanges(b *strings.Builder, list []span) {
	for _, s := range list {
		writeCodePoint(b, s.lo)
		if s.hi > s.lo {
			if s.hi > s.lo+1 {
				b.WriteByte('-')
			}
			writeCodePoint(b, s.hi)
		}
	}
}

func writeCodePoint(b *strings.Builder, r rune) {
	switch {
	case 'a' <= r|0x20 && r|0x20 <= 'z' || '0' <= r && r <= '9':
		b.WriteRune(r)
	case r <= 0xffff:
		fmt.Fprintf(b, `\u%04x`, r)
	default:
		fmt.Fprintf(b, `\u{%x}`, r)
	}
}
