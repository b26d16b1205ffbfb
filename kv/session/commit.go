package session

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"time"

	"github.com/fortunadws/fortuna/kv"
)

// Changed reports whether there is something to commit.
func (v *Visit) Changed() bool { return len(v.ops) > 0 || v.former.id != "" || v.renews() }

// Renewal reports whether there is nothing to commit but the time of use.
func (v *Visit) Renewal() bool { return len(v.ops) == 0 && v.former.id == "" }

// Begins reports whether Commit makes a session that continues none.
func (v *Visit) Begins() bool { return v.rev == 0 && v.former.id == "" && len(v.ops) > 0 }

// renews reports whether the session is to be renewed.
func (v *Visit) renews() bool { return v.rev != 0 && v.stored.ageing(&v.s.cfg, v.at) }

// Commit makes the operations durable. If another request was first, they are made again on what that one left: those that
// call the caller's code, by call. The error is ErrEnded when the session was ended meanwhile, kv.ErrUnavailable when nobody
// knows whether they were made.
func (v *Visit) Commit(ctx context.Context, call func(job func() error) error) error {
	if !v.Changed() {
		return nil
	}
	err := v.commit(ctx, call)
	if errors.Is(err, ErrEnded) {
		renewal := v.Renewal()
		v.reset()
		v.former = former{}
		if renewal {
			err = nil // nothing is lost: who wanted only to renew it is not told
		}
	}
	v.s.noticed(err)
	if (errors.Is(err, kv.ErrUnavailable) || errors.Is(err, kv.ErrFull)) && v.Renewal() {
		return nil // it was only to be renewed, and will be by the next request
	}
	return err
}

func (v *Visit) commit(ctx context.Context, call func(job func() error) error) error {
	at := v.public
	if v.former.id != "" {
		at = v.former.id
	}
	if at != "" {
		leave, err := v.s.enter(ctx, at)
		if err != nil {
			return err
		}
		defer leave()
	}
	if v.former.id != "" && !v.former.move {
		if err := v.s.end(ctx, v.former.id, v.former.rec.User); err != nil {
			return err
		}
		v.s.say("destroyed", v.former.id)
		v.former, v.destroyed = former{}, true
		if len(v.ops) == 0 {
			return nil
		}
		at = "" // what follows begins another
	}
	if e, ok := v.s.replica.Cached(v.s.entries, at, kv.Need{}); at != "" && ok && e.Rev > max(v.rev, v.former.rev) {
		if err := v.rebase(ctx, at, call); err != nil {
			return err
		}
	}
	for {
		err := v.write(ctx)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, kv.ErrMismatch) && !errors.Is(err, kv.ErrExists):
			return err
		}
		if err := v.rebase(ctx, at, call); err != nil {
			return err
		}
	}
}

// write tries once.
func (v *Visit) write(ctx context.Context) error {
	s, now := v.s, time.Now()
	rec := v.draft.clone()
	rec.Active = now.UnixMilli()
	id, public, rev := v.id, v.public, v.rev
	if rev == 0 {
		id = newID()
		public = publicID(id)
		if err := v.begin(ctx, rec, public, now); err != nil {
			return err
		}
	}
	value, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	w := kv.Write{Key: public, Value: value, TTL: ttl(rec.left(&s.cfg, now)), Check: kv.IfRev(rev)}
	if v.former.id == "" {
		rev, err = s.entries.Put(ctx, w)
	} else { // both or none: a session is never twice there
		var revs []uint64
		w.Check = kv.IfRev(0)
		revs, err = s.entries.Commit(ctx, []kv.Write{w, {Key: v.former.id, Delete: true, Check: kv.IfRev(v.former.rev)}}, nil)
		if err == nil {
			rev = revs[0]
			s.replica.Keep(s.entries, kv.Entry{Key: v.former.id, Rev: revs[1], Deleted: true})
		}
	}
	if err != nil {
		return err
	}
	s.replica.Keep(s.entries, w.Entry(rev))
	s.locate(rec)
	s.keep(public, rev, rec)
	switch {
	case v.former.id != "":
		s.say("regenerated", public, "former", short(v.former.id), "user", rec.User != "")
	case v.rev == 0:
		s.say("created", public)
	}
	if v.former.id != "" && v.former.rec.User != "" {
		s.forget(ctx, v.former.rec.User, v.former.id)
	}
	v.id, v.public, v.rev, v.stored, v.draft = id, public, rev, rec, rec
	v.ops, v.called, v.former = nil, false, former{}
	return nil
}

// newID is 256 bits that nobody can guess (ASVS 7.2.3 asks for 128).
func newID() []byte {
	id := make([]byte, idBytes)
	rand.Read(id)
	return id
}

// begin fills in what a record has from its beginning. One that continues a former session keeps the revisions of that
// one: a revocation that comes while it moves ends it wherever it is.
func (v *Visit) begin(ctx context.Context, rec *record, public string, now time.Time) (err error) {
	former := v.former.rec
	if former != nil {
		if err := v.s.standing(ctx, former); err != nil {
			return err
		}
	} else if rec.AllRev, err = v.s.revocationRev(ctx, everybody); err != nil {
		return err
	}
	if rec.Created == 0 {
		rec.Created = now.UnixMilli()
	}
	switch {
	case rec.User == "":
		return nil
	case former != nil && former.User == rec.User:
		rec.UserRev = former.UserRev
	default:
		if rec.UserRev, err = v.s.revocationRev(ctx, revocationOf(rec.User)); err != nil {
			return err
		}
	}
	// First the index: of an entry that is not there nobody is told, but one that is missing in it would be missed.
	_, err = v.s.of(rec.User).Put(ctx, kv.Write{Key: public, TTL: ttl(v.s.cfg.Absolute)})
	return err
}

// revocationRev is the revision of a revocation, 0 when there is none.
func (s *Store) revocationRev(ctx context.Context, name string) (uint64, error) {
	e, err := s.replica.Read(ctx, s.revoked, name, kv.Need{Leader: true})
	switch {
	case errors.Is(err, kv.ErrNotFound):
		return 0, nil
	case err != nil:
		return 0, err
	}
	return e.Rev, nil
}

// standing is ErrEnded when a revocation has ended the session of a record.
func (s *Store) standing(ctx context.Context, rec *record) error {
	for _, o := range rec.revocations() {
		now, err := s.revocationRev(ctx, o.name)
		if err != nil {
			return err
		}
		if now != 0 && now != o.rev {
			return ErrEnded
		}
	}
	return nil
}

// rebase makes the operations again on what the store has now.
func (v *Visit) rebase(ctx context.Context, at string, call func(job func() error) error) error {
	e, err := v.s.replica.Read(ctx, v.s.entries, at, kv.Need{Leader: true})
	switch {
	case errors.Is(err, kv.ErrNotFound):
		return ErrEnded
	case err != nil:
		return err
	}
	rec, err := v.s.decoded(at, &e)
	if err != nil {
		return err
	}
	if err := v.s.standing(ctx, rec); err != nil {
		return err
	}
	again := func() error {
		v.draft = rec
		for _, op := range v.ops {
			next := v.draft.clone()
			if err := op(next); err != nil {
				return err
			}
			v.draft = next
		}
		return nil
	}
	if v.called {
		err = call(again)
	} else {
		err = again()
	}
	if err != nil {
		return err
	}
	if n := v.draft.size(); n > v.s.cfg.BytesMax {
		return ErrTooLarge
	}
	if v.former.id != "" {
		v.former.rev, v.former.rec = e.Rev, rec
	} else {
		v.rev, v.stored = e.Rev, rec
	}
	return nil
}
