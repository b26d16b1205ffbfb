package kv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	beaconEvery = 500 * time.Millisecond
	// pendingMax is how many announcements may wait to be read; what comes then is lost, noticed and fetched.
	pendingMax = 16 << 10
	// batchMax is how many messages are fetched at a time, and fetchMax in all before a feed begins anew.
	batchMax = 1000
	fetchMax = 50 * batchMax
)

// beacon is the subject, no key's, of writes that only ask for the bucket's last revision.
const beacon = "=beacon"

// change is one message of the stream.
type change struct {
	subject string
	entry   Entry
	whole   bool // the entry has its value
}

// feed gives the changes of a bucket in order and without gaps. JetStream's own watchers are silent for up to 19 s when
// the server that feeds them dies. So the changes come as plain announcements, which may be lost: their numbers tell. What
// is missing is fetched from any replica, and a beacon tells of what is missing at the end.
type feed struct {
	b     *Bucket
	log   *slog.Logger
	apply func(change)
	reset func() // changes were missed for good
	in    chan *nats.Msg
	heads chan head
	done  chan struct{}
	stop  context.CancelFunc

	applied atomic.Uint64
	asOf    atomic.Pointer[time.Time] // everything acknowledged before was applied
	waiting head                      // not applied yet
}

// head is the last revision of the bucket at a moment.
type head struct {
	seq    uint64
	at     time.Time
	before uint64 // what was applied when it was asked for
}

// follow begins a feed at what comes next. apply and reset are called from one goroutine.
func (b *Bucket) follow(ctx context.Context, log *slog.Logger, apply func(change), reset func()) (*feed, error) {
	f := &feed{b: b, log: log, apply: apply, reset: reset,
		in: make(chan *nats.Msg, pendingMax), heads: make(chan head), done: make(chan struct{})}
	sub, err := b.s.nc.ChanSubscribe(b.changes+">", f.in)
	if err != nil {
		return nil, refusalOf(err)
	}
	first, err := b.head(ctx)
	if err != nil {
		return nil, errors.Join(err, sub.Unsubscribe())
	}
	f.applied.Store(first.seq)
	f.asOf.Store(&first.at)
	life, stop := context.WithCancel(context.Background())
	f.stop = func() {
		stop()
		<-f.done
		// A connection that is closed has no subscriptions.
		if err := sub.Unsubscribe(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
			f.log.Warn("unsubscribe", "bucket", b.cfg.Name, "err", err)
		}
	}
	go f.run(life)
	go f.listen(life)
	return f, nil
}

// bound is how long ago everything that was acknowledged is known to have been applied.
func (f *feed) bound() time.Duration { return f.boundAt(time.Now()) }

func (f *feed) boundAt(now time.Time) time.Duration { return now.Sub(*f.asOf.Load()) }

