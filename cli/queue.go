package cli

import (
	"context"
	"time"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/runtime/binding"
	"github.com/fortunadws/fortuna/runtime/web"
)

// queueTable is [queue.NAME] of fortuna.toml: what handlers send to as env.NAME, and how the queue handler gets it.
type queueTable struct {
	BatchMax    int
	BatchWait   int // milliseconds
	RetriesMax  int
	RetryDelay  int    // seconds
	DeadLetter  string // name of another queue; "" drops
	Concurrency int
	at          value
}

// queue reads a table [queue.NAME].
func (c *config) queue(v value) error {
	name, table, err := v.named("[queue.JOBS]")
	if err != nil {
		return err
	}
	t := queueTable{BatchMax: 10, RetriesMax: 3, Concurrency: 1, at: v}
	err = v.members(table, map[string]func(value) error{
		"batch_max":     func(v value) (err error) { t.BatchMax, err = v.integer(1, kv.SendMax); return },
		"batch_wait_ms": func(v value) (err error) { t.BatchWait, err = v.integer(0, 60_000); return },
		"retries_max":   func(v value) (err error) { t.RetriesMax, err = v.integer(0, 100); return },
		"retry_delay_s": func(v value) (err error) {
			t.RetryDelay, err = v.integer(0, int64(kv.DelayMax/time.Second))
			return
		},
		"dead_letter": func(v value) (err error) { t.DeadLetter, err = v.text(); return },
		"concurrency": func(v value) (err error) { t.Concurrency, err = v.integer(1, 250); return },
	})
	if c.Queues == nil {
		c.Queues = map[string]queueTable{}
	}
	c.Queues[name] = t
	return err
}

// checkQueues says which queue's dead letters have nowhere to go.
func (c *config) checkQueues() error {
	for name, t := range c.Queues {
		if _, ok := c.Queues[t.DeadLetter]; t.DeadLetter != "" && (!ok || t.DeadLetter == name) {
			return t.at.wrong("[queue."+t.DeadLetter+"]", "%s: dead_letter must name another queue of this file, got %q", t.at.key(), t.DeadLetter)
		}
	}
	return nil
}

// queueBindings adds those of the project to its bindings.
func (s *state) queueBindings(p *project, wait time.Duration, bindings map[string]web.Binding) error {
	if err := p.config.checkQueues(); err != nil {
		return err
	}
	for name, t := range p.config.Queues {
		if err := p.free(name, t.at, bindings); err != nil {
			return err
		}
		b := &binding.Queue{Name: name, Wait: wait}
		bindings[name] = b
		if s == nil {
			continue
		}
		var err error
		if b.Queue, err = s.queue(p, name); err != nil {
			return err
		}
	}
	return nil
}

// queue is the one of [queue.NAME].
func (s *store) queue(p *project, name string) (*kv.Queue, error) {
	q, err := s.queues(kv.QueuesConfig{Name: "messages", BytesMax: s.table.storeBytes()})
	if err != nil {
		return nil, err
	}
	return q.Queue(p.name(), name), nil
}

// queues opens those of a name, once.
func (s *store) queues(cfg kv.QueuesConfig) (*kv.Queues, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.open(); err != nil {
		return nil, err
	}
	if q := s.queued[cfg.Name]; q != nil {
		return q, nil
	}
	ctx, cancel := context.WithTimeout(s.within, stateOpens)
	defer cancel()
	q, err := s.values.Queues(ctx, cfg)
	if err != nil {
		return nil, failed("", "%v", err)
	}
	s.queued[cfg.Name] = q
	return q, nil
}
