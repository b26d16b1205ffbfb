package web

import (
	"math"
	"strings"
	"unicode/utf8"
)

// layout puts the parts of an object between braces: on one line when few levels and columns allow it, otherwise one
// part a line, the elements of a long array in columns (the rules of Node's util.inspect).
type layout struct {
	prefix      string // what stands before the brace: a class name, a function
	open, close string
	parts       []string
	array       bool // parts are elements
	numeric     bool // all of them numbers: aligned to the right
	more        bool // the last part says how many were left out
}

func (n *inspector) lay(l layout, level int) string {
	head := l.open
	if l.prefix != "" {
		head = l.prefix + " " + l.open
	}
	if len(l.parts) == 0 {
		return head + l.close
	}
	parts := l.parts
	if l.array && len(parts) > 6 {
		parts = n.columns(l)
	}
	if n.reached-level < inspectCompactMax && len(parts) == len(l.parts) {
		total := 2*len(parts) + n.indent + len(l.prefix) + len(l.open) + 10
		oneLine := true
		for _, p := range parts {
			total += utf8.RuneCountInString(p)
			oneLine = oneLine && !strings.Contains(p, "\n")
		}
		if oneLine && total <= inspectLineMax && !strings.Contains(l.prefix, "\n") {
			return head + " " + strings.Join(parts, ", ") + " " + l.close
		}
	}
	margin := "\n" + strings.Repeat(" ", n.indent)
	return head + margin + "  " + strings.Join(parts, ","+margin+"  ") + margin + l.close
}

// columns joins the elements of a long array into rows of equal cells.
func (n *inspector) columns(l layout) []string {
	cells := l.parts
	if l.more {
		cells = cells[:len(cells)-1]
	}
	width := make([]int, len(cells))
	total, widest := 0, 0
	for i, c := range cells {
		width[i] = utf8.RuneCountInString(c)
		total += width[i] + 2
		widest = max(widest, width[i])
		if strings.Contains(c, "\n") {
			return l.parts
		}
	}
	cell := widest + 2
	if cell*3+n.indent >= inspectLineMax || total <= 5*cell && widest > 6 {
		return l.parts
	}
	bias := math.Max(float64(cell)-3-math.Sqrt(float64(cell)-float64(total)/float64(len(l.parts))), 1)
	across := min(
		int(math.Round(math.Sqrt(2.5*bias*float64(len(cells)))/bias)),
		(inspectLineMax-n.indent)/cell,
		inspectCompactMax*4,
		inspectRowMax,
	)
	if across <= 1 {
		return l.parts
	}
	column := make([]int, across)
	for i, w := range width {
		column[i%across] = max(column[i%across], w)
	}
	var rows []string
	for at := 0; at < len(cells); at += across {
		var b strings.Builder
		end := min(at+across, len(cells))
		for i := at; i < end; i++ {
			pad := strings.Repeat(" ", column[i-at]-width[i])
			switch last := i == end-1; {
			case l.numeric && last:
				b.WriteString(pad + cells[i])
			case l.numeric:
				b.WriteString(pad + cells[i] + ", ")
			case last:
				b.WriteString(cells[i])
			default:
				b.WriteString(cells[i] + ", " + pad)
			}
		}
		rows = append(rows, b.String())
	}
	if l.more {
		rows = append(rows, l.parts[len(l.parts)-1])
	}
	return rows
}
