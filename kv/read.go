package kv

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// Get reads from whichever replica answers: what it gives may be older than what this process wrote, or read before. It
// answers also when the cluster has no leader. The error is ErrNotFound when there is no value; the entry has the
// revision of its deletion, if that is known.
func (s *Space) Get(ctx context.Context, key string) (Entry, error) {
	subject, err := s.subject(key)
	if err != nil {
		return Entry{}, err
	}
	e, err := s.b.direct(ctx, subject)
	e.Key = key
	return e, err
}

// GetLeader reads what the last acknowledged write left. While a cluster changes its leader, the former one may answer
// once more: who decides something writes with IfRev.
func (s *Space) GetLeader(ctx context.Context, key string) (Entry, error) {
	subject, err := s.subject(key)
	if err != nil {
		return Entry{}, err
	}
	e, err := s.b.leader(ctx, subject)
	e.Key = key
	return e, err
}

// direct asks any replica (ADR-31).
func (b *Bucket) direct(ctx context.Context, subject string) (Entry, error) {
	m, err := b.s.ask(ctx, &nats.Msg{Subject: "$JS.API.DIRECT.GET." + b.stream + "." + subject})
	if err != nil {
		return Entry{}, err
	}
	switch status := m.Header.Get("Status"); status {
	case "":
	case "404":
		return Entry{}, ErrNotFound
	default:
		return Entry{}, fmt.Errorf("%w: %s %s", ErrUnavailable, status, m.Header.Get("Description"))
	}
	_, seq, at, err := place(m.Header)
	if err != nil {
		return Entry{}, err
	}
	return found(entryOf(m.Header, m.Data, seq, at))
}

// leader asks the leader of the stream.
func (b *Bucket) leader(ctx context.Context, subject string) (Entry, error) {
	body, err := json.Marshal(map[string]string{"last_by_subj": subject})
	if err != nil {
		return Entry{}, err
	}
	var answer struct {
		Error   *apiError
		Message struct {
			Seq  uint64
			Time time.Time
			Hdrs string
			Data string
		}
	}
	for {
		m, err := b.s.ask(ctx, &nats.Msg{Subject: "$JS.API.STREAM.MSG.GET." + b.stream, Data: body})
		if err != nil {
			return Entry{}, err
		}
		answer.Error = nil
		if err := json.Unmarshal(m.Data, &answer); err != nil {
			return Entry{}, fmt.Errorf("kv: the server's answer: %w", err)
		}
		if answer.Error == nil {
			break
		}
		if !answer.Error.again() {
			return Entry{}, answer.Error.err()
		}
		if err := pause(ctx, answer.Error.err()); err != nil {
			return Entry{}, err
		}
	}
	header, err := base64.StdEncoding.DecodeString(answer.Message.Hdrs)
	if err != nil {
		return Entry{}, fmt.Errorf("kv: the server's answer: %w", err)
	}
	value, err := base64.StdEncoding.DecodeString(answer.Message.Data)
	if err != nil {
		return Entry{}, fmt.Errorf("kv: the server's answer: %w", err)
	}
	return found(entryOf(parseHeader(header), value, answer.Message.Seq, answer.Message.Time))
}

// found tells an entry from the marker of one that is gone.
func found(e Entry) (Entry, error) {
	e.fade(time.Now())
	return gone(e)
}
