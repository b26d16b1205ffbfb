package upstream

import (
	"crypto/tls"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// A node that takes longer for the same gets less, in proportion; one that was not heard of lately has its chance again.
func TestPace(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	p, err := Open(Config{TLS: &tls.Config{}, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	beat := func() {
		for _, name := range []string{"fast", "slow", "third"} {
			if err := p.Update(Node{Name: name, Address: "127.0.0.1:1"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 5 { // longer than the slow start
		beat()
		now = now.Add(4 * time.Second)
	}
	beat()
	peers := *p.peers.Load()
	counts := func(inflight [3]int64) (got [3]int) {
		for i, c := range peers {
			c.inflight.Store(inflight[i])
		}
		for range 3000 {
			c := p.pick(&exchange.Request{}, "", "", nil)
			for i := range peers {
				if peers[i] == c {
					got[i]++
				}
			}
		}
		return got
	}
	took := [3]time.Duration{10 * time.Millisecond, 40 * time.Millisecond, 10 * time.Millisecond}
	for range 1000 {
		now = now.Add(10 * time.Millisecond)
		for i, c := range peers {
			c.pace.observe(took[i], now)
		}
	}
	beat()
	if got := peers[1].pace.seconds(now); got < 0.039 || got > 0.041 {
		t.Errorf("a mean of answers in 40 ms is %v s", got)
	}
	if got := counts([3]int64{3, 3, 3}); got[1] != 0 || got[0] < 1000 || got[2] < 1000 {
		t.Errorf("with as many requests each: %v", got)
	}
	if got := counts([3]int64{9, 1, 9}); got[1] < 1800 { // two thirds of the pairs have it in
		t.Errorf("when the others have five times as many requests: %v", got)
	}
	now = now.Add(paceKept + time.Second)
	beat()
	if got := counts([3]int64{3, 3, 3}); got[1] < 700 {
		t.Errorf("without news it is as good as others: %v", got)
	}
	// However long one answer took, it is not given up for it.
	peers[1].pace.observe(time.Hour, now)
	for i := range peers {
		peers[i].pace.observe(took[i], now)
	}
	if got := peers[1].pace.slowness(fastest(peers, now), now); got > paceMax {
		t.Errorf("it is %v times slower", got)
	}
}
