package kv

import (
	"container/list"
	"context"
	"errors"
	"log/slog"
	"maps"
	"math"
	"slices"
	"sync"
	"time"
)

// slotBytes is what an entry in a replica takes besides its key and value.
const slotBytes = 400

// Replica is the local cache of a bucket: what was read is kept, and follows the bucket, so that reading it again asks
// nobody. How stale it may be is known at any moment. Its methods may be called from any goroutine.
type Replica struct {
	b    *Bucket
	feed *feed
	max  int64 // bytes

	mu     sync.Mutex
	slots  map[string]*slot // by subject
	recent list.List        // of slots, the last read first
	bytes  int64
	upTo   uint64 // the revision up to which changes were applied
	feeds  map[*Watcher]struct{}
	ears   map[*Listener]struct{}
}

// Listener is told of every change of a Space, in order, on one goroutine that it must not hold up.
type Listener struct {
	Space   *Space
	Changed func(e Entry) // with its value only if the bucket announces it
	Missed  func()        // changes were missed: any entry may be another by now
}

// Listen begins to tell l. The returned function ends that.
func (r *Replica) Listen(l *Listener) (end func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ears == nil {
		r.ears = map[*Listener]struct{}{}
	}
	r.ears[l] = struct{}{}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.ears, l)
	}
}

// told gives a change to who listens. It is called without the lock.
func (r *Replica) told(ears []*Listener, c change) {
	for _, l := range ears {
		if key, ok := l.Space.key(c.subject); ok {
			e := c.entry
			e.Key = key
			e.fade(time.Now())
			l.Changed(e)
		}
	}
}

// slot is an entry, or the wait for one.
type slot struct {
	subject string
	entry   Entry // with Deleted when there is none
	known   bool  // entry is valid
	at      *list.Element
	loading chan struct{} // closed when somebody's load is over
	loads   uint64        // that have ended well
}

// Need is how fresh an entry must be. The zero Need takes what is cached, however old.
type Need struct {
	Rev    uint64        // with every change up to this revision of the bucket
	Bound  time.Duration // with everything acknowledged this long ago; 0: no matter
	Leader bool          // as the leader has it now
}

// Replica begins to follow the bucket. It holds up to bytesMax. log may be nil.
func (b *Bucket) Replica(ctx context.Context, bytesMax int64, log *slog.Logger) (*Replica, error) {
	r := &Replica{b: b, max: bytesMax, slots: map[string]*slot{}, feeds: map[*Watcher]struct{}{}}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	var err error
	r.mu.Lock() // announcements wait until feed is set
	defer r.mu.Unlock()
	r.feed, err = b.follow(ctx, log, r.apply, r.forget)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Close ends it. Watchers end too.
func (r *Replica) Close() {
	r.feed.stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	for w := range r.feeds {
		w.end(ErrUnavailable)
	}
}

// Bound is how stale the replica may be: it has everything that was acknowledged this long ago.
func (r *Replica) Bound() time.Duration { return r.feed.bound() }

// Cached gives an entry that is cached and fresh enough. ok is false when it has to be read. When there is known to be no
// value the entry is Deleted.
func (r *Replica) Cached(s *Space, key string, need Need) (e Entry, ok bool) {
	subject, err := s.subject(key)
	if err != nil {
		return Entry{}, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cached(Place{subject, key}, need, time.Now())
}

// Place is where a key of a Space is: for who looks it up often.
type Place struct{ subject, key string }

// Place is that of a key. What is no key is at the zero Place, where nothing is.
func (s *Space) Place(key string) Place {
	subject, err := s.subject(key)
	if err != nil {
		return Place{}
	}
	return Place{subject, key}
}

// CachedAll is Cached for several keys: their entries are appended to into. ok is false when one of them has to be read.
func (r *Replica) CachedAll(need Need, places []Place, into []Entry) (entries []Entry, ok bool) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range places {
		e, ok := r.cached(p, need, now)
		if !ok {
			return into, false
		}
		into = append(into, e)
	}
	return into, true
}

func (r *Replica) cached(p Place, need Need, now time.Time) (Entry, bool) {
	t := r.slots[p.subject]
	if t == nil || !t.known || need.Leader || t.entry.Rev < need.Rev && r.feed.applied.Load() < need.Rev || need.Bound > 0 && r.feed.boundAt(now) > need.Bound {
		return Entry{}, false
	}
	r.recent.MoveToFront(t.at)
	e := t.entry
	e.Key = p.key
	e.fade(now)
	return e, true
}

// Read gives an entry that is fresh enough, from the leader if the cache has none. The error is ErrNotFound when there is
// no value. When the leader's entry is older than need.Rev it is given all the same: it is the last there is.
func (r *Replica) Read(ctx context.Context, s *Space, key string, need Need) (Entry, error) {
	subject, err := s.subject(key)
	if err != nil {
		return Entry{}, err
	}
	r.mu.Lock()
	for {
		if e, ok := r.cached(Place{subject, key}, need, time.Now()); ok {
			r.mu.Unlock()
			return gone(e)
		}
		t := r.slots[subject]
		if t == nil {
			t = r.enter(subject)
		}
		if t.loading == nil {
			return r.load(ctx, t, key) // with the lock
		}
		wait, loads := t.loading, t.loads
		r.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return Entry{}, ErrUnavailable
		}
		// Who waited for a load that began before it asked may not take its entry as fresh, but needs no other if it is.
		r.mu.Lock()
		if t.loads > loads {
			need.Bound = 0
		}
	}
}

