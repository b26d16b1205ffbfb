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
		t := readIndex(simplifiedchinese.GB18030, 126, 190, func(lead, trail int) []byte {
			return []byte{byte(lead + 0x81), byte(pointerByte(trail, 0x3F, 0x40, 0x41))}
		})
		for _, run := range gb18030Runs {
			for i := range run.count {
				t[run.pointer+i] = run.first + rune(i)
			}
		}
		return t
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

// gb18030Runs are the two-byte characters of GB 18030-2022 that x/text lacks: count pointers from pointer on stand for
// successive code points from first on, most of them in the Private Use Area.
var gb18030Runs = []struct {
	pointer, count int
	first          rune
}{
	{6080, 96, 0xE4C6}, {6270, 96, 0xE526}, {6376, 6, 0xE766}, {6433, 1, 0xE76D}, {6444, 2, 0xE76E},
	{6458, 2, 0xE770}, {6460, 95, 0xE586}, {6650, 96, 0xE5E6}, {6829, 11, 0xE772}, {6840, 96, 0xE646},
	{7022, 8, 0xE77D}, {7030, 96, 0xE6A6}, {7150, 8, 0xE785}, {7182, 1, 0xFE10}, {7183, 1, 0xFE12}, {7184, 1, 0xFE11},
	{7185, 4, 0xFE13}, {7201, 2, 0xFE17}, {7208, 1, 0xFE19}, {7211, 9, 0xE797}, {7220, 96, 0xE706},
	{7349, 15, 0xE7A0}, {7397, 13, 0xE7AF}, {7495, 11, 0xE7BC}, {7533, 1, 0x1E3F}, {7538, 4, 0xE7C9},
	{7579, 21, 0xE7CD}, {7624, 1, 0xE7E2}, {7627, 1, 0xE7E3}, {7629, 3, 0xE7E4}, {7686, 13, 0xE7F4},
	{7775, 15, 0xE801}, {7886, 94, 0xE000}, {8076, 94, 0xE05E}, {8266, 94, 0xE0BC}, {8456, 94, 0xE11A},
	{8646, 94, 0xE178}, {8836, 94, 0xE1D6}, {16525, 5, 0xE810}, {22706, 94, 0xE234}, {22896, 94, 0xE292},
	{23086, 94, 0xE2F0}, {23276, 94, 0xE34E}, {23466, 94, 0xE3AC}, {23656, 94, 0xE40A}, {23767, 3, 0xE816},
	{23775, 1, 0x9FB4}, {23783, 1, 0x9FB5}, {23788, 2, 0x9FB6}, {23794, 1, 0xE831}, {23795, 1, 0x9FB8},
	{23804, 1, 0xE83B}, {23812, 1, 0x9FB9}, {23829, 1, 0x9FBA}, {23830, 1, 0xE855}, {23845, 1, 0x9FBB},
	{23846, 94, 0xE468},
}

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
