package cli

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/runtime"
	"github.com/fortunadws/fortuna/runtime/binding"
	"github.com/fortunadws/fortuna/runtime/web"
)

// crew is what takes jobs out of the store and has an app do them: the consumers of its queues, the tickers of its crons.
type crew []interface{ Work(ctx context.Context) }

// shift is a crew at work.
type shift struct {
	end  context.CancelFunc
	done chan struct{}
}

// crew gathers what the handlers that an app exports are for. code calls them.
func (s *state) crew(p *project, handlers []string, code *runtime.Runtime) (crew, error) {
	var all crew
	if slices.Contains(handlers, "queue") {
		for name, t := range p.config.Queues {
			q, err := s.queue(p, name)
			if err != nil {
				return nil, err
			}
			c := &binding.Consumer{
				Queue: q, Name: name, BatchMax: t.BatchMax, BatchWait: time.Duration(t.BatchWait) * time.Millisecond,
				RetriesMax: t.RetriesMax, RetryDelay: time.Duration(t.RetryDelay) * time.Second, Concurrency: t.Concurrency, Log: s.log,
				Run: func(event web.Binding) bool {
					return code.Run(runtime.Job{Handler: "queue", Name: name, Event: event}) == nil
				},
			}
			if t.DeadLetter != "" {
				if c.Dead, err = s.queue(p, t.DeadLetter); err != nil {
					return nil, err
				}
			}
			all = append(all, c)
		}
	}
	if slices.Contains(handlers, "scheduled") {
		for _, cron := range p.config.Crons {
			q, err := s.queues(kv.QueuesConfig{Name: "ticks", Remember: binding.TickKept, Kept: binding.TickKept})
			if err != nil {
				return nil, err
			}
			all = append(all, &binding.Ticker{
				Queue: q.Queue(p.name(), cron.Text), Cron: cron, Log: s.log,
				Run: func(event web.Binding) {
					_ = code.Run(runtime.Job{Handler: "scheduled", Name: cron.Text, Event: event}) // it has been reported
				},
			})
		}
	}
	return all, nil
}

// employ has a crew begin its work in the place of the former one, which finishes what it has begun.
func (s *state) employ(all crew) {
	ctx, cancel := context.WithCancel(context.Background())
	next := &shift{cancel, make(chan struct{})}
	var wait sync.WaitGroup
	for _, w := range all {
		wait.Go(func() { w.Work(ctx) })
	}
	go func() {
		wait.Wait()
		close(next.done)
	}()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shift != nil {
		s.shift.end()
	}
	s.shift = next
}

// rest lets the crew finish what it has begun: it takes nothing more.
func (s *state) rest() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shift != nil {
		s.shift.end()
	}
}

// shiftEnds is how long a crew may take to tell the store what it has done, when the app has ended.
const shiftEnds = time.Second

// dismiss waits for the crew to be done. What it does not finish comes again, here or elsewhere.
func (s *state) dismiss() {
	s.rest()
	s.mu.Lock()
	last := s.shift
	s.shift = nil
	s.mu.Unlock()
	if last == nil {
		return
	}
	select {
	case <-last.done:
	case <-time.After(shiftEnds):
	}
}

// idle warns of handlers that nothing calls, and of what no handler is there for.
func (p *project) idle(handlers []string) (warnings []string) {
	queue, scheduled := slices.Contains(handlers, "queue"), slices.Contains(handlers, "scheduled")
	c := p.config
	switch {
	case queue && len(c.Queues) == 0:
		warnings = append(warnings, "queue is exported, and "+configFile+" has no table like [queue.JOBS]: nothing calls it")
	case !queue && len(c.Queues) > 0:
		warnings = append(warnings, "the app exports no queue handler: what is sent to its queues waits there")
	}
	switch {
	case scheduled && len(c.Crons) == 0:
		warnings = append(warnings, "scheduled is exported, and "+configFile+" has no triggers.crons: nothing calls it")
	case !scheduled && len(c.Crons) > 0:
		warnings = append(warnings, "triggers.crons is set, and the app exports no scheduled handler")
	}
	return warnings
}
