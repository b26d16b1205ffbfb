//go:build linux || darwin

package edge

import (
	"errors"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/fortunadws/fortuna/edge/compress"
	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/http1"
)

// encodedInlineBytes is how much is encoded at once on a loop, within a millisecond or two; more is encoded aside.
const encodedInlineBytes = 64 << 10

var errBehind = errors.New("exchange: more is written than can be encoded: wait for Drained")

// ready makes what was given ready to be sent, and reports whether there is something. What a handler gave by the end of its
// turn is sent then: all of it at once gets a Content-Length, a part of it begins a stream.
func (x *answer) ready() bool {
	switch {
	case x.gone:
		return false
	case x.stage == sealed:
		return true
	case x.status < 200:
		return false
	case !x.stage.aside():
		x.prepare()
	}
	return x.stage == sealed || x.out.n > 0 || !x.framed && x.stage != givenAside // which is to have a Content-Length
}

// prepare moves what was given to what is sent, encoded or as it is, or has it encoded aside.
func (x *answer) prepare() {
	if !x.framed && x.out.n == 0 && x.s.compress { // what has been encoded aside has been negotiated
		x.negotiate()
	}
	p, last := x.body.take(), x.stage == given
	switch w := x.encoder; {
	case w == nil:
		x.out.join(p)
	case p.n == 0 && !last:
	case p.n > encodedInlineBytes:
		x.encodeAside(p.all(), last)
		return
	default:
		for _, b := range p.all() {
			w.Write(b)
		}
		if last {
			x.out.add(w.Close())
			x.releaseEncoder()
		} else {
			x.out.add(w.Flush())
		}
	}
	if last {
		x.pass(restReady)
	}
}

// negotiate decides how the body is encoded, and says so in the header.
func (x *answer) negotiate() {
	if x.status == 304 {
		x.confirm()
	}
	whole, bare, n := x.stage == given, !http1.BodyAllowed(x.req.Method, x.status), x.body.n
	// Who answers HEAD without a body does not say how long it is: most that are text gain.
	if whole && n < compress.BytesMin && !(bare && n == 0) || !x.encodable() {
		return
	}
	x.header = varying(x.header)
	c := compress.Negotiate(x.req.List("Accept-Encoding"), compress.Codings)
	switch {
	case c == compress.Identity:
		return
	case bare:
		x.body = pieces{} // how long it would be is not known
	case !x.lendEncoder(c, whole && n <= encodedInlineBytes):
		return
	}
	x.header = append(x.header, exchange.Field{Name: "Content-Encoding", Value: string(c)})
	if tag := strong(x.header); tag != nil { // the bytes are others (RFC 9110 section 8.8.1)
		tag.Value = "W/" + tag.Value
	}
}

// confirm has a 304 say what the answer said that the client holds, if that was encoded: a cache finds it by its ETag (RFC
// 9111 section 4.3.4).
func (x *answer) confirm() {
	if tag := strong(x.header); tag != nil && strings.Contains(x.req.List("If-None-Match"), "W/"+tag.Value) {
		x.header = varying(x.header)
		strong(x.header).Value = "W/" + tag.Value
	}
}

// strong is the field that says bytes are the same, or nil.
func strong(header []exchange.Field) *exchange.Field {
	i := slices.IndexFunc(header, func(f exchange.Field) bool {
		return exchange.EqualFold(f.Name, "ETag") && strings.HasPrefix(f.Value, `"`)
	})
	if i < 0 {
		return nil
	}
	return &header[i]
}

// encodable reports whether the body gains by being encoded and its handler leaves that to us. What has a length beforehand
// is a file, or what its handler has negotiated.
func (x *answer) encodable() bool {
	if x.length >= 0 || x.status == 206 || x.status == 304 || x.status == 204 {
		return false
	}
	gains := false
	for i := range x.header {
		switch f := &x.header[i]; {
		case exchange.EqualFold(f.Name, "Content-Type"):
			gains = compress.Gains(f.Value)
		case exchange.EqualFold(f.Name, "Content-Encoding"), // identity as well: so it is wanted
			exchange.EqualFold(f.Name, "Cache-Control") && strings.Contains(strings.ToLower(f.Value), "no-transform"),
			exchange.EqualFold(f.Name, "Content-Range"),
			exchange.EqualFold(f.Name, "Content-Digest"), exchange.EqualFold(f.Name, "Repr-Digest"): // of the bytes as they are (RFC 9530)
			return false
		}
	}
	return gains
}

// varying is a copy of a header that says that the answer depends on what the client accepts.
func varying(header []exchange.Field) []exchange.Field {
	for i := range header {
		if !exchange.EqualFold(header[i].Name, "Vary") {
			continue
		}
		for name := range strings.SplitSeq(header[i].Value, ",") {
			if name = strings.Trim(name, " \t"); name == "*" || exchange.EqualFold(name, "Accept-Encoding") {
				return slices.Clone(header)
			}
		}
	}
	return append(slices.Clip(header), exchange.Field{Name: "Vary", Value: "Accept-Encoding"})
}

// lendEncoder counts an encoder in, and reports false when there are too many. One that is returned within the callback is
// not the one too many.
func (x *answer) lendEncoder(c compress.Coding, briefly bool) bool {
	if n := x.s.encoding.Add(1); !briefly && over(n, int64(x.s.limits.EncodersMax)) {
		x.s.encoding.Add(-1)
		return false
	}
	x.encoder = compress.NewEncoder(c, compress.Quick)
	return true
}

// releaseEncoder counts it out. One that was broken off is lost to the pool.
func (x *answer) releaseEncoder() {
	if x.encoder != nil {
		x.encoder = nil
		x.s.encoding.Add(-1)
	}
}

// encodeAside encodes what is too large for a loop on a goroutine, which has the encoder meanwhile. What the handler gives
// then waits behind it, and nobody is told that the peer has taken what was written.
func (x *answer) encodeAside(body [][]byte, last bool) {
	x.pass(encoderLeaves)
	w, left := x.encoder, x.Done()
	x.encoder = nil
	go func() {
		back := func() { x.s.encoding.Add(-1) }
		if encoded, ok := x.encodeUntil(left, w, body, last); ok {
			back = func() { x.returned(w, encoded, last) }
		}
		if !x.home.Post(back) { // a loop that has ended has no connections
			x.s.encoding.Add(-1)
		}
	}()
}

// encodeUntil encodes a body unless the peer leaves before that is done. On any goroutine.
func (x *answer) encodeUntil(left <-chan struct{}, w *compress.Encoder, body [][]byte, last bool) (encoded []byte, ok bool) {
	defer func() {
		if v := recover(); v != nil {
			x.s.log.Error("panic in an encoder", "err", v, "stack", string(debug.Stack()))
			x.home.Post(x.fail)
		}
	}()
	for _, b := range body {
		for part := range slices.Chunk(b, encodedInlineBytes) {
			select {
			case <-left:
				return nil, false
			default:
				w.Write(part)
			}
		}
	}
	if last {
		return w.Close(), true
	}
	return w.Flush(), true
}

// returned is an encoder being back with what it was given, unless nobody wants that any more. On x's home.
func (x *answer) returned(w *compress.Encoder, encoded []byte, last bool) {
	if last || x.gone || x.stage == sealed {
		x.s.encoding.Add(-1)
		w = nil
	}
	if x.gone || x.stage == sealed {
		return
	}
	x.encoder = w
	x.pass(encoderReturns)
	x.out.add(encoded)
	x.touch()
}
