package web

import (
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// endOfStream is what a step takes after the last byte.
const endOfStream = -1

// byteDecoder runs the decoder of a legacy multi-byte encoding (Encoding 10 to 13) over a stream.
type byteDecoder struct {
	step  step
	out   []byte
	ok    bool
	again []byte // bytes to take before the next ones of the stream, last first
}

// step is the handler of one encoding: it takes a byte or endOfStream, and answers by emit, fail and restore.
type step interface{ take(d *byteDecoder, c int) }

// multiBytes makes the handlers by name of encoding.
var multiBytes = map[string]func() step{
	"big5":        func() step { return &big5{index: indexBig5()} },
	"euc-jp":      func() step { return &eucJP{jis0208: indexJIS0208(), jis0212: indexJIS0212()} },
	"euc-kr":      func() step { return &eucKR{index: indexEUCKR()} },
	"gb18030":     func() step { return &gb18030{index: indexGB18030()} },
	"gbk":         func() step { return &gb18030{index: indexGB18030()} }, // GBK's decoder is gb18030's
	"iso-2022-jp": func() step { return &iso2022JP{index: indexJIS0208()} },
	"shift_jis":   func() step { return &shiftJIS{index: indexJIS0208()} },
}

func (d *byteDecoder) decode(dst, src []byte, flush bool) (out []byte, ok bool) {
	d.out, d.ok = dst, true
	for _, c := range src {
		d.again = append(d.again, c)
		d.drain()
	}
	if flush {
		d.step.take(d, endOfStream)
		for len(d.again) > 0 { // the end of an escape sequence may have given bytes back
			d.drain()
			d.step.take(d, endOfStream)
		}
	}
	out, d.out = d.out, nil
	return out, d.ok
}

func (d *byteDecoder) drain() {
	for len(d.again) > 0 {
		c := d.again[len(d.again)-1]
		d.again = d.again[:len(d.again)-1]
		d.step.take(d, int(c))
	}
}

func (d *byteDecoder) emit(c rune) { d.out = utf8.AppendRune(d.out, c) }
func (d *byteDecoder) fail()       { d.out, d.ok = utf8.AppendRune(d.out, utf8.RuneError), false }

// restore gives bytes back to the stream, in the order they came.
func (d *byteDecoder) restore(bytes ...int) {
	for i := len(bytes) - 1; i >= 0; i-- {
		d.again = append(d.again, byte(bytes[i]))
	}
}

// emitOr emits what a pointer found, or fails; an ASCII trail byte is then taken anew.
func (d *byteDecoder) emitOr(u rune, trail int) {
	if u != 0 {
		d.emit(u)
		return
	}
	d.fail()
	if 0 <= trail && trail < 0x80 {
		d.restore(trail)
	}
}

func within(c, least, most int) bool { return least <= c && c <= most }

// big5 is the Big5 decoder (Encoding 11.1.1).
type big5 struct {
	index []rune
	lead  int
}

func (s *big5) take(d *byteDecoder, c int) {
	lead := s.lead
	s.lead = 0
	switch {
	case lead != 0:
		pointer := -1
		if within(c, 0x40, 0x7E) || within(c, 0xA1, 0xFE) {
			pointer = (lead-0x81)*157 + c - 0x62
			if c < 0x7F {
				pointer += 0x22
			}
		}
		switch pointer {
		case 1133, 1135, 1164, 1166:
			d.emit(map[int]rune{1133: 0xCA, 1135: 0xCA, 1164: 0xEA, 1166: 0xEA}[pointer])
			d.emit(map[int]rune{1133: 0x304, 1135: 0x30C, 1164: 0x304, 1166: 0x30C}[pointer])
			return
		}
		d.emitOr(codePoint(s.index, pointer), c)
	case c == endOfStream:
	case c < 0x80:
		d.emit(rune(c))
	case within(c, 0x81, 0xFE):
		s.lead = c
	default:
		d.fail()
	}
}

// eucKR is the EUC-KR decoder (Encoding 13.1.1).
type eucKR struct {
	index []rune
	lead  int
}

func (s *eucKR) take(d *byteDecoder, c int) {
	lead := s.lead
	s.lead = 0
	switch {
	case lead != 0:
		pointer := -1
		if within(c, 0x41, 0xFE) {
			pointer = (lead-0x81)*190 + c - 0x41
		}
		d.emitOr(codePoint(s.index, pointer), c)
	case c == endOfStream:
	case c < 0x80:
		d.emit(rune(c))
	case within(c, 0x81, 0xFE):
		s.lead = c
	default:
		d.fail()
	}
}

// gb18030 is the gb18030 decoder (Encoding 10.2.1).
type gb18030 struct {
	index                []rune
	first, second, third int
}

func (s *gb18030) take(d *byteDecoder, c int) {
	first, second, third := s.first, s.second, s.third
	switch {
	case c == endOfStream:
		s.first, s.second, s.third = 0, 0, 0
		if first != 0 {
			d.fail()
		}
	case third != 0:
		s.first, s.second, s.third = 0, 0, 0
		if !within(c, 0x30, 0x39) {
			d.fail()
			d.restore(second, third, c)
			return
		}
		d.emitOr(gb18030Range(first, second, third, c), endOfStream)
	case second != 0:
		if within(c, 0x81, 0xFE) {
			s.third = c
			return
		}
		s.first, s.second = 0, 0
		d.fail()
		d.restore(second, c)
	case first != 0:
		if within(c, 0x30, 0x39) {
			s.second = c
			return
		}
		s.first = 0
		pointer := -1
		if within(c, 0x40, 0x7E) || within(c, 0x80, 0xFE) {
			pointer = (first-0x81)*190 + c - 0x41
			if c < 0x7F {
				pointer++
			}
		}
		d.emitOr(codePoint(s.index, pointer), c)
	case c < 0x80:
		d.emit(rune(c))
	case c == 0x80:
		d.emit('€')
	case c == 0xFF:
		d.fail()
	default:
		s.first = c
	}
}

// gb18030Range is "index gb18030 ranges code point" (Encoding 5), 0 where there is none.
func gb18030Range(bytes ...int) rune {
	var src, dst [4]byte
	for i, c := range bytes {
		src[i] = byte(c)
	}
	if src == [4]byte{0x81, 0x35, 0xF4, 0x37} {
		return 0xE7C7 // pointer 7457: the two-byte index has what x/text gives here
	}
	d := simplifiedchinese.GB18030.NewDecoder()
	n, _, err := d.Transform(dst[:], src[:], true)
	u, size := utf8.DecodeRune(dst[:n])
	if err != nil || size != n || u == utf8.RuneError && src != [4]byte{0x84, 0x31, 0xA4, 0x37} {
		return 0
	}
	return u
}
