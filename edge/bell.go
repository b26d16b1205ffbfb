//go:build linux || darwin

package edge

import (
	"fmt"
	"os"
	"runtime/debug"

	"github.com/tidwall/evio"
)

// The bell of a loop is a connection to itself, over a unix socket that is the second address of its evio.Serve. A job
// is posted by appending it and writing one byte. evio's own Wake can be lost for 100 ms (E3); the byte cannot,
// because poll reports it until it is read.

// roundsMax is how often the bell looks for jobs posted by jobs before it lets connections have their turn.
const roundsMax = 8

var stroke = []byte{1}

// Post runs job on the loop, soon. From anywhere.
func (l *loop) Post(job func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	l.jobs = append(l.jobs, job)
	l.ring()
	return true
}

// ring makes the loop call jobsDue. Called with mu held.
func (l *loop) ring() {
	if !l.rung && l.bell >= 0 {
		l.rung = true
		if _, err := writeSocket(l.bell, stroke); err != nil {
			l.rung = false
			l.s.log.Error("ring loop", "loop", l.index, "err", err)
		}
	}
}

// halt asks the loop to end. From anywhere.
func (l *loop) halt() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stop = true
	l.ring()
}

// nudge makes evio look at its notes soon. A Wake from within a callback is lost until the poll's 100 ms are over when
// the eventfd is read later in the same batch (E3), and so is a ring when the bell is; hence again until it was seen.
func (l *loop) nudge() {
	if l.woken > 0 {
		l.mu.Lock()
		l.ring()
		l.mu.Unlock()
	}
}

// jobsDue runs what was posted. A job posted by a job runs in the same call, up to a bound.
func (l *loop) jobsDue() evio.Action {
	for round := 0; ; round++ {
		l.mu.Lock()
		if l.stop {
			l.mu.Unlock()
			return evio.Shutdown
		}
		jobs := l.jobs
		l.jobs = l.spare
		l.spare = nil
		l.rung = len(jobs) > 0
		if round == roundsMax && l.rung {
			l.jobs = append(jobs, l.jobs...)
			l.rung = false
			l.ring()
			jobs = nil
		}
		l.mu.Unlock()
		if len(jobs) == 0 {
			return evio.None
		}
		for i, job := range jobs {
			jobs[i] = nil
			l.do(job)
		}
		l.flushDirty()
		l.spare = jobs[:0]
	}
}

func (l *loop) do(job func()) {
	defer func() {
		if v := recover(); v != nil {
			l.s.log.Error("panic in a job", "loop", l.index, "err", v, "stack", string(debug.Stack()))
		}
	}()
	job()
}

// end runs what is still posted, since Post promised it, and lets nothing follow.
func (l *loop) end() {
	if l.sweeper != nil {
		l.sweeper.Stop()
	}
	for {
		l.mu.Lock()
		jobs := l.jobs
		l.jobs = nil
		l.ended = len(jobs) == 0
		l.mu.Unlock()
		if len(jobs) == 0 {
			return
		}
		for _, job := range jobs {
			l.do(job)
		}
		l.flushDirty() // to carriers; our own connections are closed
	}
}

// hang replaces the bell. Called with mu held.
func (l *loop) hang(fd int) {
	if l.bell >= 0 {
		closeSocket(l.bell)
	}
	l.bell, l.rung = fd, false
}

// bellDir makes a directory only we can enter, with a path short enough for a socket's address.
func bellDir() (string, error) {
	base := os.TempDir()
	if len(base) > 60 {
		base = "/tmp"
	}
	dir, err := os.MkdirTemp(base, "fortuna-")
	if err != nil {
		return "", fmt.Errorf("make a directory for the loop's bell: %w", err)
	}
	return dir, nil
}
