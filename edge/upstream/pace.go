package upstream

import (
	"math"
	"sync/atomic"
	"time"
)

// pace is how long a node has taken for the heads of its answers lately, as seen from here: a node whose cores others use too
// has no more requests than the rest, and takes longer for each.
type pace struct {
	mean atomic.Int64 // nanoseconds, a moving mean
	at   atomic.Int64 // Unix nanoseconds of the last answer; 0: none has come
}

const (
	paceSpan = 2 * time.Second // over which the mean is taken, about
	paceKept = 5 * time.Second // without an answer nothing is known any more, so that who was slow once has its chance again
	paceShed = time.Second     // what an answer counts that says that the node has too much to do: as long as it says to wait
	paceMax  = 8               // times the fastest node, at most: the number of requests decides too
)

// observe takes an answer in. That one of two at the same time may be lost does not matter.
func (p *pace) observe(took time.Duration, now time.Time) {
	mean, passed := p.mean.Load(), now.UnixNano()-p.at.Load()
	part := 1 - math.Exp(-float64(max(passed, 0))/float64(paceSpan))
	p.mean.Store(mean + int64(part*float64(int64(took)-mean)))
	p.at.Store(now.UnixNano())
}

// seconds is the mean; 0 when nothing is known.
func (p *pace) seconds(now time.Time) float64 {
	if now.UnixNano()-p.at.Load() > int64(paceKept) {
		return 0
	}
	return float64(p.mean.Load()) / 1e9
}

// fastest is the least mean of nodes, of those that have one; 0 when none has.
func fastest(nodes []*peer, now time.Time) (least float64) {
	for _, c := range nodes {
		if s := c.pace.seconds(now); s > 0 && (least == 0 || s < least) {
			least = s
		}
	}
	return least
}

// slowness is how many times longer than the fastest node it takes, from 1 to paceMax; 1 when it is not known.
func (p *pace) slowness(fastest float64, now time.Time) float64 {
	if s := p.seconds(now); s > 0 && fastest > 0 {
		return min(max(s/fastest, 1), paceMax)
	}
	return 1
}
