package vault

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"slices"
	"time"
)

// Ring is keys that nodes use in turn, each for as long as RingEvery. The next one is there before its time, so that nodes that
// look now and then all begin with it at the same time.
type Ring []RingKey

// RingKey is one of them.
type RingKey struct {
	From   time.Time `json:"from"` // when it is the one to use
	Secret [32]byte  `json:"secret"`
}

// How long keys are used, and how many are kept: the next one, that in use, and as many former ones that what was made with a key
// can be read for two days at least.
const (
	RingEvery = 24 * time.Hour
	ringKeys  = 4
)

// Ring is the one of a name, with the key to use at now. Of several nodes one makes what is missing.
func (v *Vault) Ring(ctx context.Context, name string, now time.Time) (Ring, error) {
	var ring Ring
	_, err := v.Change(ctx, name, func(value []byte) ([]byte, error) {
		ring = nil
		if json.Unmarshal(value, &ring) != nil { // of a later version, or nothing
			ring = nil
		}
		before := len(ring)
		if before > 0 && ring[before-1].From.Before(now.Add(-RingEvery)) { // nobody has looked for days
			ring = nil
		}
		if len(ring) == 0 {
			ring, before = Ring{newRingKey(now)}, 0
		}
		for ring[len(ring)-1].From.Before(now) || len(ring) < 2 {
			ring = append(ring, newRingKey(ring[len(ring)-1].From.Add(RingEvery)))
		}
		if len(ring) == before {
			return nil, nil
		}
		ring = ring[max(0, len(ring)-ringKeys):]
		return json.Marshal(ring)
	})
	return ring, err
}

// Secrets are the keys, the one to use at now first, and then the others, the newest first: what a node whose clock is ahead has
// made can be read too.
func (r Ring) Secrets(now time.Time) (all [][32]byte) {
	use := 0
	for i, k := range r {
		if !k.From.After(now) {
			use = i
		}
		all = append(all, k.Secret)
	}
	slices.Reverse(all)
	use = len(all) - 1 - use
	first := all[use]
	return slices.Insert(slices.Delete(all, use, use+1), 0, first)
}

func newRingKey(from time.Time) RingKey {
	k := RingKey{From: from.UTC().Truncate(time.Second)}
	_, _ = rand.Read(k.Secret[:]) // it never fails: crypto/rand ends the process first
	return k
}
