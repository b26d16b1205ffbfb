package upstream

import (
	"math"
	"time"
)

// Rendezvous hashing: each node has a number for each key, and the highest wins. When a node goes only its keys move, and
// they spread over all others; when its weight grows, keys move to it only. It needs no table that nodes would have to agree on.

// rendezvous is the node with the highest number for the key among those that have not more than their part of the load,
// with some room (consistent hashing with bounded loads): one key that everybody asks for does not drown its node.
func rendezvous(ready []*peer, key uint64, now time.Time) *peer {
	var inflight, weights float64
	for _, c := range ready {
		inflight += float64(c.inflight.Load())
		weights += c.weight(c.node.Load(), now)
	}
	var best, free *peer
	high, highFree := math.Inf(-1), math.Inf(-1)
	for _, c := range ready {
		w := c.weight(c.node.Load(), now)
		n := number(c.seed, key, w)
		if n > high {
			best, high = c, n
		}
		bound := math.Ceil(boundedLoadTimes * (inflight + 1) * w / weights)
		if n > highFree && float64(c.inflight.Load())+1 <= bound {
			free, highFree = c, n
		}
	}
	if free != nil {
		return free
	}
	return best
}

// number is how well a key belongs to a node: -w/ln(u), for a u between 0 and 1, gives each node its weight's part of all keys.
func number(seed, key uint64, weight float64) float64 {
	u := (float64(mix(seed^key)>>11) + 0.5) / (1 << 53)
	return -weight / math.Log(u)
}

// hash is FNV-1a of 64 bits: the same on every node, whatever its version.
func hash[T string | []byte](text T) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * 0x100000001b3
	}
	return mix(h)
}

// mix spreads each bit over all (SplitMix64's last steps).
func mix(h uint64) uint64 {
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
