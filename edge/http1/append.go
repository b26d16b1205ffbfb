package http1

import (
	"strconv"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// Head is the status line and the header of one answer.
type Head struct {
	Status int              // 100 to 999; anything else is answered as 500
	Header []exchange.Field // what the handler gives; what the connection decides itself is dropped
	Minor  int              // of the request: 0 has neither chunks nor implied keep-alive
	Method string           // of the request: an answer to HEAD has framing fields but no body

	ContentLength int64  // in bytes; -1 when unknown: chunked, or for HTTP/1.0 ended by closing
	Close         bool   // the connection will close after the answer
	Date          []byte // a "Date: ...\r\n" line of AppendDate, kept for a second, and others that every answer has
}

// AppendHead appends the status line and the header of an answer, with the empty line. It writes the given fields but
// Connection, Keep-Alive, Content-Length, Transfer-Encoding, Date, Upgrade, Trailer, Proxy-Connection and any whose
// name is not a token or whose value has a CR, LF or NUL; then Date, framing and Connection. An answer to an HTTP/1.0
// request whose length is unknown is marked Connection: close whatever Close says, and the connection must close.
func AppendHead(dst []byte, h *Head) []byte {
	status := answerable(h.Status)
	dst = appendStatusLine(dst, status)
	for i := range h.Header {
		f := &h.Header[i]
		// Who demands an upgrade names it (RFC 9110 section 15.5.22).
		if !Sendable(f) && !(status == 426 && exchange.EqualFold(f.Name, "Upgrade") && validValue(f.Value)) {
			continue
		}
		dst = append(dst, f.Name...)
		dst = append(dst, ": "...)
		dst = append(dst, f.Value...)
		dst = append(dst, "\r\n"...)
	}
	dst = append(dst, h.Date...)

	closing := h.Close
	switch {
	case status < 200 || status == 204:
	case h.ContentLength <= 0 && (status == 304 || h.Method == "HEAD"): // of what GET would answer nothing is known
	case h.ContentLength >= 0:
		dst = append(dst, "Content-Length: "...)
		dst = strconv.AppendInt(dst, h.ContentLength, 10)
		dst = append(dst, "\r\n"...)
	case h.Minor > 0:
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	default:
		closing = true
	}
	switch {
	case status < 200:
	case closing:
		dst = append(dst, "Connection: close\r\n"...)
	case h.Minor == 0:
		dst = append(dst, "Connection: keep-alive\r\n"...)
	}
	return append(dst, "\r\n"...)
}

// Sendable reports whether a field that a handler gives may be sent: it is not the connection's to write, breaks out of no
// line, and is not the Content-Encoding that there is none (RFC 9110 section 8.4.1).
func Sendable(f *exchange.Field) bool {
	return !connectionDecides(f.Name) && validName(f.Name) && validValue(f.Value) &&
		!(exchange.EqualFold(f.Name, "Content-Encoding") && exchange.EqualFold(f.Value, "identity"))
}

// BodyAllowed reports whether an answer may carry a body: not to HEAD, not with 1xx, 204 and 304
// (RFC 9112 section 6.3). A status that AppendHead answers as 500 is judged as 500.
func BodyAllowed(method string, status int) bool {
	status = answerable(status)
	return method != "HEAD" && status >= 200 && status != 204 && status != 304
}

// answerable is the status that is sent for one a handler gives: a number of three digits.
func answerable(status int) int {
	if status < 100 || status > 999 {
		return 500
	}
	return status
}

// AppendChunk appends p as one chunk of a chunked body (RFC 9112 section 7.1). An empty p appends nothing, because an
// empty chunk would end the body.
func AppendChunk(dst, p []byte) []byte {
	if len(p) == 0 {
		return dst
	}
	dst = strconv.AppendInt(dst, int64(len(p)), 16)
	dst = append(dst, "\r\n"...)
	dst = append(dst, p...)
	return append(dst, "\r\n"...)
}

// AppendLastChunk appends the end of a chunked body, without trailers.
func AppendLastChunk(dst []byte) []byte { return append(dst, "0\r\n\r\n"...) }

// AppendContinue appends the whole interim answer "100 Continue" (RFC 9110 section 15.2.1).
func AppendContinue(dst []byte) []byte { return append(dst, "HTTP/1.1 100 Continue\r\n\r\n"...) }

// AppendDate appends the whole Date line for t, in seconds (RFC 9110 section 5.6.7).
func AppendDate(dst []byte, t time.Time) []byte {
	dst = append(dst, "Date: "...)
	return t.UTC().AppendFormat(dst, "Mon, 02 Jan 2006 15:04:05 GMT\r\n")
}

// AppendRefusal appends a whole small answer in plain text, "code: reason" and a line feed, that closes the
// connection. date is a Date line of AppendDate, or nil.
func AppendRefusal(dst []byte, e *Error, date []byte) []byte {
	header, body := e.Answer()
	dst = AppendHead(dst, &Head{
		Status:        e.Status,
		Header:        header,
		Minor:         1,
		ContentLength: int64(len(body)),
		Close:         true,
		Date:          date,
	})
	return append(dst, body...)
}

// connectionDecides reports whether a field is the connection's alone to write.
func connectionDecides(name string) bool {
	var own string
	switch len(name) {
	case 4:
		own = "Date"
	case 7:
		own = "Trailer"
		if name[0]|0x20 == 'u' {
			own = "Upgrade"
		}
	case 10:
		own = "Connection"
		if name[0]|0x20 == 'k' {
			own = "Keep-Alive"
		}
	case 14:
		own = "Content-Length"
	case 16:
		own = "Proxy-Connection"
	case 17:
		own = "Transfer-Encoding"
	default:
		return false
	}
	return exchange.EqualFold(name, own)
}

func validName(name string) bool {
	for i := range len(name) {
		if !is(name[i], classToken) {
			return false
		}
	}
	return name != ""
}

func validValue(value string) bool {
	for i := range len(value) {
		if c := value[i]; c == '\r' || c == '\n' || c == 0 {
			return false
		}
	}
	return true
}
