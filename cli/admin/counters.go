package admin

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/fortunadws/fortuna/edge"
)

// bounds are the upper bounds of the latency histogram's buckets: 2.5 per factor of ten, from what a constant answer takes
// to a handler's deadline.
var bounds = []time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second,
}

// key tells answers apart. What a client chooses is not in it, so that nobody can fill the memory with keys.
type key struct {
	app     string // "" of the only one, or before one was found
	route   string // a declared pattern, "fetch" or ""
	refusal string // from a closed table, or ""
	status  int
}

// cell counts the answers of one key on one event loop. The loop adds, scrapes read.
type cell struct {
	key     key
	sum     atomic.Uint64   // nanoseconds
	buckets []atomic.Uint64 // one for each of bounds, and one for the rest
	next    *cell           // never changes once others see the cell
}

// shard is the cells of one event loop: a map that only the loop touches, and a list that anybody may read.
type shard struct {
	cells map[key]*cell
	first atomic.Pointer[cell]
}

// Counters count answers, without a lock or an allocation on an event loop.
type Counters struct {
	shards []shard

	mu   sync.Mutex
	rest shard // of goroutines that are no event loop
}

// NewCounters counts for so many event loops.
func NewCounters(loops int) *Counters {
	c := &Counters{shards: make([]shard, loops)}
	for i := range c.shards {
		c.shards[i].cells = map[key]*cell{}
	}
	c.rest.cells = map[key]*cell{}
	return c
}

// Observe counts one answer. It runs where edge.Config.Access does.
func (c *Counters) Observe(r *edge.Record) {
	if r.Loop >= 0 && r.Loop < len(c.shards) {
		c.shards[r.Loop].observe(r)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rest.observe(r)
}

func (s *shard) observe(r *edge.Record) {
	k := key{app: r.Request.App, route: r.Request.Route, refusal: r.Refusal, status: r.Status}
	one := s.cells[k]
	if one == nil {
		one = &cell{key: k, buckets: make([]atomic.Uint64, len(bounds)+1), next: s.first.Load()}
		s.cells[k] = one
		s.first.Store(one)
	}
	i := 0
	for i < len(bounds) && r.Duration > bounds[i] {
		i++
	}
	one.buckets[i].Add(1)
	one.sum.Add(uint64(r.Duration))
}

// each calls f for every cell; of one key there may be several.
func (c *Counters) each(f func(*cell)) {
	for i := range c.shards {
		c.shards[i].each(f)
	}
	c.rest.each(f)
}

func (s *shard) each(f func(*cell)) {
	for one := s.first.Load(); one != nil; one = one.next {
		f(one)
	}
}
