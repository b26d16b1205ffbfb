package h2

import (
	"time"

	"github.com/fortunadws/fortuna/edge/http1"
)

// Limits bound one connection. A negative count or duration is no limit.
type Limits struct {
	HTTP http1.Limits // one request, as in HTTP/1.1; HeaderBytesMax is also what a block of fields may decode to

	StreamsMax  int // streams open at once; more are refused, and peers are told
	WindowBytes int // of a body that are read ahead of its handler; at least WindowBytesMin
	RequestsMax int // requests of one connection, which then closes

	ResetsMax   int // streams that the peer resets, or makes us reset, in FloodPeriod
	ControlsMax int // frames that carry no request, in FloodPeriod; those that open a window are not counted

	HeadDeadline  time.Duration // first byte of a block of fields, or of any frame but DATA, to its end
	WriteDeadline time.Duration // for the peer to take anything, while bytes are unsent
	IdleDeadline  time.Duration // between the last answer and the next request
}

// Limits that are the same everywhere.
const (
	FloodPeriod           = 10 * time.Second
	WindowBytesMin        = 64<<10 - 1 // before the peer has read our settings it may send this much (RFC 9113 section 6.9.2)
	ConnectionWindowBytes = 1 << 20    // bodies of all streams read ahead
	TableBytesMax         = 4 << 10    // the dynamic table of HPACK, each way: what RFC 9113 begins with
	ContinuationsMax      = 5          // CONTINUATION frames of one block: what fits in HeaderBytesMax needs one, if any
	PingAfter             = 30 * time.Second
	PingDeadline          = 15 * time.Second // for the answer to a ping, sent after PingAfter of silence
	farewellMax           = time.Second      // discarding input after GOAWAY, so that the peer can read it
	frameBytesMax         = 16 << 10         // of one frame we read: the least that RFC 9113 allows
	streamsMax            = 1 << 20          // net/http counts multiples of it in 32 bits
)

// over reports whether a count is beyond its limit.
func over(got, limit int) bool { return limit >= 0 && got > limit }

// atMost is a limit of streams for who knows no negative one.
func atMost(limit int) int {
	if limit < 0 {
		return streamsMax
	}
	return min(limit, streamsMax)
}
