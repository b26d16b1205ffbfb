package assets

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/http1"
)

// Files of rules, as Cloudflare and Netlify have them. They are not served.
const (
	headersFile   = "_headers"
	redirectsFile = "_redirects"
)

// Limits of the files of rules.
const (
	rulesBytesMax = 1 << 20
	lineBytesMax  = 2000
	staticMax     = 2000 // redirects of one path
	dynamicMax    = 100  // redirects, and rules of headers, with "*" or ":name"
)

// rules are what the files say.
type rules struct {
	headers headerRules
}

func (a *Assets) rules(o Options) (r rules, err error) {
	for _, path := range slices.Sorted(maps.Keys(o.Headers)) {
		err := r.headers.parse(path, false)
		for _, field := range o.Headers[path] {
			err = errors.Join(err, r.headers.parse(field, true))
		}
		if err != nil {
			return r, fmt.Errorf("open assets: headers for %q: %w", path, err)
		}
	}
	for _, line := range o.Redirects {
		if err := a.redirects.parse(line, false); err != nil {
			return r, fmt.Errorf("open assets: redirects: %w", err)
		}
	}
	err = a.lines(headersFile, r.headers.parse)
	if err == nil {
		err = a.lines(redirectsFile, a.redirects.parse)
	}
	return r, err
}

// lines gives parse every line of a file that says something. What it finds wrong is told with its place.
func (a *Assets) lines(name string, parse func(line string, indented bool) error) error {
	f, err := a.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open assets: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, rulesBytesMax+1))
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if len(text) > rulesBytesMax {
		return fmt.Errorf("%s has more than %d bytes", name, rulesBytesMax)
	}
	n := 0
	for whole := range strings.Lines(string(text)) {
		n++
		line := strings.TrimSpace(whole)
		if line == "" || line[0] == '#' {
			continue
		}
		if len(line) > lineBytesMax {
			return fmt.Errorf("%s:%d: the line has %d bytes, at most %d are allowed", name, n, len(line), lineBytesMax)
		}
		if err := parse(line, whole[0] == ' ' || whole[0] == '\t'); err != nil {
			return fmt.Errorf("%s:%d: %w", name, n, err)
		}
	}
	return nil
}

// pattern is a path with at most one "*", which matches anything, and ":name", which matches a segment.
type pattern struct {
	text  string
	match *regexp.Regexp // nil for a plain path
	names []string
}

var placeholder = regexp.MustCompile(`\*|:[A-Za-z]\w*`)

func parsePattern(text string) (pattern, error) {
	if !strings.HasPrefix(text, "/") {
		return pattern{}, fmt.Errorf("a path begins with \"/\", got %q", text)
	}
	if strings.Count(text, "*") > 1 {
		return pattern{}, fmt.Errorf("a path has one \"*\" at most, got %q", text)
	}
	p := pattern{text: text}
	var b strings.Builder
	b.WriteString("^")
	from := 0
	for _, at := range placeholder.FindAllStringIndex(text, -1) {
		b.WriteString(regexp.QuoteMeta(text[from:at[0]]))
		name := text[at[0]+1 : at[1]]
		if name == "" {
			name = "splat"
			b.WriteString("(.*)")
		} else {
			b.WriteString("([^/]+)")
		}
		p.names = append(p.names, name)
		from = at[1]
	}
	if from == 0 {
		return p, nil
	}
	b.WriteString(regexp.QuoteMeta(text[from:]) + "$")
	var err error
	p.match, err = regexp.Compile("(?s)" + b.String())
	return p, err
}

// captures are the values of names, if the path matches.
func (p *pattern) captures(path string) (values map[string]string, ok bool) {
	if p.match == nil {
		return nil, p.text == path
	}
	m := p.match.FindStringSubmatch(path)
	if m == nil {
		return nil, false
	}
	values = map[string]string{}
	for i, name := range p.names {
		values[name] = m[i+1]
	}
	return values, true
}

// fill puts values in place of ":name" in text.
func fill(text string, values map[string]string, as func(string) string) string {
	return placeholder.ReplaceAllStringFunc(text, func(name string) string {
		if v, ok := values[strings.TrimPrefix(name, ":")]; ok {
			return as(v)
		}
		return name
	})
}

// headerRules add fields to answers, or take some away.
type headerRules struct {
	rules []headerRule
}

type headerRule struct {
	path   pattern
	add    []exchange.Field
	remove []string
}

// parse reads a line: a path, or, indented, "Name: value" or "! Name" for the path above.
func (h *headerRules) parse(line string, indented bool) error {
	if !indented {
		if len(h.rules) == dynamicMax {
			return fmt.Errorf("more than %d rules", dynamicMax)
		}
		p, err := parsePattern(line)
		h.rules = append(h.rules, headerRule{path: p})
		return err
	}
	if len(h.rules) == 0 {
		return errors.New("a field without a path above it")
	}
	rule := &h.rules[len(h.rules)-1]
	if name, remove := strings.CutPrefix(line, "!"); remove {
		name = strings.TrimSpace(name)
		if !fieldName.MatchString(name) {
			return fmt.Errorf("what takes a field away is \"! Name\", got %q", line)
		}
		rule.remove = append(rule.remove, name)
		return nil
	}
	name, value, ok := strings.Cut(line, ":")
	f := exchange.Field{Name: strings.TrimSpace(name), Value: strings.TrimSpace(value)}
	if !ok || !fieldName.MatchString(f.Name) || strings.ContainsAny(f.Value, "\r\x00") {
		return fmt.Errorf("a field is \"Name: value\", got %q", line)
	}
	if decided(&f) {
		return fmt.Errorf("%s is not a rule's to say: it follows from the file and the connection; leave it out", f.Name)
	}
	rule.add = append(rule.add, f)
	return nil
}

