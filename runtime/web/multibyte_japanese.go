package web

// eucJP is the EUC-JP decoder (Encoding 12.1.1).
type eucJP struct {
	jis0208, jis0212 []rune
	lead             int
	three            bool // lead is the second byte of three, in JIS X 0212
}

func (s *eucJP) take(d *byteDecoder, c int) {
	lead, three := s.lead, s.three
	s.lead, s.three = 0, false
	switch {
	case lead == 0x8E && within(c, 0xA1, 0xDF):
		d.emit(rune(0xFF61 - 0xA1 + c))
	case lead == 0x8F && within(c, 0xA1, 0xFE):
		s.lead, s.three = c, true
	case lead != 0:
		var u rune
		if within(lead, 0xA1, 0xFE) && within(c, 0xA1, 0xFE) {
			index := s.jis0208
			if three {
				index = s.jis0212
			}
			u = codePoint(index, (lead-0xA1)*94+c-0xA1)
		}
		d.emitOr(u, c)
	case c == endOfStream:
	case c < 0x80:
		d.emit(rune(c))
	case c == 0x8E, c == 0x8F, within(c, 0xA1, 0xFE):
		s.lead = c
	default:
		d.fail()
	}
}

// shiftJIS is the Shift_JIS decoder (Encoding 12.3.1).
type shiftJIS struct {
	index []rune
	lead  int
}

func (s *shiftJIS) take(d *byteDecoder, c int) {
	lead := s.lead
	s.lead = 0
	switch {
	case lead != 0:
		var u rune
		if within(c, 0x40, 0x7E) || within(c, 0x80, 0xFC) {
			pointer := (lead-0x81)*188 + c - 0x41
			if lead >= 0xA0 {
				pointer -= (0xC1 - 0x81) * 188
			}
			if c < 0x7F {
				pointer++
			}
			if u = codePoint(s.index, pointer); within(pointer, 8836, 10715) {
				u = rune(0xE000 - 8836 + pointer)
			}
		}
		d.emitOr(u, c)
	case c == endOfStream:
	case c <= 0x80:
		d.emit(rune(c))
	case within(c, 0xA1, 0xDF):
		d.emit(rune(0xFF61 - 0xA1 + c))
	case within(c, 0x81, 0x9F), within(c, 0xE0, 0xFC):
		s.lead = c
	default:
		d.fail()
	}
}

// iso2022JP is the ISO-2022-JP decoder (Encoding 12.2.1).
type iso2022JP struct {
	index         []rune
	state, output jisState
	lead          int
	shown         bool // an escape sequence came last, so that another one at once is an error
}

type jisState uint8

const (
	jisASCII jisState = iota
	jisRoman
	jisKatakana
	jisLead
	jisTrail
	jisEscapeStart
	jisEscape
)

func (s *iso2022JP) take(d *byteDecoder, c int) {
	switch s.state {
	case jisEscapeStart:
		if c == '$' || c == '(' {
			s.lead, s.state = c, jisEscape
			return
		}
		s.endEscape(d)
		if c != endOfStream {
			d.restore(c)
		}
	case jisEscape:
		s.escape(d, c)
	case jisTrail:
		s.trail(d, c)
	default:
		s.character(d, c)
	}
}

// character is the ASCII, Roman, katakana and lead byte states.
func (s *iso2022JP) character(d *byteDecoder, c int) {
	if c == 0x1B {
		s.state = jisEscapeStart
		return
	}
	if c == endOfStream {
		return
	}
	s.shown = false
	single := (s.state == jisASCII || s.state == jisRoman) && c <= 0x7F && c != 0x0E && c != 0x0F
	switch {
	case single && s.state == jisRoman && c == 0x5C:
		d.emit('¥')
	case single && s.state == jisRoman && c == 0x7E:
		d.emit('‾')
	case single:
		d.emit(rune(c))
	case s.state == jisKatakana && within(c, 0x21, 0x5F):
		d.emit(rune(0xFF61 - 0x21 + c))
	case s.state == jisLead && within(c, 0x21, 0x7E):
		s.lead, s.state = c, jisTrail
	default:
		d.fail()
	}
}

func (s *iso2022JP) trail(d *byteDecoder, c int) {
	s.state = jisLead
	switch {
	case c == 0x1B:
		s.state = jisEscapeStart
		d.fail()
	case within(c, 0x21, 0x7E):
		d.emitOr(codePoint(s.index, (s.lead-0x21)*94+c-0x21), endOfStream)
	default:
		d.fail()
	}
}

// escape is the escape state: c ends a sequence, or what began one was none.
func (s *iso2022JP) escape(d *byteDecoder, c int) {
	state := jisEscape
	switch {
	case s.lead == '(' && c == 'B':
		state = jisASCII
	case s.lead == '(' && c == 'J':
		state = jisRoman
	case s.lead == '(' && c == 'I':
		state = jisKatakana
	case s.lead == '$' && (c == '@' || c == 'B'):
		state = jisLead
	}
	if state == jisEscape {
		lead := s.lead
		s.endEscape(d)
		if c == endOfStream {
			d.restore(lead)
		} else {
			d.restore(lead, c)
		}
		return
	}
	s.state, s.output = state, state
	if s.shown {
		d.fail()
	}
	s.shown = true
}

// endEscape gives up on an escape sequence.
func (s *iso2022JP) endEscape(d *byteDecoder) {
	s.shown, s.state = false, s.output
	d.fail()
}
