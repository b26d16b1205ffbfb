package http1

import "github.com/fortunadws/fortuna/edge/exchange"

// fieldSection is a header or trailer section as far as it has arrived. The numbers are offsets into the bytes that
// Parse has not taken yet.
type fieldSection struct {
	line   int // where the current line begins
	pos    int // the next byte to look at; once the section is whole, its end
	colon  int // the colon of the current line, 0 before it
	limit  int // where the section must not go on
	count  int
	fields []field // of a header; those of a trailer are not kept
}

// field is where one field line lies in the head.
type field struct {
	name, nameEnd, value, valueEnd uint32
}

func (s *fieldSection) begin(start, bytesMax int) {
	*s = fieldSection{line: start, pos: start, limit: start + bytesMax, fields: s.fields[:0]}
}

// parseFields reads field lines (RFC 9112 section 5) up to and including the empty line that ends the section. It
// judges bytes strictly in their order, looks at each once, and stops at the first that is wrong, so that the verdict
// cannot depend on how they arrive.
func (p *Parser) parseFields(buf []byte) (ready bool) {
	s := &p.section
	for {
		i := s.pos
		if i == len(buf) {
			return false
		}
		if i == s.line {
			if buf[i] == '\r' {
				if i+1 == len(buf) {
					return false
				}
				if buf[i+1] != '\n' {
					return p.refuse(400, "a CR without LF in the header")
				}
				s.pos = i + 2
				return true
			}
			if s.count == p.Limits.HeaderCountMax {
				return p.refuse(431, "more than %d header fields", p.Limits.HeaderCountMax)
			}
		}
		limit := min(s.line+p.Limits.HeaderLineBytesMax, s.limit)
		end := min(len(buf), limit)
		if s.colon == 0 {
			for i < end && is(buf[i], classToken) {
				i++
			}
			if s.pos = i; i == len(buf) {
				return false
			}
			if i >= limit {
				return p.refuseLength()
			}
			if buf[i] != ':' || i == s.line {
				return p.refuseName(buf[i], i == s.line)
			}
			s.colon = i
			i++
		}
		i = textEnd(buf[:max(i, end)], i)
		if s.pos = i; i == len(buf) {
			return false
		}
		if buf[i] != '\r' {
			if i >= limit {
				return p.refuseLength()
			}
			return p.refuse(400, "a header value must not contain the byte %q; lines end with CRLF", buf[i:i+1])
		}
		if i+1 == len(buf) {
			return false
		}
		if buf[i+1] != '\n' {
			return p.refuse(400, "a CR without LF in the header")
		}
		if !p.addField(buf, i) {
			return false
		}
		s.line, s.pos, s.colon = i+2, i+2, 0
		s.count++
	}
}

// addField takes the current line, whose content ends at end.
func (p *Parser) addField(buf []byte, end int) (ready bool) {
	s := &p.section
	name := buf[s.line:s.colon]
	value, front := trim(buf[s.colon+1 : end])
	if p.state == stateTrailer {
		if forbiddenInTrailer(name) {
			return p.refuse(400, "the field %s must not stand in a trailer", name)
		}
		return true
	}
	start := s.colon + 1 + front
	s.fields = append(s.fields, field{uint32(s.line), uint32(s.colon), uint32(start), uint32(start + len(value))})
	return p.frame(name, value)
}

func (p *Parser) refuseLength() (ready bool) {
	if p.state == stateTrailer {
		return p.refuse(431, "the trailer section is larger than %d bytes", p.Limits.TrailerBytesMax)
	}
	return p.refuse(431, "a header line is longer than %d bytes or the header larger than %d",
		p.Limits.HeaderLineBytesMax, p.Limits.HeaderBytesMax)
}

func (p *Parser) refuseName(c byte, first bool) (ready bool) {
	switch {
	case first && (c == ' ' || c == '\t'):
		return p.refuse(400, "a header line must not begin with whitespace (line folding is obsolete)")
	case first && c == ':':
		return p.refuse(400, "a header field has no name")
	case c == ' ' || c == '\t':
		return p.refuse(400, "whitespace before the colon of a header field")
	case c == '\r' || c == '\n':
		return p.refuse(400, "a header line has no colon")
	default:
		return p.refuse(400, "a header field name must not contain the byte %q", []byte{c})
	}
}

// fill sets the fields of req to the parts of head, in a slice that is reused when it is large enough.
func (s *fieldSection) fill(head string, req *exchange.Request) {
	if cap(req.Header) < len(s.fields) {
		req.Header = make([]exchange.Field, len(s.fields))
	}
	req.Header = req.Header[:len(s.fields)]
	for i, f := range s.fields {
		req.Header[i] = exchange.Field{Name: head[f.name:f.nameEnd], Value: head[f.value:f.valueEnd]}
	}
}
