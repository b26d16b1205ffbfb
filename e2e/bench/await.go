package main

import (
	"context"
	"slices"
)

// await loads a handler that waits for a timer of 2 ms. The server may use every core.
func await(ctx context.Context, b *bench) ([]figure, error) {
	s, err := b.startProbe(ctx, "await2ms", "await.js", "")
	if err != nil {
		return nil, err
	}
	defer s.close()
	w := workloads[slices.Index(workloadNames(), "await2ms")]
	if err := s.check(ctx, w); err != nil {
		return nil, err
	}
	script, err := b.script(w, 0)
	if err != nil {
		return nil, err
	}
	var p50, p99, rate []float64
	for range b.rounds {
		l, err := b.press(ctx, s.url(w.path), script, b.connections)
		if err != nil {
			return nil, err
		}
		p50, p99, rate = append(p50, milliseconds(l.p50)), append(p99, milliseconds(l.p99)), append(rate, l.perSec)
	}
	return []figure{
		figure{Name: "p99", Unit: "ms"}.over(p99),
		figure{Name: "p50", Unit: "ms"}.over(p50),
		figure{Name: "requests/s"}.over(rate),
	}, nil
}
