package bundle

import (
	"fmt"
	"strings"
)

// Error is what is wrong with the code that was to be bundled: at least one message.
type Error struct {
	Messages []Message
}

// Error is the first message on one line, and how many more there are.
func (e *Error) Error() string {
	if len(e.Messages) == 0 {
		return "the code cannot be bundled"
	}
	first := e.Messages[0].String()
	switch more := len(e.Messages) - 1; more {
	case 0:
		return first
	case 1:
		return first + " (and 1 more error)"
	default:
		return fmt.Sprintf("%s (and %d more errors)", first, more)
	}
}

// Message is one remark about the code, with its place when it has one.
type Message struct {
	Text     string
	File     string   // relative to Options.Root, with forward slashes; empty when there is no place
	Line     int      // from 1
	Column   int      // from 1, in UTF-16 code units
	LineText string   // the line, whole
	Notes    []string // what else to know, and what to do; each a sentence
	Chain    []string // the files from the entry to File, each importing the next; only where an import is at fault

	before, after *string // the neighbouring lines, when there are any
}

// Position is a place in a source file.
type Position struct {
	File   string // relative to the project directory, with forward slashes
	Line   int    // from 1
	Column int    // from 1, in UTF-16 code units
}

// String is "file:line:column".
func (p Position) String() string {
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Position is the place of m; its File is empty when m has none.
func (m Message) Position() Position {
	return Position{File: m.File, Line: m.Line, Column: m.Column}
}

// String is the place and the text on one line.
func (m Message) String() string {
	text := strings.ReplaceAll(m.Text, "\n", " ")
	if m.File == "" {
		return text
	}
	if m.Line == 0 {
		return m.File + ": " + text
	}
	return m.Position().String() + ": " + text
}

// Frame is the place and the code around it, over several lines of plain text: "file:line:column", the line before,
// the line, a caret under the column, the line after. It is empty when the message has no place.
func (m Message) Frame() string {
	if m.File == "" {
		return ""
	}
	f := frame{at: m.Position(), line: m.LineText}
	f.before, f.after = m.before, m.after
	return f.String()
}

// around fills in the neighbouring lines of m from the file's text.
func (m *Message) around(source string) {
	f, ok := frameOf(m.Position(), source)
	if !ok {
		return
	}
	m.LineText = f.line
	m.before, m.after = f.before, f.after
}
