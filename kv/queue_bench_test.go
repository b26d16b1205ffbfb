package kv_test

import (
	"testing"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/embedded"
)

// BenchmarkQueue is a message of 100 bytes sent, received in batches of ten and done with, kept in files.
func BenchmarkQueue(b *testing.B) {
	server, err := embedded.Solo(embedded.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	store, err := kv.Open(server, "bench")
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	queues, err := store.Queues(b.Context(), kv.QueuesConfig{Name: "q"})
	if err != nil {
		b.Fatal(err)
	}
	q := queues.Queue("bench", "q")
	c, err := q.Consumer(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	body := make([]byte, 100)
	b.ResetTimer()
	go func() {
		for range b.N {
			if err := q.Send(b.Context(), kv.Message{Body: body}); err != nil {
				b.Error(err)
				return
			}
		}
	}()
	for n := 0; n < b.N; {
		batch, err := c.Take(b.Context(), 10, 0)
		if err != nil {
			b.Fatal(err)
		}
		for _, d := range batch {
			if err := d.Done(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		n += len(batch)
	}
}
