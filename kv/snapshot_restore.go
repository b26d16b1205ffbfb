package kv

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// What a server that restores is sent at once, and how many of that before it says that one has come. It gives up when it has not
// taken one within 5 s, and it may wait for the disk at each message: these are a few hundred at most.
const (
	restoreBytes  = 16 << 10
	restoreWindow = 32
)

// holder is the name of a stream that is there while others are replaced.
const holder = "FORTUNA_RESTORE"

// vacate makes sure that no stream of those of a backup is there: it is deleted if how says so, and the error is ErrExists
// otherwise. A stream of somebody else's that has the name stays in any case. When all is restored, finish is to be called.
func (s *Store) vacate(ctx context.Context, backup []snapshot, how *Moving) (finish func(), err error) {
	var there []string
	for i := range backup {
		name := backup[i].Config.Name
		var found struct{ Config jetstream.StreamConfig }
		err := s.api(ctx, "STREAM.INFO."+name, "", &found)
		switch {
		case errors.Is(err, ErrNotFound):
			continue
		case err != nil:
			return nil, err
		case !ours(&found.Config):
			return nil, fmt.Errorf("%w: %s is in the store, and is another's", ErrExists, name)
		}
		there = append(there, name)
	}
	if len(there) > 0 && !how.Replace {
		return nil, fmt.Errorf("%w: the store has %s already", ErrExists, strings.Join(there, ", "))
	}
	finish = func() {}
	if len(there) > 0 {
		// A server that deletes its last stream deletes their directory a little later, when the next one may have begun to be there.
		if err := s.stream(ctx, jetstream.StreamConfig{Name: holder, Subjects: []string{"fortuna.restore"}, MaxMsgs: 1, Storage: s.storage, Replicas: max(s.replicas(), 1)}); err != nil {
			return nil, err
		}
		finish = func() {
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stalled)
			defer cancel()
			_ = s.deleteStream(last, holder) // it is empty, and the next restore finds it
		}
	}
	for _, name := range there {
		if err := s.deleteStream(ctx, name); err != nil {
			finish()
			return nil, err
		}
	}
	return finish, nil
}

// deleteStream deletes a stream, if it is there.
func (s *Store) deleteStream(ctx context.Context, name string) error {
	err := s.api(ctx, "STREAM.DELETE."+name, "", &struct{}{})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// restore makes a stream from its archive. One that cannot be made whole is deleted.
func (s *Store) restore(ctx context.Context, about *snapshot, r io.Reader, told func(bytes int64)) error {
	err := s.bring(ctx, about, r, told)
	if err == nil {
		err = s.spread(ctx, about)
	}
	return s.undo(ctx, about, err)
}

// bring makes the first copy of a stream.
func (s *Store) bring(ctx context.Context, about *snapshot, r io.Reader, told func(bytes int64)) error {
	if s.replicas() > 1 {
		// A stream with consumers takes the cluster 20 s to copy. What it was that they had is given again, as if for the first time.
		bare := withoutConsumers(r)
		defer bare.Close()
		r = bare
	}
	return s.upload(ctx, about, r, told)
}

// undo deletes a stream that err has kept from being whole.
func (s *Store) undo(ctx context.Context, about *snapshot, err error) error {
	if err == nil {
		return nil
	}
	// Also when it is ctx that has ended.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stalled)
	defer cancel()
	err = fmt.Errorf("restore %q: %w", about.Config.Name, err)
	if undone := s.deleteStream(last, about.Config.Name); undone != nil {
		err = fmt.Errorf("%w; a part of it is left: %v", err, undone)
	}
	return err
}

// upload sends an archive to the server that is to hold the stream.
func (s *Store) upload(ctx context.Context, about *snapshot, r io.Reader, told func(bytes int64)) (err error) {
	inbox := s.nc.NewInbox()
	acks, err := s.nc.SubscribeSync(inbox)
	if err != nil {
		return refusalOf(err)
	}
	defer func() { _ = acks.Unsubscribe() }() // with the connection closed there is none
	to, err := s.restoreBegins(ctx, about)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			s.abandon(to, inbox, acks)
		}
	}()
	counted := &counter{}
	from := &unpacker{r: io.TeeReader(bufio.NewReader(r), counted)}
	plain, chunk := make([]byte, restoreBytes), []byte(identifier)
	for under, first := 0, true; ; under++ {
		for under == restoreWindow {
			if err := acknowledge(ctx, acks); err != nil {
				return err
			}
			under--
		}
		n, err := io.ReadFull(from, plain)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		switch {
		case n > 0:
			chunk = appendPlain(chunk, plain[:n])
		case first:
			return fmt.Errorf("%w: it is empty", errDamaged)
		}
		// One of no bytes is the end, and its answer comes when the stream is there.
		if err := s.nc.PublishRequest(to, inbox, chunk); err != nil {
			return refusalOf(err)
		}
		// In a cluster the answer may have been faster than the news that somebody listens there.
		for begun := time.Now(); first; {
			err := acknowledge(ctx, acks)
			if err == nil {
				under--
				first = false
				break
			}
			if !errors.Is(err, nats.ErrNoResponders) || time.Since(begun) > stalled {
				return err
			}
			if err := pause(ctx, err); err != nil {
				return err
			}
			if err := s.nc.PublishRequest(to, inbox, chunk); err != nil {
				return refusalOf(err)
			}
		}
		if n == 0 {
			for ; under >= 0; under-- {
				if err := acknowledge(ctx, acks); err != nil {
					return err
				}
			}
			return nil
		}
		told(counted.n)
		chunk = chunk[:0]
	}
}

