package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// isolationLoads are what the other route has to bear: a light load, one that keeps a core half busy, and all it can
// do. On a machine of two cores the endless loop takes one, and the load needs its own: the middle one shows that too.
var isolationLoads = []struct {
	name        string
	connections int
	pause       time.Duration // between the requests of a connection
}{
	{"light", 4, 5 * time.Millisecond},
	{"paced", 16, 5 * time.Millisecond},
	{"saturated", 64, 0},
}

// isolation loads one route in windows that alternate between a quiet server and one whose other route never returns.
// The server may use every core, as it does by default. The app makes nothing as it loads: the VM whose turn was stopped is
// replaced, and the loading of the next one is not what is measured here.
func isolation(ctx context.Context, b *bench) ([]figure, error) {
	s, err := b.startProbe(ctx, "isolation", "isolation.js", "")
	if err != nil {
		return nil, err
	}
	defer s.close()
	if err := s.check(ctx, &workload{name: "isolation", path: "/", want: "ok", media: "text/plain"}); err != nil {
		return nil, err
	}
	var figures []figure
	stopped := 0
	for _, l := range isolationLoads {
		w := &workload{name: "isolation-" + l.name, path: "/"}
		script, err := b.script(w, l.pause)
		if err != nil {
			return nil, err
		}
		if _, err := b.press(ctx, s.url("/"), script, l.connections); err != nil { // warms up
			return nil, err
		}
		var quiet, beside, ratios []float64
		for round := range b.rounds {
			alone, err := b.press(ctx, s.url("/"), script, l.connections)
			if err != nil {
				return nil, err
			}
			n, spun, err := b.pressBesideSpin(ctx, s, script, l.connections)
			if err != nil {
				return nil, err
			}
			stopped += n
			quiet = append(quiet, milliseconds(alone.p99))
			beside = append(beside, milliseconds(spun.p99))
			ratios = append(ratios, float64(spun.p99)/float64(alone.p99))
			b.say("isolation %s %d/%d p99 %v quiet, %v beside %d stopped loops", l.name, round+1, b.rounds, alone.p99, spun.p99, n)
		}
		figures = append(figures,
			figure{Name: l.name + ": p99 beside the loop / quiet", Goal: 1.5}.over(ratios),
			figure{Name: l.name + ": p99 quiet", Unit: "ms"}.over(quiet),
			figure{Name: l.name + ": p99 beside the loop", Unit: "ms"}.over(beside))
	}
	if err := s.alive(); err != nil {
		return nil, err
	}
	return append(figures, figure{Name: "loops stopped, by one process", Value: float64(stopped)}), nil
}

// pressBesideSpin loads the good route while one client asks for the endless one without pause, and counts how often
// that was stopped.
func (b *bench) pressBesideSpin(ctx context.Context, s *server, script string, connections int) (stopped int, l load, err error) {
	spinCtx, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	var spinErr error
	wg.Go(func() {
		transport := &http.Transport{}
		defer transport.CloseIdleConnections()
		for spinCtx.Err() == nil {
			status, err := get(spinCtx, transport, s.url("/spin"))
			switch {
			case spinCtx.Err() != nil:
			case err != nil:
				spinErr = err
				return
			case status == http.StatusOK:
				spinErr = fmt.Errorf("an endless loop was answered with 200")
				return
			default:
				stopped++
			}
		}
	})
	l, err = b.press(ctx, s.url("/"), script, connections)
	stop()
	wg.Wait()
	if err == nil {
		err = spinErr
	}
	if err == nil && stopped == 0 {
		err = fmt.Errorf("no endless loop was stopped within %v", b.window)
	}
	return stopped, l, err
}

// get asks for url and reads the answer to its end.
func get(ctx context.Context, transport *http.Transport, url string) (status int, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, err
}
