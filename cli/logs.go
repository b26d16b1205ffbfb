package cli

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/fortunadws/fortuna/cli/control"
	"github.com/fortunadws/fortuna/edge"
	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/runtime"
)

// logsConfig is what the nodes of a cluster remember of what their apps did.
var logsConfig = kv.LogConfig{Name: "apps", BytesMax: 256 << 20, Kept: 7 * 24 * time.Hour}

// How what happens is sent to the log: many lines at once, which costs a request next to nothing.
const (
	logsEvery    = 100 * time.Millisecond
	logsBytesMax = 256 << 10 // of an app in that time; what is more is dropped, and the drop is told
)

// logs gathers what the apps of a node do, for fortuna tail.
type logs struct {
	node string
	log  *slog.Logger

	mu      sync.Mutex
	to      *kv.Log           // nil until the store is reached
	waiting map[string][]byte // lines, by app
	dropped map[string]int
}

// add adds a line.
func (l *logs) add(app string, line control.Line) {
	if app == "" {
		return
	}
	line.Node, line.Time = l.node, time.Now().UTC()
	text, err := json.Marshal(line)
	if err != nil {
		return // of a line that is strings and numbers
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting == nil {
		l.waiting, l.dropped = map[string][]byte{}, map[string]int{}
	}
	if len(l.waiting[app])+len(text) > logsBytesMax {
		l.dropped[app]++
		return
	}
	l.waiting[app] = append(append(l.waiting[app], text...), '\n')
}

// flush sends what was gathered.
func (l *logs) flush() {
	l.mu.Lock()
	to, waiting, dropped := l.to, l.waiting, l.dropped
	if to == nil { // what waits, waits for the store
		l.mu.Unlock()
		return
	}
	l.waiting, l.dropped = nil, nil
	l.mu.Unlock()
	for app, n := range dropped {
		line, err := json.Marshal(control.Line{Time: time.Now().UTC(), Node: l.node, Kind: "dropped", Text: fmt.Sprint(n, " lines were dropped: too many at once")})
		if err == nil {
			waiting[app] = append(append(waiting[app], line...), '\n')
		}
	}
	for app, lines := range waiting {
		if err := to.Append(app, lines); err != nil {
			l.log.Debug("the log of an app", "app", app, "err", err)
		}
	}
}

// run sends what is gathered, until done.
func (l *logs) run(done <-chan struct{}) {
	tick := time.NewTicker(logsEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			l.flush()
		case <-done:
			l.flush()
			return
		}
	}
}

// open sends what has been gathered, and what will be, to a log.
func (l *logs) open(to *kv.Log) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.to = to
}

func answeredLine(r *edge.Record) control.Line {
	q := r.Request
	return control.Line{
		Kind: "request", Version: q.Version, Method: q.Method, Path: q.Path, Host: q.Host, Status: r.Status, Micros: r.Duration.Microseconds(), Route: q.Route,
		Request: requestID(q), Trace: q.Trace.TraceID(), Gone: r.Gone,
	}
}

func consoleLine(l runtime.Line) control.Line {
	return control.Line{Kind: "console", Level: levels[levelOf(l.Level)], Text: l.Text}
}

func failureLine(f *runtime.Failure) control.Line {
	line := control.Line{Kind: "failure", Level: "error", Text: f.Code + ": " + f.Message, Status: f.Status}
	if f.Position.Line > 0 {
		line.Text += " (" + f.Position.String() + ")"
	}
	if q := f.Request; q != nil {
		line.Method, line.Path, line.Request, line.Trace, line.Version = q.Method, q.Path, requestID(q), q.Trace.TraceID(), q.Version
	}
	return line
}
