package kv

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// What the server sends of a snapshot before it is told that some of it has come.
const (
	snapshotChunkBytes  = 128 << 10
	snapshotWindowBytes = 4 << 20
)

// stalled is how long a snapshot may say nothing. The server gives up on one that nobody takes after 5 s.
const stalled = 15 * time.Second

// Moved is how much a backup, a restore or a copy has moved.
type Moved struct {
	Streams  int    // finished
	Messages uint64 // of those: entries, their markers, queued messages
	Bytes    int64  // as they are carried, compressed; while it is under way, of the stream at hand too
}

// Moving is how a backup, a restore or a copy goes about it.
type Moving struct {
	Dir     string      // for temporary files, up to twice the size of the backup; "": the system's
	Replace bool        // delete what is there under the same names, instead of refusing
	Told    func(Moved) // is called now and then, by the goroutine that waits; nil for nobody
}

func (m *Moving) tell(done Moved) {
	if m.Told != nil {
		m.Told(done)
	}
}

// snapshot is what is known of a stream besides what is in it.
type snapshot struct {
	Config   jetstream.StreamConfig `json:"config"`
	Messages uint64                 `json:"messages"`
	Bytes    uint64                 `json:"bytes"`    // that they take in a store
	Last     uint64                 `json:"last_seq"` // sequence that was given
	Size     int64                  `json:"size"`     // of its archive
	SHA256   string                 `json:"sha256"`   // of its archive
}

// subjectsOf are the subjects of a stream that a Bucket or Queues would make under its name; "" of others.
func subjectsOf(stream string) string {
	if name, ok := strings.CutPrefix(stream, "KV_"); ok && bucketName.MatchString(name) {
		return "$KV." + name + ".>"
	}
	if name, ok := strings.CutPrefix(stream, "QUEUE_"); ok && bucketName.MatchString(name) {
		return "fortuna.queue." + name + ".>"
	}
	return ""
}

// ours reports whether a stream is a Bucket's or a Queues': a server may have streams of others, with buckets too. Counters are
// memory, which is not kept.
func ours(c *jetstream.StreamConfig) bool {
	subjects := subjectsOf(c.Name)
	switch {
	case subjects == "" || !slices.Equal(c.Subjects, []string{subjects}):
		return false
	case c.Mirror != nil || len(c.Sources) > 0 || c.SubjectTransform != nil || c.Template != "":
		return false
	case strings.HasPrefix(c.Name, "QUEUE_"):
		return c.RePublish == nil && c.Retention == jetstream.WorkQueuePolicy
	}
	return c.RePublish != nil && c.RePublish.Source == subjects && c.Retention == jetstream.LimitsPolicy &&
		c.RePublish.Destination == "fortuna.kv."+strings.TrimPrefix(c.Name, "KV_")+".>"
}

// streams lists ours, in the order of their names.
func (s *Store) streams(ctx context.Context) (names []string, err error) {
	err = s.each(ctx, func(c jetstream.StreamConfig) {
		if ours(&c) {
			names = append(names, c.Name)
		}
	})
	return names, err
}

// each calls f with the configuration of every stream, in the order of their names.
func (s *Store) each(ctx context.Context, f func(jetstream.StreamConfig)) error {
	for {
		var all []jetstream.StreamConfig
		list := s.js.ListStreams(ctx)
		for info := range list.Info() {
			all = append(all, info.Config)
		}
		err := list.Err()
		if err == nil {
			slices.SortFunc(all, func(a, b jetstream.StreamConfig) int { return strings.Compare(a.Name, b.Name) })
			for _, c := range all {
				f(c)
			}
			return nil
		}
		if refusal := apiErrorOf(err); refusal != nil && !refusal.again() {
			return refusal.err()
		}
		if err := pause(ctx, err); err != nil {
			return err
		}
	}
}

