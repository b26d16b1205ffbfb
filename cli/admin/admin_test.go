package admin

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge"
	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/upstream"
	"github.com/fortunadws/fortuna/runtime"
)

// start listens on a free port and returns a function that asks.
func start(t *testing.T, source Source) (get func(path string) (status int, body string)) {
	t.Helper()
	none := func() error { return nil }
	source.App = "app"
	if source.Counters == nil {
		source.Counters = NewCounters(1)
	}
	if source.Ready == nil {
		source.Ready = none
	}
	if source.Healthy == nil {
		source.Healthy = func(context.Context) error { return nil }
	}
	source.Nodes = func() []upstream.Stats { return []upstream.Stats{{Name: "n2", Requests: 7, Ejected: true}} }
	source.Edge = func() edge.Stats { return edge.Stats{Open: 5, Carried: 2, Refused: 9} }
	source.Apps = func() []App {
		return []App{{Name: "app", Failures: map[string]uint64{"deadline": 3}, Runtime: runtime.Stats{Warm: 4, Busy: 1, StoppedMemory: 6}}}
	}
	s, err := Listen(Config{Addr: "127.0.0.1:0", Source: source})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return func(path string) (int, string) {
		answer, err := http.Get("http://" + s.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(body)
	}
}

func TestServer(t *testing.T) {
	get := start(t, Source{
		Healthy: func(context.Context) error { return errors.New("a loop hangs") },
		Ready:   func() error { return errors.New("draining") },
	})
	for path, want := range map[string]string{"/healthz": "a loop hangs\n", "/readyz": "draining\n"} {
		if status, body := get(path); status != 503 || body != want {
			t.Errorf("%s: %d %q, want 503 %q", path, status, body, want)
		}
	}
	if status, _ := get("/debug/pprof/"); status != 404 {
		t.Errorf("profiles are shown though nobody asked: %d", status)
	}
	_, body := get("/metrics")
	for _, want := range []string{
		`fortuna_connections{state="loop"} 3`, `fortuna_connections{state="carried"} 2`, `fortuna_connections_refused_total 9`,
		`fortuna_vms{app="app",state="warm"} 4`, `fortuna_turns_stopped_total{app="app",limit="turn_bytes"} 6`,
		`fortuna_failures_total{app="app",code="deadline"} 3`, `fortuna_upstream_requests_total{node="n2"} 7`, `fortuna_upstream_ejected{node="n2"} 1`,
	} {
		if !strings.Contains(body, want+"\n") {
			t.Errorf("there is no %s", want)
		}
	}
}

func TestReady(t *testing.T) {
	wrong := errors.New("draining")
	s, err := Listen(Config{Addr: "127.0.0.1:0", Source: Source{Counters: NewCounters(1), Ready: func() error { return wrong }}})
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + s.Addr().String()
	if err := Ready(t.Context(), base); err == nil || err.Error() != base+": draining" {
		t.Errorf("got %v", err)
	}
	wrong = nil
	if err := Ready(t.Context(), base); err != nil {
		t.Errorf("got %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := Ready(t.Context(), base); err == nil {
		t.Error("one that is away is ready")
	}
}

// Event loops count while others scrape: nothing is lost, and statuses that handlers make up share a label.
func TestCounters(t *testing.T) {
	const loops, each = 3, 2000
	c := NewCounters(loops)
	get := start(t, Source{Counters: c})
	var counting sync.WaitGroup
	for loop := -1; loop < loops; loop++ {
		counting.Go(func() {
			for i := range each {
				c.Observe(&edge.Record{
					Request: &exchange.Request{Route: "/a"}, Status: 700 + i%100, Loop: loop, Duration: time.Duration(i) * time.Microsecond,
				})
				c.Observe(&edge.Record{Request: &exchange.Request{}, Status: 400, Refusal: "bad_request", Loop: loop})
			}
		})
	}
	get("/metrics")
	counting.Wait()
	_, body := get("/metrics")
	for _, want := range []string{
		`fortuna_requests_total{app="app",route="/a",status="7xx"} 8000`,
		`fortuna_requests_total{app="app",route="",status="400"} 8000`,
		`fortuna_refusals_total{app="app",code="bad_request"} 8000`,
		`fortuna_request_duration_seconds_bucket{app="app",route="/a",le="0.001"} 4004`,
		`fortuna_request_duration_seconds_count{app="app",route="/a"} 8000`,
	} {
		if !strings.Contains(body, want+"\n") {
			t.Errorf("there is no %s", want)
		}
	}
}

func TestCounters_allocations(t *testing.T) {
	c := NewCounters(1)
	r := &edge.Record{Request: &exchange.Request{Route: "/users/:id"}, Status: 200, Duration: time.Millisecond}
	c.Observe(r)
	if n := testing.AllocsPerRun(100, func() { c.Observe(r) }); n != 0 {
		t.Errorf("%v allocations, want none on an event loop", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	c := NewCounters(1)
	r := &edge.Record{Request: &exchange.Request{Route: "/users/:id"}, Status: 200, Duration: time.Millisecond}
	b.ReportAllocs()
	for b.Loop() {
		c.Observe(r)
	}
}
