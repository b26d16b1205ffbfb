package urlpattern

import (
	"errors"
	"fmt"
	"strconv"
)

type partKind uint8

const (
	fixedText partKind = iota
	regexpGroup
	segmentWildcard // what stands between two delimiters
	fullWildcard
)

// part is a piece of a component's pattern: text, or a group with the text around it.
type part struct {
	kind           partKind
	modifier       string // "?", "*", "+" or ""
	value          string // of text and regular expressions
	name           string // of a group: a number where the author gave none
	prefix, suffix string
}

func (p *part) bare() bool    { return p.prefix == "" && p.suffix == "" }
func (p *part) repeats() bool { return p.modifier == "*" || p.modifier == "+" }

// options says how a component's pattern is parsed; each is one character or nothing.
type options struct {
	delimiter  string // what a segment wildcard does not match
	prefix     string // what belongs to a group when it stands before it
	ignoreCase bool
}

// segment is "generate a segment wildcard regexp".
func (o *options) segment() string {
	if o.delimiter == "" {
		return "[^]+?"
	}
	return `[^\` + o.delimiter + "]+?"
}

const anything = ".*"

// patternBytesMax bounds a pattern string.
const patternBytesMax = 8 << 10

var (
	errPatternLength = fmt.Errorf("it is longer than %d bytes: %w", patternBytesMax, ErrLimit)
	errGroup         = errors.New(`a "{", "}", "?", "*" or "+" is not where it can be: write "\" before it for the character`)
)

// encoder writes text of a pattern as a parsed URL has it.
type encoder func(text string) (string, error)

// parser is the pattern parser.
type parser struct {
	options options
	encode  encoder
	tokens  []token
	at      int
	fixed   string // text that belongs to no part yet
	parts   []part
	names   map[string]bool
	unnamed int
}

// parse is "parse a pattern string".
func parse(pattern string, o options, encode encoder) ([]part, error) {
	if len(pattern) > patternBytesMax {
		return nil, errPatternLength
	}
	tokens, err := tokenize(pattern, false)
	if err != nil {
		return nil, err
	}
	p := &parser{options: o, encode: encode, tokens: tokens, names: map[string]bool{}}
	for p.at < len(p.tokens) {
		if err := p.next(); err != nil {
			return nil, err
		}
	}
	return p.parts, nil
}

func (p *parser) next() error {
	char := p.take(tokenChar)
	name, group := p.group()
	if name != nil || group != nil {
		prefix := ""
		if char != nil {
			prefix = char.value
		}
		if prefix != p.options.prefix {
			p.fixed += prefix
			prefix = ""
		}
		return p.add(prefix, name, group, "", p.modifier())
	}
	if char == nil {
		char = p.take(tokenEscaped)
	}
	if char != nil {
		p.fixed += char.value
		return nil
	}
	if p.take(tokenOpen) != nil {
		prefix := p.text()
		name, group := p.group()
		suffix := p.text()
		if p.take(tokenClose) == nil {
			return errGroup
		}
		return p.add(prefix, name, group, suffix, p.modifier())
	}
	if err := p.flush(); err != nil {
		return err
	}
	if p.take(tokenEnd) == nil {
		return errGroup
	}
	return nil
}

// take is "try to consume a token".
func (p *parser) take(kind tokenKind) *token {
	if p.at == len(p.tokens) || p.tokens[p.at].kind != kind {
		return nil
	}
	p.at++
	return &p.tokens[p.at-1]
}

// group takes a name, a regular expression, or both, or a wildcard.
func (p *parser) group() (name, group *token) {
	name = p.take(tokenName)
	group = p.take(tokenRegexp)
	if name == nil && group == nil {
		group = p.take(tokenAsterisk)
	}
	return name, group
}

func (p *parser) modifier() string {
	t := p.take(tokenModifier)
	if t == nil {
		t = p.take(tokenAsterisk)
	}
	if t == nil {
		return ""
	}
	return t.value
}

func (p *parser) text() string {
	var b []byte
	for {
		t := p.take(tokenChar)
		if t == nil {
			t = p.take(tokenEscaped)
		}
		if t == nil {
			return string(b)
		}
		b = append(b, t.value...)
	}
}

// encoded is text as a URL has it.
func (p *parser) encoded(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	return p.encode(text)
}

// flush makes the text before a group a part.
func (p *parser) flush() error {
	if p.fixed == "" {
		return nil
	}
	value, err := p.encoded(p.fixed)
	p.fixed = ""
	p.parts = append(p.parts, part{kind: fixedText, value: value})
	return err
}

// add is "add a part".
func (p *parser) add(prefix string, name, group *token, suffix, modifier string) error {
	plain := name == nil && group == nil
	if plain && modifier == "" { // "{text}", which is text
		p.fixed += prefix
		return nil
	}
	if err := p.flush(); err != nil {
		return err
	}
	before, err := p.encoded(prefix)
	if err != nil {
		return err
	}
	if plain {
		if prefix != "" {
			p.parts = append(p.parts, part{kind: fixedText, value: before, modifier: modifier})
		}
		return nil
	}
	after, err := p.encoded(suffix)
	if err != nil {
		return err
	}
	added := part{modifier: modifier, prefix: before, suffix: after}
	switch {
	case group == nil, group.kind == tokenRegexp && group.value == p.options.segment():
		added.kind = segmentWildcard
	case group.kind == tokenAsterisk, group.value == anything:
		added.kind = fullWildcard
	default:
		added.kind, added.value = regexpGroup, group.value
	}
	if name != nil {
		added.name = name.value
	} else {
		added.name = strconv.Itoa(p.unnamed)
		p.unnamed++
	}
	if p.names[added.name] {
		return fmt.Errorf("two groups are called %q", added.name)
	}
	p.names[added.name] = true
	p.parts = append(p.parts, added)
	return nil
}