// listen asks for the head, from time to time.
func (f *feed) listen(ctx context.Context) {
	tick := time.NewTicker(beaconEvery)
	defer tick.Stop()
	for {
		once, cancel := context.WithTimeout(ctx, attempt)
		before := f.applied.Load()
		h, err := f.b.head(once)
		h.before = before
		cancel()
		if err == nil {
			select {
			case f.heads <- h:
			case <-ctx.Done():
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (f *feed) run(ctx context.Context) {
	defer close(f.done)
	for {
		select {
		case <-ctx.Done():
			return
		case h := <-f.heads:
			f.told(ctx, h)
		case m := <-f.in:
			f.announced(ctx, m)
		}
	}
}

// told takes a head. What it counts is on its way, or lost: that is assumed when the next head comes.
func (f *feed) told(ctx context.Context, h head) {
	if h.seq < h.before { // the bucket was made anew
		f.log.Warn("begin a cache anew: the bucket has", "bucket", f.b.cfg.Name)
		f.reset()
		f.applied.Store(h.seq)
		f.waiting = head{}
	}
	if w := f.waiting; w.seq > f.applied.Load() {
		f.fetch(ctx, w.seq)
	}
	f.waiting = h
	f.settle()
}

func (f *feed) settle() {
	if w := f.waiting; !w.at.IsZero() && f.applied.Load() >= w.seq {
		f.asOf.Store(&w.at)
		f.waiting = head{}
	}
}

func (f *feed) announced(ctx context.Context, m *nats.Msg) {
	c, err := changeOf(m)
	if err != nil {
		f.log.Warn("read an announcement", "bucket", f.b.cfg.Name, "err", err)
		return
	}
	c.whole = f.b.cfg.Announce == Values
	next := f.applied.Load() + 1
	switch {
	case c.entry.Rev < next: // fetched meanwhile
		return
	case c.entry.Rev > next:
		f.fetch(ctx, c.entry.Rev-1)
		if c.entry.Rev <= f.applied.Load() {
			return
		}
	}
	f.take(c)
	f.settle()
}

func (f *feed) take(c change) {
	f.apply(c)
	f.applied.Store(c.entry.Rev)
}

// fetch applies what was missed, up to revision to. Revisions that later ones replaced are no longer there.
func (f *feed) fetch(ctx context.Context, to uint64) {
	for tries, n := 0, 0; f.applied.Load() < to && ctx.Err() == nil; tries++ {
		before := f.applied.Load()
		got, err := f.batch(ctx)
		n += got
		switch {
		case n > fetchMax || tries >= 100:
			f.log.Warn("begin a cache anew", "bucket", f.b.cfg.Name, "missed", to-f.applied.Load(), "err", err)
			f.reset()
			f.applied.Store(to)
		case err != nil || f.applied.Load() == before: // that replica lags behind
			select {
			case <-time.After(20 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}
	f.settle()
}

// bytesAtOnce bounds what is fetched at once: pieces of large values are messages too.
const bytesAtOnce = 4 << 20

// batch fetches and applies the next messages.
func (f *feed) batch(ctx context.Context) (n int, err error) {
	body, err := json.Marshal(map[string]any{"seq": f.applied.Load() + 1, "batch": batchMax, "max_bytes": bytesAtOnce, "next_by_subj": f.b.base + ">"})
	if err != nil {
		return 0, err
	}
	nc := f.b.s.nc
	inbox := nc.NewRespInbox()
	sub, err := nc.SubscribeSync(inbox)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, sub.Unsubscribe()) }()
	if err := nc.PublishRequest("$JS.API.DIRECT.GET."+f.b.stream, inbox, body); err != nil {
		return 0, err
	}
	for {
		once, cancel := context.WithTimeout(ctx, attempt)
		m, err := sub.NextMsgWithContext(once)
		cancel()
		if err != nil {
			return n, err
		}
		switch status := m.Header.Get("Status"); status {
		case "":
		case "204", "404": // the end of the batch; nothing there
			return n, nil
		default:
			return n, fmt.Errorf("%w: %s %s", ErrUnavailable, status, m.Header.Get("Description"))
		}
		c, err := changeOf(m)
		if err != nil {
			return n, err
		}
		c.whole = true
		if c.entry.Rev > f.applied.Load() {
			f.take(c)
			n++
		}
	}
}

func changeOf(m *nats.Msg) (change, error) {
	subject, seq, at, err := place(m.Header)
	if err != nil {
		return change{}, err
	}
	return change{subject: subject, entry: entryOf(m.Header, m.Data, seq, at)}, nil
}

// head asks for the last revision. The moment is that before the question: whatever was acknowledged by then is counted.
// With several replicas it is asked by a write, because the leader that answers may have been replaced without knowing.
func (b *Bucket) head(ctx context.Context) (head, error) {
	h := head{at: time.Now()}
	if b.s.replicas() > 1 { // a guest asks: it may not write everywhere
		m := &nats.Msg{Subject: b.base + beacon, Header: nats.Header{}}
		m.Header.Set(headerID, b.stream+strconv.FormatInt(h.at.UnixNano(), 36))
		seq, err := b.s.publish(ctx, m)
		h.seq = seq
		return h, err
	}
	m, err := b.s.ask(ctx, &nats.Msg{Subject: "$JS.API.STREAM.INFO." + b.stream})
	if err != nil {
		return head{}, err
	}
	var a struct {
		Error *apiError
		State struct {
			Last uint64 `json:"last_seq"`
		}
	}
	if err := json.Unmarshal(m.Data, &a); err != nil {
		return head{}, fmt.Errorf("kv: the server's answer: %w", err)
	}
	if a.Error != nil {
		return head{}, a.Error.err()
	}
	h.seq = a.State.Last
	return h, nil
}
