package kv

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// ListKeysMax bounds the keys that one listing may find: they are sorted in memory, about 200 bytes each.
const ListKeysMax = 2_000_000

// Page is a part of a listing, in the order of the keys' bytes.
type Page struct {
	Entries []Entry // without values
	More    bool    // there are keys behind the last
}

// List gives up to limit entries, without values, whose keys begin with prefix and come behind the key after. The first page
// sees every write that was acknowledged before; it reads all keys with the prefix, whatever limit is. The pages that follow
// within listingKept are of the same moment.
func (s *Space) List(ctx context.Context, prefix, after string, limit int) (Page, error) {
	all := s.b.listings.take(listingKey{s.base, prefix, after})
	if all == nil {
		var err error
		if all, err = s.keys(ctx, prefix); err != nil {
			return Page{}, err
		}
	}
	begin := 0
	if after != "" {
		i, exact := slices.BinarySearchFunc(all, after, func(e Entry, key string) int { return strings.Compare(e.Key, key) })
		if begin = i; exact {
			begin++
		}
	}
	end := min(begin+limit, len(all))
	if end < len(all) && end > begin {
		s.b.listings.keep(listingKey{s.base, prefix, all[end-1].Key}, all[end:])
	}
	return Page{Entries: all[begin:end:end], More: end < len(all)}, nil
}

const (
	listingKept = 30 * time.Second
	listingsMax = 8 // of a bucket
)

// listings are the rests of listings whose next page may be asked for.
type listings struct {
	mu   sync.Mutex
	rest map[listingKey]*listing
}

type listingKey struct{ base, prefix, after string }

type listing struct {
	entries []Entry
	until   time.Time
}

// take gives a rest, which another page will keep again; nil when there is none.
func (l *listings) take(k listingKey) []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.rest[k]
	if r == nil || time.Now().After(r.until) {
		return nil
	}
	return r.entries
}

// keep holds a rest for a while. When there are too many the oldest goes.
func (l *listings) keep(k listingKey, rest []Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rest == nil {
		l.rest = map[listingKey]*listing{}
	}
	r := &listing{rest, time.Now().Add(listingKept)}
	l.rest[k] = r
	for len(l.rest) > listingsMax {
		oldest := k
		for k, r := range l.rest {
			if r.until.Before(l.rest[oldest].until) {
				oldest = k
			}
		}
		delete(l.rest, oldest)
	}
	time.AfterFunc(listingKept, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.rest[k] == r {
			delete(l.rest, k)
		}
	})
}

// keys reads what is there of a prefix, sorted.
func (s *Space) keys(ctx context.Context, prefix string) ([]Entry, error) {
	if len(prefix) > KeyBytesMax { // no key has it; and the server closes the connection for a subject of 4,096 bytes
		return nil, nil
	}
	var all []Entry
	now := time.Now()
	err := s.b.each(ctx, filterOf(s.base, prefix), func(subject string, e Entry) error {
		key, ok := s.key(subject)
		if !ok || !strings.HasPrefix(key, prefix) || !e.Live(now) {
			return nil
		}
		if len(all) == ListKeysMax {
			return fmt.Errorf("%w: more than %d keys begin with %q", ErrTooLarge, ListKeysMax, prefix)
		}
		e.Key, e.Value = key, nil
		all = append(all, e)
		return nil
	})
	slices.SortFunc(all, func(a, b Entry) int { return strings.Compare(a.Key, b.Key) })
	return all, err
}

// History gives the revisions that are kept of a key, oldest first, deletions included.
func (s *Space) History(ctx context.Context, key string) ([]Entry, error) {
	subject, err := s.subject(key)
	if err != nil {
		return nil, err
	}
	var all []Entry
	err = s.b.read(ctx, subject, func(_ string, e Entry) error {
		e.Key = key
		all = append(all, e)
		return nil
	}, nats.DeliverAll())
	return all, err
}

// each calls f for the last entry of each subject, without its value.
func (b *Bucket) each(ctx context.Context, filter string, f func(subject string, e Entry) error) error {
	return b.read(ctx, filter, f, nats.DeliverLastPerSubject(), nats.HeadersOnly())
}

// read calls f for what is stored now, in order.
func (b *Bucket) read(ctx context.Context, subject string, f func(subject string, e Entry) error, from ...nats.SubOpt) error {
	r, err := b.s.read(ctx, b.stream, subject, from...)
	if err != nil {
		return err
	}
	defer r.end()
	for left := r.pending; left > 0; {
		m, meta, err := r.next(ctx)
		if err != nil {
			return refusalOf(err)
		}
		left = meta.NumPending
		if err := f(m.Subject, entryOf(m.Header, m.Data, meta.Sequence.Stream, meta.Timestamp)); err != nil {
			return err
		}
	}
	return nil
}
