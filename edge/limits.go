package edge

import (
	"time"

	"github.com/fortunadws/fortuna/edge/h2"
	"github.com/fortunadws/fortuna/edge/http1"
)

// Limits bound what one peer, and all peers together, can make a server hold or wait for. In a Config a zero field
// means its default and a negative one means no limit. Sizes are in bytes; what bounds one message is in HTTP.
type Limits struct {
	HTTP http1.Limits // one request: target, head, fields, body; zero as a whole: http1.DefaultLimits

	HandshakeDeadline time.Duration // accept to the end of the TLS handshake

	HeadDeadline  time.Duration // first byte of a request to the end of its head
	BodyDeadline  time.Duration // end of the head to the end of the body, and between two reads of a body
	BodyRateMin   int           // bytes per second that let a body take longer than BodyDeadline
	BodyGrace     time.Duration // start of a body that BodyRateMin does not count
	WriteDeadline time.Duration // for the peer to take WriteDeadline's worth of WriteRateMin, while bytes are unsent
	WriteRateMin  int           // bytes per second that a peer must take of an answer
	IdleDeadline  time.Duration // between an answer and the next request
	LingerMax     time.Duration // discarding input after a last answer, so that the peer can read it

	SocketIdleDeadline  time.Duration // between two frames of a WebSocket's peer, which is sent a ping at half of it
	SocketCloseDeadline time.Duration // for its peer to answer our close frame

	ConnectionsMax  int // all connections of the server
	PerIPMax        int // connections of one address, of one /64 for IPv6; never counted for loopback
	RequestsMax     int // requests of one connection, which then closes
	PipelinedMax    int // requests of one connection answered in a row before the loop turns to others
	AheadBytesMax   int // input read ahead while an answer is pending; beyond it reading stops
	BodyBufferBytes int // a body up to this is read whole before its handler runs; a longer one is streamed, this much ahead
	UnsentBytesMax  int // unsent bytes of a streamed answer at which its connection is cut, and of a WebSocket at which messages are dropped
	EncodersMax     int // answers encoded at a time that are streams or too large for their loop; more are sent as they are
	MessageBytesMax int // of one WebSocket message, inflated
	StreamsMax      int // requests in flight on one HTTP/2 connection
	ResetsMax       int // streams of one that its peer resets, or makes us reset, in h2.FloodPeriod
	ControlsMax     int // frames of one that carry no request, in h2.FloodPeriod
}

// DefaultLimits returns the table of every limit of this package, with the reason for each.
func DefaultLimits() Limits {
	return Limits{
		HTTP: http1.DefaultLimits(),

		HandshakeDeadline: 10 * time.Second, // three round trips and a signature

		HeadDeadline:  10 * time.Second, // a head is one packet or two; slowloris sends a byte each nine seconds
		BodyDeadline:  30 * time.Second, // 1 MB at 35 kB/s
		BodyRateMin:   500,              // Apache's figure: any modem passes, a trickle attack does not
		BodyGrace:     5 * time.Second,  // TCP slow start and a client that opens the file only now
		WriteDeadline: 30 * time.Second, // a phone in a tunnel
		WriteRateMin:  2 << 10,          // GPRS is faster; a slow reader holds what we must keep for it
		IdleDeadline:  60 * time.Second, // browsers and proxies keep a connection for about a minute
		LingerMax:     2 * time.Second,  // a round trip around the world, several times

		SocketIdleDeadline:  2 * time.Minute,  // most middleboxes forget a connection later than a minute after a packet
		SocketCloseDeadline: 10 * time.Second, // what is unsent before our close frame has to be read first

		ConnectionsMax:  connectionsMax(), // from RLIMIT_NOFILE: a failed accept ends evio's loop (E4)
		PerIPMax:        256,              // an office behind one address, not a botnet's node
		RequestsMax:     -1,               // deadlines bound a connection; a count only costs handshakes
		PipelinedMax:    16,               // one peer's batch must not be every other peer's latency
		AheadBytesMax:   64 << 10,         // one read of the loop; more is held by the kernel, on the peer's account
		BodyBufferBytes: 64 << 10,         // forms and JSON; what is longer a handler may want to pass on, or to refuse
		UnsentBytesMax:  16 << 20,         // for a handler that writes on without waiting for Drained
		EncodersMax:     64,               // each holds up to 0.9 MB
		MessageBytesMax: 1 << 20,          // chat and game moves are small; a file is uploaded
		StreamsMax:      100,              // what RFC 9113 recommends at least; a browser opens as many for one page
		ResetsMax:       200,              // a user who leaves a page resets what it was loading; rapid reset is thousands
		ControlsMax:     10000,            // a ping each millisecond, by which gRPC measures, and settings and priorities
	}
}

