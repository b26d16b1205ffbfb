package kv

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Sizes of a message's parts.
const (
	ValueBytesMax   = 512 << 10
	MetaBytesMax    = 1 << 10
	headerBytesMax  = 4 << 10 // ours and the server's
	payloadBytesMax = 1 << 20 // the server's for a whole message
)

// markerTTL is how long the server remembers that a key is gone. Who was away longer cannot be told and begins anew.
const markerTTL = 10 * time.Minute

// duplicates is how long the server remembers the ids of writes, so that a write may be sent again: longer than a cluster
// takes to replace a leader that crashed.
const duplicates = 30 * time.Second

// HistoryMax is how many revisions of a key a bucket can keep.
const HistoryMax = 64

// Config is of a bucket, which is made or changed to have it when it is opened.
type Config struct {
	Name          string // letters, digits, "_" and "-"
	ValueBytesMax int    // 0: the constant of that name
	BytesMax      int64  // of the whole bucket; 0: what the server allows
	History       int    // revisions kept of each key, HistoryMax at most; 0: one. With more, no entry can have a time to live
	// Announce is what the server tells everybody about a write.
	Announce Announce
}

// Announce is what a Replica is sent about each write.
type Announce uint8

const (
	// Values sends all of it: a cache has the new value without asking. For small values that many nodes read.
	Values Announce = iota
	// Keys sends all but the value: a cache forgets the old one.
	Keys
)

// Bucket is a stream of entries.
type Bucket struct {
	s       *Store
	cfg     Config
	base    string // "$KV.name.": what subjects begin with
	stream  string
	changes string // the subject on which writes are announced, up to what follows base

	listings listings
}

var bucketName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Bucket opens a bucket, making it if it does not exist.
func (s *Store) Bucket(ctx context.Context, cfg Config) (*Bucket, error) {
	if cfg.ValueBytesMax == 0 {
		cfg.ValueBytesMax = ValueBytesMax
	}
	cfg.History = max(cfg.History, 1)
	switch {
	case !bucketName.MatchString(cfg.Name):
		return nil, fmt.Errorf("open bucket %q: a name is 1 to 64 letters, digits, \"_\" and \"-\"", cfg.Name)
	case cfg.ValueBytesMax > payloadBytesMax-headerBytesMax:
		return nil, fmt.Errorf("open bucket %q: values of %d bytes, at most %d are possible", cfg.Name, cfg.ValueBytesMax, payloadBytesMax-headerBytesMax)
	case cfg.History > HistoryMax:
		return nil, fmt.Errorf("open bucket %q: %d revisions of a key, at most %d are possible", cfg.Name, cfg.History, HistoryMax)
	}
	b := s.bucket(cfg)
	want := jetstream.StreamConfig{
		Name:               b.stream,
		Subjects:           []string{b.base + ">"},
		MaxMsgsPerSubject:  int64(cfg.History),
		MaxMsgSize:         int32(cfg.ValueBytesMax + headerBytesMax),
		MaxBytes:           -1,
		Discard:            jetstream.DiscardNew,
		Storage:            s.storage,
		Replicas:           s.replicas(),
		Duplicates:         duplicates,
		AllowRollup:        true,
		DenyDelete:         true,
		AllowDirect:        true,
		AllowAtomicPublish: true,
		RePublish: &jetstream.RePublish{
			Source: b.base + ">", Destination: b.changes + ">", HeadersOnly: cfg.Announce == Keys,
		},
	}
	if cfg.BytesMax > 0 {
		want.MaxBytes = cfg.BytesMax
	}
	if cfg.History == 1 {
		want.AllowMsgTTL, want.SubjectDeleteMarkerTTL = true, markerTTL
	}
	if err := s.stream(ctx, want); err != nil {
		return nil, fmt.Errorf("open bucket %q: %w", cfg.Name, err)
	}
	return b, nil
}

// Existing gives a bucket that was made before, by whoever knows its configuration. The error is ErrNotFound when there is none.
func (s *Store) Existing(ctx context.Context, name string) (*Bucket, error) {
	if !bucketName.MatchString(name) {
		return nil, fmt.Errorf("open bucket %q: a name is 1 to 64 letters, digits, \"_\" and \"-\"", name)
	}
	b := s.bucket(Config{Name: name})
	info, err := s.js.Stream(ctx, b.stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, refusalOf(err)
	}
	is := info.CachedInfo().Config
	b.cfg.History, b.cfg.ValueBytesMax = int(is.MaxMsgsPerSubject), int(is.MaxMsgSize)-headerBytesMax
	if is.RePublish != nil && is.RePublish.HeadersOnly {
		b.cfg.Announce = Keys
	}
	return b, nil
}

func (s *Store) bucket(cfg Config) *Bucket {
	return &Bucket{s: s, cfg: cfg, base: "$KV." + cfg.Name + ".", stream: "KV_" + cfg.Name, changes: "fortuna.kv." + cfg.Name + "."}
}

// Space is the part of a bucket whose keys begin with names of an owner: they cannot be left by any key.
func (b *Bucket) Space(names ...string) *Space {
	base := []byte(b.base)
	for _, name := range names {
		// Separators in a name must not begin tokens: one name is one token.
		for _, c := range []byte(name) {
			if plain[c] {
				base = append(base, c)
			} else {
				base = append(base, '=', hex[c>>4], hex[c&15])
			}
		}
		base = append(base, '.')
	}
	return &Space{b: b, base: string(base)}
}

// History is how many revisions of a key are kept.
func (b *Bucket) History() int { return b.cfg.History }

// Space is what one owner sees of a bucket. Its methods may be called from any goroutine.
type Space struct {
	b    *Bucket
	base string // what its subjects begin with
}

// subject is where a key's messages are.
func (s *Space) subject(key string) (string, error) {
	if err := checkKey(key); err != nil {
		return "", err
	}
	return string(appendKey([]byte(s.base), key)), nil
}

// key undoes subject. ok is false for what is another's.
func (s *Space) key(subject string) (key string, ok bool) {
	rest, ok := strings.CutPrefix(subject, s.base)
	if !ok {
		return "", false
	}
	key, err := parseKey(rest)
	return key, err == nil
}
