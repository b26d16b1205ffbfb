package urlpattern

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// writer writes parts as a regular expression ("generate a regular expression and name list"). What it writes of its own
// means the same to both regular expression packages.
type writer struct {
	source     strings.Builder
	fold       bool
	foreign    bool            // there is a regular expression of the author in it
	groups     int             // that capture, so far
	reference  int             // the highest group that a regular expression refers back to
	optional   []int           // groups whose empty capture is none
	properties int             // \p{...} in regular expressions
	names      map[string]bool // of groups in regular expressions of the author
}

var errRepeatedName = errors.New("a regular expression with a named group in it cannot be repeated together with text")

// The wildcards. The classes have the line terminators of JavaScript, which its "." does not match.
const (
	sourceAnything = "[^\n\r\u2028\u2029]*"
	sourceNonempty = `[\s\S]+?`
)

func (w *writer) write(parts []part, o *options) error {
	w.source.WriteByte('^')
	for i := range parts {
		p := &parts[i]
		if p.kind == fixedText {
			w.text(p.value, p.modifier)
			continue
		}
		before := w.groups
		value, err := w.value(p, o)
		if err != nil {
			return err
		}
		inner := w.groups - before
		if inner > 0 && p.repeats() && !p.bare() {
			return errRepeatedName
		}
		w.groups++
		w.group(p, value, before+1)
		if w.source.Len() > sourceMax {
			return fmt.Errorf("it is too large: %w", ErrLimit)
		}
	}
	w.source.WriteByte('$')
	if w.reference > w.groups {
		return fmt.Errorf("a regular expression refers to group %d, and there are %d", w.reference, w.groups)
	}
	return nil
}

// text writes text, which is repeated where there is a modifier.
func (w *writer) text(value, modifier string) {
	if modifier == "" {
		w.source.WriteString(regexp.QuoteMeta(value))
		return
	}
	w.source.WriteString("(?:" + regexp.QuoteMeta(value) + ")" + modifier)
}

// group writes a group that captures; index is its number.
func (w *writer) group(p *part, value string, index int) {
	prefix, suffix := regexp.QuoteMeta(p.prefix), regexp.QuoteMeta(p.suffix)
	switch {
	case p.bare() && p.repeats():
		w.source.WriteString("((?:" + value + ")" + p.modifier + ")")
	case p.bare():
		w.source.WriteString("(" + value + ")" + p.modifier)
		if p.modifier == "?" {
			w.optional = append(w.optional, index)
		}
	case p.repeats():
		w.source.WriteString("(?:" + prefix + "((?:" + value + ")(?:" + suffix + prefix + "(?:" + value + "))*)" + suffix + ")")
		if p.modifier == "*" {
			w.source.WriteByte('?')
		}
	default:
		w.source.WriteString("(?:" + prefix + "(" + value + ")" + suffix + ")" + p.modifier)
	}
}

// value is the regular expression of what a group captures.
func (w *writer) value(p *part, o *options) (string, error) {
	switch {
	case p.kind == regexpGroup:
		w.foreign = true
		return w.rewrite(p.value)
	case p.kind == fullWildcard:
		return sourceAnything, nil
	case o.delimiter == "":
		return sourceNonempty, nil
	}
	return "[^" + o.delimiter + "]+?", nil
}
