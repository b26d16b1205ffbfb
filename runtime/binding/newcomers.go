package binding

import (
	"net/netip"
	"sync"
	"time"
)

// newcomers counts the sessions that each client's address begins in a minute, so that nobody fills the store with them.
type newcomers struct {
	mu     sync.Mutex
	minute int64
	begun  map[netip.Prefix]int
}

// newcomersMax bounds the addresses that are counted; beyond it they are not.
const newcomersMax = 100_000

// admit counts a session, and reports whether its address may begin one more. What comes from the machine itself or a private
// network is not counted: there is a proxy, which speaks for many.
func (n *newcomers) admit(client netip.Addr, max int, now time.Time) bool {
	client = client.Unmap()
	if max <= 0 || !client.IsValid() || client.IsLoopback() || client.IsPrivate() || client.IsLinkLocalUnicast() {
		return true
	}
	bits := 32
	if client.Is6() {
		bits = 64 // of which one client has all
	}
	network, err := client.Prefix(bits)
	if err != nil {
		return true
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if minute := now.Unix() / 60; minute != n.minute {
		n.minute, n.begun = minute, map[netip.Prefix]int{}
	}
	if len(n.begun) >= newcomersMax && n.begun[network] == 0 {
		return true
	}
	if n.begun[network] >= max {
		return false
	}
	n.begun[network]++
	return true
}
