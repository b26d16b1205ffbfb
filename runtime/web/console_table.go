package web

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/dop251/goja"
)

// Bounds of console.table.
const (
	tableRowsMax    = 1_000
	tableColumnsMax = 50
)

// grid is a table being drawn: a head and rows of cells.
type grid struct {
	head []string
	rows [][]string
}

// table is console.table(data, columns): one row for each property of data, one column for each of theirs.
func (c *console) table(args []goja.Value) {
	if len(args) == 0 {
		c.print(LevelLog, "")
		return
	}
	data, ok := args[0].(*goja.Object)
	if !ok || isProxy(data) {
		c.print(LevelLog, c.r.format(args[:1]))
		return
	}
	n := c.r.newInspector()
	n.depth = 0
	var only []string
	if len(args) > 1 {
		if list, ok := args[1].(*goja.Object); ok && list.ClassName() == "Array" && !isProxy(list) {
			for _, k := range firstKeys(n, list, tableColumnsMax) {
				if p, ok := n.property(list, n.r.VM.ToValue(k)); ok && p.value != nil {
					if s, ok := p.value.(goja.String); ok {
						only = append(only, s.String())
					}
				}
			}
		}
	}
	g := c.lay(n, data, only)
	if len(g.rows) == 0 {
		c.print(LevelLog, c.r.inspect(data))
		return
	}
	c.print(LevelLog, g.draw())
}

// lay fills a grid from data's own properties.
func (c *console) lay(n *inspector, data *goja.Object, only []string) *grid {
	g := &grid{head: append([]string{"(index)"}, only...)}
	loose := false
	type line struct {
		key    string
		cells  map[string]string
		single string
	}
	var lines []line
	for _, k := range firstKeys(n, data, tableRowsMax) {
		p, _ := n.property(data, n.r.VM.ToValue(k))
		l := line{key: k, cells: map[string]string{}}
		row, isObject := p.value.(*goja.Object)
		if _, isFunction := goja.AssertFunction(p.value); !isObject || isFunction || isProxy(row) {
			l.single, loose = n.held(p, 0), true
		} else {
			for _, column := range firstKeys(n, row, tableColumnsMax) {
				if only != nil && !slices.Contains(only, column) {
					continue
				}
				if only == nil && !slices.Contains(g.head[1:], column) && len(g.head) <= tableColumnsMax {
					g.head = append(g.head, column)
				}
				q, _ := n.property(row, n.r.VM.ToValue(column))
				l.cells[column] = n.held(q, 0)
			}
		}
		lines = append(lines, l)
	}
	for _, l := range lines {
		cells := []string{l.key}
		for _, column := range g.head[1:] {
			cells = append(cells, l.cells[column])
		}
		if loose {
			cells = append(cells, l.single)
		}
		g.rows = append(g.rows, cells)
	}
	if loose {
		g.head = append(g.head, "Values")
	}
	return g
}

// firstKeys are the enumerable own keys of o, at most max of them; an array's without listing all it has.
func firstKeys(n *inspector, o *goja.Object, max int) (keys []string) {
	if o.ClassName() == "Array" {
		for i := range min(lengthOf(o), max) {
			keys = append(keys, strconv.Itoa(i))
		}
		return keys
	}
	all := o.Keys()
	return all[:min(len(all), max)]
}

// draw is the grid with lines around its cells.
func (g *grid) draw() string {
	width := make([]int, len(g.head))
	for _, row := range append([][]string{g.head}, g.rows...) {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell)+2)
		}
	}
	rule := func(left, middle, right string) string {
		parts := make([]string, len(width))
		for i, w := range width {
			parts[i] = strings.Repeat("─", w)
		}
		return left + strings.Join(parts, middle) + right
	}
	line := func(row []string) string {
		parts := make([]string, len(row))
		for i, cell := range row {
			parts[i] = " " + cell + strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell)-1)
		}
		return "│" + strings.Join(parts, "│") + "│"
	}
	lines := []string{rule("┌", "┬", "┐"), line(g.head), rule("├", "┼", "┤")}
	for _, row := range g.rows {
		lines = append(lines, line(row))
	}
	return strings.Join(append(lines, rule("└", "┴", "┘")), "\n")
}
