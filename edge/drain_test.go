//go:build linux || darwin

package edge

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
)

func TestDrain(t *testing.T) {
	drivers := map[string]func(*client){"loop": func(*client) {}, "carrier": (*client).moveToCarrier}
	for name, move := range drivers {
		t.Run(name, func(t *testing.T) {
			begun := make(chan exchange.Exchange)
			s := start(t, Config{Handler: detachFirst(exchange.HandlerFunc(func(x exchange.Exchange) {
				go func() { begun <- x }()
			}))})
			busy, idle, half := dial(t, s), dial(t, s), dial(t, s)
			for _, c := range []*client{busy, idle, half} {
				move(c)
			}
			eventually(t, "all are there", func() bool { return s.Stats().Open == 3 })
			busy.send(get)
			x := <-begun
			half.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab")
			eventually(t, "half a body has come", func() bool { return s.modes()[inBody] == 1 })
			drained := make(chan error, 1)
			go func() { drained <- s.Drain(context.Background()) }()
			idle.end()
			half.send("c")
			y := <-begun
			for _, x := range []exchange.Exchange{x, y} {
				x.Loop().Post(func() { describe(x) })
			}
			if _, got := busy.answer("GET"); got != `GET / a ""` {
				t.Errorf("got %q", got)
			}
			if _, got := half.answer("POST"); got != `POST / a "abc"` {
				t.Errorf("got %q", got)
			}
			if err := <-drained; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestDrain_deadline(t *testing.T) {
	s := start(t, Config{Handler: exchange.HandlerFunc(func(exchange.Exchange) {})})
	c := dial(t, s)
	c.send(get)
	eventually(t, "one is in flight", func() bool { return s.Stats().Inflight == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	c.end()
}

// A handler that has answered may have more to do on its loop: the loops run until Close.
func TestDrain_leavesLoops(t *testing.T) {
	loops := make(chan exchange.Loop, 1)
	s := start(t, Config{Handler: exchange.HandlerFunc(func(x exchange.Exchange) {
		loops <- x.Loop()
		describe(x)
	})})
	c := dial(t, s)
	c.send(get)
	c.answer("GET")
	if err := s.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	ran := make(chan struct{})
	if l := <-loops; !l.Post(func() { close(ran) }) {
		t.Fatal("the loop has ended")
	}
	<-ran
}

// modes counts the connections of all loops and carriers by mode.
func (s *Server) modes() map[mode]int {
	all := map[mode]int{}
	ask := func(l exchange.Loop, count func()) {
		done := make(chan struct{})
		if l.Post(func() { count(); close(done) }) {
			<-done
		}
	}
	for _, l := range s.loops {
		ask(l, func() {
			for _, c := range l.conns {
				all[c.mode]++
			}
		})
	}
	s.mu.Lock()
	carrying := slices.Collect(maps.Keys(s.carrying))
	s.mu.Unlock()
	for _, k := range carrying {
		ask(k, func() { all[k.mode]++ })
	}
	return all
}
