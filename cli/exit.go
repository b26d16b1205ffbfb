package cli

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// exitCode is what the process leaves with.
type exitCode int

// The exit codes of every command.
const (
	exitOK          exitCode = 0
	exitFailed      exitCode = 1   // the work was tried and failed: the code does not build, a file cannot be written
	exitUsage       exitCode = 2   // the command line is wrong
	exitRefused     exitCode = 3   // the configuration, or what stands in the way, forbids it
	exitUnreachable exitCode = 4   // another process or machine does not answer
	exitInterrupted exitCode = 130 // Ctrl-C
)

// problem is an error for a person: what is wrong, and what to type instead.
type problem struct {
	code exitCode
	what string // empty when everything has been said already
	hint string // empty when there is nothing to type
}

// Error is what is wrong.
func (p *problem) Error() string { return p.what }

func usageError(hint, format string, args ...any) error {
	return &problem{exitUsage, fmt.Sprintf(format, args...), hint}
}

func refused(hint, format string, args ...any) error {
	return &problem{exitRefused, fmt.Sprintf(format, args...), hint}
}

func failed(hint, format string, args ...any) error {
	return &problem{exitFailed, fmt.Sprintf(format, args...), hint}
}

// errReported is the end of a command that has printed why it failed.
var errReported = &problem{code: exitFailed}

// errInterrupted is the end of a command that was stopped by Ctrl-C.
var errInterrupted = &problem{code: exitInterrupted}

// endedBy is the end of a command that a signal has stopped: SIGTERM is an ordinary one.
func endedBy(sig os.Signal) error {
	if sig == syscall.SIGTERM {
		return nil
	}
	return errInterrupted
}

// report prints err as every command does and says what to leave with.
func report(t *term, err error) exitCode {
	if err == nil {
		return exitOK
	}
	var p *problem
	if !errors.As(err, &p) {
		p = &problem{exitFailed, err.Error(), ""}
	}
	if p.what != "" {
		t.problem(p.what, p.hint)
	}
	return p.code
}
