package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strings"
)

// sourceMap is a source map, version 3 (ECMA-426), decoded. Names are not kept: nothing here shows them.
type sourceMap struct {
	sources  []string
	contents []string // as long as sources
	segments []segment
}

// segment says that the code from line and column on comes from a place in a source. All count from 0; a source of -1
// is code that comes from nowhere.
type segment struct {
	line, column             int
	source                   int
	sourceLine, sourceColumn int
}

// mapJSON is the form of a source map on disk.
type mapJSON struct {
	Version        int      `json:"version"`
	Sources        []string `json:"sources"`
	SourcesContent []string `json:"sourcesContent,omitempty"`
	Mappings       string   `json:"mappings"`
	Names          []string `json:"names"`
}

// parseMap decodes data, which may come from anywhere: whatever it accepts is in range and in order.
func parseMap(data []byte) (*sourceMap, error) {
	var j mapJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return nil, fmt.Errorf("source map: %w", err)
	}
	if j.Version != 3 {
		return nil, fmt.Errorf("source map: version must be 3, got %d", j.Version)
	}
	if len(j.SourcesContent) > len(j.Sources) {
		return nil, fmt.Errorf("source map: %d sourcesContent for %d sources", len(j.SourcesContent), len(j.Sources))
	}
	m := &sourceMap{sources: j.Sources, contents: make([]string, len(j.Sources))}
	copy(m.contents, j.SourcesContent)
	var source, sourceLine, sourceColumn int
	for line, row := range strings.Split(j.Mappings, ";") {
		column := 0
		for row != "" {
			var field string
			field, row, _ = strings.Cut(row, ",")
			d, n, err := decodeVLQs(field)
			if err != nil {
				return nil, fmt.Errorf("source map: mappings, line %d: %w", line+1, err)
			}
			if d[0] < 0 {
				return nil, fmt.Errorf("source map: mappings, line %d: columns go backwards", line+1)
			}
			column += d[0]
			s := segment{line: line, column: column, source: -1}
			if n > 1 {
				source, sourceLine, sourceColumn = source+d[1], sourceLine+d[2], sourceColumn+d[3]
				if source < 0 || source >= len(m.sources) || sourceLine < 0 || sourceColumn < 0 {
					return nil, fmt.Errorf("source map: mappings, line %d: a segment leads outside its sources", line+1)
				}
				s.source, s.sourceLine, s.sourceColumn = source, sourceLine, sourceColumn
			}
			m.segments = append(m.segments, s)
		}
	}
	return m, nil
}

// encode is m as it stands beside a bundle.
func (m *sourceMap) encode() []byte {
	return m.marshal(m.contents, 0)
}

// encodeForGoja is m as goja asks it: goja counts columns from 1 in a map that counts from 0, on both sides, and has no
// use for the sources.
func (m *sourceMap) encodeForGoja() []byte {
	return m.marshal(nil, 1)
}

func (m *sourceMap) marshal(contents []string, origin int) []byte {
	data, err := json.Marshal(mapJSON{
		Version:        3,
		Sources:        m.sources,
		SourcesContent: contents,
		Mappings:       m.mappings(origin),
		Names:          []string{},
	})
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return data
}

// mappings encodes the segments, whose columns shall count from origin.
func (m *sourceMap) mappings(origin int) string {
	var b []byte
	var line, column int
	var source, sourceLine, sourceColumn int
	fresh := true
	for _, s := range m.segments {
		for line < s.line {
			b = append(b, ';')
			line++
			column = 0
			fresh = true
		}
		if !fresh {
			b = append(b, ',')
		}
		fresh = false
		b = appendVLQ(b, s.column+origin-column)
		column = s.column + origin
		if s.source < 0 {
			continue
		}
		b = appendVLQ(b, s.source-source)
		b = appendVLQ(b, s.sourceLine-sourceLine)
		b = appendVLQ(b, s.sourceColumn+origin-sourceColumn)
		source, sourceLine, sourceColumn = s.source, s.sourceLine, s.sourceColumn+origin
	}
	return string(b)
}

// position is where the code at line and column, from 1, comes from.
func (m *sourceMap) position(line, column int) (Position, bool) {
	line, column = line-1, column-1
	i := sort.Search(len(m.segments), func(i int) bool {
		s := &m.segments[i]
		return s.line > line || s.line == line && s.column > column
	}) - 1
	if i < 0 || m.segments[i].line != line || m.segments[i].source < 0 {
		return Position{}, false
	}
	s := &m.segments[i]
	return Position{File: m.sources[s.source], Line: s.sourceLine + 1, Column: s.sourceColumn + 1}, true
}

// content is the text of the source called file.
func (m *sourceMap) content(file string) (string, bool) {
	for i, name := range m.sources {
		if name == file {
			return m.contents[i], true
		}
	}
	return "", false
}

const base64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// base64Values is the inverse of base64Digits; 64 means "no digit".
var base64Values = func() (t [256]byte) {
	for i := range t {
		t[i] = 64
	}
	for i := 0; i < len(base64Digits); i++ {
		t[base64Digits[i]] = byte(i)
	}
	return t
}()

// appendVLQ appends n as base64 VLQ.
func appendVLQ(b []byte, n int) []byte {
	v := uint64(n) << 1
	if n < 0 {
		v = uint64(-n)<<1 | 1
	}
	for {
		digit := byte(v & 31)
		v >>= 5
		if v != 0 {
			digit |= 32
		}
		b = append(b, base64Digits[digit])
		if v == 0 {
			return b
		}
	}
}

var errVLQ = errors.New("not a segment of 1, 4 or 5 base64 VLQ numbers")

// decodeVLQs decodes one segment.
func decodeVLQs(s string) (d [5]int, n int, err error) {
	for s != "" {
		if n == len(d) {
			return d, n, errVLQ
		}
		var v, shift int
		for {
			if s == "" || shift > 30 {
				return d, n, errVLQ
			}
			digit := int(base64Values[s[0]])
			s = s[1:]
			if digit == 64 {
				return d, n, errVLQ
			}
			v |= (digit & 31) << shift
			shift += 5
			if digit&32 == 0 {
				break
			}
		}
		d[n] = v >> 1
		if v&1 != 0 {
			d[n] = -d[n]
		}
		n++
	}
	if n != 1 && n != 4 && n != 5 {
		return d, n, errVLQ
	}
	return d, n, nil
}

// insertLines moves everything down by n lines.
func (m *sourceMap) insertLines(n int) {
	for i := range m.segments {
		m.segments[i].line += n
	}
}

// shift moves the segments of code behind edits, which are in order and replace text within a line by text within a
// line.
func (m *sourceMap) shift(code string, edits []edit) {
	line, start, next := 0, 0, 0 // the line, where it begins, the first segment not yet moved
	moved := 0                   // by how much this line's rest moves
	for _, e := range edits {
		// Segments up to this edit are final.
		for n := strings.IndexByte(code[start:e.start], '\n'); ; n = strings.IndexByte(code[start:e.start], '\n') {
			until := e.start - start
			if n >= 0 {
				until = n + 1
			}
			for next < len(m.segments) && (m.segments[next].line < line ||
				m.segments[next].line == line && m.segments[next].column <= until) {
				if m.segments[next].line == line {
					m.segments[next].column += moved
				}
				next++
			}
			if n < 0 {
				break
			}
			line, start, moved = line+1, start+n+1, 0
		}
		moved += len(e.text) - (e.end - e.start)
	}
	for ; next < len(m.segments) && m.segments[next].line == line; next++ {
		m.segments[next].column += moved
	}
}
