package kv

import "testing"

// A read that found nothing does not replace what was announced while it was under way.
func TestReplica_loaded(t *testing.T) {
	absent, old, announced := Entry{Deleted: true}, Entry{Rev: 3}, Entry{Rev: 5}
	for what, c := range map[string]struct {
		before, meanwhile, loaded Entry
		known                     bool
		want                      Entry
	}{
		"nothing was known, and there is nothing": {absent, absent, absent, false, absent},
		"it has gone, as nobody was told":         {old, old, absent, true, absent},
		"it came meanwhile":                       {absent, announced, absent, false, announced},
		"it came again meanwhile":                 {old, announced, absent, true, announced},
		"what was loaded is older":                {absent, announced, old, false, announced},
		"what was loaded is newer":                {old, old, announced, true, announced},
	} {
		r := &Replica{slots: map[string]*slot{}, max: 1 << 20}
		s := r.enter("x")
		if c.known {
			r.set(s, c.before)
		}
		if c.meanwhile.Rev != c.before.Rev {
			r.set(s, c.meanwhile)
		}
		r.loaded(s, c.loaded, c.before.Rev, c.known)
		if s.entry.Rev != c.want.Rev || s.entry.Deleted != c.want.Deleted {
			t.Errorf("%s: revision %d, deleted %t", what, s.entry.Rev, s.entry.Deleted)
		}
	}
}
