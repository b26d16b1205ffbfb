package kv

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// Queues keep messages until one consumer of each queue is done with them.
type Queues struct {
	s    *Store
	cfg  QueuesConfig
	base string // what subjects begin with

	mu     sync.Mutex
	looked time.Time // when the server was asked how much there is
	bytes  int64     // what it said, and what was sent since
}

// QueuesConfig is of queues that are kept together.
type QueuesConfig struct {
	Name     string        // letters, digits, "_" and "-"
	BytesMax int64         // of all messages, about; 0: no bound of its own
	Remember time.Duration // a message with an id that another had is dropped for so long; 0: 30 s
	Kept     time.Duration // a message that nobody takes is dropped after it; 0: never
}

// Sizes of a message and of what is sent at once.
const (
	MessageBytesMax = ValueBytesMax
	SendMax         = 100
	DelayMax        = 30 * 24 * time.Hour
)

// delivery is how long a consumer may be silent about a message before another one gets it.
const delivery = 15 * time.Second

// Working is how often a consumer says that it is not dead.
const Working = delivery / 3

// unsettledMax is how many messages of a queue may be with consumers, or wait to be tried again, at once.
const unsettledMax = 10_000

// Queues opens those of a name, making them if they do not exist.
func (s *Store) Queues(ctx context.Context, cfg QueuesConfig) (*Queues, error) {
	if !bucketName.MatchString(cfg.Name) {
		return nil, fmt.Errorf("open queues %q: a name is 1 to 64 letters, digits, \"_\" and \"-\"", cfg.Name)
	}
	if cfg.Remember == 0 {
		cfg.Remember = duplicates
	}
	q := &Queues{s: s, cfg: cfg, base: "fortuna.queue." + cfg.Name + "."}
	want := jetstream.StreamConfig{
		Name: q.stream(), Subjects: []string{q.base + ">"}, Retention: jetstream.WorkQueuePolicy,
		MaxMsgSize: MessageBytesMax + headerBytesMax, MaxBytes: -1, MaxAge: cfg.Kept,
		// A stream that schedules cannot refuse what is new, and one that is full would drop what is old: Send keeps the bound.
		Discard: jetstream.DiscardOld, AllowMsgSchedules: true, AllowRollup: true,
		Storage: s.storage, Replicas: s.replicas(), Duplicates: cfg.Remember, AllowAtomicPublish: true, AllowDirect: true,
	}
	if err := s.stream(ctx, want); err != nil {
		return nil, fmt.Errorf("open queues %q: %w", cfg.Name, err)
	}
	return q, nil
}

func (q *Queues) stream() string { return "QUEUE_" + q.cfg.Name }

