package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fortunadws/fortuna/kv"
)

// Visit is what one request has of a session. It belongs to one goroutine at a time.
type Visit struct {
	s      *Store
	token  token    // as it came; without an id if none did
	came   bool     // the client sent something in its place
	coming string   // the public id in the token; "" when it is nobody's
	place  kv.Place // of its entry
	unread string   // a token signed with a key that is not known here yet

	id     []byte // nil until there is something to keep
	public string
	rev    uint64 // 0: it is not stored
	stored *record
	at     time.Time // when that was read
	draft  *record   // stored, with the operations made
	ops    []operation
	called bool // an operation calls the caller's code
	former former

	updating  bool
	busy      bool // a fork of it is being committed
	destroyed bool // by Destroy
	began     bool
	seen      uint64 // of other state, by the end of the request
	told      uint64 // the revision that the client knows of
}

// former is the session that the visit leaves behind.
type former struct {
	id   string // public; "" for none
	rev  uint64
	rec  *record // as it was stored
	move bool    // what it held is taken along
}

// Visit begins one with the token that a client sent, "" for none. Cached or Load must follow.
func (s *Store) Visit(text string) *Visit {
	v := &Visit{s: s, came: text != ""}
	v.reset()
	if text != "" {
		v.enter(text)
		if v.coming == "" && epochOf(text) > s.keys.newest().Epoch {
			v.unread = text
		}
	}
	return v
}

// enter reads the token.
func (v *Visit) enter(text string) {
	t := v.s.known(text)
	v.token, v.coming, v.place = t.token, t.public, t.place
	v.seen = v.token.seen
}

// known reads a token; one that was read a moment ago costs no cryptography.
func (s *Store) known(text string) knownToken {
	s.mu.Lock()
	t, ok := s.tokens[text]
	s.mu.Unlock()
	if ok {
		if _, good := s.keys.of(t.epoch); good {
			return t
		}
	}
	parsed, ok := parseToken(s.cfg.App, text, s.keys.of)
	if !ok {
		return knownToken{}
	}
	public := publicID(parsed.id)
	t = knownToken{parsed, public, s.entries.Place(public)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.tokens) >= recordsMax {
		clear(s.tokens)
	}
	s.tokens[strings.Clone(text)] = t // else all of the request that it is cut from would stay
	return t
}

// reset makes it a visit of nobody known.
func (v *Visit) reset() {
	v.id, v.public, v.rev, v.stored = nil, "", 0, nil
	v.draft, v.ops, v.called = &empty, nil, false
}

// empty is what nobody's session holds.
var empty record

// Cached takes the entry from memory, if it is there and as fresh as it must be.
func (v *Visit) Cached() (ok bool) {
	if v.coming == "" {
		return v.unread == ""
	}
	return v.cached(kv.Need{Rev: v.token.rev, Bound: Strict})
}

func (v *Visit) cached(need kv.Need) bool {
	var room [3]kv.Entry
	found, ok := v.s.replica.CachedAll(need, []kv.Place{v.place}, room[:0])
	if !ok {
		return false
	}
	if found[0].Deleted {
		return true
	}
	e := &room[0]
	rec, err := v.s.decoded(v.coming, e)
	if err != nil {
		return false
	}
	found, ok = v.s.replica.CachedAll(need, rec.places, room[1:1])
	if !ok {
		return false
	}
	for i := range found {
		if !found[i].Deleted && found[i].Rev != rec.revs[i] {
			return true // it is over
		}
	}
	v.take(v.coming, e.Rev, rec)
	return true
}

// Load takes the entry from the store. With strict a copy that the store cannot vouch for is refused. The error is
// kv.ErrUnavailable when nobody can say who the visitor is.
func (v *Visit) Load(ctx context.Context, strict bool) error {
	need, err := kv.Need{Rev: v.token.rev, Bound: Strict}, error(kv.ErrUnavailable)
	if v.unread != "" {
		if err := v.s.keys.learn(ctx, epochOf(v.unread)); err != nil {
			return fmt.Errorf("%w: who signed the token is not known: %v", kv.ErrUnavailable, err)
		}
		v.enter(v.unread)
		if v.unread = ""; v.coming == "" {
			return nil
		}
	}
	if strict && v.s.replica.Bound() > Strict {
		return err // a leader that is cut off answers for seconds as if it were one
	}
	if !v.s.silent() {
		err = v.load(ctx, need)
		v.s.noticed(err)
	}
	if !errors.Is(err, kv.ErrUnavailable) || strict {
		return err
	}
	if v.s.replica.Bound() <= v.s.cfg.Stale && v.cached(kv.Need{Rev: v.token.rev}) {
		return nil
	}
	return err
}

