package kv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
)

// LargeBytesMax bounds a value. One of more than ValueBytesMax is kept in pieces: the entry says how many there are, and they
// are the messages right before it, because all are stored as one batch. So a reader who has the entry finds its pieces or,
// when another value has come since, some that are gone: never those of two values.
const LargeBytesMax = 25 << 20

const (
	headerPieces = "Fortuna-Pieces"
	pieces       = "=p." // begins, behind the bucket's base, the subjects of pieces: no key's does
	piecesAtOnce = 8     // that a reader asks for
)

// pieceSubject is where a piece of the value at subject is. A value that replaces another replaces its pieces.
func (b *Bucket) pieceSubject(subject string, i int) string {
	return b.base + pieces + strings.TrimPrefix(subject, b.base) + "." + strconv.Itoa(i)
}

// putLarge is Put of a value that needs pieces. It is tried once: the error is ErrUnavailable when nobody knows whether it was
// made.
func (s *Space) putLarge(ctx context.Context, w Write) (rev uint64, err error) {
	if s.b.cfg.History > 1 {
		return 0, fmt.Errorf("%w: the value has %d bytes, at most %d are allowed where former values are kept", ErrTooLarge, len(w.Value), ValueBytesMax)
	}
	if w.Check.kind == isNew {
		switch e, err := s.GetLeader(ctx, w.Key); {
		case err == nil:
			return 0, ErrExists
		case !errors.Is(err, ErrNotFound):
			return 0, err
		default:
			w.Check = IfRev(e.Rev) // of the marker of a value that is gone, or none
		}
	}
	value := w.Value
	if full := s.b.s.full; full != nil && full(len(value)+headerBytesMax) {
		return 0, fmt.Errorf("%w: the disk has no room", ErrFull)
	}
	w.Value = nil
	entry, err := s.message(&w)
	if err != nil {
		return 0, err
	}
	var batch []*nats.Msg
	for i := 0; len(value) > 0; i++ {
		n := min(len(value), ValueBytesMax)
		m := &nats.Msg{Subject: s.b.pieceSubject(entry.Subject, i), Header: nats.Header{}, Data: value[:n]}
		if w.TTL > 0 {
			m.Header.Set(headerTTL, seconds(w.TTL+markerTTL)) // not before the entry
		}
		batch, value = append(batch, m), value[n:]
	}
	entry.Header.Set(headerPieces, strconv.Itoa(len(batch)))
	return s.b.s.batch(ctx, append(batch, entry))
}

// Whole gives e the value that is kept in pieces; an entry whose value is there is left alone. The error is ErrNotFound when
// another value has come, or none is left: then the entry must be read again.
func (s *Space) Whole(ctx context.Context, e *Entry) error {
	if e.Pieces == 0 {
		return nil
	}
	if e.Pieces < 0 || e.Pieces > LargeBytesMax/ValueBytesMax+1 || uint64(e.Pieces) >= e.Rev {
		return fmt.Errorf("kv: %q says that it has %d pieces", e.Key, e.Pieces)
	}
	subject, err := s.subject(e.Key)
	if err != nil {
		return err
	}
	parts := make([][]byte, e.Pieces)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(piecesAtOnce)
	for i := range parts {
		g.Go(func() (err error) {
			parts[i], err = s.b.piece(ctx, s.b.pieceSubject(subject, i), e.Rev-uint64(e.Pieces-i))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	var value []byte
	for _, p := range parts {
		value = append(value, p...)
	}
	e.Value, e.Pieces = value, 0
	return nil
}

// piece reads a message by its place, from any replica; from the leader when that one has not heard of it yet.
func (b *Bucket) piece(ctx context.Context, subject string, seq uint64) ([]byte, error) {
	body, err := json.Marshal(map[string]uint64{"seq": seq})
	if err != nil {
		return nil, err
	}
	m, err := b.s.ask(ctx, &nats.Msg{Subject: "$JS.API.DIRECT.GET." + b.stream, Data: body})
	if err != nil {
		return nil, err
	}
	if m.Header.Get("Status") == "" {
		if m.Header.Get(headerSubject) != subject {
			return nil, ErrNotFound
		}
		return m.Data, nil
	}
	stream, err := b.s.js.Stream(ctx, b.stream)
	if err != nil {
		return nil, refusalOf(err)
	}
	raw, err := stream.GetMsg(ctx, seq)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return nil, ErrNotFound
	case err != nil:
		return nil, refusalOf(err)
	case raw.Subject != subject:
		return nil, ErrNotFound
	}
	return raw.Data, nil
}

// ReadWhole is GetLeader with the value, wherever that is kept.
func (s *Space) ReadWhole(ctx context.Context, key string) (Entry, error) {
	for {
		e, err := s.GetLeader(ctx, key)
		if err == nil {
			err = s.Whole(ctx, &e)
			if errors.Is(err, ErrNotFound) && ctx.Err() == nil { // replaced meanwhile
				if err := pause(ctx, err); err != nil {
					return Entry{}, err
				}
				continue
			}
		}
		return e, err
	}
}

// Sweep deletes pieces that belong to no entry any more, because a small value or none has taken the place of a large one.
// It may be called on several nodes, and while others write.
func (b *Bucket) Sweep(ctx context.Context) error {
	if b.s.replicas() == 0 {
		return nil // who has the store does it
	}
	stream, err := b.s.js.Stream(ctx, b.stream)
	if err != nil {
		return refusalOf(err)
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(b.base+pieces+">"))
	if err != nil {
		return refusalOf(err)
	}
	seen := map[string]bool{}
	for subject := range info.State.Subjects {
		subject = strings.TrimPrefix(subject, b.base+pieces)
		i := strings.LastIndexByte(subject, '.')
		if i < 0 || seen[subject[:i]] {
			continue
		}
		subject = subject[:i]
		seen[subject] = true
		e, err := b.leader(ctx, b.base+subject)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		before := max(e.Rev, 1)
		switch {
		case e.Rev == 0: // there is not even a marker: what is newer than this listing may be anything
			before = info.State.LastSeq + 1
		case err == nil && e.Pieces > 0:
			before = e.Rev - uint64(e.Pieces)
		}
		if err := stream.Purge(ctx, jetstream.WithPurgeSubject(b.base+pieces+subject+".*"), jetstream.WithPurgeSequence(before)); err != nil {
			return refusalOf(err)
		}
	}
	return nil
}

// SweepEvery is how often a process that has a bucket open sweeps it.
const SweepEvery = 10 * time.Minute
