package binding

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/runtime/web"
)

// Consumer gives the messages of a queue to the queue handler, in batches. Those that the handler does not want yet, or fails
// with, come again; after too many times they go to another queue, or nowhere.
type Consumer struct {
	Queue       *kv.Queue
	Name        string        // of the queue, as the handler knows it
	BatchMax    int           // messages of a batch
	BatchWait   time.Duration // for more, when there is one
	RetriesMax  int           // times that a message comes again
	RetryDelay  time.Duration // before it does
	Dead        *kv.Queue     // gets what came too often; nil drops it
	Concurrency int           // batches at once, on this node
	// Run calls the handler and reports whether it ended well.
	Run func(event web.Binding) bool
	Log *slog.Logger
}

// consumeAgain is the pause after the store has not answered.
const consumeAgain = time.Second

// Work consumes until ctx ends, and what it has begun is settled.
func (c *Consumer) Work(ctx context.Context) {
	var wait sync.WaitGroup
	for range c.Concurrency {
		wait.Go(func() { receive(ctx, c.Queue, c.BatchMax, c.BatchWait, c.Log.With("queue", c.Name), c.deliver) })
	}
	wait.Wait()
}

// receive takes batches from a queue, one after the other, and gives them to deliver, until ctx ends. While the store is away,
// which is logged once, it tries again.
func receive(ctx context.Context, q *kv.Queue, most int, more time.Duration, log *slog.Logger, deliver func(batch []*kv.Delivery)) {
	var from *kv.Consumer
	away := false
	for ctx.Err() == nil {
		var batch []*kv.Delivery
		var err error
		if from == nil {
			from, err = q.Consumer(ctx)
		}
		if err == nil {
			batch, err = from.Take(ctx, most, more)
		}
		switch {
		case ctx.Err() != nil: // what has just come is another's
			for _, d := range batch {
				_ = d.Again(0)
			}
		case err != nil:
			from = nil // it may have to be made again
			if !away {
				log.Warn("messages cannot be taken from the store", "err", err)
			}
			away = true
			select {
			case <-time.After(consumeAgain):
			case <-ctx.Done():
			}
		default:
			away = false
			deliver(batch)
		}
	}
}

// deliver has a batch handled, and settles it.
func (c *Consumer) deliver(batch []*kv.Delivery) {
	b := &Batch{queue: c.Name}
	for _, d := range batch {
		if d.Attempts > c.RetriesMax+1 { // who had it did not live to say so
			c.settle(d, verdict{again: true})
			continue
		}
		b.messages = append(b.messages, &delivered{Delivery: d, batch: b})
	}
	if len(b.messages) == 0 {
		return
	}
	stop := working(b.messages)
	ok := c.Run(b)
	stop()
	for _, m := range b.messages {
		c.settle(m.Delivery, b.of(m, !ok))
	}
}

// working tells the store that the messages are in good hands, until the function that it returns is called.
func working(messages []*delivered) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(kv.Working)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				for _, m := range messages {
					_ = m.Working() // else another consumer gets it too
				}
			case <-done:
				return
			}
		}
	}()
	return func() { close(done); <-ended }
}

// settleWait is how long the store is asked to take note of a message's end.
const settleWait = 10 * time.Second

// settle says what becomes of a message. When the store does not take note, the message comes again.
func (c *Consumer) settle(d *kv.Delivery, v verdict) {
	ctx, cancel := context.WithTimeout(context.Background(), settleWait)
	defer cancel()
	var err error
	switch {
	case v.again && d.Attempts <= c.RetriesMax:
		if v.delay < 0 {
			v.delay = c.RetryDelay
		}
		err = d.Again(v.delay)
	case v.again && c.Dead != nil:
		if err = c.Dead.Send(ctx, kv.Message{ID: "dead " + c.Name + " " + d.ID, Body: d.Body, Meta: d.Meta}); err == nil {
			err = d.Done(ctx)
		}
	case v.again:
		c.Log.Error("queue", "queue", c.Name, "message", d.ID, "err", "dropped: it was tried too often, and the queue has no dead_letter", "attempts", d.Attempts)
		err = d.Done(ctx)
	default:
		err = d.Done(ctx)
	}
	if err != nil {
		c.Log.Warn("queue", "queue", c.Name, "message", d.ID, "err", err)
	}
}
