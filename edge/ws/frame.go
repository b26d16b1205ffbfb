package ws

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// controlBytesMax is what a control frame can hold (RFC 6455, section 5.5).
const controlBytesMax = 125

// AppendHead appends the head of a frame that is a whole message or control frame of n bytes. packed says that they are
// compressed.
func AppendHead(dst []byte, k Kind, n int, packed bool) []byte {
	first := byte(0x80) | byte(opcodeOf(k))
	if packed {
		first |= 0x40
	}
	switch {
	case n < 126:
		return append(dst, first, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, first, 126), uint16(n))
	default:
		return binary.BigEndian.AppendUint64(append(dst, first, 127), uint64(n))
	}
}

func opcodeOf(k Kind) ws.OpCode {
	switch k {
	case Ping:
		return ws.OpPing
	case Pong:
		return ws.OpPong
	case Close:
		return ws.OpClose
	}
	return ws.OpCode(k)
}

// AppendControl appends a ping or pong. What is behind 125 bytes of p is left out.
func AppendControl(dst []byte, k Kind, p []byte) []byte {
	p = p[:min(len(p), controlBytesMax)]
	return append(AppendHead(dst, k, len(p), false), p...)
}

// AppendClose appends a close frame, without a code if that is 0 or 1005. What is behind 123 bytes of reason is left
// out, whole characters at a time.
func AppendClose(dst []byte, code int, reason string) []byte {
	if code == 0 || code == 1005 {
		return AppendHead(dst, Close, 0, false)
	}
	for len(reason) > controlBytesMax-2 {
		_, n := utf8.DecodeLastRuneInString(reason)
		reason = reason[:len(reason)-n]
	}
	dst = AppendHead(dst, Close, 2+len(reason), false)
	return append(binary.BigEndian.AppendUint16(dst, uint16(code)), reason...)
}
