// Package kv keeps state: buckets of entries under keys, with revisions, in NATS JetStream. It does not know what the
// values mean, nor whether the server is in this process.
//
// A Bucket is a stream of our own configuration rather than JetStream's KeyValue, whose client cannot set a time to
// live on an update, resets options of a stream that exists, and reads from whichever replica answers. A Space is the
// part of a bucket that one owner sees, and has the operations. A Replica is the local cache of a bucket, with a known
// bound on how stale it is.
package kv

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// attempt is how long one request to the store may take before it is made again.
const attempt = 2 * time.Second

// retryAfter is the pause before a request is made again: a leader that stopped in good order is replaced within it.
const retryAfter = 100 * time.Millisecond

// brief is how long the first request about a stream may take before it is made again; the second may take twice as long, up to
// attempt. While several nodes make a stream at the same time, what they ask about it is not answered.
const brief = 250 * time.Millisecond

// Store is a connection to a server and what it keeps.
type Store struct {
	nc      *nats.Conn
	js      jetstream.JetStream
	push    nats.JetStreamContext // what js has no ordered consumers for
	source  Source
	storage jetstream.StorageType
	full    func(n int) bool // n more bytes have no room; nil when nobody here knows
}

// Source is where a store's connection comes from: an embedded server, or External.
type Source interface {
	Connect(name string, more ...nats.Option) (*nats.Conn, error)
	Replicas() int // of each bucket; 0: others make them
	Memory() bool  // keep nothing in files
}

// Open connects to a server. name tells the connection from others in its log. Parts of the program that must not hold
// each other up open a store each.
func Open(src Source, name string) (*Store, error) {
	nc, err := src.Connect(name)
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(nc)
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("open the state store: %w", err)
	}
	push, err := nc.JetStream(nats.MaxWait(attempt))
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("open the state store: %w", err)
	}
	s := &Store{nc: nc, js: js, push: push, source: src}
	if disk, ok := src.(interface{ Full(n int) bool }); ok {
		s.full = disk.Full
	}
	if src.Memory() {
		s.storage = jetstream.MemoryStorage
	}
	return s, nil
}

// replicas is how many copies of each bucket are kept; 0: others make them. It may be another number from one moment to the
// next: that of the nodes that have the store changes.
func (s *Store) replicas() int { return s.source.Replicas() }

// Close ends the connection. What waits for an answer fails.
func (s *Store) Close() { s.nc.Close() }

// stream makes a stream, or changes the one that is there to be as it is wanted. Who is a guest of the server waits until
// somebody else has made it.
func (s *Store) stream(ctx context.Context, want jetstream.StreamConfig) error {
	guest := s.replicas() == 0
	for within := brief; ; within = min(2*within, attempt) {
		once, cancel := context.WithTimeout(ctx, within)
		there, err := s.js.Stream(once, want.Name)
		missing := errors.Is(err, jetstream.ErrStreamNotFound)
		switch {
		case guest:
		case err == nil && !as(want, there.CachedInfo().Config):
			_, err = s.js.UpdateStream(once, want)
		case missing:
			_, err = s.js.CreateStream(once, want)
			missing = errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) // another node was first
		}
		cancel()
		if err == nil {
			return nil
		}
		if refusal := apiErrorOf(err); refusal != nil && !missing && !refusal.again() {
			return refusal.err()
		}
		if err := pause(ctx, err); err != nil {
			return err
		}
	}
}

// as reports whether a stream is as it is wanted in all that want says: of the rest the server chooses.
func as(want, is jetstream.StreamConfig) bool {
	a, b := reflect.ValueOf(want), reflect.ValueOf(is)
	for i := range a.NumField() {
		if f := a.Field(i); !f.IsZero() && !reflect.DeepEqual(f.Interface(), b.Field(i).Interface()) {
			return false
		}
	}
	return true
}

// ask makes a request until it is answered or ctx ends. A request that has no answer may have been carried out: only
// what may be repeated is asked.
func (s *Store) ask(ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
	for {
		once, cancel := context.WithTimeout(ctx, attempt)
		answer, err := s.nc.RequestMsgWithContext(once, m)
		cancel()
		if err == nil {
			return answer, nil
		}
		if errors.Is(err, nats.ErrMaxPayload) {
			return nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(m.Data))
		}
		if err := pause(ctx, err); err != nil {
			return nil, err
		}
	}
}

// pause waits until a request may be made again, or says that time is up.
func pause(ctx context.Context, cause error) error {
	timer := time.NewTimer(retryAfter)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.Canceled) {
			return ctx.Err()
		}
		return fmt.Errorf("%w: %v", ErrUnavailable, cause)
	}
}
