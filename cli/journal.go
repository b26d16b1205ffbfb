package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/fortunadws/fortuna/cli/control"
	"github.com/fortunadws/fortuna/edge"
	"github.com/fortunadws/fortuna/runtime"
	"github.com/fortunadws/fortuna/runtime/web"
)

// logFormats are the values of --log-format.
var logFormats = []string{"json", "text"}

// journal is what serve says while it runs, on standard error: as the lines that dev prints, or as one JSON object a line.
type journal struct {
	term  *term
	text  bool
	level int     // index in levels
	share float64 // of the answers that are no errors, how many are logged: from 0 to 1
	log   *slog.Logger
	also  func(control.Line) // is told what an app does; nil for nobody
}

// newJournal checks what the command line says; an empty format is text on a terminal and JSON elsewhere.
func newJournal(t *term, format, level string) (*journal, error) {
	j := &journal{term: t, share: 1, level: slices.Index(levels, level)}
	if j.level < 0 {
		return nil, usageError(suggest(level, levels), "--log-level must be one of %s, got %q", list(levels), level)
	}
	out := streamWriter{t, t.err}
	switch format {
	case "":
		j.text = t.err.terminal
	case "text":
		j.text = true
	case "json":
	default:
		return nil, usageError(suggest(format, logFormats), "--log-format must be one of %s, got %q", list(logFormats), format)
	}
	if j.text {
		j.log = slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelWarn}))
	} else {
		j.log = slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return j, nil
}

// slogLevels are the levels of slog for the console's.
var slogLevels = map[web.Level]slog.Level{
	web.LevelDebug: slog.LevelDebug, web.LevelLog: slog.LevelInfo, web.LevelInfo: slog.LevelInfo,
	web.LevelWarn: slog.LevelWarn, web.LevelError: slog.LevelError,
}

// console is a line that code wrote.
func (j *journal) console(l runtime.Line) {
	if j.also != nil {
		j.also(consoleLine(l))
	}
	switch {
	case levelOf(l.Level) < j.level:
	case j.text:
		j.term.console(l)
	default:
		j.event(slogLevels[l.Level], "console", slog.String("text", l.Text))
	}
}

// failure is why a request, or what it left running, did not end well.
func (j *journal) failure(f *runtime.Failure) {
	if j.also != nil {
		j.also(failureLine(f))
	}
	switch {
	case j.level > slices.Index(levels, "error"):
	case j.text:
		j.term.fault(runFault(f))
	default:
		attrs := []slog.Attr{slog.String("code", f.Code), slog.Int("status", f.Status), slog.String("error", f.Message)}
		if f.Position.Line > 0 {
			attrs = append(attrs, slog.String("position", f.Position.String()))
		}
		if f.Stack != "" {
			attrs = append(attrs, slog.String("stack", f.Stack))
		}
		if q := f.Request; q != nil {
			attrs = append(attrs, slog.String("method", q.Method), slog.String("path", q.Path),
				slog.String("request", requestID(q)), slog.String("trace", q.Trace.TraceID()))
		}
		j.event(slog.LevelError, "failure", attrs...)
	}
}

// fault is why the code cannot be served, with the place in its source.
func (j *journal) fault(f *fault) error {
	if j.text {
		j.term.fault(f)
		return errReported
	}
	attrs := []slog.Attr{slog.String("code", f.Code)}
	for _, r := range f.Remarks {
		attrs = append(attrs, slog.String("error", strings.TrimSpace(r.Place+" "+r.Text)))
	}
	if f.Hint != "" {
		attrs = append(attrs, slog.String("hint", f.Hint))
	}
	j.event(slog.LevelError, f.Title, attrs...)
	return errReported
}

// access is one answer. Errors are always told, of the others the share that is asked for.
func (j *journal) access(r edge.Record) {
	level := slog.LevelInfo
	if r.Status >= 500 {
		level = slog.LevelError
	}
	switch {
	case j.level > slices.Index(levels, "info"):
		return
	case level < slog.LevelError && j.share < 1 && rand.Float64() >= j.share:
		return
	case j.text:
		j.term.access(r)
		return
	}
	q := r.Request
	attrs := make([]slog.Attr, 0, 12)
	attrs = append(attrs,
		slog.String("method", q.Method), slog.String("path", q.Path), slog.String("host", q.Host),
		slog.Int("status", r.Status), slog.Int64("bytes", r.BodyBytes), slog.Int64("dur_us", r.Duration.Microseconds()),
		slog.String("remote", remote(q.Remote)))
	for _, a := range []slog.Attr{
		slog.String("route", q.Route), slog.String("request", requestID(q)), slog.String("trace", q.Trace.TraceID()),
		slog.String("refusal", r.Refusal),
	} {
		if a.Value.String() != "" {
			attrs = append(attrs, a)
		}
	}
	if r.Gone {
		attrs = append(attrs, slog.Bool("gone", true))
	}
	j.event(level, "request", attrs...)
}

