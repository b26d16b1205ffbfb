package cli

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// document is a TOML file decoded, with the place of every key.
type document struct {
	file   string // as messages name it
	tree   map[string]any
	places map[string]unstable.Position // by pathKey
}

// pathKey joins the parts of a key; a part may itself hold a dot.
func pathKey(path []string) string { return strings.Join(path, "\x00") }

// parseDocument reads a TOML file. The error names file, line and column.
func parseDocument(file string, data []byte) (*document, error) {
	d := &document{file: file, places: map[string]unstable.Position{}}
	if err := toml.Unmarshal(data, &d.tree); err != nil {
		var at *toml.DecodeError
		if !errors.As(err, &at) {
			return nil, refused("", "%s: %s", file, strings.TrimPrefix(err.Error(), "toml: "))
		}
		line, column := at.Position()
		if hint := quoted(data, line); hint != "" {
			return nil, refused(hint, "%s:%d: text needs quotes around it", file, line)
		}
		return nil, refused("", "%s:%d:%d: %s", file, line, column, strings.TrimPrefix(at.Error(), "toml: "))
	}
	d.locate(data)
	return d, nil
}

// unquotedText is a line whose value is text without quotes: a bare word, a path, an address.
var unquotedText = regexp.MustCompile(`^(\s*[A-Za-z0-9_."-]+\s*=\s*)([A-Za-z/.~][^"'#\[\]{},=]*|[0-9][0-9A-Za-z]*[.:/][^"'#\[\]{},=]*)`)

// quoted is that line of data as it should be written, if what it lacks are the quotes; else "".
func quoted(data []byte, line int) string {
	lines := strings.Split(string(data), "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	m := unquotedText.FindStringSubmatch(lines[line-1])
	if m == nil {
		return ""
	}
	text := strings.TrimSpace(m[2])
	if nearest(strings.ToLower(text), []string{"true", "false"}) != "" {
		return "" // mistyped, not text
	}
	return strings.TrimSpace(m[1]) + " " + strconv.Quote(text)
}

// locate notes where each key stands: the line and column of its last part.
func (d *document) locate(data []byte) {
	var p unstable.Parser
	p.Reset(data)
	var table []string
	for p.NextExpression() {
		switch e := p.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = d.place(&p, nil, e.Key())
		case unstable.KeyValue:
			d.keyValue(&p, table, e)
		}
	}
}

func (d *document) keyValue(p *unstable.Parser, table []string, e *unstable.Node) {
	path := d.place(p, table, e.Key())
	if e.Value().Kind == unstable.InlineTable {
		for members := e.Value().Children(); members.Next(); {
			d.keyValue(p, path, members.Node())
		}
	}
}

func (d *document) place(p *unstable.Parser, path []string, key unstable.Iterator) []string {
	path = path[:len(path):len(path)]
	for key.Next() {
		part := key.Node()
		path = append(path, string(part.Data))
		if _, known := d.places[pathKey(path)]; !known {
			d.places[pathKey(path)] = p.Shape(part.Raw).Start
		}
	}
	return path
}

// value is one value of a document. Its methods give the Go value, or an error that says where, what was expected and
// what was got.
type value struct {
	doc  *document
	path []string
	v    any
}

// members gives each member of a table that v is to who reads it.
func (v value) members(table map[string]any, read map[string]func(value) error) error {
	for _, name := range slices.Sorted(maps.Keys(table)) {
		inner := value{v.doc, append(slices.Clone(v.path), name), table[name]}
		f, known := read[name]
		if !known {
			names := slices.Sorted(maps.Keys(read))
			hint := suggest(name, names)
			if hint == "" {
				hint = "known keys: " + strings.Join(names, ", ")
			}
			return inner.wrong(hint, "unknown key %q", inner.key())
		}
		if err := f(inner); err != nil {
			return err
		}
	}
	return nil
}

// wrong is an error at the place of the value.
func (v value) wrong(hint, format string, args ...any) error {
	return refused(hint, "%s: %s", v.place(), fmt.Sprintf(format, args...))
}

// place is "fortuna.toml:3:1".
func (v value) place() string {
	at := v.doc.places[pathKey(v.path)]
	return fmt.Sprintf("%s:%d:%d", v.doc.file, at.Line, at.Column)
}

// key is the key as a person writes it: "dev.port".
func (v value) key() string { return strings.Join(v.path, ".") }

func (v value) expected(what string) error {
	return v.wrong("", "%s must be %s, got %s", v.key(), what, describe(v.v))
}

func (v value) text() (string, error) {
	s, ok := v.v.(string)
	if !ok {
		return "", v.expected("a string")
	}
	return s, nil
}

func (v value) truth() (bool, error) {
	b, ok := v.v.(bool)
	if !ok {
		return false, v.expected("true or false")
	}
	return b, nil
}

func (v value) integer(least, most int64) (int, error) {
	n, ok := v.v.(int64)
	if !ok || n < least || n > most {
		return 0, v.expected(fmt.Sprintf("a whole number from %d to %d", least, most))
	}
	return int(n), nil
}

// share is a part of the whole: true is all of it, false nothing, a number from 0 to 1 as much.
func (v value) share() (*float64, error) {
	share, ok := v.v.(float64)
	switch v.v {
	case true, int64(1):
		share, ok = 1, true
	case false, int64(0):
		share, ok = 0, true
	}
	if !ok || !(share >= 0 && share <= 1) {
		return nil, v.expected("true, false or a number from 0 to 1")
	}
	return &share, nil
}

func (v value) texts() ([]string, error) {
	list, ok := v.v.([]any)
	if !ok {
		return nil, v.expected("a list of strings")
	}
	texts := make([]string, 0, len(list))
	for _, item := range list {
		s, ok := item.(string)
		if !ok {
			return nil, v.wrong("", "%s must be a list of strings, got %s in it", v.key(), describe(item))
		}
		texts = append(texts, s)
	}
	return texts, nil
}

// date is a date, as TOML writes one or in a string, as "2006-01-02".
func (v value) date() (string, error) {
	text := ""
	switch x := v.v.(type) {
	case toml.LocalDate:
		text = x.String()
	case string:
		text = x
	}
	if _, err := time.Parse(time.DateOnly, text); err != nil {
		return "", v.expected(`a date like "2026-11-01"`)
	}
	return text, nil
}

// describe says what kind of value x is, and which.
func describe(x any) string {
	switch x := x.(type) {
	case string:
		return fmt.Sprintf("the string %q", x)
	case int64:
		return fmt.Sprintf("the number %d", x)
	case float64:
		return fmt.Sprintf("the number %v", x)
	case bool:
		return fmt.Sprintf("%t", x)
	case []any:
		return "a list"
	case map[string]any:
		return "a table"
	default:
		return fmt.Sprintf("the date or time %v", x)
	}
}
