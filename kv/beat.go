package kv

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
)

// beats is what the subjects of heartbeats begin with: each sender has one of its own, so that a server can see to it that nobody
// speaks for another.
const beats = "fortuna.beat."

// BeatSubject is where a sender's heartbeats are.
func BeatSubject(sender string) string { return beats + escapeField(sender) }

// Beats carries short messages between the processes that share a store, each with the name of its sender. Nothing of them is kept.
type Beats struct {
	nc   *nats.Conn
	self string
	sub  *nats.Subscription
}

// Beats begins to hear what others send. hear is called with one message after the other.
func (s *Store) Beats(sender string, hear func(sender string, p []byte)) (*Beats, error) {
	sub, err := s.nc.Subscribe(beats+"*", func(m *nats.Msg) { hear(unescapeField(strings.TrimPrefix(m.Subject, beats)), m.Data) })
	if err != nil {
		return nil, refusalOf(err)
	}
	return &Beats{s.nc, sender, sub}, nil
}

// Send sends a message to all others, and to itself. It does not wait until they have it.
func (b *Beats) Send(p []byte) error {
	err := b.nc.Publish(BeatSubject(b.self), p)
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("%w: %d bytes", ErrTooLarge, len(p))
	case err != nil:
		return refusalOf(err)
	}
	return nil
}

// Close ends it.
func (b *Beats) Close() error { return b.sub.Unsubscribe() }
