//go:build linux || darwin

package edge

import (
	"io"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/http1"
)

// incoming is a body that comes in while its handler runs. That needs a carrier, which can stop reading its peer; evio
// cannot (E5).
type incoming struct {
	piece  []byte           // decoded and not yet received
	want   receiver         // gets the next piece; nil if nobody waits
	rest   exchange.Request // what the parser fills in at the end: the handler has the request itself
	before int64            // bytes of the body that had come when its handler last held the peer up
	ended  bool
}

type receiver func(piece []byte, err error)

// streams reports whether the handler gets a request before its body is whole: it may be long, or never end.
func (m *Limits) streams(q *exchange.Request) bool {
	return m.BodyBufferBytes >= 0 && (q.Length < 0 || q.Length > int64(m.BodyBufferBytes))
}

// feed decodes what buf holds of the body and returns how much it took.
func (b *incoming) feed(p *http1.Parser, buf []byte) (n int, err error) {
	n, b.ended, err = p.Parse(buf, &b.rest)
	piece := b.rest.Body
	if b.rest.Body = nil; !b.ended {
		piece = p.Take()
	}
	if b.piece == nil {
		b.piece = piece
	} else {
		b.piece = append(b.piece, piece...)
	}
	return n, err
}

// next is the job that waits for a piece, with the piece, if there is one.
func (b *incoming) next() (job func(), ok bool) {
	want, piece := b.want, b.piece
	switch {
	case want == nil || piece == nil && !b.ended:
		return nil, false
	case piece == nil:
		job = func() { want(nil, io.EOF) }
	default:
		job = func() { want(piece, nil) }
	}
	b.want, b.piece = nil, nil
	return job, true
}

// begins reports whether the request that is being read goes to its handler before its body is whole.
func (k *carrier) begins() bool {
	return k.mode == inBody && k.s.limits.streams(&k.x.req)
}

// begin gives it to its handler.
func (k *carrier) begin() {
	x := k.x
	x.req.Partial, x.req.Body = true, k.parser.Take()
	x.incoming = &incoming{}
	k.serve()
}

// receive decodes what has come of the body of the exchange in flight, and gives it to its handler if that waits for it.
// It reports whether there was anything to do.
func (k *carrier) receive() bool {
	x := k.x
	if k.mode != busy || x == nil || x.incoming == nil {
		return false
	}
	b := x.incoming
	if b.want != nil && !x.framed && k.parser.WantContinue() {
		k.mu.Lock()
		k.hand(http1.AppendContinue(nil))
		k.mu.Unlock()
	}
	if !b.ended && x.stage < given && len(k.in) > 0 && !k.full(b) {
		n, err := b.feed(&k.parser, k.in)
		k.in = k.in[n:]
		if err != nil {
			k.spoil(refusalOf(err))
			return true
		}
	}
	job, ok := b.next()
	if ok {
		k.do(job)
	}
	return ok
}

// full reports whether so much of the body waits for its handler that the peer has to wait too.
func (k *carrier) full(b *incoming) bool { return len(b.piece) >= k.s.limits.BodyBufferBytes }

// deaf reports whether the peer has to wait: the kernel's buffer fills, and it stops.
func (k *carrier) deaf() bool {
	if k.mode == busy && k.x != nil && k.x.incoming != nil && !k.x.incoming.ended {
		return k.full(k.x.incoming)
	}
	return k.mode == busy && over(len(k.in), k.s.limits.AheadBytesMax)
}

// spoil refuses a request whose body broke a rule while its handler runs, to which the peer has left.
func (k *carrier) spoil(e *http1.Error) {
	x := k.x
	k.in = nil
	x.refuse(e)
	k.flush(x)
	x.desert()
}
