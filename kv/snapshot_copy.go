package kv

import (
	"context"
	"io"
)

// Copy copies every bucket and every queue of one store into another, which may keep another number of replicas: so the state
// of a node that was alone becomes that of a cluster. Revisions, times, metadata and what waits in queues are the same in both.
// What is written to the first meanwhile may be missing: nobody should. The error is ErrExists, and nothing was changed, when the
// second has one of them already and it may not be replaced. A bucket that was copied before another error stays.
func Copy(ctx context.Context, from, to *Store, how Moving) (done Moved, err error) {
	names, err := from.streams(ctx)
	if err != nil {
		return done, err
	}
	all := make([]snapshot, len(names))
	for i, name := range names {
		all[i].Config.Name = name
	}
	finish, err := to.vacate(ctx, all, &how)
	if err != nil {
		return done, err
	}
	defer finish()
	for _, name := range names {
		about, file, err := from.snapshot(ctx, name, how.Dir, func(int64) {})
		if err != nil {
			return done, err
		}
		err = to.restoreCounted(ctx, about, file, &how, &done)
		drop(file)
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// restoreCounted restores a stream and counts it.
func (s *Store) restoreCounted(ctx context.Context, about *snapshot, r io.Reader, how *Moving, done *Moved) error {
	before := done.Bytes
	err := s.restore(ctx, about, r, func(bytes int64) {
		done.Bytes = before + bytes
		how.tell(*done)
	})
	if err == nil {
		done.Streams++
		done.Messages += about.Messages
	}
	return err
}
