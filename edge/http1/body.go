package http1

// takeSized takes what there is of a body whose length is known.
func (p *Parser) takeSized(buf []byte) (taken int, done bool) {
	if len(buf) == 0 {
		return 0, false
	}
	p.wantContinue = false
	missing := p.framing.length - int64(len(p.body))
	taken = int(min(missing, int64(len(buf))))
	p.keep(buf[:taken], p.framing.length)
	return taken, int64(taken) == missing
}

// keep appends b to a body that will not grow beyond bytesMax. It never holds more than twice what has arrived: an
// announced length costs its sender nothing and must cost us nothing.
func (p *Parser) keep(b []byte, bytesMax int64) {
	size := len(p.body) + len(b)
	if size > cap(p.body) {
		room := size
		if int64(size) < bytesMax {
			room = int(min(2*int64(size), bytesMax))
		}
		grown := make([]byte, len(p.body), room)
		copy(grown, p.body)
		p.body = grown
	}
	p.body = append(p.body, b...)
}
