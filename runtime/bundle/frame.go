package bundle

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// frameRunesMax is how much of one line a frame shows; a minified line is cut around the column.
const frameRunesMax = 120

// frame is one place in a file and the lines around it.
type frame struct {
	at            Position
	line          string
	before, after *string
}

// frameOf cuts the frame at p out of source; ok is false when source has no such line.
func frameOf(p Position, source string) (f frame, ok bool) {
	if p.Line < 1 {
		return frame{}, false
	}
	f.at = p
	rest := source
	for n := 1; ; n++ {
		line, tail, more := strings.Cut(rest, "\n")
		line = strings.TrimSuffix(line, "\r")
		switch n {
		case p.Line - 1:
			f.before = &line
		case p.Line:
			f.line, ok = line, true
		case p.Line + 1:
			f.after = &line
		}
		if !more || n > p.Line {
			break
		}
		rest = tail
	}
	if f.after != nil && *f.after == "" {
		f.after = nil
	}
	return f, ok
}

// String draws the frame. Columns are UTF-16 code units; the caret stands under the rune that holds the column.
func (f frame) String() string {
	var b strings.Builder
	b.WriteString(f.at.String())
	b.WriteByte('\n')
	if f.at.Line < 1 {
		return b.String()
	}
	width := len(fmt.Sprint(f.at.Line + 1))
	from := 0
	index := runeIndex(f.line, f.at.Column)
	if index > frameRunesMax*2/3 {
		from = index - frameRunesMax/2
	}
	row := func(mark string, n int, line string) {
		fmt.Fprintf(&b, "%s %*d | %s\n", mark, width, n, window(line, from))
	}
	if f.before != nil {
		row(" ", f.at.Line-1, *f.before)
	}
	row(">", f.at.Line, f.line)
	if f.at.Column > 0 {
		fmt.Fprintf(&b, "  %*s | %s^\n", width, "", indent(f.line, from, index))
	}
	if f.after != nil {
		row(" ", f.at.Line+1, *f.after)
	}
	return b.String()
}

// runeIndex is the index of the rune that holds the UTF-16 column, which counts from 1.
func runeIndex(line string, column int) int {
	units, runes := 1, 0
	for _, r := range line {
		n := 1
		if r > 0xFFFF {
			n = 2
		}
		if units+n > column {
			break
		}
		units += n
		runes++
	}
	return runes
}

// window is at most frameRunesMax runes of line, beginning with rune number from. Control characters that would move a
// terminal's cursor are replaced.
func window(line string, from int) string {
	var b strings.Builder
	n := 0
	for _, r := range line {
		if n >= from+frameRunesMax {
			b.WriteString("…")
			break
		}
		if n >= from {
			if r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 || r == utf8.RuneError {
				r = '\uFFFD'
			}
			b.WriteRune(r)
		}
		n++
	}
	return b.String()
}

// indent is the white space before the caret: a tab for a tab, a space for any other rune.
func indent(line string, from, index int) string {
	var b strings.Builder
	n := 0
	for _, r := range line {
		if n >= index {
			break
		}
		if n >= from {
			if r != '\t' {
				r = ' '
			}
			b.WriteRune(r)
		}
		n++
	}
	return b.String()
}
