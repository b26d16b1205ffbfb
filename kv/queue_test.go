package kv_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/kv"
)

func queues(t *testing.T, src kv.Source, cfg kv.QueuesConfig) *kv.Queues {
	t.Helper()
	store, err := kv.Open(src, t.Name())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	q, err := store.Queues(within(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func consumer(t *testing.T, q *kv.Queue) *kv.Consumer {
	t.Helper()
	c, err := q.Consumer(within(t))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// take waits for exactly these bodies, in any order, and is done with them.
func take(t *testing.T, c *kv.Consumer, want ...string) (last *kv.Delivery) {
	t.Helper()
	missing := map[string]bool{}
	for _, w := range want {
		missing[w] = true
	}
	ctx := within(t)
	for len(missing) > 0 {
		got, err := c.Take(ctx, len(missing), 0)
		if errors.Is(err, kv.ErrUnavailable) && ctx.Err() == nil { // a cluster has yet to choose who leads a new consumer
			time.Sleep(20 * time.Millisecond)
			continue
		}
		if err != nil || len(got) == 0 {
			t.Fatalf("%v, and still wait for %v", err, missing)
		}
		for _, d := range got {
			if !missing[string(d.Body)] {
				t.Fatalf("got %q, wait for %v", d.Body, missing)
			}
			delete(missing, string(d.Body))
			if err := d.Done(within(t)); err != nil {
				t.Fatal(err)
			}
			last = d
		}
	}
	return last
}

func TestQueue(t *testing.T) {
	for name, servers := range map[string]func(*testing.T) []kv.Source{"solo": solo, "three": three} {
		t.Run(name, func(t *testing.T) {
			nodes := servers(t)
			q := queues(t, nodes[0], kv.QueuesConfig{Name: "q"})
			other := queues(t, nodes[len(nodes)-1], kv.QueuesConfig{Name: "q"})
			jobs, mails := q.Queue("shop", "jobs"), q.Queue("shop", "jobs.mails") // the dot is no separator
			begun := time.Now()
			if err := jobs.Send(within(t), kv.Message{Body: []byte("late"), Meta: "text", Delay: 1500 * time.Millisecond}); err != nil {
				t.Fatal(err)
			}
			if err := jobs.Send(within(t), kv.Message{Body: []byte("a")}, kv.Message{Body: []byte("b")}, kv.Message{Body: []byte("c")}); err != nil {
				t.Fatal(err)
			}
			if err := mails.Send(within(t), kv.Message{Body: []byte("mail")}); err != nil {
				t.Fatal(err)
			}
			for range 3 { // an id counts once
				if err := jobs.Send(within(t), kv.Message{Body: []byte("once"), ID: "1"}); err != nil {
					t.Fatal(err)
				}
			}
			c := consumer(t, other.Queue("shop", "jobs"))
			take(t, c, "a", "b", "c", "once")
			late := take(t, c, "late")
			if waited := time.Since(begun); waited < 1400*time.Millisecond || late.Meta != "text" || late.Sent.Before(begun.Add(-time.Second)) || late.Attempts != 1 {
				t.Errorf("the delayed message came after %v: %+v", waited, late)
			}
			take(t, consumer(t, mails), "mail")
		})
	}
}

// What one consumer gives back another gets, and knows how often it was tried.
func TestDelivery_again(t *testing.T) {
	q := queues(t, solo(t)[0], kv.QueuesConfig{Name: "q"}).Queue("shop", "jobs")
	if err := q.Send(within(t), kv.Message{Body: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	one, two := consumer(t, q), consumer(t, q)
	id := ""
	for i, c := range []*kv.Consumer{one, two, one} {
		got, err := c.Take(within(t), 10, 0)
		if err != nil || len(got) != 1 || got[0].Attempts != i+1 || id != "" && got[0].ID != id {
			t.Fatalf("try %d: %+v, %v", i, got, err)
		}
		id = got[0].ID
		if err := got[0].Again(time.Duration(i) * 100 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	if d := take(t, two, "x"); d.Attempts != 4 {
		t.Errorf("%d attempts", d.Attempts)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if got, err := one.Take(ctx, 1, 0); len(got) != 0 || err != nil {
		t.Errorf("what is done comes again: %v %v", got, err)
	}
}

// Many consumers share many messages: each is done once.
func TestConsumer_share(t *testing.T) {
	q := queues(t, solo(t)[0], kv.QueuesConfig{Name: "q"}).Queue("shop", "jobs")
	const n = 500
	ctx, enough := context.WithCancel(within(t))
	defer enough()
	var mu sync.Mutex
	seen := map[string]int{}
	var wait sync.WaitGroup
	for range 4 {
		c := consumer(t, q)
		wait.Go(func() {
			for {
				got, err := c.Take(ctx, 7, 5*time.Millisecond)
				if err != nil {
					t.Error(err)
				}
				if len(got) == 0 {
					return
				}
				for _, d := range got {
					if err := d.Done(ctx); err != nil && ctx.Err() == nil {
						t.Error(err)
					}
					mu.Lock()
					if seen[string(d.Body)]++; len(seen) == n {
						enough()
					}
					mu.Unlock()
				}
			}
		})
	}
	for i := range n {
		if err := q.Send(within(t), kv.Message{Body: fmt.Append(nil, i)}); err != nil {
			t.Fatal(err)
		}
	}
	wait.Wait()
	if len(seen) != n {
		t.Errorf("%d of %d messages were seen", len(seen), n)
	}
	for m, times := range seen {
		if times != 1 {
			t.Errorf("%s: %d times", m, times)
		}
	}
}

func TestQueue_refuses(t *testing.T) {
	q := queues(t, solo(t)[0], kv.QueuesConfig{Name: "q", BytesMax: 100_000}).Queue("shop", "jobs")
	big := kv.Message{Body: []byte(strings.Repeat("x", 60_000))}
	if err := q.Send(within(t), big); err != nil {
		t.Fatal(err)
	}
	if err := q.Send(within(t), big); !errors.Is(err, kv.ErrFull) {
		t.Errorf("too much: %v", err)
	}
	if err := q.Send(within(t), kv.Message{Body: make([]byte, kv.MessageBytesMax+1)}); !errors.Is(err, kv.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	if err := q.Send(within(t), make([]kv.Message, kv.SendMax+1)...); !errors.Is(err, kv.ErrTooLarge) {
		t.Errorf("too many: %v", err)
	}
	if err := q.Send(within(t), kv.Message{Delay: -1}); err == nil {
		t.Error("a delay into the past")
	}
}
