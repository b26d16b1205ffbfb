package session

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/fortunadws/fortuna/kv"
)

// Info is a session as its owner, or who runs the app, may see it.
type Info struct {
	ID      string                     `json:"id"` // public
	User    string                     `json:"user,omitempty"`
	Rev     uint64                     `json:"rev"`
	Bytes   int                        `json:"bytes"`
	Created time.Time                  `json:"created"`
	Active  time.Time                  `json:"active"`
	Expires time.Time                  `json:"expires"`
	Data    map[string]json.RawMessage `json:"data,omitempty"`
}

// Show gives a session by its public id, or by the beginning of one that no other has. The error is kv.ErrNotFound when
// there is none.
func (s *Store) Show(ctx context.Context, public string) (Info, error) {
	if len(public) < idBytes*2 {
		page, err := s.entries.List(ctx, public, "", 2)
		if err != nil {
			return Info{}, err
		}
		if len(page.Entries) != 1 || public == "" {
			return Info{}, kv.ErrNotFound
		}
		public = page.Entries[0].Key
	}
	e, err := s.entries.GetLeader(ctx, public)
	if err != nil {
		return Info{}, err
	}
	rec, err := s.decoded(public, &e)
	if err != nil {
		return Info{}, err
	}
	now := time.Now()
	if rec.left(&s.cfg, now) <= 0 {
		return Info{}, kv.ErrNotFound
	}
	switch err := s.standing(ctx, rec); {
	case errors.Is(err, ErrEnded):
		return Info{}, kv.ErrNotFound
	case err != nil:
		return Info{}, err
	}
	return Info{
		ID: public, User: rec.User, Rev: e.Rev, Bytes: len(e.Value), Created: time.UnixMilli(rec.Created), Active: time.UnixMilli(rec.Active),
		Expires: now.Add(rec.left(&s.cfg, now)), Data: rec.Data,
	}, nil
}

// List gives sessions behind the public id after, in the order of ids, limit at most; of one user unless user is "".
func (s *Store) List(ctx context.Context, user, after string, limit int) (list []Info, more bool, err error) {
	space := s.entries
	if user != "" {
		space = s.of(user)
	}
	page, err := space.List(ctx, "", after, limit)
	if err != nil {
		return nil, false, err
	}
	for _, e := range page.Entries {
		info, err := s.Show(ctx, e.Key)
		if errors.Is(err, kv.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, false, err
		}
		list = append(list, info)
	}
	return list, page.More, nil
}

// Count is how many entries there are, those included that were revoked and not yet deleted.
func (s *Store) Count(ctx context.Context) (int, error) {
	page, err := s.entries.List(ctx, "", "", kv.ListKeysMax)
	return len(page.Entries), err
}
