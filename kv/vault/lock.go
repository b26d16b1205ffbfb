package vault

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/fortunadws/fortuna/kv"
)

// A lock is an entry that its holder renews: when the holder dies, it ends by itself.
const (
	lockTTL   = 30 * time.Second
	lockRenew = lockTTL / 3
	lockAsk   = 500 * time.Millisecond // how often somebody who waits asks
)

// hold is a lock that this process has.
type hold struct {
	end   context.CancelFunc
	ended chan struct{}
	rev   uint64 // of the entry, once ended is closed
}

// Lock waits until nobody else has the lock of a name, or ctx ends. It is kept until Unlock, however long that takes; if the
// store cannot be reached for 30 s, somebody else may have it too: who holds it must be able to bear that.
func (v *Vault) Lock(ctx context.Context, name string) error {
	owner := []byte(rand.Text())
	for {
		locks, err := v.space("locks")
		if err != nil {
			return err
		}
		rev, err := locks.Put(ctx, kv.Write{Key: name, Value: owner, TTL: lockTTL, Check: kv.IfNew()})
		if err == nil {
			v.keep(locks, name, owner, rev)
			return nil
		}
		if !errors.Is(err, kv.ErrExists) && !errors.Is(err, kv.ErrMismatch) {
			return fmt.Errorf("lock %s: %w", name, err)
		}
		select {
		case <-time.After(lockAsk):
		case <-ctx.Done():
			return fmt.Errorf("lock %s: %w", name, ctx.Err())
		}
	}
}

// keep renews a lock until it is unlocked.
func (v *Vault) keep(locks *kv.Space, name string, owner []byte, rev uint64) {
	life, end := context.WithCancel(context.Background())
	h := &hold{end: end, ended: make(chan struct{}), rev: rev}
	v.mu.Lock()
	v.locks[name] = h
	v.mu.Unlock()
	go func() {
		defer close(h.ended)
		tick := time.NewTicker(lockRenew)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-life.Done():
				return
			}
			once, cancel := context.WithTimeout(life, lockRenew)
			rev, err := locks.Put(once, kv.Write{Key: name, Value: owner, TTL: lockTTL, Check: kv.IfRev(h.rev)})
			cancel()
			switch {
			case err == nil:
				h.rev = rev
			case errors.Is(err, kv.ErrMismatch): // it has ended, and somebody else may have it
				return
			}
		}
	}()
}

// Unlock ends a lock that Lock gave.
func (v *Vault) Unlock(ctx context.Context, name string) error {
	v.mu.Lock()
	h := v.locks[name]
	delete(v.locks, name)
	v.mu.Unlock()
	if h == nil {
		return fmt.Errorf("unlock %s: it is not locked here", name)
	}
	h.end()
	<-h.ended
	locks, err := v.space("locks")
	if err != nil {
		return err
	}
	if _, err := locks.Put(ctx, kv.Write{Key: name, Delete: true, Check: kv.IfRev(h.rev)}); err != nil && !errors.Is(err, kv.ErrMismatch) {
		return fmt.Errorf("unlock %s: %w", name, err)
	}
	return nil
}
