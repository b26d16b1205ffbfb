package cli

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fortunadws/fortuna/kv/node"
)

// measure is how busy the process is.
type measure struct {
	mu      sync.Mutex
	started time.Time
	at      time.Time
	used    time.Duration
	share   float64
	mean    atomic.Int64 // of latency, in nanoseconds
}

func (m *measure) begun() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.started.IsZero() {
		m.started = time.Now().UTC()
	}
	return m.started
}

// observe takes the duration of an answer into the mean; that two answers at once count as one does not matter.
func (m *measure) observe(d time.Duration) {
	was := m.mean.Load()
	m.mean.Store(was + (int64(d)-was)/16)
}

// latency is in milliseconds.
func (m *measure) latency() float64 { return float64(m.mean.Load()) / 1e6 }

// cpu is the share of the cores that the process has used since it was asked before.
func (m *measure) cpu() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	now, used := time.Now(), cpuTime()
	if passed := now.Sub(m.at); passed > node.BeatEvery/2 {
		if !m.at.IsZero() {
			m.share = float64(used-m.used) / float64(passed) / float64(runtime.GOMAXPROCS(0))
		}
		m.at, m.used = now, used
	}
	return m.share
}
