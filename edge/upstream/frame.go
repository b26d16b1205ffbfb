package upstream

import (
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/fortunadws/fortuna/edge/exchange"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Frames are appended to what the connection sends (RFC 9113, section 6).

func appendFrame(dst []byte, length int, kind http2.FrameType, flags http2.Flags, id uint32) []byte {
	dst = append(dst, byte(length>>16), byte(length>>8), byte(length), byte(kind), byte(flags))
	return binary.BigEndian.AppendUint32(dst, id)
}

func appendData(dst []byte, id uint32, p []byte, last bool) []byte {
	var flags http2.Flags
	if last {
		flags = http2.FlagDataEndStream
	}
	return append(appendFrame(dst, len(p), http2.FrameData, flags, id), p...)
}

func appendSettings(dst []byte, settings ...http2.Setting) []byte {
	dst = appendFrame(dst, 6*len(settings), http2.FrameSettings, 0, 0)
	for _, s := range settings {
		dst = binary.BigEndian.AppendUint16(dst, uint16(s.ID))
		dst = binary.BigEndian.AppendUint32(dst, s.Val)
	}
	return dst
}

func appendWindow(dst []byte, id uint32, n int) []byte {
	return binary.BigEndian.AppendUint32(appendFrame(dst, 4, http2.FrameWindowUpdate, 0, id), uint32(n))
}

func appendReset(dst []byte, id, code uint32) []byte {
	return binary.BigEndian.AppendUint32(appendFrame(dst, 4, http2.FrameRSTStream, 0, id), code)
}

func appendPing(dst []byte, data [8]byte, ack bool) []byte {
	var flags http2.Flags
	if ack {
		flags = http2.FlagPingAck
	}
	return append(appendFrame(dst, 8, http2.FramePing, flags, 0), data[:]...)
}

func appendGoAway(dst []byte, code uint32) []byte {
	dst = appendFrame(dst, 8, http2.FrameGoAway, 0, 0)
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(dst, 0), code)
}

// writeHead appends the head of a request: as the client sent it, and what this node knows besides.
func (l *link) writeHead(s *stream) {
	q := s.t.q
	l.block.Reset()
	authority := q.Host
	if authority == "" {
		authority = nobodysHost
	}
	l.field(":method", q.Method, false)
	l.field(":scheme", schemeSecure, false)
	l.field(":authority", authority, false)
	l.field(":path", q.Target, false)
	passed(q, func(f *exchange.Field) {
		l.field(l.lowered(f.Name), f.Value, exchange.EqualFold(f.Name, "traceparent"))
	})
	if n := q.Length; n > 0 || n == 0 && q.Method != "GET" && q.Method != "HEAD" && q.Get("Content-Length") != "" {
		l.field("content-length", strconv.FormatInt(n, 10), true)
	}
	l.text = s.t.hop().Append(l.text[:0])
	l.field(l.lowered(fieldHop), string(l.text), true)
	if q.Client != nil {
		l.text = appendClient(l.text[:0], q.Client)
		l.field(l.lowered(fieldClient), string(l.text), false)
	}
	flags := http2.Flags(0)
	if s.sent = s.last && len(s.out) == 0; s.sent {
		flags = http2.FlagHeadersEndStream
	}
	kind := http2.FrameHeaders
	for block := l.block.Bytes(); ; {
		n := min(len(block), frameBytesMax)
		if n == len(block) {
			flags |= http2.FlagHeadersEndHeaders
		}
		l.out = append(appendFrame(l.out, n, kind, flags, s.id), block[:n]...)
		if block = block[n:]; len(block) == 0 {
			return
		}
		kind, flags = http2.FrameContinuation, 0
	}
}

// indexedBytesMax is how long a value may be that is worth a place in the table of HPACK.
const indexedBytesMax = 128

// field appends one to the block. What is different in each request would only push out what is not, and what is secret has
// no place in a table (RFC 7541, section 7.1.3).
func (l *link) field(name, value string, once bool) {
	once = once || len(value) > indexedBytesMax || name == "cookie" || name == "authorization"
	_ = l.heads.WriteField(hpack.HeaderField{Name: name, Value: value, Sensitive: once}) // a buffer takes all
}

// lowered is a field's name as HTTP/2 has it.
func (l *link) lowered(name string) string {
	if low, ok := l.lower[name]; ok {
		return low
	}
	low := strings.ToLower(name)
	if len(l.lower) < lowerMax && len(name) <= 64 {
		l.lower[strings.Clone(name)] = strings.Clone(low)
	}
	return low
}
