//go:build linux || darwin

package edge

// pieces are parts of a body, in order. One of them, as most bodies are, needs no slice.
type pieces struct {
	first []byte
	more  [][]byte
	n     int // bytes
}

func (p *pieces) add(b []byte) {
	switch {
	case len(b) == 0:
		return
	case p.first == nil:
		p.first = b
	default:
		p.more = append(p.more, b)
	}
	p.n += len(b)
}

// join adds those of q, which is not used any more.
func (p *pieces) join(q pieces) {
	if p.n == 0 {
		*p = q
		return
	}
	for _, b := range q.all() {
		p.add(b)
	}
}

// take empties p.
func (p *pieces) take() pieces {
	taken := *p
	*p = pieces{}
	return taken
}

func (p *pieces) all() [][]byte {
	if p.first == nil {
		return nil
	}
	return append([][]byte{p.first}, p.more...)
}
