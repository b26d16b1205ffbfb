package main

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	overloadWindow = 20 * time.Second
	overloadTimes  = 10 // what comes, of what can be done
	overloadBack   = 2 * time.Second
)

// overload finds out how many requests that compute can be answered in a second, and then sends ten times as many at a fixed
// rate, whether or not they are answered. What is answered has to be about as much as before, and not late; soon after, all
// is as it was.
func overload(ctx context.Context, b *bench) ([]figure, error) {
	s, err := b.startProbe(ctx, "overload", "overload.js", "")
	if err != nil {
		return nil, err
	}
	defer s.close()
	transport := &http.Transport{MaxIdleConnsPerHost: goodInFlight}
	defer transport.CloseIdleConnections()
	if _, err := b.paced(ctx, s, transport, time.Second, 100); err != nil { // warms up
		return nil, err
	}
	peak, err := b.closed(ctx, s, transport, overloadWindow, 16)
	if err != nil {
		return nil, err
	}
	quiet, err := b.paced(ctx, s, transport, overloadWindow, peak/2)
	if err != nil {
		return nil, err
	}
	flood, err := b.paced(ctx, s, transport, overloadWindow, overloadTimes*peak)
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, overloadBack); err != nil {
		return nil, err
	}
	after, err := b.paced(ctx, s, transport, overloadWindow/2, peak/2)
	if err != nil {
		return nil, err
	}
	if err := s.alive(); err != nil {
		return nil, err
	}
	p99 := func(list []float64) float64 { return list[len(list)*99/100] }
	return []figure{
		{Name: "answers a second at most", Value: peak},
		{Name: "good answers a second, under ten times that", Value: float64(len(flood.good)) / overloadWindow.Seconds()},
		{Name: "of the most, under ten times that", Value: 100 * float64(len(flood.good)) / overloadWindow.Seconds() / peak, Unit: "%"},
		{Name: "refused", Value: float64(flood.refused)},
		{Name: "p99 of good answers under ten times that / at half of it", Value: p99(flood.good) / p99(quiet.good), Goal: 2},
		{Name: "p99 at half of it", Value: p99(quiet.good), Unit: "ms"},
		{Name: "p99 of good answers under ten times that", Value: p99(flood.good), Unit: "ms"},
		{Name: "refused 2 s later, at half of it", Value: float64(after.refused)},
		{Name: "p99 2 s later, at half of it", Value: p99(after.good), Unit: "ms"},
	}, nil
}

// answers are what became of requests at a fixed rate.
type answers struct {
	good    []float64 // how long those with 200 took, in ms, in order of size
	refused int
}

// paced sends requests at a rate, whether or not they are answered.
func (b *bench) paced(ctx context.Context, s *server, transport *http.Transport, window time.Duration, rate float64) (a answers, err error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	began := time.Now()
	for sent := 0; time.Since(began) < window; {
		for due := int(rate * time.Since(began).Seconds()); sent < due; sent++ {
			wg.Go(func() {
				asked := time.Now()
				status, failed := get(ctx, transport, s.url("/"))
				took := milliseconds(time.Since(asked))
				mu.Lock()
				defer mu.Unlock()
				switch {
				case failed != nil:
					err = failed
				case status == http.StatusOK:
					a.good = append(a.good, took)
				default:
					a.refused++
				}
			})
		}
		if err := pause(ctx, time.Millisecond); err != nil {
			return a, err
		}
	}
	wg.Wait()
	slices.Sort(a.good)
	return a, err
}

// closed has so many clients, as many as keep the server busy and are not refused, each waiting for its answer, and returns the
// answers a second.
func (b *bench) closed(ctx context.Context, s *server, transport *http.Transport, window time.Duration, clients int) (float64, error) {
	var wg sync.WaitGroup
	counts := make([]int, clients)
	errs := make([]error, clients)
	began := time.Now()
	for i := range clients {
		wg.Go(func() {
			for time.Since(began) < window && errs[i] == nil {
				var status int
				if status, errs[i] = get(ctx, transport, s.url("/")); status == http.StatusOK {
					counts[i]++
				}
			}
		})
	}
	wg.Wait()
	sum := 0
	for i := range clients {
		if errs[i] != nil {
			return 0, errs[i]
		}
		sum += counts[i]
	}
	return float64(sum) / window.Seconds(), nil
}
