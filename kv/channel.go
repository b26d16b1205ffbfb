package kv

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
)

// Channel carries messages between the processes that share a store, to who listens at that moment. Nothing of them is kept.
type Channel struct {
	nc      *nats.Conn
	subject string
	self    string
	sub     *nats.Subscription
}

// Header fields of a channel's messages.
const (
	headerFrom  = "Fortuna-From"
	headerTopic = "Fortuna-Topic"
	headerText  = "Fortuna-Text"
)

// TopicBytesMax bounds the topic of a message.
const TopicBytesMax = 256

// Channel opens one by its name. hear is called with what others publish, one message after the other.
func (s *Store) Channel(name string, hear func(topic string, text bool, p []byte)) (*Channel, error) {
	if err := checkKey(name); err != nil {
		return nil, fmt.Errorf("open channel %q: %w", name, err)
	}
	c := &Channel{nc: s.nc, subject: string(appendKey([]byte("fortuna.channel."), name)), self: nuid.Next()}
	var err error
	c.sub, err = s.nc.Subscribe(c.subject, func(m *nats.Msg) {
		if m.Header.Get(headerFrom) != c.self {
			hear(unescapeField(m.Header.Get(headerTopic)), m.Header.Get(headerText) != "", m.Data)
		}
	})
	if err != nil {
		return nil, refusalOf(err)
	}
	return c, nil
}

// Publish sends a message to all others. It does not wait until they have it. The error is ErrTooLarge when no server would
// carry it.
func (c *Channel) Publish(topic string, text bool, p []byte) error {
	if len(topic) > TopicBytesMax {
		return fmt.Errorf("%w: the topic has %d bytes, at most %d are allowed", ErrTooLarge, len(topic), TopicBytesMax)
	}
	m := &nats.Msg{Subject: c.subject, Header: nats.Header{headerFrom: {c.self}, headerTopic: {escapeField(topic)}}, Data: p}
	if text {
		m.Header.Set(headerText, "1")
	}
	err := c.nc.PublishMsg(m)
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("%w: %d bytes", ErrTooLarge, len(p))
	case err != nil:
		return refusalOf(err)
	}
	return nil
}

// Ready waits until the server knows that this process listens.
func (c *Channel) Ready(ctx context.Context) error { return c.nc.FlushWithContext(ctx) }

// Close ends it.
func (c *Channel) Close() error { return c.sub.Unsubscribe() }

// escapeField makes any text one that a header can hold: it is written like a key, whose escapes need no line breaks.
func escapeField(text string) string {
	b := make([]byte, 0, len(text))
	for _, c := range []byte(text) {
		if plain[c] {
			b = append(b, c)
		} else {
			b = append(b, '=', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}

// unescapeField undoes it; what escapeField did not write is nothing.
func unescapeField(field string) string {
	text, err := parseKey(field)
	if err != nil {
		return ""
	}
	return text
}
