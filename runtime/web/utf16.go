package web

import (
	"unicode/utf16"
	"unicode/utf8"
)

// utf16Decoder is the shared UTF-16 decoder (Encoding 14.2); it keeps a byte order mark.
type utf16Decoder struct {
	big  bool
	half int  // the first byte of a code unit, plus one; 0 when there is none
	lead rune // a high surrogate whose other half has not come yet, or 0
}

func (d *utf16Decoder) decode(dst, src []byte, flush bool) (out []byte, ok bool) {
	ok = true
	bad := func() { dst, ok = utf8.AppendRune(dst, utf8.RuneError), false }
	for _, c := range src {
		if d.half == 0 {
			d.half = int(c) + 1
			continue
		}
		unit := rune(c)<<8 | rune(d.half-1)
		if d.big {
			unit = rune(d.half-1)<<8 | rune(c)
		}
		d.half = 0
		low := 0xDC00 <= unit && unit <= 0xDFFF
		if lead := d.lead; lead != 0 {
			d.lead = 0
			if low {
				dst = utf8.AppendRune(dst, utf16.DecodeRune(lead, unit))
				continue
			}
			bad()
		}
		switch {
		case low:
			bad()
		case 0xD800 <= unit && unit <= 0xDBFF:
			d.lead = unit
		default:
			dst = utf8.AppendRune(dst, unit)
		}
	}
	if flush && (d.half != 0 || d.lead != 0) {
		d.half, d.lead = 0, 0
		bad()
	}
	return dst, ok
}