// abandon tells the server that no more of an archive comes, and waits until it has given up: else it would make the stream again
// that is about to be deleted.
func (s *Store) abandon(to, inbox string, acks *nats.Subscription) {
	if err := s.nc.PublishRequest(to, inbox, nil); err != nil {
		return // the server notices by itself, in 5 s
	}
	for begun := time.Now(); time.Since(begun) < stalled; {
		if m, err := acks.NextMsg(stalled); err != nil || len(m.Data) > 0 || m.Header.Get("Status") != "" {
			return
		}
	}
}

// acknowledge waits for one answer to what was uploaded.
func acknowledge(ctx context.Context, acks *nats.Subscription) error {
	once, cancel := context.WithTimeout(ctx, 4*stalled)
	defer cancel()
	m, err := acks.NextMsgWithContext(once)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case len(m.Data) == 0:
		return nil
	}
	var answer struct{ Error *apiError }
	if err := json.Unmarshal(m.Data, &answer); err != nil {
		return fmt.Errorf("kv: the server's answer: %w", err)
	}
	if answer.Error != nil {
		return answer.Error.err()
	}
	return nil
}

// configured is the configuration of a stream that is restored, as this store keeps its own, but alone at first.
func (s *Store) configured(about *snapshot) jetstream.StreamConfig {
	cfg := about.Config
	cfg.Replicas, cfg.Storage, cfg.Placement = 1, s.storage, nil
	return cfg
}

// restoreBegins asks for the subject to which the archive is to be sent.
func (s *Store) restoreBegins(ctx context.Context, about *snapshot) (to string, err error) {
	cfg := s.configured(about)
	body, err := json.Marshal(map[string]any{"config": cfg, "state": map[string]any{"messages": about.Messages, "last_seq": about.Last}})
	if err != nil {
		return "", err
	}
	var answer struct {
		Error   *apiError
		Deliver string `json:"deliver_subject"`
	}
	for {
		// It is not asked twice: the stream would be in the way of itself. In a cluster the answer comes when there is a leader.
		once, cancel := context.WithTimeout(ctx, stalled)
		m, err := s.nc.RequestWithContext(once, "$JS.API.STREAM.RESTORE."+cfg.Name, body)
		cancel()
		if errors.Is(err, nats.ErrNoResponders) {
			if err := pause(ctx, err); err != nil {
				return "", err
			}
			continue
		}
		if err != nil {
			return "", refusalOf(err)
		}
		answer.Error = nil
		if err := json.Unmarshal(m.Data, &answer); err != nil {
			return "", fmt.Errorf("kv: the server's answer: %w", err)
		}
		switch {
		case answer.Error == nil && answer.Deliver != "":
			return answer.Deliver, nil
		case answer.Error == nil:
			return "", errors.New("kv: the server does not say where the snapshot is to be sent")
		case !answer.Error.again():
			return "", answer.Error.err()
		}
		if err := pause(ctx, answer.Error.err()); err != nil {
			return "", err
		}
	}
}

// codeNoPeers is the number of the refusal of a cluster that has not members enough for all copies.
const codeNoPeers = 10005

// spread has a cluster make the copies of a stream that one of its members has restored, and waits for them. A stream that is
// restored in several copies at once has them some time after it is said to be there, and nobody can see when: if its leader is
// lost before, the others wait for it for ever. One that grows has its copies when it says so.
func (s *Store) spread(ctx context.Context, about *snapshot) error {
	if s.replicas() <= 1 {
		return nil
	}
	want := s.configured(about)
	want.Replicas = s.replicas()
	for begun := time.Now(); ; {
		once, cancel := context.WithTimeout(ctx, attempt)
		_, err := s.js.UpdateStream(once, want)
		cancel()
		if err == nil {
			break
		}
		// A cluster that has just begun has a leader before that one has heard of all members.
		refusal := apiErrorOf(err)
		if refusal != nil && !refusal.again() && (refusal.ErrCode != codeNoPeers || time.Since(begun) > stalled) {
			return refusal.err()
		}
		if err := pause(ctx, err); err != nil {
			return err
		}
	}
	if err := s.await(ctx, want.Name); err != nil || !want.AllowMsgSchedules {
		return err
	}
	// A message whose time came while there were other copies is taken for sent, and nobody has it: a new leader sends it.
	if err := s.api(ctx, "STREAM.LEADER.STEPDOWN."+want.Name, "", &struct{}{}); err != nil {
		return err
	}
	return s.await(ctx, want.Name)
}

// await waits until a stream has all its copies.
func (s *Store) await(ctx context.Context, stream string) error {
	tick := time.NewTicker(spreadEvery)
	defer tick.Stop()
	for {
		var info struct{ Cluster copies }
		if err := s.api(ctx, "STREAM.INFO."+stream, "", &info); err != nil {
			return err
		}
		if info.Cluster.made(s.replicas()) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%w: there are not %d copies yet", ErrUnavailable, s.replicas())
		}
	}
}

// spreadEvery is how often it is asked whether all copies are made.
const spreadEvery = 50 * time.Millisecond

// copies is what the server tells of those of a stream.
type copies struct {
	Leader   string
	Desired  json.RawMessage // there while members are added
	Replicas []struct {
		Name             string
		Current, Pending bool
		Lag              uint64
	}
}

// has reports whether the member of a name has all of a stream.
func (c *copies) has(name string) bool {
	if c.Leader == name {
		return c.Desired == nil
	}
	for _, r := range c.Replicas {
		if r.Name == name {
			return c.Leader != "" && r.Current && !r.Pending && r.Lag == 0
		}
	}
	return c.Leader != "" // none of it is to be there
}

// made reports whether there are n.
func (c *copies) made(n int) bool {
	for _, r := range c.Replicas {
		if !r.Current || r.Pending || r.Lag > 0 {
			return false
		}
	}
	return c.Leader != "" && c.Desired == nil && len(c.Replicas) == n-1
}
