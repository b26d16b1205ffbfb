//go:build linux || darwin

package edge

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// Far more dials than connections allowed: the server refuses, stays alive, and serves again at once.
func TestAdmit_connectionsMax(t *testing.T) {
	s := start(t, Config{Handler: answering("hello"), Limits: Limits{ConnectionsMax: 20}, Log: quiet})
	var held []*client
	for range 20 {
		c := dial(t, s)
		c.send(get)
		c.answer("GET")
		held = append(held, c)
	}
	over := dial(t, s)
	over.send(get)
	r, _ := over.answer("GET")
	if r.StatusCode != 503 || r.Header.Get("Retry-After") == "" {
		t.Errorf("got %d %v", r.StatusCode, r.Header)
	}
	over.end()
	for range 1000 {
		nc, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if err := nc.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range held {
		c.send(get)
		if _, body := c.answer("GET"); body != "hello" {
			t.Fatalf("a connection that was let in got %q", body)
		}
	}
	eventually(t, "every dial is refused", func() bool { return s.Stats().Refused == 1001 })
	for _, c := range held {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "nobody is left", func() bool { return s.Stats().Open == 0 })
	c := dial(t, s)
	c.send(get)
	if r, _ := c.answer("GET"); r.StatusCode != 200 {
		t.Errorf("got %d after room was made", r.StatusCode)
	}
}

func TestAdmit_draining(t *testing.T) {
	served := make(chan exchange.Exchange, 1)
	s := start(t, Config{Handler: exchange.HandlerFunc(func(x exchange.Exchange) { served <- x })})
	busy := dial(t, s)
	busy.send(get)
	x := <-served
	drained := make(chan error, 1)
	go func() { drained <- s.Drain(t.Context()) }()
	eventually(t, "it drains", s.draining.Load)
	c := dial(t, s)
	if r, body := c.answer("GET"); r.StatusCode != 503 || body != "draining: the server is shutting down\n" {
		t.Errorf("got %d %q", r.StatusCode, body)
	}
	x.Loop().Post(func() { describe(x) })
	if r, _ := busy.answer("GET"); r.StatusCode != 200 {
		t.Errorf("in flight: got %d", r.StatusCode)
	}
	_ = busy.Close() // else the server waits LingerMax
	if err := <-drained; err != nil {
		t.Error(err)
	}
}

func TestCountAddress(t *testing.T) {
	s := &Server{limits: Limits{PerIPMax: 2}, perIP: map[netip.Addr]int{}}
	for _, row := range []struct {
		ip   string
		d    int
		want int
	}{
		{"127.0.0.1", 1, 0}, {"::1", 1, 0},
		{"192.0.2.1", 1, 1}, {"192.0.2.1", 1, 2}, {"192.0.2.2", 1, 1}, {"192.0.2.1", -1, 1}, {"192.0.2.1", -1, 0},
		{"2001:db8::1", 1, 1}, {"2001:db8::2", 1, 2}, {"2001:db8:0:1::1", 1, 1},
	} {
		if got := s.countAddress(netip.MustParseAddr(row.ip), row.d); got != row.want {
			t.Errorf("%s %+d: got %d, want %d", row.ip, row.d, got, row.want)
		}
	}
	if len(s.perIP) != 3 {
		t.Errorf("%d addresses kept, want 3: %v", len(s.perIP), s.perIP)
	}
}

func TestLimits_withDefaults(t *testing.T) {
	got := Limits{IdleDeadline: time.Second, PerIPMax: -1}.withDefaults()
	want := DefaultLimits()
	want.IdleDeadline, want.PerIPMax = time.Second, -1
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if over(1, 0) != true || over(0, 0) != false || over(1<<40, -1) != false {
		t.Error("over: zero is a limit, a negative one is none")
	}
}

func TestLimits_slowBody(t *testing.T) {
	m := DefaultLimits()
	for _, row := range []struct {
		age, still time.Duration
		n          int64
		want       bool
	}{
		{29 * time.Second, 29 * time.Second, 0, false},
		{31 * time.Second, time.Second, 31, true},           // a byte a second
		{31 * time.Second, time.Second, 13_000, false},      // 500 B/s but for the grace
		{300 * time.Second, time.Second, 200_000, false},    // slow and steady
		{300 * time.Second, 31 * time.Second, 900000, true}, // steady once, then silent
	} {
		if got := m.slowBody(row.age, row.still, row.n); got != row.want {
			t.Errorf("age %v, still %v, %d bytes: got %v", row.age, row.still, row.n, got)
		}
	}
}
