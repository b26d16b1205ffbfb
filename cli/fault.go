package cli

import (
	"errors"
	"regexp"
	"strings"

	"github.com/fortunadws/fortuna/runtime"
	"github.com/fortunadws/fortuna/runtime/bundle"
)

// fault is what is wrong with the code a person is writing: once as lines on the terminal (term), once as an answer in
// the browser (page.go).
type fault struct {
	Status  int    // of the answer
	Code    string // stable
	Title   string
	Remarks []remark
	Stack   string // lines "at f (file:line:column)"
	Hint    string
	Request string // "GET /path"; empty when the fault is not a request's
}

// remark is one thing that is wrong, with its place.
type remark struct {
	Text  string
	Place string   // "file:line:column"
	Frame string   // the code around it, without the place
	Notes []string // what else to know
	Chain string   // how the file came to be imported
}

// buildFault explains why p did not build.
func buildFault(p *project, err error) *fault {
	f := &fault{Status: 500, Code: "build_failed", Title: "The code does not build"}
	var e *bundle.Error
	if !errors.As(err, &e) {
		f.Remarks = []remark{{Text: err.Error()}}
		return f
	}
	f.Hint = p.installHint(e)
	for _, m := range e.Messages {
		f.Remarks = append(f.Remarks, remarkOf(m, f.Hint != "" && packageOf(unresolved(m.Text)) != ""))
	}
	return f
}

// remarkOf is a message of the bundler. With brief, its notes are left out: the hint says it better.
func remarkOf(m bundle.Message, brief bool) remark {
	r := remark{Text: m.Text}
	if m.File != "" {
		r.Place = m.Position().String()
		_, r.Frame, _ = strings.Cut(m.Frame(), "\n")
	}
	if !brief {
		r.Notes = m.Notes
	}
	if len(m.Chain) > 1 {
		r.Chain = strings.Join(m.Chain, " imports ")
	}
	return r
}

// titles of failures that are not the handler's own.
var titles = map[string]string{
	"no_route":           "Nothing answers this request",
	"method_not_allowed": "Nothing answers this request",
	"no_capacity":        "Too many requests are waiting",
	"cross_origin":       "A page of another origin sent this",
	"session_ended":      "The session has ended",
	"state_unavailable":  "The state store does not answer",
	"cpu_budget":         "A limit was reached",
	"call_stack":         "A limit was reached",
	"deadline":           "A limit was reached",
	"wait_until":         "A limit was reached",
}

// runFault explains why code that was built failed when it ran. An error that is no Failure has only its text.
func runFault(err error) *fault {
	var e *runtime.Failure
	if !errors.As(err, &e) {
		return &fault{Status: 500, Code: "handler_error", Title: "The code cannot start", Remarks: []remark{{Text: err.Error()}}}
	}
	f := &fault{Status: e.Status, Code: e.Code, Title: titles[e.Code], Stack: e.Stack, Hint: e.Hint}
	r := remark{Text: e.Message}
	if e.Position.Line > 0 {
		r.Place = e.Position.String()
	}
	r.Frame = strings.TrimPrefix(e.Frame, r.Place+"\n")
	f.Remarks = []remark{r}
	switch {
	case e.Request == nil:
		f.Title = "The code fails when it is loaded"
	case f.Title == "":
		f.Title = "The handler failed"
	}
	if e.Request != nil {
		f.Request = e.Request.Method + " " + e.Request.Target
	}
	return f
}

// listensForFetch is the way of service workers to answer requests.
var listensForFetch = regexp.MustCompile(`\baddEventListener\(\s*["'` + "`" + `]fetch["'` + "`" + `]`)

// loadFault explains why b, which was built, cannot be served.
func loadFault(b *bundle.Bundle, err error) *fault {
	f := runFault(err)
	if f.Code == "no_handler" && listensForFetch.MatchString(b.Code) {
		f.Remarks[0].Notes = []string{`addEventListener("fetch", ...) is the syntax of service workers; here the module exports its handler.`,
			"Where the listener calls event.respondWith(answer), return the answer."}
	}
	return f
}

// fault prints f: each remark with its place, its frame and what to know, then the stack and the hint.
func (t *term) fault(f *fault) {
	s := t.err
	var b strings.Builder
	line := func(prefix, text string) { b.WriteString(prefix + s.printable(text) + "\n") }
	for _, r := range f.Remarks {
		text := s.printable(r.Text)
		if f.Request != "" {
			text += s.paint(dim, " in "+s.printable(f.Request))
		}
		b.WriteString(s.paint(alarm, "fortuna: error:") + " " + text + "\n")
		if r.Place != "" {
			b.WriteString("  " + s.paint(cyan, s.printable(r.Place)) + "\n")
		}
		for _, l := range lines(r.Frame) {
			text := s.printable(l)
			if !strings.HasPrefix(l, ">") && !strings.HasSuffix(l, "^") {
				text = s.paint(dim, text)
			} else if strings.HasSuffix(l, "^") {
				text = s.paint(red, text)
			}
			b.WriteString("  " + text + "\n")
		}
		for _, n := range r.Notes {
			line("  ", n)
		}
		if r.Chain != "" {
			line("  ", r.Chain)
		}
	}
	for _, l := range f.stackLines() {
		b.WriteString(s.paint(dim, s.printable("    "+l)) + "\n")
	}
	if f.Hint != "" {
		b.WriteString(s.paint(cyan, "fortuna: hint:") + " " + s.printable(f.Hint) + "\n")
	}
	t.print(s, b.String())
}

// lines are the lines of text, without an empty one at the end.
func lines(text string) []string {
	text = strings.TrimRight(text, "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}
