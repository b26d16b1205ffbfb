package http1

import "github.com/fortunadws/fortuna/edge/exchange"

// Parser reads requests from one connection, one after the other, in leftover style: what Parse has not taken is
// fed again, with more behind it. A Parser belongs to one goroutine at a time. The zero Parser with Limits set is
// ready.
type Parser struct {
	Limits Limits

	state   state
	refused *Error // once set, every Parse repeats it
	empties int    // empty lines seen before the request line

	line    requestLine
	section fieldSection
	framing framing
	chunk   chunk
	body    []byte // decoded and not yet given away
	decoded int64  // bytes of the current body, given away or not

	keepAlive    bool
	wantContinue bool
}

type state uint8

const (
	stateIdle        state = iota // between requests
	stateRequestLine              // nothing of the head is taken until it is whole
	stateFields
	stateSized // the body, by Content-Length
	stateChunks
	stateTrailer // nothing of the trailer section is taken until it is whole
)

// Parse takes from the front of buf what it can and fills req. It returns how many bytes it has taken: drop them and
// never feed them again; feed the rest again with what follows it. done reports whether req is now whole; bytes after
// n then belong to the next request, and the parser is ready for it. A non-nil err is an *Error: the input must be
// refused, and every later call repeats the refusal. With done false and err nil, feed more.
//
// All calls for one request must be given the same req. Its strings share one copy of the head; its Header slice is
// reused when it is large enough, so pass a request again only when nobody holds it; its Body is always fresh. TLS and
// Remote are left alone.
func (p *Parser) Parse(buf []byte, req *exchange.Request) (n int, done bool, err error) {
	if p.refused != nil {
		return 0, false, p.refused
	}
	for ready := true; ready; {
		var taken int
		in := buf[n:]
		switch p.state {
		case stateIdle:
			taken, ready = p.skipEmptyLines(in)
		case stateRequestLine:
			ready = p.parseRequestLine(in)
		case stateFields:
			if ready = p.parseFields(in); ready {
				taken = p.endHead(in, req)
				done = p.state == stateIdle
			}
		case stateSized:
			taken, done = p.takeSized(in)
			ready = false
		case stateChunks:
			taken, ready = p.takeChunks(in)
		case stateTrailer:
			if ready = p.parseFields(in); ready {
				taken, done = p.section.pos, true
			}
		}
		n += taken
		if p.refused != nil {
			return n, false, p.refused
		}
		if done {
			req.Body, p.body, p.decoded, p.state = p.body, nil, 0, stateIdle
			return n, true, nil
		}
	}
	return n, false, nil
}

// refuse keeps the first refusal; its result says that there is nothing more to do.
func (p *Parser) refuse(status int, format string, args ...any) (ready bool) {
	p.refused = refuse(status, format, args...)
	return false
}

// Reset forgets everything but Limits, for another connection.
func (p *Parser) Reset() {
	fields := p.section.fields[:0]
	*p = Parser{Limits: p.Limits}
	p.section.fields = fields
}

// Phase is how far a connection is within a request.
type Phase uint8

// The phases, each with a deadline of its own.
const (
	PhaseIdle Phase = iota // nothing of a request seen
	PhaseHead              // in the request line or the header
	PhaseBody              // in the body, its chunks or its trailers
)

// Phase tells a connection which deadline applies.
func (p *Parser) Phase() Phase {
	switch p.state {
	case stateIdle:
		return PhaseIdle
	case stateRequestLine, stateFields:
		return PhaseHead
	default:
		return PhaseBody
	}
}

// WantContinue reports, once per request, that the head is read, that a body is to come which will be accepted, and
// that the client waits for "100 Continue" before it sends it (RFC 9110 section 10.1.1). Ask after each Parse that
// returns done false.
func (p *Parser) WantContinue() bool {
	want := p.wantContinue
	p.wantContinue = false
	return want
}

// KeepAlive reports whether the connection may carry another request after the one whose head was parsed last, by its
// version and its Connection field (RFC 9112 section 9.3).
func (p *Parser) KeepAlive() bool { return p.keepAlive && p.refused == nil }

// BodyBytes is how much of the current body has arrived, decoded from chunks, for a minimum-rate rule. It is 0 once
// the request is whole.
func (p *Parser) BodyBytes() int64 { return p.decoded }

// Take gives away what has arrived of the current body since the last call, decoded from chunks, for those who do not
// wait for the whole: the Body that Parse fills in at the end is then what is left.
func (p *Parser) Take() (piece []byte) {
	piece, p.body = p.body, nil
	return piece
}

// skipEmptyLines takes empty lines before a request line, which old clients send after a body (RFC 9112 section 2.2).
func (p *Parser) skipEmptyLines(buf []byte) (taken int, ready bool) {
	const emptyLinesMax = 2
	for taken < len(buf) && buf[taken] == '\r' {
		if taken+1 == len(buf) {
			return taken, false
		}
		if buf[taken+1] != '\n' {
			return taken, p.refuse(400, "a CR without LF before the request line")
		}
		if p.empties++; p.empties > emptyLinesMax {
			return taken, p.refuse(400, "more than %d empty lines before the request line", emptyLinesMax)
		}
		taken += 2
	}
	if taken == len(buf) {
		return taken, false
	}
	p.state, p.empties = stateRequestLine, 0
	p.line, p.framing, p.chunk = requestLine{}, framing{}, chunk{}
	p.wantContinue = false
	return taken, true
}

// endHead turns the whole head at the front of buf into req, decides on the body and returns the length of the head.
func (p *Parser) endHead(buf []byte, req *exchange.Request) int {
	if !p.checkHead(buf) {
		return 0
	}
	head := string(buf[:p.section.pos]) // the one copy: every string of req is a part of it
	p.line.fill(head, req)
	p.section.fill(head, req)
	if p.framing.host != 0 && req.Host == "" {
		req.Host = req.Header[p.framing.host-1].Value
	}
	req.Body, req.Length = nil, p.framing.length
	switch {
	case p.framing.chunked:
		req.Length = -1
		p.state = stateChunks
	case p.framing.length > 0:
		p.state = stateSized
	default:
		p.state = stateIdle
	}
	return p.section.pos
}
