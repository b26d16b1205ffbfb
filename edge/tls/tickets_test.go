package tls

import (
	"testing"
	"time"
)

func TestTickets_rotate(t *testing.T) {
	now := time.Now()
	k := newTickets(now)
	first := k.keys[0]
	if k.rotate(now.Add(ticketKeyAge - time.Second)) {
		t.Error("rotated too early")
	}
	for day := 1; day <= 3; day++ {
		before := k.keys
		if !k.rotate(now.Add(time.Duration(day) * ticketKeyAge)) {
			t.Fatalf("day %d: not rotated", day)
		}
		if len(k.keys) != min(day+1, ticketKeysMax) || k.keys[1] != before[0] || k.keys[0] == before[0] {
			t.Fatalf("day %d: got %d keys, or in another order", day, len(k.keys))
		}
	}
	for _, key := range k.keys {
		if key == first {
			t.Error("the first key is still accepted")
		}
	}
}
