package h2

import "encoding/binary"

// The frames that are looked at (RFC 9113 section 6).
const (
	frameData         = 0x0
	frameHeaders      = 0x1
	frameReset        = 0x3
	frameGoAway       = 0x7
	frameWindow       = 0x8
	frameContinuation = 0x9
)

const (
	flagEndStream  = 0x1 // of DATA and HEADERS
	flagEndHeaders = 0x4 // of HEADERS and CONTINUATION
)

// Error codes (RFC 9113 section 7).
const (
	codeNone     = 0x0
	codeInternal = 0x2
	codeRefused  = 0x7
	codeCalm     = 0xb // ENHANCE_YOUR_CALM
)

// frameHeadBytes is the size of a frame's header (RFC 9113 section 4.1).
const frameHeadBytes = 9

// frame is what is looked at of one frame.
type frame struct {
	kind, flags uint8
	stream      uint32
	length      int
	code        uint32 // of a reset
}

// frames follows where the frames of one direction of a connection begin and end.
type frames struct {
	skip int // bytes of a payload, or of the preface, that are still to come
	buf  [frameHeadBytes + 4]byte
	have int
	last frame
}

// feed takes the next bytes of the direction and calls seen for each frame as soon as they tell what it is.
func (f *frames) feed(p []byte, seen func(frame)) {
	for len(p) > 0 {
		if f.skip > 0 {
			n := min(f.skip, len(p))
			f.skip -= n
			p = p[n:]
			continue
		}
		n := copy(f.buf[f.have:f.need()], p)
		f.have += n
		p = p[n:]
		if f.have < f.need() {
			continue
		}
		f.last = frame{kind: f.buf[3], flags: f.buf[4], length: f.length(), stream: binary.BigEndian.Uint32(f.buf[5:]) &^ (1 << 31)}
		if f.have > frameHeadBytes {
			f.last.code = binary.BigEndian.Uint32(f.buf[frameHeadBytes:])
		}
		f.skip, f.have = f.last.length-(f.have-frameHeadBytes), 0
		seen(f.last)
	}
}

// need is how many bytes tell what the frame in buf is: its header, and the code of a reset.
func (f *frames) need() int {
	if f.have >= frameHeadBytes && f.buf[3] == frameReset && f.length() >= 4 {
		return frameHeadBytes + 4
	}
	return frameHeadBytes
}

func (f *frames) length() int { return int(f.buf[0])<<16 | int(f.buf[1])<<8 | int(f.buf[2]) }

// between reports whether the last byte was the last of a frame.
func (f *frames) between() bool { return f.skip == 0 && f.have == 0 }

// open reports whether the last frame began or continued a block of header fields that it did not end.
func (f *frames) open() bool {
	return (f.last.kind == frameHeaders || f.last.kind == frameContinuation) && f.last.stream != 0 && f.last.flags&flagEndHeaders == 0
}
