package http1

import (
	"fmt"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// Error is a refusal: the status to answer with and the reason. After one, the connection must close, because
// where the next request would begin is in doubt.
type Error struct {
	Status int    // 400, 405, 413, 414, 417, 431, 501 or 505
	Code   string // a stable word for machines: "bad_request", "header_too_large", ...
	Reason string // one sentence for people
}

// Error returns status, code and reason as one line.
func (e *Error) Error() string {
	return fmt.Sprintf("http1: %d %s: %s", e.Status, e.Code, e.Reason)
}

// Answer returns header and body of the answer that says so: plain text, "code: reason" and a line feed. An answer 405
// says what is allowed, and one that asks to come back says when.
func (e *Error) Answer() (header []exchange.Field, body string) {
	header = []exchange.Field{{Name: "Content-Type", Value: "text/plain; charset=utf-8"}}
	switch e.Status {
	case 405:
		header = append(header, exchange.Field{Name: "Allow", Value: "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"})
	case 503:
		header = append(header, exchange.Field{Name: "Retry-After", Value: "1"})
	}
	return header, e.Code + ": " + e.Reason + "\n"
}

// codes is the closed table of refusals.
var codes = map[int]string{
	400: "bad_request",
	405: "method_not_allowed",
	413: "body_too_large",
	414: "target_too_long",
	417: "expectation_failed",
	431: "header_too_large",
	501: "not_implemented",
	505: "version_not_supported",
}

func refuse(status int, format string, args ...any) *Error {
	return &Error{Status: status, Code: codes[status], Reason: fmt.Sprintf(format, args...)}
}
