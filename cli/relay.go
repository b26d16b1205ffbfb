package cli

import (
	"encoding/json"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/fortunadws/fortuna/edge"
	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/runtime"
	"github.com/fortunadws/fortuna/runtime/bundle"
	"github.com/fortunadws/fortuna/runtime/web"
)

// relay shows what the process of a node logs, as dev shows it of its own, with the node's name before each line.
type relay struct {
	journal *journal
	code    *atomic.Pointer[bundle.Bundle] // what runs there, whose source is shown; nil before there is any
}

// newRelay shows on t what the node called name says.
func newRelay(t *term, name string, level int, code *atomic.Pointer[bundle.Bundle]) *relay {
	before := func(s stream) stream {
		s.w = &prefixer{t, s, s.paint(dim, name) + " "}
		return s
	}
	return &relay{&journal{term: &term{out: before(t.out), err: before(t.err)}, text: true, level: level, share: 1}, code}
}

// prefixer puts a word before each line. It is given whole lines.
type prefixer struct {
	term   *term
	stream stream
	prefix string
}

// Write prints b and never fails.
func (p *prefixer) Write(b []byte) (int, error) {
	var all strings.Builder
	for line := range strings.Lines(string(b)) {
		all.WriteString(p.prefix + line)
	}
	p.term.print(p.stream, all.String())
	return len(b), nil
}

// event is a line of a node's log, as a journal writes it.
type event struct {
	Level, Msg, App              string
	URL                          string
	Text                         string // console
	Code, Error, Position, Stack string // failure
	Method, Path, Route, Refusal string // request
	Status                       int
	Micros                       int64 `json:"dur_us"`
	Gone                         bool
	Err, Node, Says              string // of the node itself
}

// quietEvents are told by others, in other words.
var quietEvents = map[string]bool{"admin listener": true, "released": true, "reloaded": true, "draining": true, "drained": true, "audit": true}

// line shows one line, and returns the address that the node serves at when that is what it says.
func (r *relay) line(b []byte, tooLong bool) (url string) {
	var e event
	if err := json.Unmarshal(b, &e); err != nil || tooLong {
		r.journal.term.note("%s", r.journal.term.err.printable(string(b))) // a panic, or why it does not start
		return ""
	}
	q := &exchange.Request{Method: e.Method, Target: e.Path}
	switch {
	case e.Msg == "ready":
		return e.URL
	case e.Msg == "request":
		if e.Route != forwardedRoute { // it is told where it was answered
			r.journal.access(edge.Record{Request: q, Status: e.Status, Duration: time.Duration(e.Micros) * time.Microsecond, Refusal: e.Refusal, Gone: e.Gone})
		}
	case e.Msg == "console":
		r.journal.console(runtime.Line{Level: consoleLevels[e.Level], Text: e.Text})
	case e.Msg == "failure":
		r.journal.failure(r.failure(&e, q))
	case quietEvents[e.Msg]:
	case e.Level == "ERROR", e.Level == "WARN" && e.Says == "": // what a store says is for who looks after one
		what := e.Msg
		for _, more := range []string{e.App, e.Node, e.Err, e.Error, e.Says} {
			if more != "" {
				what += ": " + more
			}
		}
		r.journal.warn(what)
	}
	return ""
}

// consoleLevels are the levels of the console for those of slog, where log and info are one.
var consoleLevels = map[string]web.Level{"DEBUG": web.LevelDebug, "INFO": web.LevelLog, "WARN": web.LevelWarn, "ERROR": web.LevelError}

// failure is what a node says of one, with the source around its place.
func (r *relay) failure(e *event, q *exchange.Request) *runtime.Failure {
	f := &runtime.Failure{Code: e.Code, Status: e.Status, Message: e.Error, Stack: e.Stack}
	if e.Method != "" {
		f.Request = q
	}
	parts := strings.Split(e.Position, ":")
	if n := len(parts); n > 2 {
		line, err := strconv.Atoi(parts[n-2])
		column, bad := strconv.Atoi(parts[n-1])
		if err == nil && bad == nil {
			f.Position = bundle.Position{File: strings.Join(parts[:n-2], ":"), Line: line, Column: column}
		}
	}
	if code := r.code.Load(); code != nil && f.Position.Line > 0 {
		f.Frame = code.Frame(f.Position)
	}
	return f
}
