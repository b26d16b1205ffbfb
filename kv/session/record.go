package session

import (
	"encoding/json"
	"maps"
	"time"

	"github.com/fortunadws/fortuna/kv"
)

// record is an entry as it is stored, in JSON. One that others may have is never changed.
type record struct {
	Created int64                      `json:"c"`            // Unix milliseconds
	Active  int64                      `json:"a"`            // when it was last renewed
	User    string                     `json:"u,omitempty"`  // whose it is; "" for nobody's
	UserRev uint64                     `json:"ur,omitempty"` // the revision of the user's revocation when the user was set
	AllRev  uint64                     `json:"ar,omitempty"` // that of everybody's, when it was created
	Data    map[string]json.RawMessage `json:"d,omitempty"`
	Flash   map[string]json.RawMessage `json:"f,omitempty"` // values to be read once

	// Where the revocations are that end it when they have other revisions than these: see Store.locate.
	places []kv.Place
	revs   []uint64
}

func (r *record) clone() *record {
	c := *r
	c.Data, c.Flash = maps.Clone(r.Data), maps.Clone(r.Flash)
	return &c
}

// left is how long it has to live.
func (r *record) left(cfg *Config, now time.Time) time.Duration {
	return min(time.UnixMilli(r.Active).Add(cfg.Idle).Sub(now), time.UnixMilli(r.Created).Add(cfg.Absolute).Sub(now))
}

// ageing reports whether less than half of the idle time is left, so that using it renews it.
func (r *record) ageing(cfg *Config, now time.Time) bool {
	return now.Sub(time.UnixMilli(r.Active)) > cfg.Idle/2
}

// size is about what it takes when it is stored.
func (r *record) size() int {
	n := 120 + len(r.User)
	for _, m := range []map[string]json.RawMessage{r.Data, r.Flash} {
		for k, v := range m {
			n += len(k) + len(v) + 6
		}
	}
	return n
}

// ttl is left in whole seconds, at least one.
func ttl(left time.Duration) time.Duration {
	return max((left + time.Second - 1).Truncate(time.Second), time.Second)
}
