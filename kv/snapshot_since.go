package kv

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats-server/v2/server/archive"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// sinceMax is how many messages may come while a snapshot is made.
const sinceMax = 5_000_000

// since writes the messages behind the snapshot's last to w, as an archive, until the leader knows of no more. Whoever has read
// so far has read the last message of each subject, whatever was replaced meanwhile. The leader is asked because another replica
// may be at its end while that what was missed was replaced on the one that was asked before.
func (s *Store) since(ctx context.Context, about *snapshot, w io.Writer) error {
	buffer := bufio.NewWriter(w)
	to := archive.NewWriter(buffer)
	var head uint64 // the last sequence, as it was when there was no message behind the last that was read
	for n := 0; ; n++ {
		if n == sinceMax {
			return fmt.Errorf("%w: more than %d messages have come meanwhile", ErrBehind, n)
		}
		m, err := s.next(ctx, about.Config.Name, about.Last+1)
		switch {
		case errors.Is(err, ErrNotFound) && head == 0:
			if head, err = s.last(ctx, about.Config.Name); err != nil {
				return err
			}
			if head > about.Last {
				continue // it came just now, or is deleted already
			}
			return buffer.Flush()
		case errors.Is(err, ErrNotFound):
			about.Last = max(about.Last, head)
			return buffer.Flush()
		case err != nil:
			return err
		case m.Seq <= about.Last:
			return fmt.Errorf("kv: the server answered with message %d instead of one behind %d", m.Seq, about.Last)
		}
		h := archive.Header{Name: m.Subject, Timestamp: m.Time.UnixNano(), Sequence: m.Seq, HeaderSize: int64(len(m.Hdrs)), PayloadSize: int64(len(m.Data))}
		err = to.WriteHeader(&h)
		for _, part := range [][]byte{m.Hdrs, m.Data} {
			if err == nil {
				_, err = to.Write(part)
			}
		}
		if err != nil {
			return err
		}
		about.Last = m.Seq
	}
}

// stored is a message as the leader of its stream has it.
type stored struct {
	Subject string
	Seq     uint64
	Time    time.Time
	Hdrs    []byte // as they were sent
	Data    []byte
}

// next asks the leader of a stream for the first message from a sequence on. The error is ErrNotFound when there is none.
func (s *Store) next(ctx context.Context, stream string, seq uint64) (*stored, error) {
	var answer struct{ Message stored }
	err := s.api(ctx, "STREAM.MSG.GET."+stream, fmt.Sprintf(`{"seq":%d,"next_by_subj":">"}`, seq), &answer)
	return &answer.Message, err
}

// last asks the leader of a stream for the last sequence that was given.
func (s *Store) last(ctx context.Context, stream string) (uint64, error) {
	var answer struct {
		State struct {
			Last uint64 `json:"last_seq"`
		}
	}
	err := s.api(ctx, "STREAM.INFO."+stream, "", &answer)
	return answer.State.Last, err
}

// api makes a request that may be repeated, until its answer is no refusal of the moment.
func (s *Store) api(ctx context.Context, what, body string, answer any) error {
	for {
		m, err := s.ask(ctx, &nats.Msg{Subject: "$JS.API." + what, Data: []byte(body)})
		if err != nil {
			return err
		}
		var refused struct{ Error *apiError }
		if err := errors.Join(json.Unmarshal(m.Data, &refused), json.Unmarshal(m.Data, answer)); err != nil {
			return fmt.Errorf("kv: the server's answer: %w", err)
		}
		switch {
		case refused.Error == nil:
			return nil
		case refused.Error.ErrCode == int(jetstream.JSErrCodeStreamNotFound):
			return ErrNotFound
		case !refused.Error.again():
			return refused.Error.err()
		}
		if err := pause(ctx, refused.Error.err()); err != nil {
			return err
		}
	}
}
