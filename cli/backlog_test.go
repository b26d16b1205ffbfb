package cli

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"
)

// stuck is a terminal that takes nothing until it is let go.
type stuck struct {
	let chan struct{}
	mu  sync.Mutex
	got bytes.Buffer
}

func (s *stuck) Write(b []byte) (int, error) {
	<-s.let
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got.Write(b)
}

func TestBacklog(t *testing.T) {
	s := &stuck{let: make(chan struct{})}
	b := newBacklog()
	line := strings.Repeat("x", 1023) + "\n"
	for range 3 * backlogBytesMax / len(line) {
		b.add(s, line) // would wait for ever if it waited
	}
	close(s.let)
	b.flush(time.Minute)
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := strings.Count(s.got.String(), line)
	if kept < backlogBytesMax/len(line)/2 || kept > 2*backlogBytesMax/len(line) {
		t.Errorf("%d lines of %d bytes were kept", kept, len(line))
	}
	if !strings.Contains(s.got.String(), "lines were dropped: the terminal does not keep up") {
		t.Error("nobody was told of the lines that were dropped")
	}
}
