package urlpattern

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/dlclark/regexp2/v2"
)

// Bounds on what compiling and matching one component may cost. It is native code, which no interrupt of a VM stops, so beyond them
// it is an error and never "no match".
const (
	matchTimeout = 250 * time.Millisecond // of regular expressions of the author, which may backtrack without end, in all components
	matchWorkMax = 16 << 20               // bytes of the pattern times bytes of the input, where the time is their product
	sourceMax    = 256 << 10              // bytes of a regular expression once its character classes are written out

	propertiesMax = 100 // \p{...} in a pattern: working one out takes up to a millisecond
)

// component is the compiled pattern of one component.
type component struct {
	pattern      string // its normal form
	names        []string
	matcher      matcher
	regexpGroups bool
}

// matcher finds the whole of an input. Pairs of byte offsets say where the input and each group are, as those of
// package regexp do; nil is no match, the error is ErrLimit.
type matcher interface {
	find(input string) ([]int, error)
}

// compile is "compile a component".
func compile(pattern string, o options, encode encoder) (*component, error) {
	parts, err := parse(pattern, o, encode)
	if err != nil {
		return nil, err
	}
	c := &component{pattern: print(parts, &o)}
	for i := range parts {
		if parts[i].kind != fixedText {
			c.names = append(c.names, parts[i].name)
		}
		c.regexpGroups = c.regexpGroups || parts[i].kind == regexpGroup
	}
	c.matcher, err = match(parts, &o)
	return c, err
}

// match picks the cheapest matcher for parts.
func match(parts []part, o *options) (matcher, error) {
	switch {
	case len(parts) == 0:
		return text{}, nil
	case len(parts) == 1 && parts[0].kind == fixedText && parts[0].modifier == "":
		return text{parts[0].value, o.ignoreCase}, nil
	case len(parts) == 1 && parts[0].kind == fullWildcard && parts[0].modifier == "" && parts[0].bare():
		return whole{}, nil
	}
	var w writer
	w.fold = o.ignoreCase
	if err := w.write(parts, o); err != nil {
		return nil, err
	}
	source := w.source.String()
	if w.foreign {
		re, err := compileForeign(source, o.ignoreCase)
		return backtracking{re, w.optional}, err
	}
	if o.ignoreCase {
		source = "(?i)" + source
	}
	re, err := regexp.Compile(source)
	if err != nil {
		return nil, errors.Join(ErrLimit, err) // it is well formed, so it is too large for the package
	}
	return linear{re, len(source), w.optional}, nil
}

// compileForeign compiles a regular expression that has pieces of the author, as the flag v of JavaScript has it once
// writer has seen to the classes.
func compileForeign(source string, fold bool) (*regexp2.Regexp, error) {
	if len(source) > sourceMax {
		return nil, fmt.Errorf("its character classes are too large: %w", ErrLimit)
	}
	flags := regexp2.ECMAScript | regexp2.Unicode
	if fold {
		flags |= regexp2.IgnoreCase
	}
	re, err := regexp2.Compile(source, flags)
	if err != nil {
		return nil, err
	}
	re.MatchTimeout = matchTimeout
	return re, nil
}

// text matches itself.
type text struct {
	value string
	fold  bool
}

func (t text) find(input string) ([]int, error) {
	if input == t.value || t.fold && strings.EqualFold(input, t.value) {
		return []int{0, len(input)}, nil
	}
	return nil, nil
}

// whole is "*": one group that matches anything a component can be.
type whole struct{}

func (whole) find(input string) ([]int, error) {
	if strings.ContainsAny(input, "\n\r\u2028\u2029") {
		return nil, nil
	}
	return []int{0, len(input), 0, len(input)}, nil
}

// linear matches parts that have no regular expression of the author.
type linear struct {
	re       *regexp.Regexp
	size     int
	optional []int
}

func (l linear) find(input string) ([]int, error) {
	if l.size*len(input) > matchWorkMax {
		return nil, fmt.Errorf("an input of %d bytes is too long for it: %w", len(input), ErrLimit)
	}
	return withoutEmpty(l.re.FindStringSubmatchIndex(input), l.optional), nil
}

// backtracking matches parts of which one is a regular expression of the author.
type backtracking struct {
	re       *regexp2.Regexp
	optional []int
}

func (b backtracking) find(input string) ([]int, error) {
	if len(input) > matchWorkMax {
		return nil, fmt.Errorf("an input of %d bytes is too long for it: %w", len(input), ErrLimit)
	}
	m, err := b.re.FindStringMatch(input)
	if err != nil {
		return nil, fmt.Errorf("%w: it backtracks too much on an input of %d bytes", ErrLimit, len(input))
	}
	if m == nil {
		return nil, nil
	}
	groups := m.Groups()
	offsets := make([]int, 0, 2*len(groups))
	for i := range groups {
		if len(groups[i].Captures) == 0 {
			offsets = append(offsets, -1, -1)
			continue
		}
		start, length := groups[i].ByteRange()
		offsets = append(offsets, start, start+length)
	}
	return withoutEmpty(offsets, b.optional), nil
}

// withoutEmpty takes away what the optional groups captured when it is nothing: in JavaScript a repetition that matches
// nothing does not count.
func withoutEmpty(offsets, optional []int) []int {
	if offsets == nil {
		return nil
	}
	for _, i := range optional {
		if offsets[2*i] == offsets[2*i+1] {
			offsets[2*i], offsets[2*i+1] = -1, -1
		}
	}
	return offsets
}

// groups is what the groups of the pattern captured. They are the first of the regular expression, because the standard
// counts so: named groups of the author inside one of them shift those after it.
func (c *component) groups(input string, offsets []int) []Group {
	list := make([]Group, len(c.names))
	for i, name := range c.names {
		list[i].Name = name
		if start, end := offsets[2*i+2], offsets[2*i+3]; start >= 0 {
			list[i].Value, list[i].Matched = input[start:end], true
		}
	}
	return list
}
