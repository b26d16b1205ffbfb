package kv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
)

// Write is one change of one key.
type Write struct {
	Key    string
	Value  []byte
	Meta   string        // UTF-8 without line breaks, of MetaBytesMax at most
	TTL    time.Duration // whole seconds; 0: for ever, also if the key had one
	Delete bool          // instead of putting Value
	Check  Check
}

// Check is a condition of a Write. The zero Check is none.
type Check struct {
	kind check
	rev  uint64
}

type check uint8

const (
	unchecked check = iota
	isNew
	isRev
)

// Rev is the revision that is demanded; false when another thing is, or nothing.
func (c Check) Rev() (rev uint64, ok bool) { return c.rev, c.kind == isRev }

// Entry is what the write left, as revision rev.
func (w *Write) Entry(rev uint64) Entry {
	e := Entry{Key: w.Key, Rev: rev, Written: time.Now(), Deleted: w.Delete}
	if !w.Delete {
		e.Value, e.Meta = w.Value, w.Meta
		if n := len(w.Value); n > ValueBytesMax {
			e.Value, e.Pieces = nil, (n+ValueBytesMax-1)/ValueBytesMax
		}
		if w.TTL > 0 {
			e.Expires = e.Written.Add(w.TTL)
		}
	}
	return e
}

// IfNew demands that the key has no value.
func IfNew() Check { return Check{kind: isNew} }

// IfRev demands that the key's last revision is rev.
func IfRev(rev uint64) Check { return Check{kind: isRev, rev: rev} }

// Put makes a change durable and returns its revision. It is tried until ctx ends, and made once. The error is
// ErrExists or ErrMismatch when the Check fails, ErrUnavailable when nobody knows whether it was made.
func (s *Space) Put(ctx context.Context, w Write) (rev uint64, err error) {
	if len(w.Value) > s.b.cfg.ValueBytesMax && len(w.Value) <= LargeBytesMax && s.b.cfg.ValueBytesMax == ValueBytesMax {
		return s.putLarge(ctx, w)
	}
	m, err := s.message(&w)
	if err != nil {
		return 0, err
	}
	m.Header.Set(headerID, nuid.Next())
	for {
		rev, err = s.b.s.publish(ctx, m)
		if err != ErrMismatch || w.Check.kind != isNew {
			return rev, err
		}
		// What is there may be the marker of a value that is gone.
		e, err := s.GetLeader(ctx, w.Key)
		if err == nil {
			return 0, ErrExists
		}
		if !errors.Is(err, ErrNotFound) {
			return 0, err
		}
		m.Header.Set(headerExpected, strconv.FormatUint(e.Rev, 10))
	}
}

// message is the change as a message.
func (s *Space) message(w *Write) (*nats.Msg, error) {
	subject, err := s.subject(w.Key)
	if err != nil {
		return nil, err
	}
	m := &nats.Msg{Subject: subject, Header: nats.Header{}, Data: w.Value}
	switch {
	case len(w.Value) > s.b.cfg.ValueBytesMax:
		return nil, fmt.Errorf("%w: the value has %d bytes, at most %d are allowed", ErrTooLarge, len(w.Value), s.b.cfg.ValueBytesMax)
	case len(w.Meta) > MetaBytesMax:
		return nil, fmt.Errorf("%w: the metadata has %d bytes, at most %d are allowed", ErrTooLarge, len(w.Meta), MetaBytesMax)
	case strings.ContainsAny(w.Meta, "\r\n\x00") || !utf8.ValidString(w.Meta):
		return nil, errors.New("kv: metadata is one line of text")
	case !w.Delete && s.b.s.full != nil && s.b.s.full(len(w.Value)+headerBytesMax):
		return nil, fmt.Errorf("%w: the disk has no room", ErrFull)
	case w.TTL < 0 || w.TTL%time.Second != 0:
		return nil, fmt.Errorf("kv: a time to live is whole seconds, got %v", w.TTL)
	case w.TTL > 0 && s.b.cfg.History > 1:
		return nil, fmt.Errorf("kv: entries of a bucket with history cannot expire: their former values would be back")
	}
	switch {
	case w.Delete && s.b.cfg.History > 1: // the marker stays, or the value before it would be back
		m.Data = nil
		m.Header.Set(headerOperation, "DEL")
	case w.Delete:
		m.Data = nil
		m.Header.Set(headerOperation, "PURGE")
		m.Header.Set(headerRollup, "sub")
		m.Header.Set(headerTTL, seconds(markerTTL))
	case w.TTL > 0:
		m.Header.Set(headerTTL, seconds(w.TTL))
	}
	if w.Meta != "" && !w.Delete {
		m.Header.Set(headerMeta, w.Meta)
	}
	switch w.Check.kind {
	case isNew:
		m.Header.Set(headerExpected, "0")
	case isRev:
		m.Header.Set(headerExpected, strconv.FormatUint(w.Check.rev, 10))
	}
	return m, nil
}

func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }

// publish stores a message, which has an id, and returns its sequence. Sent twice it is stored once.
func (s *Store) publish(ctx context.Context, m *nats.Msg) (uint64, error) {
	for {
		answer, err := s.ask(ctx, m)
		if err != nil {
			return 0, err
		}
		seq, refusal, err := acknowledged(answer)
		switch {
		case err != nil:
			return 0, err
		case refusal == nil:
			return seq, nil
		case !refusal.again():
			return 0, refusal.err()
		}
		if err := pause(ctx, refusal.err()); err != nil {
			return 0, err
		}
	}
}

// acknowledged reads the answer to a publication.
func acknowledged(m *nats.Msg) (seq uint64, refusal *apiError, err error) {
	var a struct {
		Seq   uint64    `json:"seq"`
		Error *apiError `json:"error"`
	}
	if err := json.Unmarshal(m.Data, &a); err != nil {
		return 0, nil, fmt.Errorf("kv: the server's answer: %w", err)
	}
	if a.Error == nil && a.Seq == 0 {
		return 0, nil, errors.New("kv: the server acknowledged nothing")
	}
	return a.Seq, a.Error, nil
}
