// Package ws is the WebSocket protocol: the handshake, and frames to messages and back. It knows neither sockets nor
// what messages mean.
package ws

import (
	"crypto/sha1"
	"encoding/base64"
	"strings"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/gobwas/httphead"
	"github.com/gobwas/ws/wsflate"
)

// acceptGUID is what a server adds to a client's key (RFC 6455, section 1.3).
const acceptGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// Terms are what a handshake has agreed on.
type Terms struct {
	Protocol string // a subprotocol, or ""
	Deflate  bool   // messages may be compressed, each for itself (RFC 7692 with no context takeover)
	accept   string
}

// Agree reads a request to open a WebSocket (RFC 6455, section 4.2.1). header is what the handler answers: a
// Sec-WebSocket-Protocol in it chooses one of the client's. deflate allows compression, if the client offers it.
func Agree(q *exchange.Request, header []exchange.Field, deflate bool) (Terms, *exchange.HandshakeError) {
	refuse := func(status int, message string, fields ...exchange.Field) (Terms, *exchange.HandshakeError) {
		return Terms{}, &exchange.HandshakeError{Status: status, Header: fields, Message: message}
	}
	key := q.Get("Sec-WebSocket-Key")
	raw, err := base64.StdEncoding.DecodeString(key)
	switch {
	case q.Method != "GET":
		return refuse(405, "the method must be GET, got "+q.Method, exchange.Field{Name: "Allow", Value: "GET"})
	case q.Minor < 1:
		return refuse(400, "the protocol must be HTTP/1.1")
	case !listed(q, "Upgrade", "websocket") || !listed(q, "Connection", "upgrade"):
		return refuse(426, `the request is not an upgrade: it needs "Upgrade: websocket" and "Connection: Upgrade"`, exchange.Field{Name: "Upgrade", Value: "websocket"})
	case q.Length != 0:
		return refuse(400, "the request has a body")
	case q.Get("Sec-WebSocket-Version") != "13" || count(q, "Sec-WebSocket-Version") != 1:
		return refuse(426, "the version must be 13, got "+q.Get("Sec-WebSocket-Version"), exchange.Field{Name: "Sec-WebSocket-Version", Value: "13"})
	case err != nil || len(raw) != 16 || count(q, "Sec-WebSocket-Key") != 1:
		return refuse(400, "Sec-WebSocket-Key must be 16 bytes in base64")
	}
	sum := sha1.Sum([]byte(key + acceptGUID))
	t := Terms{accept: base64.StdEncoding.EncodeToString(sum[:])}
	for i := range header {
		if !exchange.EqualFold(header[i].Name, "Sec-WebSocket-Protocol") {
			continue
		}
		if t.Protocol != "" {
			return refuse(400, "the answer chooses two subprotocols")
		}
		if t.Protocol = header[i].Value; !offers(q, t.Protocol) {
			return refuse(400, "the answer chooses the subprotocol "+t.Protocol+", which the client does not offer")
		}
	}
	if deflate {
		t.Deflate = offersDeflate(q)
	}
	return t, nil
}

// listed reports whether a field whose value is a list has a member, compared without regard to case.
func listed(q *exchange.Request, name, member string) bool {
	for i := range q.Header {
		if !exchange.EqualFold(q.Header[i].Name, name) {
			continue
		}
		for v := range strings.SplitSeq(q.Header[i].Value, ",") {
			if exchange.EqualFold(strings.Trim(v, " \t"), member) {
				return true
			}
		}
	}
	return false
}

// offers reports whether the client can speak a subprotocol, whose name has a case.
func offers(q *exchange.Request, protocol string) bool {
	for i := range q.Header {
		if !exchange.EqualFold(q.Header[i].Name, "Sec-WebSocket-Protocol") {
			continue
		}
		for v := range strings.SplitSeq(q.Header[i].Value, ",") {
			if strings.Trim(v, " \t") == protocol {
				return true
			}
		}
	}
	return false
}

func count(q *exchange.Request, name string) (n int) {
	for i := range q.Header {
		if exchange.EqualFold(q.Header[i].Name, name) {
			n++
		}
	}
	return n
}

// unshared is how we compress: no window outlives a message, so an idle socket holds none.
var unshared = wsflate.Parameters{ServerNoContextTakeover: true, ClientNoContextTakeover: true}

// offersDeflate reports whether one of the client's offers of permessage-deflate is one we take (RFC 7692, section 7.1).
// An offer that is malformed, or asks for a smaller window than ours, is declined.
func offersDeflate(q *exchange.Request) bool {
	for i := range q.Header {
		if !exchange.EqualFold(q.Header[i].Name, "Sec-WebSocket-Extensions") {
			continue
		}
		offered, ok := httphead.ParseOptions([]byte(q.Header[i].Value), nil)
		if !ok {
			return false
		}
		for _, o := range offered {
			e := wsflate.Extension{Parameters: unshared}
			if answer, err := e.Negotiate(o); err == nil && answer.Size() > 0 {
				return true
			}
		}
	}
	return false
}

// AppendFields appends the lines of the answer 101 that the protocol demands (RFC 6455, section 4.2.2); the handler's own
// Sec-WebSocket-Protocol is not among them.
func (t *Terms) AppendFields(dst []byte) []byte {
	dst = append(dst, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	dst = append(dst, t.accept...)
	if t.Deflate {
		dst = append(dst, "\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover"...)
	}
	return append(dst, "\r\n"...)
}
