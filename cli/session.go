package cli

import (
	"context"
	"time"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/session"
	"github.com/fortunadws/fortuna/runtime/binding"
)

// sessionTable is [session] of fortuna.toml.
type sessionTable struct {
	On         bool // the table is there
	Idle       int  // seconds; 0 when it is not set, as with all
	Absolute   int
	Stale      int // milliseconds
	BytesMax   int
	Strict     []string
	Origins    []string
	Persistent bool
	New        *int // sessions that one address may begin in a minute; 0 is no bound
}

// newPerMinute is what an address may begin in a minute unless session.new_per_minute says otherwise: an office behind one
// address begins its day with less.
const newPerMinute = 300

func (t *sessionTable) newMax() int {
	if t.New != nil {
		return *t.New
	}
	return newPerMinute
}

// read reads the table.
func (t *sessionTable) read(v value) error {
	table, ok := v.v.(map[string]any)
	if !ok {
		return v.wrong("[session]", "session must be a table, which may be empty: got %s", describe(v.v))
	}
	t.On = true
	whole := func(to *int, least, most int64) func(value) error {
		return func(v value) (err error) { *to, err = v.integer(least, most); return }
	}
	return v.members(table, map[string]func(value) error{
		"idle_s":     whole(&t.Idle, 1, 1<<31),
		"absolute_s": whole(&t.Absolute, 1, 1<<31),
		"stale_ms":   whole(&t.Stale, 0, 1<<31),
		"new_per_minute": func(v value) error {
			n, err := v.integer(0, 1<<31)
			t.New = &n
			return err
		},
		"bytes_max":       whole(&t.BytesMax, 1<<10, kv.ValueBytesMax-1<<10),
		"strict":          func(v value) (err error) { t.Strict, err = v.texts(); return },
		"trusted_origins": func(v value) (err error) { t.Origins, err = v.texts(); return },
		"persistent":      func(v value) (err error) { t.Persistent, err = v.truth(); return },
	})
}

// sessionsConfig is the bucket of sessions. It announces values: who answers the next request of a visitor has them already.
func sessionsConfig() kv.Config { return kv.Config{Name: sessionsBucket, Announce: kv.Values} }

// config is what the store of sessions is opened with.
func (t *sessionTable) config(app string) session.Config {
	return session.Config{
		App: app, Idle: time.Duration(t.Idle) * time.Second, Absolute: time.Duration(t.Absolute) * time.Second,
		Stale: time.Duration(t.Stale) * time.Millisecond, BytesMax: t.BytesMax,
	}
}

// sessions are those of the project; nil without [session].
func (s *state) sessions(p *project, wait time.Duration) (*binding.Sessions, error) {
	t := &p.config.Session
	if !t.On || s == nil {
		return nil, nil
	}
	b, r, err := s.bucket(sessionsConfig())
	if err != nil {
		return nil, err
	}
	cfg := t.config(p.name())
	cfg.Log = s.log
	s.mu.Lock()
	defer s.mu.Unlock()
	store := s.stores[cfg]
	if store == nil {
		ctx, cancel := context.WithTimeout(s.within, stateOpens)
		defer cancel()
		if store, err = session.Open(ctx, b, r, cfg); err != nil {
			return nil, failed("", "open the sessions: %v", err)
		}
		s.stores[cfg] = store
	}
	return &binding.Sessions{Store: store, Strict: t.Strict, Origins: t.Origins, Persistent: t.Persistent, Wait: wait, NewMax: t.newMax()}, nil
}
