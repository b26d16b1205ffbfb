package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/fortunadws/fortuna/edge"
	"github.com/fortunadws/fortuna/runtime"
	"github.com/fortunadws/fortuna/runtime/web"
)

// levels are the values of --log-level, least severe first. Request lines are at "info".
var levels = []string{"debug", "log", "info", "warn", "error", "none"}

// levelOf is the index in levels of a console level.
func levelOf(l web.Level) int {
	switch l {
	case web.LevelDebug:
		return 0
	case web.LevelLog:
		return 1
	case web.LevelInfo:
		return 2
	case web.LevelWarn:
		return 3
	default:
		return 4
	}
}

// targetRunesMax is how much of a request target a line shows.
const targetRunesMax = 160

// access prints one line about one answer: "GET /path 200 1.2 ms".
func (t *term) access(r edge.Record) {
	s := t.out
	target := r.Request.Target
	if runes := []rune(target); len(runes) > targetRunesMax {
		target = string(runes[:targetRunesMax]) + "…"
	}
	status, st := fmt.Sprint(r.Status), green
	switch {
	case r.Gone && r.Status == 0:
		status, st = "gone", yellow
	case r.Status >= 500:
		st = alarm
	case r.Status >= 400:
		st = yellow
	case r.Status >= 300:
		st = cyan
	}
	words := []string{s.printable(r.Request.Method), s.printable(target), s.paint(st, status)}
	if r.Request.Method == "" {
		words = []string{"refused", s.paint(st, status)} // before there was a request
	}
	if r.Refusal != "" {
		words = append(words, r.Refusal)
	}
	if r.Duration > 0 {
		words = append(words, s.paint(dim, milliseconds(r.Duration)))
	}
	t.print(s, strings.Join(words, " ")+"\n")
}

// console prints what code wrote to the console, its level before it.
func (t *term) console(line runtime.Line) {
	s := t.out
	level := levelOf(line.Level)
	st := dim
	switch levels[level] {
	case "warn":
		st = yellow
	case "error":
		st = red
	}
	text := strings.ReplaceAll(s.printable(strings.TrimRight(line.Text, "\n")), "\n", "\n      ")
	t.print(s, s.paint(st, fmt.Sprintf("%-5s", levels[level]))+" "+text+"\n")
}

// milliseconds is a duration for a person: "0.4 ms", "12 ms", "1.2 s".
func milliseconds(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case ms < 10:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.0f ms", ms)
	default:
		return fmt.Sprintf("%.1f s", ms/1000)
	}
}