// room refuses n more bytes when there are too many. The server is asked once a second.
func (q *Queues) room(ctx context.Context, n int) error {
	if full := q.s.full; full != nil && full(n+headerBytesMax) {
		return fmt.Errorf("%w: the disk has no room", ErrFull)
	}
	if q.cfg.BytesMax <= 0 {
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if time.Since(q.looked) > time.Second {
		once, cancel := context.WithTimeout(ctx, attempt)
		stream, err := q.s.js.Stream(once, q.stream())
		cancel()
		if err != nil {
			return refusalOf(err)
		}
		q.looked, q.bytes = time.Now(), int64(stream.CachedInfo().State.Bytes)
	}
	if q.bytes += int64(n); q.bytes > q.cfg.BytesMax {
		return fmt.Errorf("%w: %d bytes wait in queues already, of at most %d", ErrFull, q.bytes-int64(n), q.cfg.BytesMax)
	}
	return nil
}

// Queue is one of Queues. Its methods may be called from any goroutine.
type Queue struct {
	of   *Queues
	name string // a token for each of its names
}

// Queue is the one with the names of its owner and its own.
func (q *Queues) Queue(names ...string) *Queue {
	name := ""
	for i, n := range names {
		if i > 0 {
			name += "."
		}
		name += escapeField(n)
	}
	return &Queue{q, name}
}

// Message is what is sent.
type Message struct {
	ID    string // at most one message with it is taken while it is remembered; "" for none
	Body  []byte
	Meta  string        // one line of text
	Delay time.Duration // before it can be received
}

// Header fields of a queue's messages.
const headerSent = "Fortuna-Sent" // Unix milliseconds

// Send keeps messages, all or none; of several, none may have an ID. The error is ErrTooLarge, ErrFull, or ErrUnavailable when
// nobody knows whether they were taken.
func (q *Queue) Send(ctx context.Context, messages ...Message) error {
	var out []*nats.Msg
	total := 0
	for i := range messages {
		m := &messages[i]
		switch {
		case len(m.Body) > MessageBytesMax:
			return fmt.Errorf("%w: the message has %d bytes, at most %d are allowed", ErrTooLarge, len(m.Body), MessageBytesMax)
		case m.Delay < 0 || m.Delay > DelayMax:
			return fmt.Errorf("kv: a message can be delayed for up to %v, got %v", DelayMax, m.Delay)
		}
		total += len(m.Body)
		out = append(out, q.message(m))
	}
	if len(out) == 0 {
		return nil
	}
	if len(out) > SendMax {
		return fmt.Errorf("%w: %d messages at once, at most %d are allowed", ErrTooLarge, len(out), SendMax)
	}
	if err := q.of.room(ctx, total); err != nil {
		return err
	}
	if len(out) > 1 {
		_, err := q.of.s.batch(ctx, out)
		return err
	}
	id := messages[0].ID
	if id == "" {
		id = nuid.Next()
	}
	out[0].Header.Set(headerID, q.name+" "+id)
	_, err := q.of.s.publish(ctx, out[0])
	return err
}

// message is m as the server takes it: one that is delayed is a schedule of it (ADR-51).
func (q *Queue) message(m *Message) *nats.Msg {
	now := time.Now()
	out := &nats.Msg{Subject: q.of.base + "now." + q.name, Header: nats.Header{}, Data: m.Body}
	out.Header.Set(headerSent, strconv.FormatInt(now.UnixMilli(), 10))
	if m.Meta != "" {
		out.Header.Set(headerMeta, m.Meta)
	}
	if m.Delay > 0 {
		out.Header.Set("Nats-Schedule", "@at "+now.Add(m.Delay).UTC().Format(time.RFC3339Nano))
		out.Header.Set("Nats-Schedule-Target", out.Subject)
		out.Subject = q.of.base + "at." + q.name + "." + nuid.Next()
	}
	return out
}

// Consumer takes messages from a queue. All consumers of a queue, on all nodes, share what is in it.
type Consumer struct {
	q *Queue
	c jetstream.Consumer
}

// Consumer begins to take part.
func (q *Queue) Consumer(ctx context.Context) (*Consumer, error) {
	want := jetstream.ConsumerConfig{
		Durable: durable(q.name), FilterSubject: q.of.base + "now." + q.name, AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: delivery, MaxDeliver: -1, MaxAckPending: unsettledMax,
		InactiveThreshold: q.of.cfg.Kept, // of a queue whose messages are dropped anyway nobody need remember who took which
	}
	for {
		once, cancel := context.WithTimeout(ctx, attempt)
		c, err := q.of.s.js.CreateOrUpdateConsumer(once, q.of.stream(), want)
		cancel()
		if err == nil {
			return &Consumer{q, c}, nil
		}
		if refusal := apiErrorOf(err); refusal != nil && !refusal.again() {
			return nil, refusal.err()
		}
		if err := pause(ctx, err); err != nil {
			return nil, err
		}
	}
}

// durable is a consumer's name for that of a queue: one token, which is part of a file's name on the server.
func durable(name string) string {
	if len(name) > 100 {
		sum := sha256.Sum256([]byte(name))
		return "sha256+" + fmt.Sprintf("%x", sum[:16])
	}
	b := []byte(name)
	for i, c := range b {
		if c == '.' {
			b[i] = '+' // which no escaped name has
		}
	}
	return string(b)
}

// takeFor is how long the server holds one request for messages, so that who ends waits no longer for the answer.
const takeFor = 250 * time.Millisecond

// Take waits for messages and gives up to most of them: what is there, and what comes within more after the first. Soon after
// ctx has ended it gives none, and no error; or some, if they have just come.
func (c *Consumer) Take(ctx context.Context, most int, more time.Duration) ([]*Delivery, error) {
	var taken []*Delivery
	for len(taken) == 0 {
		err := c.fetch(&taken, 1, takeFor)
		switch {
		case len(taken) > 0:
		case ctx.Err() != nil:
			return nil, nil
		case err != nil:
			return nil, err
		}
	}
	begun := time.Now()
	for len(taken) < most {
		left := more - time.Since(begun)
		if err := c.fetch(&taken, most-len(taken), left); err != nil || left <= 0 || ctx.Err() != nil {
			break // what there is will do
		}
	}
	return taken, nil
}

// fetch asks once for n messages: for those that are there, or come within wait.
func (c *Consumer) fetch(taken *[]*Delivery, n int, wait time.Duration) error {
	var batch jetstream.MessageBatch
	var err error
	if wait > 0 {
		// Not until ctx ends: what is on its way then would be lost until the server takes its consumer for dead.
		batch, err = c.c.Fetch(n, jetstream.FetchMaxWait(wait))
	} else {
		batch, err = c.c.FetchNoWait(n)
	}
	if err != nil {
		return refusalOf(err)
	}
	for m := range batch.Messages() {
		if d := c.delivered(m); d != nil {
			*taken = append(*taken, d)
		}
	}
	if err := batch.Error(); err != nil {
		return refusalOf(err)
	}
	return nil
}

// Delivery is a message that a consumer has until it says Done or Again, or is silent for too long.
type Delivery struct {
	ID       string // tells it from every other message of its queue
	Body     []byte
	Meta     string
	Sent     time.Time
	Attempts int // this one included
	m        jetstream.Msg
}

// delivered is the delivery of m; nil for what no Queue has sent, which is dropped.
func (c *Consumer) delivered(m jetstream.Msg) *Delivery {
	about, err := m.Metadata()
	if err != nil {
		return nil
	}
	ms, err := strconv.ParseInt(m.Headers().Get(headerSent), 10, 64)
	if err != nil {
		_ = m.Term() // if that is lost it comes again
		return nil
	}
	return &Delivery{
		ID: strconv.FormatUint(about.Sequence.Stream, 36), Body: m.Data(), Meta: m.Headers().Get(headerMeta),
		Sent: time.UnixMilli(ms), Attempts: int(about.NumDelivered), m: m,
	}
}

// Done says that it need not come again. When that is lost, it does.
func (d *Delivery) Done(ctx context.Context) error { return d.m.DoubleAck(ctx) }

// Again says that it is to come again, not before a delay.
func (d *Delivery) Again(delay time.Duration) error {
	if delay <= 0 {
		return d.m.Nak()
	}
	return d.m.NakWithDelay(delay)
}

// Working says that it is still being worked on: to be said every Working.
func (d *Delivery) Working() error { return d.m.InProgress() }
