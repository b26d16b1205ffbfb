package edge

import (
	"errors"

	"github.com/fortunadws/fortuna/edge/http1"
)

// The refusals this package gives without a handler: a closed table, beside those of http1 for what cannot be parsed.
// The code is stable, the sentence is not.
var (
	refuseHandler  = &http1.Error{Status: 500, Code: "handler_error", Reason: "the handler failed"}
	refuseHead     = &http1.Error{Status: 408, Code: "deadline", Reason: "the request head took too long"}
	refuseBody     = &http1.Error{Status: 408, Code: "deadline", Reason: "the request body took too long"}
	refuseCapacity = &http1.Error{Status: 503, Code: "no_capacity", Reason: "too many connections"}
	refuseAddress  = &http1.Error{Status: 503, Code: "no_capacity", Reason: "too many connections from this address"}
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
