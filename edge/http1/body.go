package http1

// takeSized takes what there is of a body whose length is known.
func (p *Parser) takeSized(buf []byte) (taken int, done bool) {
	if len(buf) == 0 {
		return 0, false
	}
	p.wantContinue = false
	missing := p.framing.length - p.decoded
	taken = int(min(missing, int64(len(buf))))
	p.keep(buf[:taken], int64(len(p.body))+missing)
	return taken, int64(taken) == missing
}

// keep appends b to a body of which at most bytesMax will be here. It never holds more than twice what has arrived: an
// announced length costs its sender nothing and must cost us nothing.
func (p *Parser) keep(b []byte, bytesMax int64) {
	size := len(p.body) + len(b)
	if size > cap(p.body) {
		room := size
		if len(p.body) > 0 { // it comes in pieces
			room = int(min(2*int64(size), bytesMax))
		}
		grown := make([]byte, len(p.body), max(room, size))
		copy(grown, p.body)
		p.body = grown
	}
	p.body = append(p.body, b...)
	p.decoded += int64(len(b))
}
