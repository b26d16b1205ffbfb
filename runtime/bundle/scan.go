package bundle

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// measure refuses a text that is too large or too deep for a recursive program, in one pass of its own without
// recursion. The error is an *Error.
func measure(source, file string, l language) error {
	if len(source) > Limits.SourceBytesMax {
		return refusal(file, source, 0, fmt.Sprintf("the code is too large: %d bytes are more than the limit of %d",
			len(source), Limits.SourceBytesMax))
	}
	d := depth{lexer: newLexer(source, l), ended: -1}
	for t := d.lexer.next(); t.kind != tokenEOF; t = d.lexer.next() {
		if text := d.take(t); text != "" {
			return refusal(file, source, t.start, text)
		}
	}
	return nil
}

// refusal is an error at an offset in source.
func refusal(file, source string, offset int, text string) *Error {
	m := Message{Text: text, File: file}
	line := strings.LastIndexByte(source[:offset], '\n') + 1
	m.Line = strings.Count(source[:line], "\n") + 1
	m.Column = utf16Column(source[line:], offset-line)
	m.around(source)
	return &Error{Messages: []Message{m}}
}

// depth follows how deep a recursive parser would stand. Each token of a statement that is not finished may be a level
// ("!!!!a", "a ? b : c ? d : e", "if (a) b; else if (c) d"), in every bracket that is open.
type depth struct {
	lexer   *lexer
	before  token // the token before the one to take
	pending int   // over all brackets
	ended   int   // the bracket in which a statement ended with before, unless "else" follows; or -1
	operand bool  // lexer.operand behind before
}

// take counts t, which lexer has just given; the answer says what is wrong, or is empty.
func (d *depth) take(t token) string {
	if len(d.lexer.open)-1 > Limits.NestingMax {
		return fmt.Sprintf("the code is nested too deep: %d brackets are open here, the limit is %d",
			len(d.lexer.open)-1, Limits.NestingMax)
	}
	word := d.lexer.text(t)
	switch {
	case d.ended >= 0 && d.ended < len(d.lexer.open) && word != "else" && !isCloser(word):
		d.finish(d.ended)
	case t.newline && d.breaks(t, word), t.kind == tokenText && d.lexer.top().kind == bracketElement:
		d.finish(len(d.lexer.open) - 1)
	}
	d.ended = -1
	b := d.lexer.top()
	if t.kind == tokenPunct || t.kind == tokenTemplate {
		d.settle()
		switch word {
		case ";":
			d.ended = len(d.lexer.open) - 1
		case "}":
			if d.lexer.statement {
				d.ended = len(d.lexer.open) - 1
			}
		case ",":
			switch b.kind {
			case bracketCall, bracketArray, bracketObject, bracketClass:
				d.finish(len(d.lexer.open) - 1)
			default:
				if b.declares {
					d.finish(len(d.lexer.open) - 1)
					b.declares = true
				}
			}
		}
	}
	n := d.levels(t, word)
	b.pending += n
	d.pending += n
	d.before, d.operand = t, d.lexer.operand
	if d.pending > Limits.PendingMax {
		return fmt.Sprintf("this statement is too long or too deep: more than %d operators and operands in a row that nothing ends; "+
			"split it, or move data to a JSON file", Limits.PendingMax)
	}
	return ""
}

// levels is what t counts: 1, but when it begins a statement that stands in another without brackets, as much as a
// bracket, for esbuild indents each such level, and what it prints of 48 kB of "do do do" is half a gigabyte.
func (d *depth) levels(t token, word string) int {
	if t.kind != tokenName {
		return 1
	}
	switch word {
	case "if":
		if d.lexer.text(d.before) == "else" { // a ladder, which is printed flat
			return 1
		}
		fallthrough
	case "do", "for", "while", "with":
		return Limits.PendingMax / Limits.NestingMax
	}
	return 1
}

// breaks reports whether a statement without a semicolon ended with the line before t.
func (d *depth) breaks(t token, word string) bool {
	if d.operand || t.kind == tokenPunct || t.kind == tokenTemplate || t.kind == tokenRegexp {
		return false
	}
	switch word {
	case "else", "in", "instanceof", "of", "as", "satisfies", "is", "extends":
		return false
	}
	return true
}

// isCloser reports whether a token closes a bracket, and thereby ends all that was unfinished in it.
func isCloser(word string) bool {
	return word == ")" || word == "]" || word == "}"
}

// finish forgets the item that has ended in a bracket.
func (d *depth) finish(bracket int) {
	b := &d.lexer.open[bracket]
	d.pending -= b.pending
	b.pending, b.declares = 0, false
}

// settle makes the sum right after brackets were closed, which took their counts with them.
func (d *depth) settle() {
	d.pending = 0
	for i := range d.lexer.open {
		d.pending += d.lexer.open[i].pending
	}
}

// languageOf is how to measure a file; ok is false when it is data and not code.
func languageOf(path string, with map[string]string) (l language, ok bool) {
	switch with["type"] {
	case "text", "bytes":
		return 0, false
	case "json":
		return languageJSON, true
	}
	ext := strings.ToLower(filepath.Ext(path))
	switch loaders[ext] {
	case api.LoaderJS, api.LoaderTS:
		return languageJS, true
	case api.LoaderJSX, api.LoaderTSX:
		return languageJSX, true
	case api.LoaderJSON:
		return languageJSON, true
	}
	return 0, false
}

// measure refuses a file that must not reach esbuild.
func (in *inputs) measure(a api.OnLoadArgs) []api.Message {
	info, err := os.Stat(a.Path)
	if err != nil {
		return nil // esbuild says it better, with the import
	}
	file, err := filepath.Rel(in.root, a.Path)
	if err != nil {
		file = a.Path
	}
	if info.Size() > int64(Limits.SourceBytesMax) {
		return []api.Message{{Text: fmt.Sprintf("the file is too large: %d bytes are more than the limit of %d",
			info.Size(), Limits.SourceBytesMax), Location: &api.Location{File: file}}}
	}
	l, ok := languageOf(a.Path, a.With)
	if !ok {
		return nil
	}
	source, err := os.ReadFile(a.Path)
	if err != nil {
		return nil
	}
	fault := measure(string(source), file, l)
	if fault == nil {
		return nil
	}
	m := fault.(*Error).Messages[0]
	return []api.Message{{Text: m.Text, Location: &api.Location{File: file, Line: m.Line, Column: m.Column - 1, LineText: m.LineText}}}
}
