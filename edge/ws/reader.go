package ws

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/gobwas/ws"
)

// Kind is what a Reader has found.
type Kind uint8

const (
	Nothing Kind = iota // more bytes are needed
	Text                // as its opcode
	Binary              // as its opcode
	Ping
	Pong
	Close
)

// Event is a message or a control frame, whole. Payload is the caller's to keep.
type Event struct {
	Kind    Kind
	Payload []byte
	Code    int    // of Close: 1005 when the frame has none
	Reason  string // of Close
}

// Error is a breach of the protocol, or of a limit, and the close frame that answers it.
type Error struct {
	Code   int // RFC 6455, section 7.4.1
	Reason string
}

func (e *Error) Error() string { return fmt.Sprintf("websocket: %d %s", e.Code, e.Reason) }

func breach(code int, format string, v ...any) *Error {
	return &Error{code, fmt.Sprintf(format, v...)}
}

// Reader makes messages of a client's bytes. Between messages it holds none of them.
type Reader struct {
	MessageBytesMax int  // of one message, also when it is inflated; negative: no limit
	Deflate         bool // agreed on

	head    [ws.MaxHeaderSize]byte
	have    uint8     // bytes of head
	frame   ws.Header // valid while inside
	inside  bool      // a frame's payload
	got     int64     // of it
	kind    Kind      // of the message whose frames come; Nothing between messages
	packed  bool      // it is compressed
	checked int       // bytes of it that are known to be UTF-8
	payload []byte    // of the message, so far
	control []byte    // of the control frame, so far
}

// Pending is how many bytes of a message have come whose end has not. ok is false between messages.
func (r *Reader) Pending() (n int, ok bool) {
	return len(r.payload), r.kind != Nothing || r.have > 0 || r.inside
}

// Next takes bytes until there is one event, and reports how many. After an error nothing more may be given.
func (r *Reader) Next(p []byte) (n int, e Event, err *Error) {
	for {
		if !r.inside {
			k, whole, err := r.readHead(p[n:])
			n += k
			if err != nil || !whole {
				return n, Event{}, err
			}
		}
		k := int(min(int64(len(p)-n), r.frame.Length-r.got))
		if err := r.take(p[n : n+k]); err != nil {
			return n, Event{}, err
		}
		n += k
		if r.got < r.frame.Length {
			return n, Event{}, nil
		}
		r.inside = false
		e, err = r.end()
		if err != nil || e.Kind != Nothing {
			return n, e, err
		}
		if n == len(p) {
			return n, Event{}, nil
		}
	}
}

// readHead takes bytes of a frame's head, and checks it when it is whole (RFC 6455, section 5.2).
func (r *Reader) readHead(p []byte) (n int, whole bool, err *Error) {
	need := uint8(2)
	if r.have >= need {
		need = headBytes(r.head[1])
	}
	for {
		k := copy(r.head[r.have:need], p[n:])
		n += k
		if r.have += uint8(k); r.have < need {
			return n, false, nil
		}
		if need > 2 || headBytes(r.head[1]) == 2 {
			break
		}
		need = headBytes(r.head[1])
	}
	h, fault := ws.ReadHeader(bytes.NewReader(r.head[:need]))
	if fault != nil {
		return n, false, breach(1002, "%v", fault)
	}
	state := ws.StateServerSide
	if r.kind != Nothing {
		state = state.Set(ws.StateFragmented)
	}
	first := h.OpCode == ws.OpText || h.OpCode == ws.OpBinary
	packed := h.Rsv1() && first && r.Deflate // of any other frame the bit is a breach (RFC 7692, section 6)
	plain := h
	if packed {
		plain.Rsv &^= ws.Rsv(true, false, false)
	}
	if fault := ws.CheckHeader(plain, state); fault != nil {
		return n, false, breach(1002, "%v", fault)
	}
	short := h.Length < 126 && r.head[1]&0x7f >= 126 || h.Length < 1<<16 && r.head[1]&0x7f == 127
	switch {
	case short:
		return n, false, breach(1002, "a length of %d in more bytes than it needs", h.Length)
	case !h.OpCode.IsControl() && r.MessageBytesMax >= 0 && h.Length > int64(r.MessageBytesMax-len(r.payload)):
		return n, false, breach(1009, "a message has at most %d bytes", r.MessageBytesMax)
	}
	if first {
		r.kind, r.packed = Kind(h.OpCode), packed
	}
	r.have, r.frame, r.inside, r.got = 0, h, true, 0
	return n, true, nil
}

// headBytes is the length of a frame's head, by its second byte.
func headBytes(b byte) uint8 {
	n := uint8(2)
	switch b & 0x7f {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if b&0x80 != 0 {
		n += 4
	}
	return n
}

// take unmasks bytes of the frame's payload. What has not come is not made room for.
func (r *Reader) take(p []byte) *Error {
	into := &r.payload
	if r.frame.OpCode.IsControl() {
		into = &r.control
	}
	begin := len(*into)
	*into = append(*into, p...)
	ws.Cipher((*into)[begin:], r.frame.Mask, int(r.got%4))
	r.got += int64(len(p))
	if into == &r.payload && r.kind == Text && !r.packed && !r.valid(r.frame.Fin && r.got == r.frame.Length) {
		return breach(1007, "a text message is not UTF-8")
	}
	return nil
}

// valid reports whether the text may be the beginning of UTF-8, or is all of it: a peer learns of an error as soon as
// it is certain.
func (r *Reader) valid(whole bool) bool {
	p := r.payload[r.checked:]
	n := len(p)
	// The last character may not have come whole.
	for i := 1; i <= min(utf8.UTFMax-1, len(p)) && !whole; i++ {
		if last := p[len(p)-i:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				n -= i
			}
			break
		}
	}
	r.checked += n
	return utf8.Valid(p[:n])
}

// end is the frame being whole.
func (r *Reader) end() (Event, *Error) {
	if r.frame.OpCode.IsControl() {
		p := r.control
		r.control = nil
		switch r.frame.OpCode {
		case ws.OpPing:
			return Event{Kind: Ping, Payload: p}, nil
		case ws.OpPong:
			return Event{Kind: Pong, Payload: p}, nil
		}
		return closing(p)
	}
	if !r.frame.Fin {
		return Event{}, nil
	}
	e := Event{Kind: r.kind, Payload: r.payload}
	packed := r.packed
	r.kind, r.packed, r.payload, r.checked = Nothing, false, nil, 0
	if packed {
		var err *Error
		if e.Payload, err = inflate(e.Payload, r.MessageBytesMax); err != nil {
			return Event{}, err
		}
		if e.Kind == Text && !utf8.Valid(e.Payload) {
			return Event{}, breach(1007, "a text message is not UTF-8")
		}
	}
	return e, nil
}

// closing reads a close frame (RFC 6455, section 5.5.1).
func closing(p []byte) (Event, *Error) {
	if len(p) == 0 {
		return Event{Kind: Close, Code: 1005}, nil
	}
	if len(p) == 1 {
		return Event{}, breach(1002, "a close frame has one byte")
	}
	code, reason := int(binary.BigEndian.Uint16(p)), p[2:]
	switch {
	case !exchange.ValidClose(code):
		return Event{}, breach(1002, "a close frame cannot have the code %d", code)
	case !utf8.Valid(reason):
		return Event{}, breach(1007, "the reason of a close frame is not UTF-8")
	}
	return Event{Kind: Close, Code: code, Reason: string(reason)}, nil
}
