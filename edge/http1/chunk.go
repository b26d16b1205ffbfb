package http1

// chunk is how far the chunked coding (RFC 9112 section 7.1) of a body is.
type chunk struct {
	state           chunkState
	digits          int    // of the current size
	size            uint64 // of the current chunk; while in its data, what is missing
	extensionBytes  int    // of the current chunk
	extensionsBytes int    // of the message
}

type chunkState uint8

const (
	chunkSize       chunkState = iota
	chunkExtName               // after ";": the name of an extension is to begin
	chunkInName                // in it
	chunkAfterName             // whitespace after it
	chunkExtValue              // after "=": the value is to begin
	chunkInValue               // in it, a token
	chunkQuoted                // in it, a quoted string
	chunkEscape                // after a backslash in it
	chunkEndQuote              // just behind its closing quote
	chunkAfterValue            // whitespace after it
	chunkSizeLF                // the CR of the size line is read
	chunkData
	chunkDataCR
	chunkDataLF
)

// sizeDigitsMax is what fits into 64 bits.
const sizeDigitsMax = 16

// takeChunks takes and decodes what there is of a chunked body, up to the trailer section.
func (p *Parser) takeChunks(buf []byte) (taken int, ready bool) {
	c := &p.chunk
	for taken < len(buf) {
		p.wantContinue = false
		if c.state == chunkData {
			n := int(min(c.size, uint64(len(buf)-taken)))
			p.keep(buf[taken:taken+n], p.Limits.BodyBytesMax)
			taken += n
			if c.size -= uint64(n); c.size == 0 {
				c.state = chunkDataCR
			}
			continue
		}
		b := buf[taken]
		taken++
		switch c.state {
		case chunkSize:
			if !p.sizeByte(b) {
				return taken, false
			}
		case chunkSizeLF:
			if b != '\n' {
				return taken, p.refuse(400, "a CR without LF after a chunk size")
			}
			if c.size == 0 {
				p.state = stateTrailer
				p.section.begin(0, p.Limits.TrailerBytesMax)
				return taken, true
			}
			c.state = chunkData
		case chunkDataCR:
			if b != '\r' {
				return taken, p.refuse(400, "the data of a chunk must end with CRLF where its size says")
			}
			c.state = chunkDataLF
		case chunkDataLF:
			if b != '\n' {
				return taken, p.refuse(400, "the data of a chunk must end with CRLF where its size says")
			}
			c.state, c.digits, c.extensionBytes = chunkSize, 0, 0
		default:
			if !p.extensionByte(b) {
				return taken, false
			}
		}
	}
	return taken, false
}

// sizeByte reads one byte of a chunk size. Whitespace after the digits is refused: parsers differ on it.
func (p *Parser) sizeByte(b byte) (ready bool) {
	c := &p.chunk
	switch {
	case is(b, classHex):
		if c.digits++; c.digits > sizeDigitsMax {
			return p.refuse(400, "a chunk size has more than %d digits", sizeDigitsMax)
		}
		if c.digits == 1 {
			c.size = 0
		}
		c.size = c.size<<4 | uint64(hexValue(b))
		return true
	case c.digits > 0 && b == ';':
		c.state = chunkExtName
		return p.countExtension()
	case c.digits > 0 && b == '\r':
		c.state = chunkSizeLF
	default:
		return p.refuse(400, "a chunk size must be hexadecimal digits and CRLF, got the byte %q", []byte{b})
	}
	return p.checkSize()
}

func (p *Parser) checkSize() (ready bool) {
	if free := p.Limits.BodyBytesMax - p.decoded; p.chunk.size > uint64(max(free, 0)) {
		return p.refuse(413, "the body has more than %d bytes", p.Limits.BodyBytesMax)
	}
	return true
}

func (p *Parser) countExtension() (ready bool) {
	c := &p.chunk
	c.extensionBytes++
	c.extensionsBytes++
	if c.extensionBytes > p.Limits.ChunkExtensionBytesMax || c.extensionsBytes > p.Limits.ChunkExtensionsBytesMax {
		return p.refuse(400, "chunk extensions larger than %d bytes, or %d in all",
			p.Limits.ChunkExtensionBytesMax, p.Limits.ChunkExtensionsBytesMax)
	}
	return true
}

// extensionByte reads one byte of *( ";" name [ "=" ( token / quoted-string ) ] ) CR. Extensions have no meaning
// here, but their grammar decides where the line ends.
func (p *Parser) extensionByte(b byte) (ready bool) {
	c := &p.chunk
	next, ok := c.state.next(b)
	if !ok {
		return p.refuse(400, "a chunk extension must not contain the byte %q there", []byte{b})
	}
	c.state = next
	if next == chunkSizeLF {
		return p.checkSize()
	}
	return p.countExtension()
}

// next is the grammar of chunk extensions (RFC 9112 section 7.1.1), "bad" whitespace around ";" and "=" included.
func (s chunkState) next(b byte) (next chunkState, ok bool) {
	blank := b == ' ' || b == '\t'
	token := is(b, classToken)
	switch s {
	case chunkExtName:
		if token {
			return chunkInName, true
		}
		return s, blank
	case chunkInName, chunkAfterName:
		switch {
		case token && s == chunkInName:
			return s, true
		case blank:
			return chunkAfterName, true
		case b == '=':
			return chunkExtValue, true
		}
	case chunkExtValue:
		switch {
		case token:
			return chunkInValue, true
		case b == '"':
			return chunkQuoted, true
		}
		return s, blank
	case chunkQuoted:
		switch b {
		case '"':
			return chunkEndQuote, true
		case '\\':
			return chunkEscape, true
		}
		return s, is(b, classText)
	case chunkEscape:
		return chunkQuoted, is(b, classText)
	default: // chunkInValue, chunkEndQuote, chunkAfterValue
		if token && s == chunkInValue {
			return s, true
		}
		if blank {
			return chunkAfterValue, true
		}
	}
	if b == ';' {
		return chunkExtName, true
	}
	return chunkSizeLF, b == '\r' && s != chunkAfterName && s != chunkAfterValue
}

func hexValue(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&0x0f + 9
}
