package web

import (
	"sync"
	"unicode/utf8"

	xencoding "golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// The indexes of the Encoding Standard (5): from pointer to code point, 0 where there is none. They are read out of
// x/text once, when first needed, because its own decoders treat what is not valid in ways of their own.
var (
	indexBig5 = sync.OnceValue(func() []rune {
		t := readIndex(traditionalchinese.Big5, 126, 157, func(lead, trail int) []byte {
			return []byte{byte(lead + 0x81), byte(pointerByte(trail, 0x3F, 0x40, 0x62))}
		})
		t[1133], t[1135], t[1164], t[1166] = 0, 0, 0, 0 // two code points each, which no index can hold
		return t
	})
	indexEUCKR = sync.OnceValue(func() []rune {
		return readIndex(korean.EUCKR, 126, 190, func(lead, trail int) []byte { return []byte{byte(lead + 0x81), byte(trail + 0x41)} })
	})
	indexGB18030 = sync.OnceValue(func() []rune {
		return readIndex(simplifiedchinese.GB18030, 126, 190, func(lead, trail int) []byte {
			return []byte{byte(lead + 0x81), byte(pointerByte(trail, 0x3F, 0x40, 0x41))}
		})
	})
	indexJIS0208 = sync.OnceValue(func() []rune {
		return readIndex(japanese.ShiftJIS, 60, 188, func(lead, trail int) []byte {
			return []byte{byte(pointerByte(lead, 0x1F, 0x81, 0xC1)), byte(pointerByte(trail, 0x3F, 0x40, 0x41))}
		})
	})
	indexJIS0212 = sync.OnceValue(func() []rune {
		return readIndex(japanese.EUCJP, 94, 94, func(lead, trail int) []byte { return []byte{0x8F, byte(lead + 0xA1), byte(trail + 0xA1)} })
	})
)

// pointerByte is n plus below if n < limit, else plus above: how the standard maps pointers to bytes.
func pointerByte(n, limit, below, above int) int {
	if n < limit {
		return n + below
	}
	return n + above
}

// readIndex decodes every pair of lead and trail as spell writes it in e.
func readIndex(e xencoding.Encoding, leads, trails int, spell func(lead, trail int) []byte) []rune {
	t, d, dst := make([]rune, leads*trails), e.NewDecoder(), make([]byte, 16)
	for i := range t {
		src := spell(i/trails, i%trails)
		d.Reset()
		n, _, err := d.Transform(dst, src, true)
		if c, size := utf8.DecodeRune(dst[:n]); err == nil && size == n && c != utf8.RuneError {
			t[i] = c
		}
	}
	return t
}

// codePoint is the code point of a pointer, or 0.
func codePoint(index []rune, pointer int) rune {
	if pointer < 0 || pointer >= len(index) {
		return 0
	}
	return index[pointer]
}