// remote is a client's address, with its port unless only a proxy knows that.
func remote(a netip.AddrPort) string {
	if a.Port() == 0 {
		return a.Addr().String()
	}
	return a.String()
}

// loss says in the form of the log that lines were lost.
func (j *journal) loss(lines int) string {
	if j.text {
		return fmt.Sprintf("fortuna: warning: %d lines were dropped: nobody reads them as fast\n", lines)
	}
	return fmt.Sprintf(`{"time":%q,"level":"WARN","msg":"lines of the log were dropped","lines":%d}`+"\n", time.Now().Format(time.RFC3339Nano), lines)
}

// overseen is where the node tells how it is.
func (j *journal) overseen(addr net.Addr) {
	if j.text {
		j.term.note("Metrics on http://%s/metrics", addr)
	} else {
		j.event(slog.LevelInfo, "admin listener", slog.String("addr", addr.String()))
	}
}

// ready is the moment from which requests are answered.
func (j *journal) ready(url string) {
	if j.text {
		j.term.result("%s %s", j.term.out.paint(bold, "Ready on"), j.term.out.paint(cyan, url))
	} else {
		j.event(slog.LevelInfo, "ready", slog.String("url", url))
	}
}

// reloaded is a new version that answers from now on.
func (j *journal) reloaded(hash string) {
	if j.text {
		j.term.note("%s %s", j.term.err.paint(green, "Reloaded"), hash)
	} else {
		j.event(slog.LevelInfo, "reloaded", slog.String("hash", hash))
	}
}

// reloadFailed is a new version that cannot be served; faults of its code have been shown already.
func (j *journal) reloadFailed(err error) {
	var p *problem
	if errors.As(err, &p) && p.what == "" {
		err = errors.New("the new version cannot be served")
	}
	j.trouble(errors.Join(err, errors.New("the former version goes on serving")))
}

// draining is the beginning of the end, drained its last word.
func (j *journal) draining(sig os.Signal, grace time.Duration) {
	if j.text {
		j.term.note("Finishing what is in flight, for at most %s; once more ends at once.", milliseconds(grace))
	} else {
		j.event(slog.LevelInfo, "draining", slog.String("signal", sig.String()), slog.Int64("grace_ms", grace.Milliseconds()))
	}
}

func (j *journal) drained(finished bool) {
	switch {
	case !finished:
		j.warn("some requests were cut: they did not finish in time")
	case !j.text:
		j.event(slog.LevelInfo, "drained")
	}
}

// warn is something odd that stops nothing.
func (j *journal) warn(what string) {
	if j.text {
		j.term.warn(j.term.err.printable(what))
	} else {
		j.event(slog.LevelWarn, what)
	}
}

// trouble is something that went wrong with the server itself.
func (j *journal) trouble(err error) {
	what := strings.ReplaceAll(err.Error(), "\n", "; ")
	if j.text {
		j.term.problem(what, "")
	} else {
		j.event(slog.LevelError, what)
	}
}

func (j *journal) event(level slog.Level, what string, attrs ...slog.Attr) {
	j.log.LogAttrs(context.Background(), level, what, attrs...)
}

// of is the journal of one app among several.
func (j *journal) of(app string, also func(control.Line)) *journal {
	own := *j
	own.log = j.log.With("app", app)
	own.also = also
	return &own
}

// released is a version that answers from now on.
func (j *journal) released(app, version string, counter uint64, took time.Duration) {
	if j.text {
		j.term.note("%s %s %s in %s", j.term.err.paint(green, "Serving"), app, version, milliseconds(took))
	} else {
		j.event(slog.LevelInfo, "released", slog.String("version", version), slog.Uint64("counter", counter), slog.Int64("dur_ms", took.Milliseconds()))
	}
}
