package web

import (
	"context"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// Host is what the platform needs from the runtime that owns the VM. All methods but those of a Ticket that say so
// are called on the VM's goroutine.
type Host interface {
	// Begin takes a ticket for an asynchronous operation of the invocation that is running. what names the
	// operation in an error ("fetch"). The error says why no operation may begin: nothing is running (top-level
	// code), or the invocation has too many in flight.
	Begin(what string) (Ticket, error)

	// Scope is what bindings keep for the invocation whose code runs; nil when none does.
	Scope() *Scope

	// Log hands over a line that code wrote to the console. It must not keep args.
	Log(level Level, text string)
}

// Ticket is the right to settle one asynchronous operation, exactly once: by Settle or by Release.
type Ticket interface {
	// Context is done when the invocation has ended: its client has left, its deadline has passed or its answer is
	// complete. It may be used from any goroutine.
	Context() context.Context

	// Trace is the place of the invocation's request in a distributed trace.
	Trace() exchange.Trace

	// Settle runs job on the VM's goroutine, in a turn of the invocation that took the ticket; an error from job is
	// reported as uncaught. The job is dropped when the invocation has ended. It may be called from any goroutine.
	Settle(job func() error)

	// Release gives the ticket back with nothing to run. It may be called from any goroutine.
	Release()
}

// Level is the severity of a console line.
type Level uint8

// Console levels, least severe first.
const (
	LevelDebug Level = iota
	LevelLog
	LevelInfo
	LevelWarn
	LevelError
)
