package edge

import (
	"fmt"
	"strconv"
	"time"
)

// LimitRow is one limit for a person: what fortuna.toml calls it, its value in its unit (negative is no limit), the status
// that answers who passes it (0: none, the connection ends or waits), and why it is there.
type LimitRow struct {
	Key    string
	Value  int64
	Unit   string
	Status int
	Reason string
}

// limitFields ties a config key to its field, in the order they are shown. A field is an *int, an *int64 or a
// *time.Duration, which is in milliseconds.
var limitFields = []struct {
	key, unit string
	status    int
	field     func(m *Limits) any
	reason    string
}{
	{"method_bytes", "bytes", 501, func(m *Limits) any { return &m.HTTP.MethodBytesMax }, "the method of a request"},
	{"target_bytes", "bytes", 414, func(m *Limits) any { return &m.HTTP.TargetBytesMax }, "path and query of a request; RFC 9112 asks for 8000"},
	{"header_line_bytes", "bytes", 431, func(m *Limits) any { return &m.HTTP.HeaderLineBytesMax }, "one header field: a large cookie fits"},
	{"header_bytes", "bytes", 431, func(m *Limits) any { return &m.HTTP.HeaderBytesMax }, "all header fields of a request, which are held in memory"},
	{"header_max", "fields", 431, func(m *Limits) any { return &m.HTTP.HeaderCountMax }, "header fields of a request: each costs more than its bytes"},
	{"chunk_extension_bytes", "bytes", 400, func(m *Limits) any { return &m.HTTP.ChunkExtensionBytesMax }, "the extensions of one chunk: nobody uses them, and they need not end"},
	{"chunk_extensions_bytes", "bytes", 400, func(m *Limits) any { return &m.HTTP.ChunkExtensionsBytesMax }, "the extensions of all chunks of a body"},
	{"trailer_bytes", "bytes", 431, func(m *Limits) any { return &m.HTTP.TrailerBytesMax }, "all trailer fields behind a chunked body"},
	{"body_bytes", "bytes", 413, func(m *Limits) any { return &m.HTTP.BodyBytesMax }, "the body of a request, decoded from chunks"},
	{"body_buffer_bytes", "bytes", 0, func(m *Limits) any { return &m.BodyBufferBytes }, "a body up to this is whole when its handler begins; a longer one is streamed, this much ahead"},

	{"handshake_ms", "ms", 0, func(m *Limits) any { return &m.HandshakeDeadline }, "to agree on TLS: three round trips and a signature"},
	{"head_ms", "ms", 408, func(m *Limits) any { return &m.HeadDeadline }, "from the first byte of a request to the end of its head: slowloris sends a byte each nine seconds"},
	{"body_ms", "ms", 408, func(m *Limits) any { return &m.BodyDeadline }, "from the head to the end of the body, and between two reads of a body"},
	{"body_rate_min", "bytes/s", 408, func(m *Limits) any { return &m.BodyRateMin }, "lets a body take longer than body_ms: any modem passes, a trickle does not"},
	{"body_grace_ms", "ms", 0, func(m *Limits) any { return &m.BodyGrace }, "the start of a body that body_rate_min does not count: TCP begins slowly"},
	{"write_ms", "ms", 0, func(m *Limits) any { return &m.WriteDeadline }, "for a peer to take some of an answer: a phone in a tunnel"},
	{"write_rate_min", "bytes/s", 0, func(m *Limits) any { return &m.WriteRateMin }, "what a peer must take of an answer: a slow reader holds what is kept for it"},
	{"idle_ms", "ms", 0, func(m *Limits) any { return &m.IdleDeadline }, "between an answer and the next request: browsers keep a connection for about a minute"},
	{"linger_ms", "ms", 0, func(m *Limits) any { return &m.LingerMax }, "discarding input after a last answer, so that the peer can read it"},

	{"connections_max", "connections", 503, func(m *Limits) any { return &m.ConnectionsMax }, "all connections: from the limit on open files, because a failed accept stops a loop"},
	{"per_ip_max", "connections", 503, func(m *Limits) any { return &m.PerIPMax }, "connections of one address, of one /64 for IPv6: an office, not the node of a botnet"},
	{"requests_max", "requests", 0, func(m *Limits) any { return &m.RequestsMax }, "requests of one connection, which then closes"},
	{"pipelined_max", "requests", 0, func(m *Limits) any { return &m.PipelinedMax }, "requests of one connection answered in a row before others have their turn"},
	{"ahead_bytes", "bytes", 0, func(m *Limits) any { return &m.AheadBytesMax }, "input read ahead while an answer is pending; the rest waits in the kernel"},
	{"streams_max", "requests", 0, func(m *Limits) any { return &m.StreamsMax }, "requests in flight on one HTTP/2 connection: a browser opens as many for a page"},
	{"resets_max", "streams", 0, func(m *Limits) any { return &m.ResetsMax }, "streams of an HTTP/2 connection reset within 10 s: rapid reset is thousands"},
	{"controls_max", "frames", 0, func(m *Limits) any { return &m.ControlsMax }, "frames of an HTTP/2 connection within 10 s that carry no request"},
	{"encoders_max", "answers", 0, func(m *Limits) any { return &m.EncodersMax }, "answers encoded at a time, streams and those over 64 kB: each holds up to 0.9 MB; more are sent as they are"},
	{"websocket_message_bytes", "bytes", 0, func(m *Limits) any { return &m.MessageBytesMax }, "one message of a WebSocket, inflated: a larger one closes it with 1009"},
	{"websocket_idle_ms", "ms", 0, func(m *Limits) any { return &m.SocketIdleDeadline }, "between two frames from a WebSocket's peer, which is sent a ping at half of it"},
	{"websocket_close_ms", "ms", 0, func(m *Limits) any { return &m.SocketCloseDeadline }, "for a WebSocket's peer to answer a close frame"},
	{"unsent_bytes", "bytes", 0, func(m *Limits) any { return &m.UnsentBytesMax }, "an answer written without waiting for its reader: beyond it the connection is cut"},
}

// Table lists every limit.
func (m Limits) Table() []LimitRow {
	rows := make([]LimitRow, 0, len(limitFields))
	for _, f := range limitFields {
		row := LimitRow{Key: f.key, Unit: f.unit, Status: f.status, Reason: f.reason}
		switch p := f.field(&m).(type) {
		case *int:
			row.Value = int64(*p)
		case *int64:
			row.Value = *p
		case *time.Duration:
			row.Value = p.Milliseconds()
		}
		rows = append(rows, row)
	}
	return rows
}

// Set changes the limit with the config key given; value is a positive whole number in the limit's unit.
func (m *Limits) Set(key, value string) error {
	for _, f := range limitFields {
		if f.key != key {
			continue
		}
		n, err := strconv.Atoi(value)
		if err != nil || n <= 0 || n > 1<<31 {
			return fmt.Errorf("limits.%s must be a whole number of %s above 0, got %q", key, f.unit, value)
		}
		switch p := f.field(m).(type) {
		case *int:
			*p = n
		case *int64:
			*p = int64(n)
		case *time.Duration:
			*p = time.Duration(n) * time.Millisecond
		}
		return nil
	}
	return fmt.Errorf("there is no limit called %q", key)
}
