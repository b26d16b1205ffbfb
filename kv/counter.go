package kv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// countersBytesMax bounds the memory of the counters of a name.
const countersBytesMax = 64 << 20

// Counters are numbers under keys that everybody may add to without reading them, and that are forgotten when nobody has for a
// while. They live in memory.
type Counters struct {
	s    *Store
	base string
}

// Counters opens those of a name, making them if they do not exist. One that nobody adds to for kept is forgotten.
func (s *Store) Counters(ctx context.Context, name string, kept time.Duration) (*Counters, error) {
	if !bucketName.MatchString(name) {
		return nil, fmt.Errorf("open counters %q: a name is 1 to 64 letters, digits, \"_\" and \"-\"", name)
	}
	c := &Counters{s: s, base: "fortuna.counter." + name + "."}
	want := jetstream.StreamConfig{
		Name: "COUNT_" + name, Subjects: []string{c.base + ">"}, MaxMsgsPerSubject: 1, MaxAge: kept, Duplicates: min(duplicates, kept),
		// Of more keys than fit, which a client may make up, those that were counted longest ago are forgotten.
		MaxBytes: countersBytesMax, Discard: jetstream.DiscardOld,
		Storage: jetstream.MemoryStorage, Replicas: s.replicas(), AllowMsgCounter: true, AllowDirect: true,
	}
	if err := s.stream(ctx, want); err != nil {
		return nil, fmt.Errorf("open counters %q: %w", name, err)
	}
	return c, nil
}

// Add adds n to the counter of a key, which an owner's names precede, and returns the sum. It is counted once. The error is
// ErrUnavailable when nobody knows whether it was.
func (c *Counters) Add(ctx context.Context, n int64, names ...string) (sum int64, err error) {
	subject := []byte(c.base)
	for i, name := range names {
		if err := checkKey(name); err != nil {
			return 0, err
		}
		if i > 0 {
			subject = append(subject, '.')
		}
		subject = append(subject, escapeField(name)...)
	}
	m := &nats.Msg{Subject: string(subject), Header: nats.Header{}}
	m.Header.Set("Nats-Incr", fmt.Sprintf("%+d", n))
	m.Header.Set(headerID, nuid.Next())
	for {
		answer, err := c.s.ask(ctx, m)
		if err != nil {
			return 0, err
		}
		var a struct {
			Value     string    `json:"val"`
			Duplicate bool      `json:"duplicate"`
			Error     *apiError `json:"error"`
		}
		if err := json.Unmarshal(answer.Data, &a); err != nil {
			return 0, fmt.Errorf("kv: the server's answer: %w", err)
		}
		switch {
		case a.Error != nil && !a.Error.again():
			return 0, a.Error.err()
		case a.Error != nil:
			if err := pause(ctx, a.Error.err()); err != nil {
				return 0, err
			}
			continue
		case a.Duplicate && a.Value == "": // it was counted by a try whose answer was lost
			return c.Add(ctx, 0, names...)
		}
		sum, err := strconv.ParseInt(a.Value, 10, 64)
		if err != nil {
			return 0, errors.New("kv: the server counted no number")
		}
		return sum, nil
	}
}
