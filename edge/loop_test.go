//go:build linux || darwin

package edge

import (
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// Every job that Post took runs, once, and one at a time.
func TestPost_hammer(t *testing.T) {
	const posters, each = 8, 5000
	s := start(t, Config{Handler: answering("hello"), Loops: 2})
	var wg sync.WaitGroup
	counts := make([]int, 2) // unsynchronised: each is its loop's
	for i := range posters {
		wg.Go(func() {
			for n := range each {
				l := s.loops[(i+n)%2]
				if !l.Post(func() {
					counts[l.index]++
					if n%100 == 0 { // a job may post
						counts[l.index]--
						l.Post(func() { counts[l.index]++ })
					}
				}) {
					t.Error("a job was not taken")
				}
			}
		})
	}
	wg.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := counts[0] + counts[1]; got != posters*each {
		t.Errorf("%d jobs ran, want %d", got, posters*each)
	}
	if s.loops[0].Post(func() { t.Error("a job ran after the end") }) {
		t.Error("a job was taken after the end")
	}
}

func TestPost_panic(t *testing.T) {
	s := start(t, Config{Handler: answering("hello"), Log: quiet})
	ran := make(chan struct{})
	s.loops[0].Post(func() { panic("out of luck") })
	s.loops[0].Post(func() { close(ran) })
	<-ran
}

// A handler may answer other connections' exchanges; a job may answer many.
func TestPost_answersMany(t *testing.T) {
	const n = 50
	var waiting []exchange.Exchange
	s := start(t, Config{Handler: exchange.HandlerFunc(func(x exchange.Exchange) {
		waiting = append(waiting, x)
		if len(waiting) == n {
			for _, x := range waiting {
				describe(x)
			}
		}
	})})
	var all []*client
	for range n {
		c := dial(t, s)
		c.send(get)
		all = append(all, c)
	}
	for _, c := range all {
		if _, got := c.answer("GET"); got != `GET / a ""` {
			t.Fatalf("got %q", got)
		}
	}
}

// Answers too large for their sockets, given from one job, all leave the loop: no Wake is lost.
func TestPost_detachesMany(t *testing.T) {
	const n = 8
	large := make([]byte, 8<<20)
	var waiting []exchange.Exchange
	s := start(t, Config{Handler: exchange.HandlerFunc(func(x exchange.Exchange) {
		if waiting = append(waiting, x); len(waiting) < n {
			return
		}
		all := waiting
		x.Loop().Post(func() {
			for _, x := range all {
				x.Head(200, nil)
				_ = x.Write(large) // fails only when the client is gone
				x.End()
			}
		})
	})})
	var wg sync.WaitGroup
	for range n {
		c := dial(t, s)
		c.send(get)
		wg.Go(func() {
			if _, got := c.answer("GET"); len(got) != len(large) {
				t.Errorf("got %d bytes", len(got))
			}
		})
	}
	wg.Wait()
}

// A loop whose accept fails ends (E4): it serves again on the same port, with jobs posted meanwhile.
func TestLoop_servesAgain(t *testing.T) {
	s := start(t, Config{Handler: answering("hello"), Log: quiet})
	c := dial(t, s)
	c.send(get)
	c.answer("GET")
	failAccepts(t, s.addr.Port)
	c.end()
	ran := make(chan struct{})
	if !s.loops[0].Post(func() { close(ran) }) {
		t.Fatal("the loop takes no jobs")
	}
	<-ran
	c = dial(t, s)
	c.send(get)
	if r, _ := c.answer("GET"); r.StatusCode != 200 {
		t.Errorf("got %d", r.StatusCode)
	}
	if open := s.Stats().Open; open != 1 {
		t.Errorf("%d connections counted, want 1", open)
	}
}

// Several loops share the port, each with its own index, and connections reach all of them.
func TestLoop_several(t *testing.T) {
	var hits [4]atomic.Int64
	s := start(t, Config{Loops: len(hits), Handler: exchange.HandlerFunc(func(x exchange.Exchange) {
		hits[x.Loop().Index()].Add(1)
		describe(x)
	})})
	eventually(t, "every loop has served", func() bool {
		c := dial(t, s)
		defer c.Close()
		c.send(get)
		c.answer("GET")
		for i := range hits {
			if hits[i].Load() == 0 {
				return false
			}
		}
		return true
	})
}

func TestServer_leavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	goroutines := runtime.NumGoroutine()
	s := start(t, Config{Handler: detachFirst(answering("hello")), Loops: 2})
	c := dial(t, s)
	c.moveToCarrier()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	c.end()
	left, err := os.ReadDir(os.TempDir())
	if err != nil || len(left) > 0 {
		t.Errorf("left in the temporary directory: %v, %v", left, err)
	}
	eventually(t, "its goroutines have ended", func() bool { return runtime.NumGoroutine() <= goroutines })
}

