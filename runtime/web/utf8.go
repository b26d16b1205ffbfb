package web

import "unicode/utf8"

// decodeUTF8 is "UTF-8 decode" (Encoding 6): it drops a byte order mark and puts U+FFFD for every maximal part of an
// ill-formed sequence.
func decodeUTF8(b []byte) string {
	if len(b) >= 3 && b[0] == 0xEF && b[1] == 0xBB && b[2] == 0xBF {
		b = b[3:]
	}
	if utf8.Valid(b) {
		return string(b)
	}
	return string(appendUTF8(make([]byte, 0, len(b)+len(b)/2), b))
}

// decodeUTF8String is "UTF-8 decode without BOM" (Encoding 6), which keeps a byte order mark.
func decodeUTF8String(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string(appendUTF8(make([]byte, 0, len(s)+len(s)/2), []byte(s)))
}

// appendUTF8 appends b made well-formed.
func appendUTF8(dst, b []byte) []byte {
	for len(b) > 0 {
		if c := b[0]; c < utf8.RuneSelf {
			dst, b = append(dst, c), b[1:]
			continue
		}
		c, n := utf8.DecodeRune(b)
		if c == utf8.RuneError && n == 1 {
			n = illFormed(b)
		}
		dst, b = utf8.AppendRune(dst, c), b[n:]
	}
	return dst
}

// illFormed is the length of the ill-formed sequence at the start of b that one U+FFFD stands for: its longest part
// that begins a well-formed one (Unicode 3.9, "maximal subpart"), or one byte.
func illFormed(b []byte) int {
	least, most, more := byte(0x80), byte(0xBF), 0
	switch c := b[0]; {
	case 0xC2 <= c && c <= 0xDF:
		more = 1
	case 0xE0 <= c && c <= 0xEF:
		more = 2
		if c == 0xE0 {
			least = 0xA0
		} else if c == 0xED {
			most = 0x9F
		}
	case 0xF0 <= c && c <= 0xF4:
		more = 3
		if c == 0xF0 {
			least = 0x90
		} else if c == 0xF4 {
			most = 0x8F
		}
	}
	n := 1
	for ; n <= more && n < len(b) && least <= b[n] && b[n] <= most; n++ {
		least, most = 0x80, 0xBF
	}
	return n
}

// utf8Decoder is the UTF-8 decoder (Encoding 8.1.1); it keeps a byte order mark.
type utf8Decoder struct {
	held []byte // the start of a character whose rest has not come yet
}

func (d *utf8Decoder) decode(dst, src []byte, flush bool) (out []byte, ok bool) {
	if len(d.held) > 0 {
		src = append(d.held, src...)
		d.held = nil
	}
	if !flush {
		if n := incomplete(src); n > 0 {
			d.held = append(d.held, src[len(src)-n:]...)
			src = src[:len(src)-n]
		}
	}
	if utf8.Valid(src) {
		return append(dst, src...), true
	}
	return appendUTF8(dst, src), false
}

// incomplete is how many bytes at the end of b begin a character that more bytes could complete.
func incomplete(b []byte) int {
	for n := 1; n <= 3 && n <= len(b); n++ {
		tail := b[len(b)-n:]
		if utf8.RuneStart(tail[0]) {
			if tail[0] >= 0xC2 && tail[0] <= 0xF4 && illFormed(tail) == n && !utf8.FullRune(tail) {
				return n
			}
			return 0
		}
	}
	return 0
}