var fieldName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

// decided reports whether a field says something of one answer, which is never the same for all.
func decided(f *exchange.Field) bool {
	return !http1.Sendable(f) || slices.ContainsFunc([]string{"ETag", "Last-Modified", "Accept-Ranges", "Content-Range"}, func(own string) bool {
		return exchange.EqualFold(own, f.Name)
	})
}

// apply is header as the rules want it for a path: a field that several name has all their values, and replaces ours.
func (h *headerRules) apply(path string, header []exchange.Field) []exchange.Field {
	var added []exchange.Field
	for i := range h.rules {
		rule := &h.rules[i]
		values, ok := rule.path.captures(path)
		if !ok {
			continue
		}
		for _, name := range rule.remove {
			header = without(header, name)
			added = without(added, name)
		}
		for _, f := range rule.add {
			f.Value = fill(f.Value, values, func(v string) string { return v })
			joined := false
			for j := range added {
				if exchange.EqualFold(added[j].Name, f.Name) {
					added[j].Value += ", " + f.Value
					joined = true
				}
			}
			if !joined {
				added = append(added, f)
			}
		}
	}
	return fieldsOf(header, added)
}

func without(header []exchange.Field, name string) (out []exchange.Field) {
	for _, f := range header {
		if !exchange.EqualFold(f.Name, name) {
			out = append(out, f)
		}
	}
	return out
}

// redirects send paths elsewhere, before files are looked for.
type redirects struct {
	static  map[string]redirectRule
	dynamic []redirectRule
}

type redirectRule struct {
	from   pattern
	to     string
	status int // 200: the file of another path
}

// parse reads "from to [status]".
func (r *redirects) parse(line string, _ bool) error {
	words := strings.Fields(line)
	for i, w := range words {
		if w[0] == '#' { // Netlify's have comments behind rules
			words = words[:i]
			break
		}
	}
	if len(words) < 2 || len(words) > 3 {
		return fmt.Errorf("a redirect is \"from to [status]\", got %q", line)
	}
	from, err := parsePattern(words[0])
	if err != nil {
		return err
	}
	rule := redirectRule{from: from, to: words[1], status: 302}
	if len(words) == 3 {
		if rule.status, err = strconv.Atoi(words[2]); err != nil {
			return fmt.Errorf("the status must be a number, got %q", words[2])
		}
	}
	switch rule.status {
	case 200, 301, 302, 303, 307, 308:
	default:
		return fmt.Errorf("the status must be 200, 301, 302, 303, 307 or 308, got %d", rule.status)
	}
	elsewhere := strings.HasPrefix(rule.to, "https://") || strings.HasPrefix(rule.to, "http://")
	switch {
	case !elsewhere && !strings.HasPrefix(rule.to, "/") || strings.HasPrefix(rule.to, "//"):
		return fmt.Errorf("the place must begin with \"/\" or \"https://\", got %q", rule.to)
	case strings.ContainsFunc(rule.to, unicode.IsControl):
		return fmt.Errorf("the place has a control character, got %q", rule.to)
	case elsewhere && rule.status == 200:
		return fmt.Errorf("a rewrite (200) stays on this site, got %q", rule.to)
	case from.match != nil && len(r.dynamic) == dynamicMax:
		return fmt.Errorf("more than %d redirects with \"*\" or \":name\"", dynamicMax)
	case from.match == nil && len(r.static) == staticMax:
		return fmt.Errorf("more than %d redirects", staticMax)
	}
	if from.match != nil {
		r.dynamic = append(r.dynamic, rule)
		return nil
	}
	if r.static == nil {
		r.static = map[string]redirectRule{}
	}
	if _, has := r.static[from.text]; !has { // the first rule that matches counts
		r.static[from.text] = rule
	}
	return nil
}

// match finds the rule for a path, with the place filled in.
func (r *redirects) match(path string) (redirectRule, bool) {
	if rule, ok := r.static[path]; ok {
		return rule, true
	}
	for _, rule := range r.dynamic {
		if values, ok := rule.from.captures(path); ok {
			rule.to = fill(rule.to, values, escapePart)
			if strings.HasPrefix(rule.to, "//") { // what was matched must not become a host
				rule.to = "/" + strings.TrimLeft(rule.to, "/")
			}
			return rule, true
		}
	}
	return redirectRule{}, false
}

// escapePart is what a path matched, as a part of another place.
func escapePart(v string) string { return strings.TrimPrefix(escape("/"+v), "/") }