func (v *Visit) load(ctx context.Context, need kv.Need) error {
	public := v.coming
	e, err := v.s.replica.Read(ctx, v.s.entries, public, need)
	if errors.Is(err, kv.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	rec, err := v.s.decoded(public, &e)
	if err != nil {
		return err
	}
	for _, o := range rec.revocations() {
		switch e, err := v.s.replica.Read(ctx, v.s.revoked, o.name, need); {
		case err == nil && e.Rev != o.rev:
			return nil
		case err != nil && !errors.Is(err, kv.ErrNotFound):
			return err
		}
	}
	v.take(public, e.Rev, rec)
	return nil
}

// take makes it the visit of a session, unless its time is over.
func (v *Visit) take(public string, rev uint64, rec *record) {
	if v.at = time.Now(); rec.left(&v.s.cfg, v.at) <= 0 {
		return
	}
	v.id, v.public, v.rev, v.stored, v.draft = v.token.id, public, rev, rec, rec
	v.told = v.token.rev
}

// decoded is the record in an entry.
func (s *Store) decoded(public string, e *kv.Entry) (*record, error) {
	s.mu.Lock()
	c, ok := s.records[public]
	s.mu.Unlock()
	if ok && c.rev == e.Rev {
		return c.record, nil
	}
	rec := &record{}
	if err := json.Unmarshal(e.Value, rec); err != nil {
		return nil, fmt.Errorf("session %s: %w", short(public), err)
	}
	s.locate(rec)
	s.keep(public, e.Rev, rec)
	return rec, nil
}

// locate notes in a record, which nobody else has yet, where its revocations are.
func (s *Store) locate(rec *record) {
	rec.places, rec.revs = nil, nil
	for _, o := range rec.revocations() {
		rec.places, rec.revs = append(rec.places, s.revoked.Place(o.name)), append(rec.revs, o.rev)
	}
}

func (s *Store) keep(public string, rev uint64, rec *record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.recordBytes += rec.size(); len(s.records) >= recordsMax || s.recordBytes > recordBytesMax {
		clear(s.records)
		s.recordBytes = rec.size()
	}
	s.records[public] = cachedRecord{rev, rec} // one that it replaces counts until all are forgotten
}

// everybody is the name of the revocation of all sessions; those of users begin with another character.
const everybody = "all"

func revocationOf(user string) string { return "user:" + user }

// older is a revocation that a record is younger than, and its revision at the beginning of the record; 0: there was none.
type older struct {
	name string
	rev  uint64
}

// revocations are those that end the session of the record when they have another revision.
func (r *record) revocations() []older {
	if r.User == "" {
		return []older{{everybody, r.AllRev}}
	}
	return []older{{everybody, r.AllRev}, {revocationOf(r.User), r.UserRev}}
}

// ID is the public id: "" before there is a session. It tells nobody how to come as the visitor.
func (v *Visit) ID() string { return v.public }

// IsNew reports whether the client came without a session.
func (v *Visit) IsNew() bool { return v.stored == nil }

// Rev is the revision of the entry, 0 before it is stored.
func (v *Visit) Rev() uint64 { return v.rev }

// User is whose session it is, "" for nobody's.
func (v *Visit) User() string { return v.draft.User }

// Get is the JSON text under a name, nil when there is none.
func (v *Visit) Get(name string) json.RawMessage { return v.draft.Data[name] }

// Names are those of all values, sorted.
func (v *Visit) Names() []string { return slices.Sorted(maps.Keys(v.draft.Data)) }

// Expires is when it ends if nobody uses it; zero before there is a session.
func (v *Visit) Expires() time.Time {
	if v.stored == nil {
		return time.Time{}
	}
	now := time.Now()
	return now.Add(v.stored.left(&v.s.cfg, now))
}

// Seen is the last revision of other state that the client has seen.
func (v *Visit) Seen() uint64 { return v.seen }

// See notes what the client has seen of other state.
func (v *Visit) See(rev uint64) { v.seen = max(v.seen, rev) }

// UserBytesMax bounds the name of a user.
const UserBytesMax = 256

// SetUser makes it the session of a user, or of nobody ("") again, under a new id: who knew the former one does not get
// what the user may do (OWASP: renew the id after any privilege level change).
func (v *Visit) SetUser(user string) error {
	if len(user) > UserBytesMax {
		return fmt.Errorf("%w: the user has %d bytes, at most %d are allowed", ErrTooLarge, len(user), UserBytesMax)
	}
	if user == v.draft.User && len(v.ops) == 0 && v.stored != nil {
		return nil
	}
	if err := v.outside(); err != nil {
		return err
	}
	user = strings.Clone(user) // else what code cut it from would stay
	now := time.Now().UnixMilli()
	err := v.do(func(r *record) error {
		r.User, r.UserRev, r.Created = user, 0, now
		return nil
	})
	if err != nil {
		return err
	}
	return v.Regenerate()
}

// Regenerate gives the session a new id. The former one is over when Commit returns.
func (v *Visit) Regenerate() error {
	if err := v.outside(); err != nil {
		return err
	}
	if v.rev != 0 {
		v.former = former{id: v.public, rev: v.rev, rec: v.stored, move: true}
		v.id, v.public, v.rev = nil, "", 0
	}
	return nil
}

// Destroy ends the session. What is changed afterwards begins another.
func (v *Visit) Destroy() error {
	if err := v.outside(); err != nil {
		return err
	}
	former := former{id: v.public, rev: v.rev, rec: v.stored}
	if v.rev == 0 {
		former = v.former
		former.move = false
	}
	v.reset()
	v.former = former
	return nil
}

// outside is open, and refuses what Update cannot make again.
func (v *Visit) outside() error {
	if v.updating {
		return errors.New("in the function of update only values can be changed: do this before it or after")
	}
	return v.open()
}

// Updating reports whether the function of Update runs.
func (v *Visit) Updating() bool { return v.updating }

// open says why nothing can be changed now, or nil.
func (v *Visit) open() error {
	switch {
	case v.began:
		return errors.New("the answer has begun: change the session before")
	case v.busy:
		return errors.New("the session is being saved: await that before you change it again")
	}
	return nil
}

// Fork is a copy to be committed on another goroutine. Until Join this one can be read, and not changed.
func (v *Visit) Fork() *Visit {
	v.busy = true
	c := *v
	return &c
}

// Busy reports whether a fork is on its way.
func (v *Visit) Busy() bool { return v.busy }

// Join makes v what Commit, which returned err, has made of its fork.
func (v *Visit) Join(fork *Visit, err error) {
	began := v.began
	if err == nil || errors.Is(err, ErrEnded) {
		*v = *fork
	}
	v.busy, v.began = false, began
}

// Began says that the answer has begun: what is changed from now on would not be told to the client.
func (v *Visit) Began() { v.began = true }

// Token is what the client must be told: another token (set), to forget the one it has (clear), or nothing.
func (v *Visit) Token() (text string, set, clear bool) {
	if v.rev == 0 {
		// The token of a session that others have ended stays: the client may have got a better one meanwhile, of the same name.
		return "", false, v.came && (v.destroyed || v.coming == "")
	}
	newest := v.s.keys.newest()
	if v.token.id != nil && string(v.token.id) == string(v.id) && v.rev <= v.told && v.seen == v.token.seen && v.token.epoch == newest.Epoch {
		return "", false, false
	}
	if over, _ := v.s.over(v.public, v.stored); over {
		return "", false, false // so may it here
	}
	t := token{id: v.id, rev: max(v.rev, v.told), seen: v.seen}
	return t.sign(v.s.cfg.App, newest), true, false
}
