package kv

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
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
	Fixed    bool          // nobody can take out entries
}

// Log opens a log, making it if it does not exist.
func (s *Store) Log(ctx context.Context, cfg LogConfig) (*Log, error) {
	if !bucketName.MatchString(cfg.Name) {
		return nil, fmt.Errorf("open log %q: a name is 1 to 64 letters, digits, \"_\" and \"-\"", cfg.Name)
	}
	l := &Log{s: s, base: "fortuna.log." + cfg.Name + ".", stream: "LOG_" + cfg.Name}
	err := s.stream(ctx, jetstream.StreamConfig{
		Name: l.stream, Subjects: []string{l.base + ">"}, MaxBytes: cfg.BytesMax, MaxAge: cfg.Kept, Discard: jetstream.DiscardOld,
		Storage: s.storage, Replicas: s.replicas(), DenyDelete: cfg.Fixed, DenyPurge: cfg.Fixed,
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

// Record is Append that waits until the entry is kept.
func (l *Log) Record(ctx context.Context, of string, p []byte) error {
	m := &nats.Msg{Subject: l.base + escapeField(of), Data: p, Header: nats.Header{}}
	m.Header.Set(headerID, nuid.Next()) // it may be sent again
	_, err := l.s.publish(ctx, m)
	return err
}

// Read calls f with the entries of somebody's since a time, oldest first, until there are none or, with follow, until ctx ends. The
// error is f's, or that of the store.
func (l *Log) Read(ctx context.Context, of string, since time.Time, follow bool, f func(p []byte) error) error {
	r, err := l.s.read(ctx, l.stream, l.base+escapeField(of), nats.StartTime(since))
	if err != nil {
		return err
	}
	defer r.end()
	for left := r.pending; left > 0 || follow; {
		m, meta, err := l.next(ctx, r, follow)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, context.DeadlineExceeded): // what was left has made room for others
			return nil
		case err != nil:
			return refusalOf(err)
		}
		left = meta.NumPending
		if err := f(m.Data); err != nil {
			return err
		}
	}
	return nil
}

// next waits for an entry; only who follows waits until there is one.
func (l *Log) next(ctx context.Context, r *reading, follow bool) (*nats.Msg, *nats.MsgMetadata, error) {
	if follow {
		return r.next(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*beatEvery+attempt)
	defer cancel()
	return r.next(ctx)
}
