package cli

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/fortunadws/fortuna/kv"
)

// terminated asks a process to end.
const terminated = syscall.SIGTERM

// isFull reports whether an error is that there is no room for a file.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// transfer shows on a terminal, as one line that changes, how much state has been moved.
type transfer struct {
	term  *term
	what  string // "saved"
	begun time.Time
	shown time.Time
}

func newTransfer(t *term, what string) *transfer {
	now := time.Now()
	return &transfer{term: t, what: what, begun: now, shown: now}
}

// tell is told of what was moved.
func (t *transfer) tell(done kv.Moved) {
	if now := time.Now(); t.term.err.terminal && now.Sub(t.shown) > progressEvery {
		t.shown = now
		mb := float64(done.Bytes) / 1e6
		t.term.print(t.term.err, fmt.Sprintf("\r%.1f MB %s, %.1f a second", mb, t.what, mb/now.Sub(t.begun).Seconds()))
	}
}

// clear removes the line.
func (t *transfer) clear() {
	if t.shown != t.begun {
		t.term.print(t.term.err, "\r\x1b[K")
		t.shown = t.begun
	}
}
