package http1

import "github.com/fortunadws/fortuna/edge/exchange"

// requestLine is what is known of method SP request-target SP HTTP-version (RFC 9112 section 3). The numbers are
// offsets into the head; an end of 0 is not found yet.
type requestLine struct {
	pos       int // the next byte to look at
	methodEnd int
	targetEnd int
	minor     int
	target    target
}

// parseRequestLine reads the request line at the front of buf. It looks at each byte of method and target once,
// however they arrive.
func (p *Parser) parseRequestLine(buf []byte) (ready bool) {
	l := &p.line
	i := l.pos
	if l.methodEnd == 0 {
		for end := min(len(buf), p.Limits.MethodBytesMax+1); i < end && is(buf[i], classToken); {
			i++
		}
		l.pos = i
		switch {
		case i > p.Limits.MethodBytesMax:
			return p.refuse(501, "the method is longer than %d bytes", p.Limits.MethodBytesMax)
		case i == len(buf):
			return false
		case i == 0 || buf[i] != ' ':
			return p.refuse(400, "the request line must begin with a method and one space, got the byte %q", buf[i:i+1])
		}
		l.methodEnd = i
		i++
	}
	if l.targetEnd == 0 {
		start := l.methodEnd + 1
		limit := start + p.Limits.TargetBytesMax
		for end := min(len(buf), limit+1); i < end && is(buf[i], classTarget); {
			i++
		}
		l.pos = i
		switch {
		case i > limit:
			return p.refuse(414, "the request target is longer than %d bytes", p.Limits.TargetBytesMax)
		case i == len(buf):
			return false
		case i == start || buf[i] != ' ':
			return p.refuse(400, "the method must be followed by a request target and one space, got the byte %q", buf[i:i+1])
		}
		l.targetEnd = i
	}
	if !p.parseVersion(buf[l.targetEnd+1:]) {
		return false
	}
	if !p.parseTarget(buf) {
		return false
	}
	p.state = stateFields
	p.section.begin(l.targetEnd+1+len(versionForm), p.Limits.HeaderBytesMax)
	return true
}

// versionForm is the rest of a request line, with 0 for any digit.
const versionForm = "HTTP/0.0\r\n"

// parseVersion compares what there is of b with the form. The digits are judged as soon as both are there, because
// what follows them may be of another protocol.
func (p *Parser) parseVersion(b []byte) (ready bool) {
	for i := range len(versionForm) {
		if i == len("HTTP/0.0") && b[5] != '1' {
			return p.refuse(505, "HTTP/%c.%c is not spoken here, use HTTP/1.1", b[5], b[7])
		}
		if i == len(b) {
			return false
		}
		if want := versionForm[i]; want == '0' && is(b[i], classDigit) || want == b[i] && want != '0' {
			continue
		}
		return p.refuse(400, "the request line must end with a space, HTTP/1.1 and CRLF, got the byte %q", b[i:i+1])
	}
	p.line.minor = min(int(b[7]-'0'), 1) // a later minor version is to be read as the latest known (RFC 9110 section 2.5)
	return true
}

// fill sets the fields of req that come from the request line of head.
func (l *requestLine) fill(head string, req *exchange.Request) {
	req.Method = head[:l.methodEnd]
	req.Minor = l.minor
	t := &l.target
	req.Host = head[t.host:t.hostEnd]
	req.Target = head[t.path:l.targetEnd]
	if t.path == l.targetEnd || head[t.path] == '?' { // an absolute-form target without a path
		req.Target = "/" + req.Target
	}
	pathEnd := len(req.Target)
	req.Query = ""
	if t.query != 0 {
		req.Query = head[t.query:l.targetEnd]
		pathEnd -= len(req.Query) + 1
	}
	req.Path = req.Target[:pathEnd]
}
