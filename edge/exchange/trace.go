package exchange

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
)

// Trace is a request's place in a distributed trace (W3C Trace Context, level 1). The zero value is none.
type Trace struct {
	ID     [16]byte // of the trace, the same on every server it reaches; never zero
	Span   [8]byte  // of this request on this server; never zero
	Parent [8]byte  // of whoever sent it; zero when the trace begins here
	Flags  byte     // bit 0: whoever began the trace records it
}

// NewTrace begins a trace, or goes on with the one that a traceparent field names; one that is malformed is ignored, as
// the specification asks.
func NewTrace(traceparent string) Trace {
	t, ok := parseTraceparent(traceparent)
	if !ok {
		binary.LittleEndian.PutUint64(t.ID[:8], random())
		binary.LittleEndian.PutUint64(t.ID[8:], random())
	}
	binary.LittleEndian.PutUint64(t.Span[:], random())
	return t
}

// random is a number that is not 0 and that nobody can predict.
func random() uint64 {
	for {
		if n := rand.Uint64(); n != 0 {
			return n
		}
	}
}

// parseTraceparent reads "00-<32 digits>-<16 digits>-<2 digits>" (3.2). A version above 00 may have more behind it, after
// another dash; ff is none.
func parseTraceparent(text string) (t Trace, ok bool) {
	const length = len("00-") + 32 + len("-") + 16 + len("-00")
	if len(text) < length || text[2] != '-' || text[35] != '-' || text[52] != '-' {
		return Trace{}, false
	}
	if len(text) > length && (text[:2] == "00" || text[length] != '-') {
		return Trace{}, false
	}
	for i := range length {
		if c := text[i]; i != 2 && i != 35 && i != 52 && !('0' <= c && c <= '9' || 'a' <= c && c <= 'f') {
			return Trace{}, false
		}
	}
	var flags [1]byte
	unhex(t.ID[:], text[3:])
	unhex(t.Parent[:], text[36:])
	unhex(flags[:], text[53:])
	if text[:2] == "ff" || t.ID == [16]byte{} || t.Parent == [8]byte{} {
		return Trace{}, false
	}
	t.Flags = flags[0] & 1
	return t, true
}

// unhex fills dst from lower-case hexadecimal digits.
func unhex(dst []byte, digits string) {
	for i := range dst {
		dst[i] = nibble(digits[2*i])<<4 | nibble(digits[2*i+1])
	}
}

func nibble(digit byte) byte {
	if digit <= '9' {
		return digit - '0'
	}
	return digit - 'a' + 10
}

// TraceID is the ID as 32 hexadecimal digits, or "" without a trace.
func (t Trace) TraceID() string {
	if t == (Trace{}) {
		return ""
	}
	return hex.EncodeToString(t.ID[:])
}

// SpanID is the Span as 16 hexadecimal digits, or "" without a trace.
func (t Trace) SpanID() string {
	if t == (Trace{}) {
		return ""
	}
	return hex.EncodeToString(t.Span[:])
}

// Traceparent is the field for requests that are made in the name of this one, or "" without a trace.
func (t Trace) Traceparent() string {
	if t == (Trace{}) {
		return ""
	}
	flags := "-00"
	if t.Flags&1 != 0 {
		flags = "-01"
	}
	return "00-" + t.TraceID() + "-" + t.SpanID() + flags
}