func TestServer_addresses(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "localhost:0", ":0", "[::1]:0"} {
		s := start(t, Config{Addr: addr, Handler: answering("hello")})
		c := dial(t, s)
		c.send(get)
		if r, _ := c.answer("GET"); r.StatusCode != 200 {
			t.Errorf("%s: got %d", addr, r.StatusCode)
		}
	}
	if _, err := Listen(Config{Addr: "127.0.0.1:0"}); err == nil {
		t.Error("a server without a handler listens")
	}
	if _, err := Listen(Config{Addr: "nowhere.invalid:0", Handler: answering("")}); err == nil {
		t.Error("a server listens on no address")
	}
}

// The clock runs while there are connections and rests while there are none.
func TestLoop_sweeps(t *testing.T) {
	s := start(t, Config{Handler: answering("hello"), Limits: Limits{IdleDeadline: 20 * time.Millisecond}})
	for range 3 {
		c := dial(t, s)
		c.end()
		eventually(t, "the sweep rests", func() bool {
			rests := make(chan bool, 1)
			s.loops[0].Post(func() { rests <- s.loops[0].sweeper == nil })
			return <-rests
		})
	}
}

// A fault of ours costs the connection it happened on, not the loop.
func TestLoop_fault(t *testing.T) {
	served := make(chan *answer, 1)
	s := start(t, Config{Log: quiet, Handler: detachFirst(exchange.HandlerFunc(func(x exchange.Exchange) {
		if x.Request().Path == "/fault" {
			x.(*answer).s = nil // completing it panics
			x.Head(200, nil)
			x.End()
			return
		}
		served <- x.(*answer)
	}))})
	inData, inJob, carried, other := dial(t, s), dial(t, s), dial(t, s), dial(t, s)
	inData.send("GET /fault HTTP/1.1\r\nHost: a\r\n\r\n")
	inData.end()
	breakNext := func() {
		x := <-served
		x.Loop().Post(func() {
			x.s = nil
			describe(x)
		})
	}
	inJob.send(get)
	breakNext()
	inJob.end()
	carried.moveToCarrier()
	carried.send(get)
	breakNext()
	carried.end()
	other.send(get)
	x := <-served
	x.Loop().Post(func() { describe(x) })
	if r, _ := other.answer("GET"); r.StatusCode != 200 {
		t.Errorf("got %d", r.StatusCode)
	}
}

// Close tells a handler whose connection is carried while its exchange lives on a loop.
func TestClose_away(t *testing.T) {
	served := make(chan exchange.Exchange, 1)
	s := start(t, Config{Limits: Limits{AheadBytesMax: 1 << 10}, Handler: exchange.HandlerFunc(func(x exchange.Exchange) {
		x.Done()
		served <- x
	})})
	c := dial(t, s)
	c.send(get)
	x := <-served
	done := x.Done()
	c.send(strings.Repeat(get, 100))
	eventually(t, "the connection is carried", func() bool { return s.Stats().Carried == 1 })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	<-done
	if got := s.Stats(); got.Open != 0 || got.Inflight != 0 {
		t.Errorf("left behind: %+v", got)
	}
}