// snapshot writes the archive of a stream to a temporary file, which is the caller's to remove. It has every entry as it was at
// one moment, the end: the server's own snapshot has not, because what it has yet to read when it is replaced, and what is
// written meanwhile, are not in it. So what came later is put behind it.
func (s *Store) snapshot(ctx context.Context, stream, dir string, told func(bytes int64)) (*snapshot, *os.File, error) {
	early, err := os.CreateTemp(dir, ".fortuna-*")
	if err != nil {
		return nil, nil, fmt.Errorf("keep a snapshot: %w", err)
	}
	defer drop(early)
	about, err := s.download(ctx, stream, early, told)
	if err != nil {
		return nil, nil, fmt.Errorf("take a snapshot of %q: %w", stream, err)
	}
	late, err := os.CreateTemp(dir, ".fortuna-*")
	if err != nil {
		return nil, nil, fmt.Errorf("keep a snapshot: %w", err)
	}
	defer drop(late)
	if err := s.since(ctx, about, late); err != nil {
		return nil, nil, fmt.Errorf("take a snapshot of %q: %w", stream, err)
	}
	whole, err := os.CreateTemp(dir, ".fortuna-*")
	if err != nil {
		return nil, nil, fmt.Errorf("keep a snapshot: %w", err)
	}
	err = about.join(early, late, whole)
	if err == nil {
		_, err = whole.Seek(0, io.SeekStart)
	}
	if err != nil {
		drop(whole)
		return nil, nil, fmt.Errorf("take a snapshot of %q: %w", stream, err)
	}
	return about, whole, nil
}

// drop closes and removes a temporary file.
func drop(f *os.File) {
	f.Close()
	os.Remove(f.Name())
}

// download has the server make a snapshot and writes it to w.
func (s *Store) download(ctx context.Context, stream string, w io.Writer, told func(bytes int64)) (*snapshot, error) {
	sub, about, err := s.snapshotBegins(ctx, stream)
	if err != nil {
		return nil, err
	}
	defer func() { _ = sub.Unsubscribe() }() // then the server stops; with the connection closed it has
	total := int64(0)
	for index := 1; ; index++ {
		once, cancel := context.WithTimeout(ctx, stalled)
		m, err := sub.NextMsgWithContext(once)
		cancel()
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			return nil, fmt.Errorf("%w: the snapshot stopped: %v", ErrUnavailable, err)
		case len(m.Data) == 0:
			if status := m.Header.Get("Status"); status != "" && status != "204" {
				return nil, fmt.Errorf("%w: the snapshot stopped: %s %s", ErrUnavailable, status, m.Header.Get("Description"))
			}
			return about, nil
		}
		// Its number is the end of the subject that is told of its arrival; the last has none, and join finds out if it is missing.
		if m.Reply != "" && m.Reply[strings.LastIndexByte(m.Reply, '.')+1:] != strconv.Itoa(index) {
			return nil, fmt.Errorf("%w: a part of the snapshot is lost", ErrUnavailable)
		}
		if _, err := w.Write(m.Data); err != nil {
			return nil, err
		}
		total += int64(len(m.Data))
		told(total)
		if m.Reply != "" {
			if err := m.Respond(nil); err != nil {
				return nil, refusalOf(err)
			}
		}
	}
}

// snapshotBegins asks for a snapshot until a server begins to send one, each time to another place: an answer may be lost while
// the snapshot is not.
func (s *Store) snapshotBegins(ctx context.Context, stream string) (*nats.Subscription, *snapshot, error) {
	for {
		inbox := s.nc.NewInbox()
		sub, err := s.nc.SubscribeSync(inbox)
		if err != nil {
			return nil, nil, refusalOf(err)
		}
		body, err := json.Marshal(map[string]any{"deliver_subject": inbox, "chunk_size": snapshotChunkBytes, "window_size": snapshotWindowBytes})
		if err != nil {
			return nil, nil, err
		}
		var answer struct {
			Error  *apiError
			Config jetstream.StreamConfig
			State  jetstream.StreamState
		}
		once, cancel := context.WithTimeout(ctx, attempt)
		m, err := s.nc.RequestWithContext(once, "$JS.API.STREAM.SNAPSHOT."+stream, body)
		cancel()
		if err == nil {
			if err = json.Unmarshal(m.Data, &answer); err == nil && answer.Error == nil {
				return sub, &snapshot{Config: answer.Config, Bytes: answer.State.Bytes, Last: answer.State.LastSeq}, nil
			}
		}
		_ = sub.Unsubscribe() // with the connection closed there is none
		if answer.Error != nil {
			err = answer.Error.err()
			if !answer.Error.again() {
				return nil, nil, err
			}
		}
		if err := pause(ctx, err); err != nil {
			return nil, nil, err
		}
	}
}
