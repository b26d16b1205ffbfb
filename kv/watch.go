package kv

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"
)

// watchedMax is how many changes may wait for a watcher.
const watchedMax = 4096

// Watcher gives the changes of the keys with a prefix, in order, each key's first.
type Watcher struct {
	r      *Replica
	s      *Space
	prefix string

	mu      sync.Mutex
	first   []Entry // what was there; nil when it is given
	waiting []Entry // changes
	err     error
	bell    chan struct{}
}

// Watch begins to follow the keys that begin with prefix. What is there already comes first, sorted; then come changes, as
// they are acknowledged. Entries have no values when the bucket announces none.
func (r *Replica) Watch(ctx context.Context, s *Space, prefix string) (*Watcher, error) {
	w := &Watcher{r: r, s: s, prefix: prefix, bell: make(chan struct{}, 1)}
	r.mu.Lock()
	r.feeds[w] = struct{}{}
	r.mu.Unlock()
	now, err := s.keys(ctx, prefix)
	if err != nil {
		w.Close()
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	// Changes that came meanwhile may be of what was read.
	seen := make(map[string]uint64, len(now))
	for _, e := range now {
		seen[e.Key] = e.Rev
	}
	w.first = now
	w.waiting = slices.DeleteFunc(w.waiting, func(e Entry) bool { return e.Rev <= seen[e.Key] })
	w.ring()
	return w, nil
}

// Next gives the next change. The error is ErrBehind when the caller was too slow, or ErrUnavailable when the
// replica ended; then the watcher has ended too.
func (w *Watcher) Next(ctx context.Context) (Entry, error) {
	for {
		w.mu.Lock()
		from := &w.first
		if len(w.first) == 0 {
			from = &w.waiting
		}
		if all := *from; len(all) > 0 {
			*from = all[1:]
			w.mu.Unlock()
			return all[0], nil
		}
		err := w.err
		w.mu.Unlock()
		if err != nil {
			return Entry{}, err
		}
		select {
		case <-w.bell:
		case <-ctx.Done():
			return Entry{}, ctx.Err()
		}
	}
}

// Close ends it.
func (w *Watcher) Close() {
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	w.end(errors.New("kv: the watcher is closed"))
}

// end is called with the replica's lock.
func (w *Watcher) end(err error) {
	delete(w.r.feeds, w)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
	w.ring()
}

// offer takes a change. It is called with the replica's lock.
func (w *Watcher) offer(c change) {
	key, ok := w.s.key(c.subject)
	if !ok || !strings.HasPrefix(key, w.prefix) {
		return
	}
	w.mu.Lock()
	full := len(w.waiting) >= watchedMax
	if !full {
		e := c.entry
		e.Key = key
		e.fade(time.Now())
		w.waiting = append(w.waiting, e)
		w.ring()
	}
	w.mu.Unlock()
	if full {
		w.end(ErrBehind)
	}
}

func (w *Watcher) ring() {
	select {
	case w.bell <- struct{}{}:
	default:
	}
}
