package kv

import (
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// What a caller decides on.
var (
	ErrNotFound    = errors.New("kv: no such key")
	ErrExists      = errors.New("kv: the key exists")
	ErrMismatch    = errors.New("kv: the key has another revision")
	ErrKey         = errors.New("kv: not a key")
	ErrTooLarge    = errors.New("kv: too large")
	ErrFull        = errors.New("kv: the store is full")
	ErrUnavailable = errors.New("kv: the store does not answer") // a write may have been carried out
	ErrBehind      = errors.New("kv: the watcher is too far behind")
)

// apiError is the server's refusal (nats-server errors.json).
type apiError struct {
	Code        int    `json:"code"` // as a status of HTTP
	ErrCode     int    `json:"err_code"`
	Description string `json:"description"`
}

// Numbers of refusals.
const (
	codeNoQuorum       = 10008 // the cluster has no leader
	codeNotFound       = 10037
	codeMismatch       = 10071
	codeMismatchPeer   = 10164 // with more than one replica
	codeNoResources    = 10023
	codeNoStorage      = 10047
	codeStoreFailed    = 10077 // "maximum bytes exceeded", and what the file system says
	codeMemoryExceeded = 10028
	codeTooLarge       = 10054
	codeUnavailable    = 10076
	codeBatches        = 10176 // as many are under way as a stream may have
	codeInProcess      = 10158 // the same message was sent before, and its fate is not known yet
)

// full says that the store has no room.
func (e *apiError) full() bool {
	switch e.ErrCode {
	case codeNoResources, codeNoStorage, codeStoreFailed, codeMemoryExceeded:
		return true
	}
	return false
}

// again says that the refusal is about this moment, not about the request.
func (e *apiError) again() bool {
	if e.full() { // some of these have the status 503
		return false
	}
	return e.ErrCode == codeNoQuorum || e.ErrCode == codeUnavailable || e.ErrCode == codeInProcess || e.Code == 503
}

func (e *apiError) err() error {
	switch e.ErrCode {
	case codeMismatch, codeMismatchPeer:
		return ErrMismatch
	case codeNotFound:
		return ErrNotFound
	case codeTooLarge:
		return ErrTooLarge
	}
	if e.full() {
		return fmt.Errorf("%w: %s", ErrFull, e.Description)
	}
	return fmt.Errorf("kv: the server refused: %s (%d)", e.Description, e.ErrCode)
}

// apiErrorOf is the server's refusal in a client library's error, or nil.
func apiErrorOf(err error) *apiError {
	var a *jetstream.APIError
	if !errors.As(err, &a) {
		return nil
	}
	return &apiError{Code: a.Code, ErrCode: int(a.ErrorCode), Description: a.Description}
}

// refusalOf is what a client library's error means.
func refusalOf(err error) error {
	if refusal := apiErrorOf(err); refusal != nil && !refusal.again() {
		return refusal.err()
	}
	return fmt.Errorf("%w: %v", ErrUnavailable, err)
}
