//go:build linux || darwin

package edge

import (
	"slices"
	"strings"

	"github.com/fortunadws/fortuna/edge/compress"
	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/http1"
)

const (
	// encodedInlineBytes is the size of a body up to which it is encoded on its loop, within a millisecond.
	encodedInlineBytes = 64 << 10
	// encodedStreamsMax is how many streams are encoded at a time: each holds an encoder of about 1 MB for its life.
	encodedStreamsMax = 100
)

// negotiate decides once how the body is encoded, whose first n bytes are there, and says so in the header.
func (x *answer) negotiate(n int) {
	if x.negotiated {
		return
	}
	x.negotiated = true
	given, ok := x.encodable(n)
	if given {
		// A handler that says identity wants its answer as it is, and says nothing by it.
		x.header = slices.DeleteFunc(slices.Clone(x.header), func(f exchange.Field) bool {
			return exchange.EqualFold(f.Name, "Content-Encoding") && exchange.EqualFold(f.Value, "identity")
		})
	}
	if !ok {
		return
	}
	header := append(slices.Clip(x.header), exchange.Field{Name: "Vary", Value: "Accept-Encoding"})
	c := compress.Negotiate(x.req.Get("Accept-Encoding"), compress.Codings)
	if c != compress.Identity && !x.ended {
		if x.s.encoding.Add(1) > encodedStreamsMax {
			x.s.encoding.Add(-1)
			c = compress.Identity
		} else {
			x.encoder = compress.NewEncoder(c, compress.Quick)
		}
	}
	if x.header = header; c == compress.Identity {
		return
	}
	x.coding = c
	x.header = append(slices.Clone(header), exchange.Field{Name: "Content-Encoding", Value: string(c)})
	for i, f := range x.header {
		if exchange.EqualFold(f.Name, "ETag") && strings.HasPrefix(f.Value, `"`) { // the bytes are others (RFC 9110 section 8.8.1)
			x.header[i].Value = "W/" + f.Value
		}
	}
}

// encodable reports whether the body, whose first n bytes are there, gains by being encoded, and whether the handler has said
// anything of encodings. What has a length beforehand is a file, or what its handler has negotiated.
func (x *answer) encodable(n int) (given, ok bool) {
	if !x.s.compress || x.counted || x.refusal != nil || x.socket != nil || x.status == 206 || x.status == 304 || x.status == 204 || x.status < 200 {
		return false, false
	}
	gains, small := false, x.ended && n < compress.BytesMin
	for i := range x.header {
		switch f := &x.header[i]; {
		case exchange.EqualFold(f.Name, "Content-Type"):
			gains = !small && compress.Gains(f.Value)
		case exchange.EqualFold(f.Name, "Content-Encoding"):
			given = true
		case exchange.EqualFold(f.Name, "Cache-Control") && strings.Contains(strings.ToLower(f.Value), "no-transform"), exchange.EqualFold(f.Name, "Content-Range"),
			exchange.EqualFold(f.Name, "Content-Digest"), exchange.EqualFold(f.Name, "Repr-Digest"): // of the bytes as they are (RFC 9530)
			return given, false
		}
	}
	return given, gains && !given
}

// encode replaces what is to be sent by its encoded form.
func (x *answer) encode() {
	pieces := append([][]byte{x.body}, x.more...)
	x.more = nil
	if x.encoder == nil {
		x.body = compress.Encode(x.coding, compress.Quick, pieces...)
		x.coding = compress.Identity // it is done
		return
	}
	for _, p := range pieces {
		x.encoder.Write(p)
	}
	if x.ended {
		x.body = x.encoder.Close()
		x.releaseEncoder()
	} else {
		x.body = x.encoder.Flush()
	}
	if len(x.body) == 0 {
		x.body = nil
	}
}

// releaseEncoder counts out a stream that was encoded. One that was broken off is lost to the pool.
func (x *answer) releaseEncoder() {
	if x.encoder != nil {
		x.encoder = nil
		x.coding = compress.Identity
		x.s.encoding.Add(-1)
	}
}

// encodeAside encodes a body that is too large for its loop on a goroutine. It reports false when nothing is to be
// encoded. The answer ends when that is done.
func (x *answer) encodeAside() bool {
	n := len(x.body) + bytesOf(x.more)
	if x.framed || n <= encodedInlineBytes || x.status < 200 || !http1.BodyAllowed(x.req.Method, x.status) {
		return false
	}
	x.ended = true // as negotiate is to see it
	x.negotiate(n)
	if x.coding == compress.Identity {
		return false
	}
	x.ended, x.encoding = false, true
	pieces, coding := append([][]byte{x.body}, x.more...), x.coding
	go func() {
		encoded := compress.Encode(coding, compress.Quick, pieces...)
		x.home.Post(func() { // a loop that has ended has no connections
			x.encoding, x.coding = false, compress.Identity
			if !x.gone && !x.ended {
				x.body, x.more = encoded, nil
				x.ended = true
				x.touch()
			}
		})
	}()
	return true
}
