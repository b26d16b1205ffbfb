package cli

import (
	"fmt"
	"time"
)

// progress shows how far work on many things has come: on a terminal as one line that changes, else in the end only.
type progress struct {
	term  *term
	what  string // "imported"
	n     int
	begun time.Time
	shown time.Time
}

// progressEvery is how often the line changes.
const progressEvery = 100 * time.Millisecond

func newProgress(t *term, what string) *progress {
	return &progress{term: t, what: what, begun: time.Now()}
}

// step is one more thing done.
func (p *progress) step() {
	p.n++
	if now := time.Now(); p.term.err.terminal && now.Sub(p.shown) > progressEvery {
		p.shown = now
		p.term.print(p.term.err, fmt.Sprintf("\r%d %s, %.0f a second", p.n, p.what, float64(p.n)/now.Sub(p.begun).Seconds()))
	}
}

// done is the end.
func (p *progress) done() {
	begin := ""
	if !p.shown.IsZero() {
		begin = "\r\x1b[K"
	}
	p.term.print(p.term.err, fmt.Sprintf("%s%d %s in %s\n", begin, p.n, p.what, milliseconds(time.Since(p.begun))))
}
