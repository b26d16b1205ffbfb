package session

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fortunadws/fortuna/kv"
)

// keys are what tokens are signed with: a new one each day, and those before it for as long as a token may be good.
type keys struct {
	space   *kv.Space
	replica *kv.Replica
	keep    time.Duration
	ring    atomic.Pointer[[]key] // oldest first
	asking  sync.Mutex
	asked   time.Time // when a key that is not known was last asked for,
	answer  error     // and what came of that
	ends    []func()
}

// key is one of them. Epochs count up from one.
type key struct {
	Epoch   uint64 `json:"e"`
	Secret  []byte `json:"s"`
	Created int64  `json:"c"` // Unix seconds
}

const (
	rotateEvery = 24 * time.Hour
	ringName    = "ring"
	secretBytes = 32
)

func (k *keys) open(ctx context.Context, space *kv.Space, replica *kv.Replica, absolute time.Duration) error {
	k.space, k.replica, k.keep = space, replica, absolute+2*rotateEvery
	k.ends = append(k.ends, replica.Listen(&kv.Listener{Space: space, Changed: k.changed, Missed: func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = k.read(ctx) // a key that is missing is asked for when it is met
	}}))
	if err := k.rotate(ctx); err != nil {
		return err
	}
	life, stop := context.WithCancel(context.Background())
	k.ends = append(k.ends, stop)
	go func() {
		tick := time.NewTicker(time.Hour)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				once, cancel := context.WithTimeout(life, time.Minute)
				_ = k.rotate(once) // in an hour again
				cancel()
			case <-life.Done():
				return
			}
		}
	}()
	return nil
}

func (k *keys) close() {
	for _, end := range k.ends {
		end()
	}
}

// rotate makes sure that the newest key is not old. Of several nodes one makes it.
func (k *keys) rotate(ctx context.Context) error {
	for {
		e, err := k.space.GetLeader(ctx, ringName)
		if err != nil && !errors.Is(err, kv.ErrNotFound) {
			return err
		}
		var ring []key
		if err == nil {
			if err := json.Unmarshal(e.Value, &ring); err != nil {
				return err
			}
		}
		now := time.Now()
		if n := len(ring); n > 0 && now.Sub(time.Unix(ring[n-1].Created, 0)) < rotateEvery {
			k.ring.Store(&ring)
			return nil
		}
		fresh := key{Epoch: 1, Secret: make([]byte, secretBytes), Created: now.Unix()}
		if n := len(ring); n > 0 {
			fresh.Epoch = ring[n-1].Epoch + 1
		}
		rand.Read(fresh.Secret)
		ring = slices.DeleteFunc(append(ring, fresh), func(o key) bool { return now.Sub(time.Unix(o.Created, 0)) > k.keep })
		value, err := json.Marshal(ring)
		if err != nil {
			return err
		}
		_, err = k.space.Put(ctx, kv.Write{Key: ringName, Value: value, Check: kv.IfRev(e.Rev)})
		switch {
		case err == nil:
			k.ring.Store(&ring)
			return nil
		case !errors.Is(err, kv.ErrMismatch): // else another node was first
			return err
		}
	}
}

// changed takes what another node has made.
func (k *keys) changed(e kv.Entry) {
	var ring []key
	if e.Deleted || json.Unmarshal(e.Value, &ring) != nil || len(ring) == 0 {
		return
	}
	for { // what is announced may be older than what this node has made since
		now := k.ring.Load()
		if now != nil && (*now)[len(*now)-1].Epoch > ring[len(ring)-1].Epoch || k.ring.CompareAndSwap(now, &ring) {
			return
		}
	}
}

func (k *keys) read(ctx context.Context) error {
	e, err := k.space.GetLeader(ctx, ringName)
	if err == nil {
		k.changed(e)
	}
	return err
}

// askEvery is how often a key that is not known is asked for at most: anybody can name one.
const askEvery = time.Second

// learn asks for a key that another node may have made this very moment. The error says that nobody knows whether there is one.
func (k *keys) learn(ctx context.Context, epoch uint64) error {
	k.asking.Lock()
	defer k.asking.Unlock()
	if _, known := k.of(epoch); known {
		return nil
	}
	if time.Since(k.asked) < askEvery {
		return k.answer
	}
	k.answer = k.read(ctx)
	k.asked = time.Now()
	return k.answer
}

// newest signs.
func (k *keys) newest() key {
	ring := *k.ring.Load()
	return ring[len(ring)-1]
}

// of gives the key of an epoch; ok is false when there is none.
func (k *keys) of(epoch uint64) (secret []byte, ok bool) {
	for _, key := range *k.ring.Load() {
		if key.Epoch == epoch {
			return key.Secret, true
		}
	}
	return nil, false
}