// load reads a slot's entry from the leader. It is called with the lock and returns without. What is announced
// meanwhile finds the slot: the later one stays.
func (r *Replica) load(ctx context.Context, t *slot, key string) (Entry, error) {
	t.loading = make(chan struct{})
	before, known := t.entry.Rev, t.known
	r.mu.Unlock()
	e, err := r.b.leader(ctx, t.subject)
	r.mu.Lock()
	defer r.mu.Unlock()
	close(t.loading)
	t.loading = nil
	if err != nil && !errors.Is(err, ErrNotFound) {
		if !t.known {
			r.drop(t)
		}
		return Entry{}, err
	}
	if errors.Is(err, ErrNotFound) {
		e.Deleted = true
	}
	t.loads++
	r.loaded(t, e, before, known)
	e.Key = key
	return gone(e)
}

// loaded takes what the leader had. before and known are the slot's when it was asked: that there is nothing has no revision, and
// is older than what was announced meanwhile.
func (r *Replica) loaded(t *slot, e Entry, before uint64, known bool) {
	if !t.known || e.Rev >= t.entry.Rev || e.Rev == 0 && known && t.entry.Rev == before {
		r.set(t, e)
	}
}

func gone(e Entry) (Entry, error) {
	if e.Deleted {
		return e, ErrNotFound
	}
	return e, nil
}

// Keep takes an entry that this process has written, so that its next reader need not wait for the announcement. One that
// may have been replaced, in a change that nobody here remembers, is not kept.
func (r *Replica) Keep(s *Space, e Entry) {
	subject, err := s.subject(e.Key)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.slots[subject]
	if (t == nil || !t.known) && r.upTo > e.Rev {
		return
	}
	if t == nil {
		t = r.enter(subject)
	}
	if !t.known || t.entry.Rev < e.Rev {
		r.set(t, e)
	}
}

// set stores an entry, and makes room for it.
func (r *Replica) set(t *slot, e Entry) {
	if r.slots[t.subject] != t { // dropped meanwhile
		return
	}
	e.Key = ""
	r.bytes -= t.size()
	t.entry, t.known = e, true
	r.bytes += t.size()
	for at := r.recent.Back(); at != nil && r.bytes > r.max; {
		old := at.Value.(*slot)
		at = at.Prev()
		if old != t && old.loading == nil {
			r.drop(old)
		}
	}
}

func (t *slot) size() int64 {
	return int64(slotBytes + len(t.subject) + len(t.entry.Value) + len(t.entry.Meta))
}

// enter makes a slot without an entry.
func (r *Replica) enter(subject string) *slot {
	t := &slot{subject: subject}
	r.slots[subject] = t
	t.at = r.recent.PushFront(t)
	r.bytes += t.size()
	return t
}

func (r *Replica) drop(t *slot) {
	if r.slots[t.subject] == t {
		delete(r.slots, t.subject)
		r.recent.Remove(t.at)
		r.bytes -= t.size()
	}
}

// apply takes a change. On the feed's goroutine.
func (r *Replica) apply(c change) {
	r.mu.Lock()
	ears := slices.Collect(maps.Keys(r.ears))
	defer r.told(ears, c)
	defer r.mu.Unlock()
	for w := range r.feeds {
		w.offer(c)
	}
	r.upTo = c.entry.Rev
	t := r.slots[c.subject]
	switch {
	case t == nil || t.known && t.entry.Rev >= c.entry.Rev:
	case c.whole || c.entry.Deleted:
		r.set(t, c.entry)
	default: // what is being read just now may be the old one or the new: a slot that is dropped does not keep it
		r.drop(t)
	}
}

// forget drops everything. On the feed's goroutine.
func (r *Replica) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.slots)
	r.recent.Init()
	r.bytes, r.upTo = 0, math.MaxUint64 // until the next change tells
	for w := range r.feeds {
		w.end(ErrBehind)
	}
	for l := range r.ears {
		go l.Missed() // it may read what there is now
	}
}
