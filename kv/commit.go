package kv

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/synadia-io/orbit.go/jetstreamext"
)

// CommitMax is how many keys one Commit may name.
const CommitMax = 500

// guard is the subject, no key's, of messages that only carry a condition.
const guard = "="

// Commit makes all changes or none. checks are conditions on keys that are not changed. It returns the revisions of the
// changes in their order. Keys are named once. The error is ErrMismatch when a condition fails, ErrUnavailable when nobody
// knows whether the changes were made: they are not made twice, so a caller who may not ask again reads first.
func (s *Space) Commit(ctx context.Context, writes []Write, checks map[string]uint64) (revs []uint64, err error) {
	if len(writes)+len(checks) > CommitMax {
		return nil, fmt.Errorf("%w: a commit of %d keys, at most %d are allowed", ErrTooLarge, len(writes)+len(checks), CommitMax)
	}
	var messages []*nats.Msg
	for key, rev := range checks {
		subject, err := s.subject(key)
		if err != nil {
			return nil, err
		}
		m := &nats.Msg{Subject: s.b.base + guard, Header: nats.Header{}}
		m.Header.Set(headerExpected, fmt.Sprint(rev))
		m.Header.Set(headerExpectedOf, subject)
		messages = append(messages, m)
	}
	seen := map[string]bool{}
	for i := range writes {
		w := &writes[i]
		if _, checked := checks[w.Key]; checked || seen[w.Key] {
			return nil, fmt.Errorf("%w: %q is named twice in one commit", ErrKey, w.Key)
		}
		seen[w.Key] = true
		if w.Check.kind == isNew {
			// The revision of a marker counts as one for the server.
			switch e, err := s.GetLeader(ctx, w.Key); {
			case err == nil:
				return nil, ErrExists
			case !errors.Is(err, ErrNotFound):
				return nil, err
			default:
				w.Check = IfRev(e.Rev)
			}
		}
		m, err := s.message(w)
		if err != nil {
			return nil, err
		}
		messages = append(messages, m)
	}
	if len(messages) == 0 {
		return nil, nil
	}
	last, err := s.b.s.batch(ctx, messages)
	if err != nil {
		return nil, err
	}
	for i := range writes {
		revs = append(revs, last-uint64(len(writes)-1-i))
	}
	return revs, nil
}

// batch publishes messages as one (ADR-50) and returns the sequence of the last.
func (s *Store) batch(ctx context.Context, messages []*nats.Msg) (last uint64, err error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel func()
		ctx, cancel = context.WithTimeout(ctx, attempt)
		defer cancel()
	}
	for {
		last, err := s.batchOnce(ctx, messages)
		if refusal := apiErrorOf(err); refusal == nil || refusal.ErrCode != codeBatches {
			if err != nil {
				return 0, refusalOf(err)
			}
			return last, nil
		}
		if err := pause(ctx, err); err != nil { // it was not begun
			return 0, err
		}
	}
}

func (s *Store) batchOnce(ctx context.Context, messages []*nats.Msg) (last uint64, err error) {
	p, err := jetstreamext.NewBatchPublisher(s.js, jetstreamext.BatchFlowControl{})
	if err != nil {
		return 0, err
	}
	n := len(messages) - 1
	for _, m := range messages[:n] {
		if err := p.AddMsg(m); err != nil {
			return 0, err
		}
	}
	ack, err := p.CommitMsg(ctx, messages[n])
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}
