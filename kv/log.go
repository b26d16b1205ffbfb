package kv

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Log is what happened, the newest of it: when there is no room the oldest goes. Its methods may be called from any goroutine.
type Log struct {
	s      *Store
	base   string
	stream string
}

// LogConfig is of a log.
type LogConfig struct {
	Name     string        // letters, digits, "_" and "-"
	BytesMax int64         // of all entries
	Kept     time.Duration // at most
}

// Log opens a log, making it if it does not exist.
func (s *Store) Log(ctx context.Context, cfg LogConfig) (*Log, error) {
	if !bucketName.MatchString(cfg.Name) {
		return nil, fmt.Errorf("open log %q: a name is 1 to 64 letters, digits, \"_\" and \"-\"", cfg.Name)
	}
	l := &Log{s: s, base: "fortuna.log." + cfg.Name + ".", stream: "LOG_" + cfg.Name}
	err := s.stream(ctx, jetstream.StreamConfig{
		Name: l.stream, Subjects: []string{l.base + ">"}, MaxBytes: cfg.BytesMax, MaxAge: cfg.Kept, Discard: jetstream.DiscardOld,
		Storage: s.storage, Replicas: s.replicas(),
	})
	if err != nil {
		return nil, fmt.Errorf("open log %q: %w", cfg.Name, err)
	}
	return l, nil
}

// Append adds an entry of somebody's. It does not wait for it to be kept, and one may be lost when the store is away.
func (l *Log) Append(of string, p []byte) error {
	err := l.s.nc.Publish(l.base+escapeField(of), p)
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("%w: %d bytes", ErrTooLarge, len(p))
	case err != nil:
		return refusalOf(err)
	}
	return nil
}

// Read calls f with the entries of somebody's since a time, oldest first, until there are none or, with follow, until ctx ends. The
// error is f's, or that of the store.
func (l *Log) Read(ctx context.Context, of string, since time.Time, follow bool, f func(p []byte) error) error {
	c, err := l.s.js.OrderedConsumer(ctx, l.stream, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{l.base + escapeField(of)}, DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &since,
		InactiveThreshold: 10 * time.Second,
	})
	if err != nil {
		return refusalOf(err)
	}
	defer func() {
		_ = l.s.nc.Publish("$JS.API.CONSUMER.DELETE."+l.stream+"."+c.CachedInfo().Name, nil) // else it goes when it has been idle
	}()
	if c.CachedInfo().NumPending == 0 && !follow {
		return nil
	}
	messages, err := c.Messages(jetstream.PullMaxMessages(100))
	if err != nil {
		return refusalOf(err)
	}
	defer messages.Stop()
	stop := context.AfterFunc(ctx, messages.Stop)
	defer stop()
	for {
		m, err := messages.Next(jetstream.NextMaxWait(attempt))
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, nats.ErrTimeout) && follow:
			continue
		case errors.Is(err, nats.ErrTimeout): // what was left has made room for others
			return nil
		case err != nil:
			return refusalOf(err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return refusalOf(err)
		}
		if err := f(m.Data()); err != nil {
			return err
		}
		if meta.NumPending == 0 && !follow {
			return nil
		}
	}
}
