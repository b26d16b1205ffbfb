package binding

import (
	"net/netip"
	"testing"
	"time"
)

func TestNewcomers(t *testing.T) {
	var n newcomers
	now := time.Unix(1_764_000_000, 0)
	count := func(address string, at time.Time) (admitted int) {
		for range 10 {
			if n.admit(netip.MustParseAddr(address), 3, at) {
				admitted++
			}
		}
		return admitted
	}
	for _, c := range []struct {
		address string
		at      time.Time
		want    int
	}{
		{"203.0.113.1", now, 3},
		{"203.0.113.2", now, 3},
		{"::ffff:203.0.113.2", now, 0}, // the same
		{"2001:db8:1:2::1", now, 3},
		{"2001:db8:1:2:ffff::9", now, 0}, // of the same network
		{"2001:db8:1:3::1", now, 3},
		{"127.0.0.1", now, 10},
		{"10.0.0.1", now, 10},
		{"203.0.113.1", now.Add(time.Minute), 3},
	} {
		if got := count(c.address, c.at); got != c.want {
			t.Errorf("%s at %v: %d sessions, want %d", c.address, c.at, got, c.want)
		}
	}
	if !n.admit(netip.MustParseAddr("203.0.113.1"), 0, now) {
		t.Error("no bound is a bound")
	}
}
