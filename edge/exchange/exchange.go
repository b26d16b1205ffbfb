// Package exchange is the vocabulary edge and runtime share: one request and its one answer on one connection.
//
// It knows neither sockets nor JavaScript. Edge gives a handler a place to answer and a way back to the
// connection's loop; runtime gives edge one function. Neither "evio" nor "goja" occurs here, so edge is tested
// with a Go handler and runtime without sockets.
package exchange

import (
	"errors"
	"net/netip"
)

// ErrGone is what Write returns when the peer has left: there is nobody to answer.
var ErrGone = errors.New("exchange: the client is gone")

// Handler answers exchanges. Serve runs on the exchange's loop and must not block. The answer may be complete
// when Serve returns, or be given by a later job on the same loop.
type Handler interface {
	Serve(x Exchange)
}

// HandlerFunc is a function as a Handler.
type HandlerFunc func(x Exchange)

// Serve calls f.
func (f HandlerFunc) Serve(x Exchange) { f(x) }

// Exchange is one request and its one answer. Every method runs on the exchange's loop; only Loop().Post may be
// called from elsewhere.
type Exchange interface {
	// Request is never nil; it and all its strings stay valid as long as somebody holds them.
	Request() *Request

	// Loop is the loop the connection lives on.
	Loop() Loop

	// Done is closed when the peer has left before the answer was complete. It is made on the first call, so a
	// handler that never asks pays nothing.
	Done() <-chan struct{}

	// Head sets status and header fields, once, before Write. The connection adds Date, Content-Length or
	// Transfer-Encoding and Connection, and drops those that the handler gives.
	Head(status int, header []Field)

	// Length says how long the body will be that is written piece by piece, before the first of them: then the answer has a
	// Content-Length. An answer to HEAD has it too. When End comes after another number of bytes, the connection ends.
	Length(n int64)

	// Write appends p to the body. The connection keeps p until it is sent: the caller must not change it.
	Write(p []byte) error

	// Receive gives job the next piece of the request's body, on the loop, soon. The piece is the job's to keep. err is
	// io.EOF when the body has ended, and ErrGone when the rest will never come: the peer has left, or has broken a rule
	// and was told so. Pieces that nobody receives hold the peer up. One job waits at a time.
	Receive(job func(piece []byte, err error))

	// Drained runs job on the loop, soon, when the peer has taken what Write gave, or all but a little. Who writes
	// more than fits in memory waits for it. The job is dropped when the peer has left, or when another is given.
	Drained(job func())

	// Upgrade answers that the connection is a WebSocket from now on (RFC 6455) and tells h what comes. header is sent
	// besides the handshake's own fields; a Sec-WebSocket-Protocol in it chooses one of those that the client offers.
	// The exchange must not be used afterwards. When it cannot be, nothing is answered, and the error is a
	// *HandshakeError, or says that the exchange is over.
	Upgrade(header []Field, h SocketHandler) (Socket, error)

	// End completes the answer. The exchange must not be used afterwards.
	End()

	// Abort ends the connection instead of completing the answer, so that the peer can tell, unless it speaks HTTP/1.0,
	// where the end of a stream is the end of the connection; when nothing of the answer was sent yet, it is a 500. What was
	// written since the last turn may be lost. The exchange must not be used afterwards.
	Abort()
}

// Loop is an event loop: one goroutine on which jobs and handlers of its connections run, one at a time.
type Loop interface {
	// Post runs job on the loop, soon. It may be called from any goroutine. It reports false when the loop has
	// ended and the job will never run.
	Post(job func()) bool

	// Index numbers the server's event loops from 0, so that a handler can keep state that only one loop touches.
	// It is negative when the connection is carried by a goroutine of its own; then there is no such state.
	Index() int
}

// Field is one header field, its name as it was spelled.
type Field struct {
	Name, Value string
}

// Request is one parsed request. Its strings share one copy of the head and are immutable.
type Request struct {
	Method string // a token, case kept: "GET"
	Target string // origin-form as received: path, and query with its "?"; "*" for OPTIONS *
	Path   string // Target up to "?"; percent-encoding kept, begins with "/" ("*" for OPTIONS *)
	Query  string // Target after "?", without it
	Host   string // the Host field, or the authority of an absolute-form target
	Minor  int    // HTTP/1.Minor
	TLS    bool
	Header []Field // in the order received, Host included
	Body   []byte  // decoded from chunks; nil when there is none; whole unless Partial
	Length int64   // of the whole body as announced; -1 if that was not
	Remote netip.AddrPort
	Client *Client // nil unless the client showed a certificate in the TLS handshake

	// Partial says that Body is what had come of the body when the handler was called, perhaps nothing: Exchange.Receive
	// gives the rest.
	Partial bool

	// What the way to the handler adds, for logs, measures and requests made in the name of this one.
	ID      string // unique, from a proxy that is trusted; "" if none gave one
	Trace   Trace
	App     string // that the request is for, where there are several
	Version string // of the app, where it was deployed
	Route   string // the declared pattern that leads to the handler, or "fetch"; "" if the app has none for the request

	// Unserved is set by who refuses it with 503 before any code has seen it: another node may have room for it.
	Unserved bool
}

// Client is what a client showed of itself by a certificate.
type Client struct {
	Subject     string // its distinguished name (RFC 2253): "CN=alice,O=Example"
	Issuer      string // that of who signed it
	Fingerprint string // SHA-256 of the certificate, in lower-case hex
	Verified    bool   // it leads to an authority that the server was given, and is valid now
}

// Get returns the value of the first field called name, compared without regard to ASCII case, or "".
func (r *Request) Get(name string) string {
	for i := range r.Header {
		if EqualFold(r.Header[i].Name, name) {
			return r.Header[i].Value
		}
	}
	return ""
}

// List returns the values of all fields called name, as if one field had them all (RFC 9110 section 5.2), or "".
func (r *Request) List(name string) (list string) {
	for i := range r.Header {
		if f := &r.Header[i]; EqualFold(f.Name, name) {
			if list != "" {
				list += ", "
			}
			list += f.Value
		}
	}
	return list
}

// EqualFold reports whether two field names are the same, ASCII case aside.
func EqualFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		x, y := a[i], b[i]
		if x == y {
			continue
		}
		if 'A' <= x && x <= 'Z' {
			x += 'a' - 'A'
		}
		if 'A' <= y && y <= 'Z' {
			y += 'a' - 'A'
		}
		if x != y {
			return false
		}
	}
	return true
}
