package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// The rules of what a person sees. Results go to standard output, everything else to standard error. What is wrong is
// one line, "fortuna: error: " and the fact in lower case without a full stop, then "fortuna: hint: " and what to
// type. Colour only on a terminal. Text from outside never reaches a terminal with its control characters.

// term is standard output and standard error. Its methods may be called from any goroutine; each writes whole lines.
type term struct {
	mu       sync.Mutex
	out, err stream
	backlog  *backlog // nil: every line is written at once
	lost     error    // why something did not reach out; only what is written at once is known
}

// stream is one of the two, and whether it understands colours.
type stream struct {
	w        io.Writer
	terminal bool
	colour   bool
}

// style is an SGR parameter list.
type style string

const (
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
	cyan   style = "36"
	alarm  style = "1;31"
)

// paint is text in that style, if the stream shows styles.
func (s stream) paint(st style, text string) string {
	if !s.colour || text == "" {
		return text
	}
	return "\x1b[" + string(st) + "m" + text + "\x1b[0m"
}

// result prints a line of what was asked for.
func (t *term) result(format string, args ...any) { t.print(t.out, fmt.Sprintf(format, args...)+"\n") }

// raw prints text that is a result as it is: a script, a JSON document.
func (t *term) raw(text string) { t.print(t.out, text) }

// note prints a line about how the work goes.
func (t *term) note(format string, args ...any) { t.print(t.err, fmt.Sprintf(format, args...)+"\n") }

// warn prints a line about something odd that stops nothing.
func (t *term) warn(what string) {
	t.print(t.err, t.err.paint(yellow, "fortuna: warning:")+" "+what+"\n")
}

// problem prints what is wrong and, unless it is empty, what to type.
func (t *term) problem(what, hint string) {
	text := t.err.paint(alarm, "fortuna: error:") + " " + what + "\n"
	if hint != "" {
		text += t.err.paint(cyan, "fortuna: hint:") + " " + hint + "\n"
	}
	t.print(t.err, text)
}

// print writes text to s and notes when a result is lost. Standard error that cannot be written to cannot be
// complained about.
func (t *term) print(s stream, text string) {
	if t.backlog != nil {
		t.backlog.add(s.w, text)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, err := io.WriteString(s.w, text); err != nil && s.w == t.out.w && t.lost == nil {
		t.lost = err
	}
}

// flushDeadline is how long a terminal may take for the last lines.
const flushDeadline = 200 * time.Millisecond

// flush waits for what has been printed to be written; the process is about to end.
func (t *term) flush() {
	if t.backlog != nil {
		t.backlog.flush(flushDeadline)
	}
}

// streamWriter lets others print: urfave its help, slog its lines.
type streamWriter struct {
	term   *term
	stream stream
}

// Write prints b and never fails.
func (w streamWriter) Write(b []byte) (int, error) {
	w.term.print(w.stream, string(b))
	return len(b), nil
}

// printable is text from outside made safe for a terminal: control characters but newline and tab become visible
// escapes. Colours (SGR sequences) stay where the stream shows colours.
func (s stream) printable(text string) string {
	if !strings.ContainsFunc(text, isControl) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		if s.colour && text[i] == '\x1b' {
			if n := sgrLength(text[i:]); n > 0 {
				b.WriteString(text[i : i+n])
				i += n
				continue
			}
		}
		r, n := utf8.DecodeRuneInString(text[i:])
		if isControl(r) {
			fmt.Fprintf(&b, `\x%02x`, r)
		} else {
			b.WriteString(text[i : i+n])
		}
		i += n
	}
	if s.colour {
		b.WriteString("\x1b[0m") // a colour that was left on ends here
	}
	return b.String()
}

func isControl(r rune) bool {
	return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r == utf8.RuneError ||
		r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

// sgrLength is the length of the SGR sequence that text begins with, or 0.
func sgrLength(text string) int {
	rest, ok := strings.CutPrefix(text, "\x1b[")
	if !ok {
		return 0
	}
	n := len(rest) - len(strings.TrimLeft(rest, "0123456789;"))
	if n > 20 || n == len(rest) || rest[n] != 'm' {
		return 0
	}
	return len("\x1b[") + n + len("m")
}
