// Package ws is the WebSocket protocol: the handshake, and frames to messages and back. It knows neither sockets nor
// what messages mean.
package ws

import (
	"crypto/sha1"
	"encoding/base64"

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
	protocol, err := exchange.CheckUpgrade(q, header)
	if err != nil {
		return Terms{}, err
	}
	sum := sha1.Sum([]byte(q.Get("Sec-WebSocket-Key") + acceptGUID))
	return Terms{Protocol: protocol, Deflate: deflate && offersDeflate(q), accept: base64.StdEncoding.EncodeToString(sum[:])}, nil
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

// Decides reports whether a field of the answer 101 tells what was agreed on: it is not the handler's to write.
func Decides(f exchange.Field) bool {
	return exchange.EqualFold(f.Name, "Sec-WebSocket-Accept") || exchange.EqualFold(f.Name, "Sec-WebSocket-Extensions")
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