// withDefaults returns m with its zero fields replaced.
func (m Limits) withDefaults() Limits {
	d := DefaultLimits()
	if m.HTTP == (http1.Limits{}) {
		m.HTTP = d.HTTP
	}
	for _, p := range []struct{ have, want *time.Duration }{
		{&m.HandshakeDeadline, &d.HandshakeDeadline}, {&m.HeadDeadline, &d.HeadDeadline}, {&m.BodyDeadline, &d.BodyDeadline}, {&m.BodyGrace, &d.BodyGrace},
		{&m.WriteDeadline, &d.WriteDeadline}, {&m.IdleDeadline, &d.IdleDeadline}, {&m.LingerMax, &d.LingerMax},
		{&m.SocketIdleDeadline, &d.SocketIdleDeadline}, {&m.SocketCloseDeadline, &d.SocketCloseDeadline},
	} {
		if *p.have == 0 {
			*p.have = *p.want
		}
	}
	for _, p := range []struct{ have, want *int }{
		{&m.BodyRateMin, &d.BodyRateMin}, {&m.WriteRateMin, &d.WriteRateMin},
		{&m.ConnectionsMax, &d.ConnectionsMax}, {&m.PerIPMax, &d.PerIPMax},
		{&m.RequestsMax, &d.RequestsMax}, {&m.PipelinedMax, &d.PipelinedMax},
		{&m.AheadBytesMax, &d.AheadBytesMax}, {&m.BodyBufferBytes, &d.BodyBufferBytes}, {&m.UnsentBytesMax, &d.UnsentBytesMax},
		{&m.StreamsMax, &d.StreamsMax}, {&m.ResetsMax, &d.ResetsMax}, {&m.ControlsMax, &d.ControlsMax}, {&m.EncodersMax, &d.EncodersMax}, {&m.MessageBytesMax, &d.MessageBytesMax},
	} {
		if *p.have == 0 {
			*p.have = *p.want
		}
	}
	return m
}

// h2 is what of m bounds an HTTP/2 connection.
func (m *Limits) h2() h2.Limits {
	return h2.Limits{
		HTTP: m.HTTP, StreamsMax: m.StreamsMax, WindowBytes: m.BodyBufferBytes, RequestsMax: m.RequestsMax,
		ResetsMax: m.ResetsMax, ControlsMax: m.ControlsMax,
		HeadDeadline: m.HeadDeadline, WriteDeadline: m.WriteDeadline, IdleDeadline: m.IdleDeadline,
	}
}

// over reports whether a duration or count is beyond its limit; a negative limit is none.
func over[T ~int | ~int64](got, limit T) bool { return limit >= 0 && got > limit }

// sweepEvery is how often deadlines are looked at: each second, or as often as the shortest of them needs.
func (m Limits) sweepEvery() time.Duration {
	every := time.Second
	for _, d := range []time.Duration{m.HandshakeDeadline, m.HeadDeadline, m.BodyDeadline, m.WriteDeadline, m.IdleDeadline, m.LingerMax, m.SocketIdleDeadline, m.SocketCloseDeadline} {
		if d > 0 && d/4 < every {
			every = d / 4
		}
	}
	return max(every, 5*time.Millisecond)
}

// slowBody reports whether a body of n bytes after age, the last of them still ago, has taken too long: it may always
// take BodyDeadline, and longer while it keeps BodyRateMin on average and never pauses for BodyDeadline.
func (m *Limits) slowBody(age, still time.Duration, n int64) bool {
	if !over(age, m.BodyDeadline) {
		return false
	}
	return over(still, m.BodyDeadline) || float64(n) < float64(m.BodyRateMin)*(age-m.BodyGrace).Seconds()
}

// slowReader reports whether a peer that took n bytes in WriteDeadline took too few.
func (m *Limits) slowReader(n int) bool {
	return n <= 0 || float64(n) < float64(m.WriteRateMin)*m.WriteDeadline.Seconds()
}
