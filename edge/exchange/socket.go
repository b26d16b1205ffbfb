package exchange

import "errors"

// ErrBehind is what Socket.Send returns when the peer is too far behind: the message was dropped.
var ErrBehind = errors.New("exchange: the peer is too far behind")

// SocketHandler is told what comes by a WebSocket (RFC 6455). Its methods run on the socket's loop and must not block.
type SocketHandler interface {
	// Message gives one whole message, which is valid UTF-8 if text. p is the handler's to keep. It follows a call of
	// Socket.Next, once; until there is one the peer is held up.
	Message(text bool, p []byte)

	// Drained says that the peer has taken what an earlier turn left unsent.
	Drained()

	// Closed is the last call. code is that of the close frame which began the end, the peer's or ours (RFC 6455, section
	// 7.4): 1005 if it had none, 1006 if there was no frame. clean says that both sides have sent one.
	Closed(code int, reason string, clean bool)
}

// Socket is the server's side of a WebSocket. Every method runs on its loop.
type Socket interface {
	// Loop is the loop the socket lives on, the same for its life.
	Loop() Loop

	// Protocol is the subprotocol agreed on, or "".
	Protocol() string

	// Next asks for one message.
	Next()

	// Send queues a message; what a turn sends leaves when it is over. The socket keeps p: the caller must not change it.
	// The error is ErrGone when the socket is closing or closed, and ErrBehind.
	Send(text bool, p []byte) error

	// Ping sends a ping with up to 125 bytes.
	Ping(p []byte) error

	// Buffered is how many bytes the peer has yet to take.
	Buffered() int

	// Close begins the closing handshake: code is 0 for none, or one that ValidClose allows; reason is UTF-8 of up to 123
	// bytes. Closed follows, at the latest when the peer has had its time to answer. Later calls do nothing.
	Close(code int, reason string)

	// Terminate ends the connection without a close frame.
	Terminate()
}

// ValidClose reports whether a close frame may carry the code (RFC 6455, section 7.4, and its registry).
func ValidClose(code int) bool {
	return 1000 <= code && code <= 1003 || 1007 <= code && code <= 1014 || 3000 <= code && code <= 4999
}
