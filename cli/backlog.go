package cli

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// backlogBytesMax is how much output may wait for a terminal that does not keep up.
const backlogBytesMax = 1 << 20

// backlog is output on its way to a terminal. Event loops write to it, so adding never waits for the terminal: what is
// too much is dropped, and that is told.
type backlog struct {
	mu      sync.Mutex
	waiting []piece
	bytes   int
	dropped int
	loss    func(dropped int) string // words the loss of lines; nil: as a warning for a person
	rung    chan struct{}            // told when waiting grows
	empty   chan struct{}            // told when all is written
}

// piece is text for one stream.
type piece struct {
	w    io.Writer
	text []byte
}

// newBacklog begins to write what is added, for the rest of the process.
func newBacklog() *backlog {
	b := &backlog{rung: make(chan struct{}, 1), empty: make(chan struct{}, 1)}
	go b.run()
	return b
}

// add appends text to what w will get.
func (b *backlog) add(w io.Writer, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bytes+len(text) > backlogBytesMax {
		b.dropped++
		return
	}
	b.bytes += len(text)
	if last := len(b.waiting) - 1; last >= 0 && b.waiting[last].w == w {
		b.waiting[last].text = append(b.waiting[last].text, text...)
	} else {
		b.waiting = append(b.waiting, piece{w, []byte(text)})
	}
	select {
	case b.rung <- struct{}{}:
	default:
	}
}

func (b *backlog) run() {
	for range b.rung {
		b.mu.Lock()
		pieces := b.waiting
		b.waiting = nil
		b.mu.Unlock()
		if len(pieces) == 0 {
			continue
		}
		// A stream that cannot be written to cannot be complained about either.
		for _, p := range pieces {
			_, _ = p.w.Write(p.text)
		}
		b.mu.Lock()
		dropped := b.dropped
		b.dropped = 0
		b.mu.Unlock()
		if dropped > 0 {
			text := fmt.Sprintf("fortuna: warning: %d lines were dropped: the terminal does not keep up\n", dropped)
			if b.loss != nil {
				text = b.loss(dropped)
			}
			_, _ = io.WriteString(pieces[0].w, text)
		}
		b.settle()
	}
}

// settle counts again what waits, and tells when nothing does.
func (b *backlog) settle() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bytes = 0
	for _, p := range b.waiting {
		b.bytes += len(p.text)
	}
	if b.bytes == 0 {
		select {
		case b.empty <- struct{}{}:
		default:
		}
	}
}

// flush waits until everything is written, or for the deadline: the process is about to end.
func (b *backlog) flush(deadline time.Duration) {
	late := time.After(deadline)
	for {
		b.mu.Lock()
		done := b.bytes == 0
		b.mu.Unlock()
		if done {
			return
		}
		select {
		case <-b.empty:
		case <-late:
			return
		}
	}
}
