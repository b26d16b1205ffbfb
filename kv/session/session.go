// Package session keeps one entry per visitor, the same for whichever node is asked. It knows neither cookies nor
// JavaScript: a visitor comes with a token, and an entry holds JSON texts under names.
//
// A Visit is what one request has of an entry. It notes operations, and Commit makes them durable by compare-and-swap: when
// another request was first, the operations are made again on what that one left, so no update is lost. The token that a
// client gets back names the revision it has seen, so no node answers it from a copy that is older.
package session

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fortunadws/fortuna/kv"
)

// What a caller decides on, besides kv.ErrUnavailable.
var (
	ErrEnded    = errors.New("session: it was ended while the request ran")
	ErrTooLarge = errors.New("session: too large")
	ErrKind     = errors.New("session: the value is of another kind")
)

// Config of the sessions of an app.
type Config struct {
	App      string        // whose sessions are nobody else's
	Idle     time.Duration // 0: 30 min. After it a session that nobody uses is over
	Absolute time.Duration // 0: 12 h. After it every session is over
	Stale    time.Duration // 0: 30 s. A copy so old still serves when the store does not answer, but where Strict is asked for
	BytesMax int           // of one entry; 0: 64 kB
	Log      *slog.Logger  // gets what happens to sessions, by their public ids; nil: nobody
}

// Strict is how old a copy may be without asking the store, and on strict routes at all.
const Strict = 2 * time.Second

// Defaults of Config.
const (
	Idle     = 30 * time.Minute
	Absolute = 12 * time.Hour
	StaleMax = 30 * time.Second
	BytesMax = 64 << 10
)

// Store has the sessions of one app. Its methods may be called from any goroutine.
type Store struct {
	cfg     Config
	replica *kv.Replica
	entries *kv.Space // by public id
	revoked *kv.Space // users, and "" for everybody: whose sessions of before are over
	bucket  *kv.Bucket
	keys    keys
	silence atomic.Int64 // until when the store is not asked, in Unix nanoseconds: it did not answer a moment ago

	mu          sync.Mutex
	turns       map[string]*turn        // commits of an entry, one at a time
	records     map[string]cachedRecord // by public id
	recordBytes int
	tokens      map[string]knownToken
	bonds       map[string]map[*Bond]struct{}
	ends        []func()
}

type cachedRecord struct {
	rev uint64
	*record
}

type knownToken struct {
	token
	public string
	place  kv.Place // of the entry
}

// recordsMax is how many records, and how many tokens, are kept decoded.
const (
	recordsMax     = 20_000
	recordBytesMax = 32 << 20 // of all records that are kept
)

// Open opens the sessions of an app in a bucket that announces values.
func Open(ctx context.Context, bucket *kv.Bucket, replica *kv.Replica, cfg Config) (*Store, error) {
	cfg.Idle, cfg.Absolute = cmp.Or(cfg.Idle, Idle), cmp.Or(cfg.Absolute, Absolute)
	cfg.Stale, cfg.BytesMax = cmp.Or(cfg.Stale, StaleMax), cmp.Or(cfg.BytesMax, BytesMax)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Store{
		cfg: cfg, replica: replica, bucket: bucket,
		entries: bucket.Space(cfg.App, "session"), revoked: bucket.Space(cfg.App, "revoked"),
		turns: map[string]*turn{}, records: map[string]cachedRecord{}, tokens: map[string]knownToken{}, bonds: map[string]map[*Bond]struct{}{},
	}
	if err := s.keys.open(ctx, bucket.Space(cfg.App, "keys"), replica, cfg.Absolute); err != nil {
		return nil, err
	}
	s.ends = append(s.ends, s.keys.close,
		replica.Listen(&kv.Listener{Space: s.entries, Changed: s.changed, Missed: s.missed}),
		replica.Listen(&kv.Listener{Space: s.revoked, Changed: s.revocation, Missed: func() {}}))
	return s, nil
}

// Close ends what Open began. The bucket and its replica stay.
func (s *Store) Close() {
	for _, end := range s.ends {
		end()
	}
}

// Config is what the store was opened with, defaults filled in.
func (s *Store) Config() Config { return s.cfg }

// publicID is what an id is known by to everybody but its owner: who reads the store cannot come as the visitor.
func publicID(id []byte) string {
	sum := sha256.Sum256(id)
	return hex.EncodeToString(sum[:])
}

// IsPublic reports whether a text has the form of a public id.
func IsPublic(id string) bool {
	b, err := hex.DecodeString(id)
	return err == nil && len(b) == sha256.Size && strings.ToLower(id) == id
}

// turn is the right to commit to an entry.
type turn struct {
	busy  chan struct{} // holds one token while somebody commits
	users int
}

// errTurn is the time being up before the requests ahead had made their changes: the store has not failed.
var errTurn = fmt.Errorf("%w: other requests are changing the session", kv.ErrUnavailable)

// enter waits for the turn on an entry: requests of one process need not overtake each other.
func (s *Store) enter(ctx context.Context, id string) (leave func(), err error) {
	s.mu.Lock()
	t := s.turns[id]
	if t == nil {
		t = &turn{busy: make(chan struct{}, 1)}
		s.turns[id] = t
	}
	t.users++
	s.mu.Unlock()
	done := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if t.users--; t.users == 0 {
			delete(s.turns, id)
		}
	}
	select {
	case t.busy <- struct{}{}:
		return func() { <-t.busy; done() }, nil
	case <-ctx.Done():
		done()
		return nil, errTurn
	}
}

// silenceFor is how long nobody waits for a store that has not answered: others have waited for it.
const silenceFor = time.Second

// silent reports whether the store did not answer a moment ago.
func (s *Store) silent() bool { return time.Now().UnixNano() < s.silence.Load() }

// noticed keeps in mind whether the store has answered.
func (s *Store) noticed(err error) {
	if errors.Is(err, errTurn) {
		return
	}
	if errors.Is(err, kv.ErrUnavailable) {
		s.silence.Store(time.Now().Add(silenceFor).UnixNano())
	} else {
		s.silence.Store(0)
	}
}

// say logs what happened to a session.
func (s *Store) say(what, id string, attrs ...any) {
	s.cfg.Log.Info("session", append([]any{"event", what, "session", short(id)}, attrs...)...)
}

// short is enough of a public id to tell it from others in a log.
func short(id string) string { return id[:min(len(id), 16)] }
