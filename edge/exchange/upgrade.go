package exchange

import (
	"encoding/base64"
	"strings"
)

// HandshakeError says why a request is not the beginning of a WebSocket, and how to answer that.
type HandshakeError struct {
	Status  int // 400, 405, 426 or 503
	Header  []Field
	Message string
}

func (e *HandshakeError) Error() string { return "websocket: " + e.Message }

// CheckUpgrade reports whether a request asks for a WebSocket by the rules (RFC 6455, section 4.2.1), and the subprotocol
// that header, the handler's, chooses by Sec-WebSocket-Protocol: one of the client's.
func CheckUpgrade(q *Request, header []Field) (protocol string, err *HandshakeError) {
	refuse := func(status int, message string, fields ...Field) (string, *HandshakeError) {
		return "", &HandshakeError{Status: status, Header: fields, Message: message}
	}
	key, bad := base64.StdEncoding.DecodeString(q.Get("Sec-WebSocket-Key"))
	switch {
	case q.Method != "GET":
		return refuse(405, "the method must be GET, got "+q.Method, Field{Name: "Allow", Value: "GET"})
	case q.Minor < 1:
		return refuse(400, "the protocol must be HTTP/1.1")
	case !listed(q, "Upgrade", "websocket") || !listed(q, "Connection", "upgrade"):
		return refuse(426, `the request is not an upgrade: it needs "Upgrade: websocket" and "Connection: Upgrade"`, Field{Name: "Upgrade", Value: "websocket"})
	case q.Length != 0:
		return refuse(400, "the request has a body")
	case q.Get("Sec-WebSocket-Version") != "13" || count(q, "Sec-WebSocket-Version") != 1:
		return refuse(426, "the version must be 13, got "+q.Get("Sec-WebSocket-Version"), Field{Name: "Sec-WebSocket-Version", Value: "13"})
	case bad != nil || len(key) != 16 || count(q, "Sec-WebSocket-Key") != 1:
		return refuse(400, "Sec-WebSocket-Key must be 16 bytes in base64")
	}
	for i := range header {
		if !EqualFold(header[i].Name, "Sec-WebSocket-Protocol") {
			continue
		}
		if protocol != "" {
			return refuse(400, "the answer chooses two subprotocols")
		}
		if protocol = header[i].Value; !offers(q, protocol) {
			return refuse(400, "the answer chooses the subprotocol "+protocol+", which the client does not offer")
		}
	}
	return protocol, nil
}

// listed reports whether a field whose value is a list has a member, compared without regard to case.
func listed(q *Request, name, member string) bool {
	for i := range q.Header {
		if !EqualFold(q.Header[i].Name, name) {
			continue
		}
		for v := range strings.SplitSeq(q.Header[i].Value, ",") {
			if EqualFold(strings.Trim(v, " \t"), member) {
				return true
			}
		}
	}
	return false
}

// offers reports whether the client can speak a subprotocol, whose name has a case.
func offers(q *Request, protocol string) bool {
	for i := range q.Header {
		if !EqualFold(q.Header[i].Name, "Sec-WebSocket-Protocol") {
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

func count(q *Request, name string) (n int) {
	for i := range q.Header {
		if EqualFold(q.Header[i].Name, name) {
			n++
		}
	}
	return n
}
