package http1

import "bytes"

// framing is what the header says about where the request ends and what becomes of the connection.
type framing struct {
	host       int // 1 + the index of the Host field, 0 without one
	hasLength  bool
	length     int64
	coded      bool // there is a Transfer-Encoding field
	chunked    bool // its last coding so far is chunked
	misplaced  bool // a coding follows chunked, or the list is broken
	unknown    bool // a coding that is not chunked
	close      bool
	persistent bool // "keep-alive"
	expect     bool // "100-continue"
}

// frame notes what a header field says about framing. What one line alone makes wrong is refused here, what only the
// whole header can tell in checkHead.
func (p *Parser) frame(name, value []byte) (ready bool) {
	f := &p.framing
	switch {
	case foldEqual(name, "host"):
		if f.host != 0 {
			return p.refuse(400, "more than one Host field")
		}
		if !validHost(value) {
			return p.refuse(400, "the Host field must be a host name or address with an optional port")
		}
		f.host = len(p.section.fields)
	case foldEqual(name, "expect"):
		if !foldEqual(value, "100-continue") {
			return p.refuse(417, "the only expectation that can be met is 100-continue")
		}
		f.expect = true
	case foldEqual(name, "trailer"):
		for item := range bytes.SplitSeq(value, []byte{','}) {
			if item, _ = trim(item); forbiddenInTrailer(item) {
				return p.refuse(400, "the field %s must not be announced for a trailer", item)
			}
		}
	case foldEqual(name, "connection"):
		for item := range bytes.SplitSeq(value, []byte{','}) {
			item, _ = trim(item)
			f.close = f.close || foldEqual(item, "close")
			f.persistent = f.persistent || foldEqual(item, "keep-alive")
		}
	case foldEqual(name, "content-length"):
		if f.hasLength {
			return p.refuse(400, "more than one Content-Length field")
		}
		f.hasLength = true
		return p.parseLength(value)
	case foldEqual(name, "transfer-encoding"):
		f.coded = true
		for item := range bytes.SplitSeq(value, []byte{','}) {
			item, _ = trim(item)
			f.misplaced = f.misplaced || f.chunked || len(item) == 0
			f.chunked = foldEqual(item, "chunked")
			f.unknown = f.unknown || !f.chunked
		}
	}
	return true
}

// lengthMax keeps a Content-Length within what every implementation can count, JavaScript's numbers included.
const lengthMax = 1 << 53

// parseLength reads 1*DIGIT and nothing else: signs, lists and spaces are how lengths are smuggled.
func (p *Parser) parseLength(value []byte) (ready bool) {
	if len(value) == 0 || !every(value, classDigit) {
		return p.refuse(400, "Content-Length must be one decimal number")
	}
	for _, c := range value {
		if p.framing.length = p.framing.length*10 + int64(c-'0'); p.framing.length > lengthMax {
			return p.refuse(400, "Content-Length must not be larger than %d", int64(lengthMax))
		}
	}
	return true
}

// checkHead decides, at the end of a header, whether it may stand as a whole and whether the connection may go on
// (RFC 9112 sections 3.2, 6.3 and 9.3).
func (p *Parser) checkHead(buf []byte) (ready bool) {
	f, minor := &p.framing, p.line.minor
	switch {
	case f.coded && f.hasLength:
		return p.refuse(400, "Content-Length and Transfer-Encoding together")
	case f.coded && minor == 0:
		return p.refuse(400, "Transfer-Encoding in an HTTP/1.0 request")
	case f.misplaced:
		return p.refuse(400, "Transfer-Encoding must be exactly one chunked")
	case f.unknown:
		return p.refuse(501, "Transfer-Encoding other than chunked is not implemented")
	case f.host == 0 && minor > 0:
		return p.refuse(400, "no Host field")
	case f.length > p.Limits.BodyBytesMax:
		return p.refuse(413, "the body has %d bytes, more than %d", f.length, p.Limits.BodyBytesMax)
	}
	p.keepAlive = !f.close && (minor > 0 || f.persistent)
	p.wantContinue = f.expect && minor > 0 && (f.chunked || f.length > 0)
	return true
}

// forbiddenInTrailer reports whether a field would change, after the body, how the request was framed or routed
// (RFC 9110 section 6.5.1).
func forbiddenInTrailer(name []byte) bool {
	for _, field := range [...]string{"host", "te", "expect", "trailer", "upgrade", "connection", "content-length",
		"transfer-encoding"} {
		if foldEqual(name, field) {
			return true
		}
	}
	return false
}
