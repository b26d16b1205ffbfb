package http1

import "fmt"

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
