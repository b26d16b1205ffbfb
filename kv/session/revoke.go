package session

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/fortunadws/fortuna/kv"
)

// of is the index of a user's sessions.
func (s *Store) of(user string) *kv.Space { return s.bucket.Space(s.cfg.App, "user", user) }

// end deletes an entry.
func (s *Store) end(ctx context.Context, public, user string) error {
	rev, err := s.entries.Put(ctx, kv.Write{Key: public, Delete: true})
	if err != nil {
		return err
	}
	s.replica.Keep(s.entries, kv.Entry{Key: public, Rev: rev, Deleted: true})
	if user != "" {
		s.forget(ctx, user, public)
	}
	return nil
}

// forget takes an entry that is over off its user's index. What stays there is found to be over, and expires.
func (s *Store) forget(ctx context.Context, user, public string) {
	_, _ = s.of(user).Put(ctx, kv.Write{Key: public, Delete: true})
}

// Revoke ends the session with a public id. The error is kv.ErrNotFound when there is none.
func (s *Store) Revoke(ctx context.Context, public string) error {
	e, err := s.entries.GetLeader(ctx, public)
	if err != nil {
		return err
	}
	user := ""
	if rec, err := s.decoded(public, &e); err == nil {
		user = rec.User
	}
	if err := s.end(ctx, public, user); err != nil {
		return err
	}
	s.say("revoked", public)
	return nil
}

// RevokeUser ends all sessions of a user, at once on every node: one write does. Then it deletes what is over, and says how
// many there were.
func (s *Store) RevokeUser(ctx context.Context, user string) (n int, err error) {
	if err := s.revoke(ctx, revocationOf(user)); err != nil {
		return 0, err
	}
	index := s.of(user)
	page, err := index.List(ctx, "", "", kv.ListKeysMax)
	if err != nil {
		return 0, err
	}
	for _, e := range page.Entries {
		if _, err := s.entries.GetLeader(ctx, e.Key); errors.Is(err, kv.ErrNotFound) {
			s.forget(ctx, user, e.Key)
			continue
		}
		if err := s.end(ctx, e.Key, user); err != nil {
			return n, err
		}
		n++
	}
	s.cfg.Log.Info("session", "event", "user_revoked", "sessions", n)
	return n, nil
}

// RevokeAll ends every session of the app, at once on every node.
func (s *Store) RevokeAll(ctx context.Context) error {
	err := s.revoke(ctx, everybody)
	if err == nil {
		s.cfg.Log.Info("session", "event", "all_revoked")
	}
	return err
}

func (s *Store) revoke(ctx context.Context, name string) error {
	w := kv.Write{Key: name, Value: []byte("1"), TTL: ttl(s.cfg.Absolute + time.Hour)}
	rev, err := s.revoked.Put(ctx, w)
	if err == nil {
		s.replica.Keep(s.revoked, w.Entry(rev))
	}
	return err
}

// Bond ties what outlives its request, a WebSocket or a stream, to a session.
type Bond struct {
	s      *Store
	public string
	rec    *record
	end    func(why string)
	once   sync.Once
}

// Why a session is over.
const (
	Expired = "session:expired" // nobody used it for too long, or it has lasted as long as any may
	Ended   = "session:ended"   // destroyed, revoked, or replaced by one with another id
)

// Bond has end called, once and on any goroutine, when the session is over, with the reason. A visit without a session has no
// bond: nil.
func (v *Visit) Bond(end func(why string)) *Bond {
	if v.rev == 0 {
		return nil
	}
	b := &Bond{s: v.s, public: v.public, rec: v.stored, end: end}
	v.s.mu.Lock()
	if v.s.bonds[b.public] == nil {
		v.s.bonds[b.public] = map[*Bond]struct{}{}
	}
	v.s.bonds[b.public][b] = struct{}{}
	v.s.mu.Unlock()
	// It may have ended since the visit began: then nobody will tell.
	if over, known := v.s.over(b.public, b.rec); over || !known {
		go v.s.look(b.public)
	}
	return b
}

// over says whether a session has ended, as far as memory knows.
func (s *Store) over(public string, rec *record) (over, known bool) {
	e, known := s.replica.Cached(s.entries, public, kv.Need{})
	over = known && e.Deleted
	for _, o := range rec.revocations() {
		e, ok := s.replica.Cached(s.revoked, o.name, kv.Need{})
		known = known && ok
		over = over || ok && !e.Deleted && e.Rev != o.rev
	}
	return over, known
}

// look asks the store whether a session has ended, and cuts its bonds if so. Without an answer they stay: what is bound was
// let in by an answer.
func (s *Store) look(public string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	e, err := s.entries.GetLeader(ctx, public)
	if errors.Is(err, kv.ErrNotFound) {
		s.cut(public, whyOver(&e), anyRecord)
		return
	}
	if err != nil {
		return
	}
	rec, err := s.decoded(public, &e)
	if err != nil {
		return
	}
	if errors.Is(s.standing(ctx, rec), ErrEnded) {
		s.cut(public, Ended, anyRecord)
	}
}

// whyOver is why the session of an entry that is gone is over.
func whyOver(e *kv.Entry) string {
	if e.Expired {
		return Expired
	}
	return Ended
}

// Release forgets the bond, which may be nil.
func (b *Bond) Release() {
	if b == nil {
		return
	}
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	delete(b.s.bonds[b.public], b)
	if len(b.s.bonds[b.public]) == 0 {
		delete(b.s.bonds, b.public)
	}
}

// cut ends the bonds of a session that hold for which.
func (s *Store) cut(public, why string, which func(*record) bool) {
	s.mu.Lock()
	var over []*Bond
	for b := range s.bonds[public] {
		if which(b.rec) {
			over = append(over, b)
		}
	}
	s.mu.Unlock()
	for _, b := range over {
		b.Release()
		b.once.Do(func() { b.end(why) })
	}
	if why == Expired && len(over) > 0 {
		s.say("expired", public)
	}
}

func anyRecord(*record) bool { return true }

// changed is an entry having changed somewhere.
func (s *Store) changed(e kv.Entry) {
	s.mu.Lock()
	_, bound := s.bonds[e.Key]
	if c, ok := s.records[e.Key]; ok && c.rev < e.Rev {
		delete(s.records, e.Key)
	}
	s.mu.Unlock()
	if bound && e.Deleted {
		s.cut(e.Key, whyOver(&e), anyRecord)
	}
}

// revocation is a user's, or everybody's, sessions being over.
func (s *Store) revocation(e kv.Entry) {
	if e.Deleted { // it has expired, and so have they
		return
	}
	user, isUser := strings.CutPrefix(e.Key, "user:")
	for _, public := range s.bound() {
		s.cut(public, Ended, func(r *record) bool {
			return isUser && r.User == user && r.UserRev != e.Rev || !isUser && r.AllRev != e.Rev
		})
	}
}

func (s *Store) bound() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]string, 0, len(s.bonds))
	for public := range s.bonds {
		all = append(all, public)
	}
	return all
}

// missed looks again at every session that something is bound to.
func (s *Store) missed() {
	for _, public := range s.bound() {
		s.look(public)
	}
}
