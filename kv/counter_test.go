package kv_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/kv"
)

func TestCounters(t *testing.T) {
	for name, sources := range map[string][]kv.Source{"solo": solo(t), "cluster": three(t)} {
		t.Run(name, func(t *testing.T) {
			var all []*kv.Counters
			for i := range 3 {
				s, err := kv.Open(sources[i%len(sources)], t.Name())
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(s.Close)
				c, err := s.Counters(within(t), "test", time.Minute)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, c)
			}
			seen := make(chan int64, 300)
			var wait sync.WaitGroup
			for i, c := range all {
				for range 4 {
					wait.Add(1)
					go func() {
						defer wait.Done()
						for range 25 {
							n, err := c.Add(within(t), 1, "app", "a.b*c")
							if err != nil {
								t.Error(i, err)
							}
							seen <- n
						}
					}()
				}
			}
			wait.Wait()
			close(seen)
			once := map[int64]bool{}
			for n := range seen {
				if once[n] || n < 1 || n > 300 {
					t.Errorf("%d was counted twice, or never", n)
				}
				once[n] = true
			}
			if n, err := all[0].Add(within(t), -5, "app", "a.b*c"); n != 295 || err != nil {
				t.Error(n, err)
			}
			if n, err := all[0].Add(within(t), 1, "app", "other"); n != 1 || err != nil {
				t.Error(n, err)
			}
			if _, err := all[0].Add(within(t), 1, "app", ""); err == nil {
				t.Error("an empty key")
			}
			if got := fmt.Sprint(len(once)); got != "300" {
				t.Error(got)
			}
		})
	}
}
