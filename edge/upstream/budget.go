package upstream

import "sync/atomic"

// budget lets one request in five be tried again: when many fail, retries would be what keeps the others from being
// served. It counts in requests, of which a retry costs retryCost.
type budget struct{ saved atomic.Int64 }

func (b *budget) init() { b.saved.Store(retriesAtFirst * retryCost) }

// deposit is a request having come.
func (b *budget) deposit() {
	if b.saved.Load() < retriesKept*retryCost {
		b.saved.Add(1)
	}
}

// withdraw reports whether there is enough for a retry, and takes it.
func (b *budget) withdraw() bool {
	for {
		have := b.saved.Load()
		if have < retryCost {
			return false
		}
		if b.saved.CompareAndSwap(have, have-retryCost) {
			return true
		}
	}
}
