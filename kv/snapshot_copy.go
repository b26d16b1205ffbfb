package kv

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
)

// Copy copies all of one store into another, which may keep another number of replicas: so the state of a node that was alone
// becomes that of a cluster. Revisions, times, metadata and what waits in queues are the same in both. Counters,
// which are in memory, begin anew.
// What is written to the first meanwhile may be missing: nobody should. The error is ErrExists, and nothing was changed, when the
// second has one of them already and it may not be replaced. A bucket that was copied before another error stays.
func Copy(ctx context.Context, from, to *Store, how Moving) (done Moved, err error) {
	var names []string
	var bare []jetstream.StreamConfig
	err = from.each(ctx, func(c jetstream.StreamConfig) {
		if c.AllowMsgCounter {
			bare = append(bare, c)
		} else {
			names = append(names, c.Name)
		}
	})
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
	var g errgroup.Group // copies are made at the same time: each waits for the others' members, not for the disk
	for _, name := range names {
		about, file, err := from.snapshot(ctx, name, how.Dir, func(int64) {})
		if err == nil {
			before := done.Bytes
			err = to.bring(ctx, about, file, func(bytes int64) {
				done.Bytes = before + bytes
				how.tell(done)
			})
			drop(file)
			err = to.undo(ctx, about, err)
		}
		if err != nil {
			return done, errors.Join(err, g.Wait())
		}
		done.Streams++
		done.Messages += about.Messages
		g.Go(func() error { return to.undo(ctx, about, to.spread(ctx, about)) })
	}
	if err := g.Wait(); err != nil {
		return done, err
	}
	for _, c := range bare {
		c.Replicas, c.Placement = to.replicas(), nil
		if err := to.stream(ctx, c); err != nil {
			return done, fmt.Errorf("make %q: %w", c.Name, err)
		}
	}
	return done, nil
}

// Kept is how much there is in a store, without copying it: Moved.Bytes are those of the messages.
func (s *Store) Kept(ctx context.Context) (all Moved, err error) {
	list := s.js.ListStreams(ctx)
	for info := range list.Info() {
		all.Streams++
		all.Messages += info.State.Msgs
		all.Bytes += int64(info.State.Bytes)
	}
	if err := list.Err(); err != nil {
		return all, refusalOf(err)
	}
	return all, nil
}

// Settle waits until the members of a store's cluster can keep all the copies of what is to be there.
func (s *Store) Settle(ctx context.Context) error {
	err := s.stream(ctx, jetstream.StreamConfig{Name: holder, Subjects: []string{"fortuna.restore"}, MaxMsgs: 1, Storage: s.storage, Replicas: s.replicas()})
	if err == nil {
		err = s.await(ctx, holder)
	}
	if err == nil {
		err = s.deleteStream(ctx, holder)
	}
	return err
}
