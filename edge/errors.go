package edge

import (
	"bytes"
	"errors"

	"github.com/fortunadws/fortuna/edge/http1"
)

// The refusals this package gives without a handler: a closed table, beside those of http1 for what cannot be parsed.
// The code is stable, the sentence is not.
var (
	refuseHandler  = &http1.Error{Status: 500, Code: "handler_error", Reason: "the handler failed"}
	refuseHead     = &http1.Error{Status: 408, Code: "deadline", Reason: "the request head took too long"}
	refuseBody     = &http1.Error{Status: 408, Code: "deadline", Reason: "the request body took too long"}
	refuseLarge    = &http1.Error{Status: 413, Code: "body_too_large", Reason: "the body is larger than this server takes"}
	refuseLength   = &http1.Error{Status: 400, Code: "bad_request", Reason: "the body is not as long as Content-Length says"}
	refuseCapacity = &http1.Error{Status: 503, Code: "no_capacity", Reason: "too many connections"}
	refuseAddress  = &http1.Error{Status: 503, Code: "no_capacity", Reason: "too many connections from this address"}
	refusePlain    = &http1.Error{Status: 400, Code: "plain_http", Reason: "this port speaks TLS: ask it for https:// instead of http://"}
	refuseDraining = &http1.Error{Status: 503, Code: "draining", Reason: "the server is shutting down"}
)

// refusalOf returns the refusal http1 gave as an error.
func refusalOf(err error) *http1.Error {
	var e *http1.Error
	if errors.As(err, &e) {
		return e
	}
	return &http1.Error{Status: 400, Code: "bad_request", Reason: "the request cannot be parsed"}
}

// appendRefusal appends e as the answer to a request with the method.
func appendRefusal(dst, date []byte, e *http1.Error, method string) []byte {
	start := len(dst)
	dst = http1.AppendRefusal(dst, e, date)
	if method == "HEAD" {
		dst = dst[:start+bytes.Index(dst[start:], []byte("\r\n\r\n"))+4]
	}
	return dst
}
