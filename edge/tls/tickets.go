package tls

import (
	"crypto/rand"
	"slices"
	"time"
)

// What a ticket resumes stays readable to whoever has its key, so keys are short-lived and never on disk.
const (
	ticketKeyAge  = 24 * time.Hour // of the key that new tickets get
	ticketKeysMax = 3              // kept, so that a ticket works for two days at least
)

// tickets are the keys of session tickets, the newest first.
type tickets struct {
	keys [][32]byte
	made time.Time // the newest
}

func newTickets(now time.Time) tickets {
	return tickets{keys: [][32]byte{newTicketKey()}, made: now}
}

// rotate puts a new key before the others when the newest is old, and reports whether it did.
func (t *tickets) rotate(now time.Time) bool {
	if now.Sub(t.made) < ticketKeyAge {
		return false
	}
	keys := slices.Insert(slices.Clone(t.keys), 0, newTicketKey())
	t.keys, t.made = keys[:min(len(keys), ticketKeysMax)], now
	return true
}

func newTicketKey() (key [32]byte) {
	_, _ = rand.Read(key[:]) // it never fails: crypto/rand ends the process first
	return key
}
