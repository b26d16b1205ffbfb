package cli

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"strings"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// versionPath is asked by an open error page whether there is a new version of the code. dev answers it, no handler
// sees it.
const versionPath = "/.fortuna/version"

//go:embed page.html
var pageSource string

//go:embed page.js
var pageScript string

var pageTemplate = template.Must(template.New("page").Parse(pageSource))

// pagePolicy lets the page run its one script and nothing that a message might smuggle in.
var pagePolicy = func() template.HTMLAttr {
	sum := sha256.Sum256([]byte(pageScript))
	return template.HTMLAttr(`content="default-src 'none'; style-src 'unsafe-inline'; connect-src 'self'; script-src 'sha256-` +
		base64.StdEncoding.EncodeToString(sum[:]) + `'"`)
}()

// moment is when a fault is shown: the version that failed, and whether an older one goes on serving.
type moment struct {
	version uint64
	serving bool
}

// render is f as an answer to q: a page for a browser, JSON for who asks for it, else plain text.
func (f *fault) render(q *exchange.Request, m moment) (contentType string, body []byte) {
	accept := strings.ToLower(q.Get("Accept"))
	switch {
	case strings.Contains(accept, "text/html"):
		return "text/html; charset=utf-8", f.html(q, m)
	case strings.Contains(accept, "json"):
		return "application/json", f.json()
	default:
		return "text/plain; charset=utf-8", []byte(f.text())
	}
}

func (f *fault) html(q *exchange.Request, m moment) []byte {
	var b bytes.Buffer
	err := pageTemplate.Execute(&b, struct {
		*fault
		Policy     template.HTMLAttr
		Script     template.JS
		Frames     [][]frameLine
		StackLines []string
		Version    uint64
		Serving    bool
		Poll       string
		Method     string
	}{f, pagePolicy, template.JS(pageScript), f.frames(), f.stackLines(), m.version, m.serving, versionPath, q.Method})
	if err != nil {
		return []byte(template.HTMLEscapeString(f.text()))
	}
	return b.Bytes()
}

// stackLines are the lines of the stack, without what indents them.
func (f *fault) stackLines() []string {
	stack := lines(f.Stack)
	for i, l := range stack {
		stack[i] = strings.TrimSpace(l)
	}
	return stack
}

// frameLine is a line of a code frame and what it is.
type frameLine struct {
	Text string
	Kind string // "at", "caret" or ""
}

// frames are the code frames of the remarks, one each.
func (f *fault) frames() [][]frameLine {
	all := make([][]frameLine, 0, len(f.Remarks))
	for _, r := range f.Remarks {
		var frame []frameLine
		for _, l := range lines(r.Frame) {
			kind := ""
			switch {
			case strings.HasPrefix(l, ">"):
				kind = "at"
			case strings.HasSuffix(l, "^"):
				kind = "caret"
			}
			frame = append(frame, frameLine{l, kind})
		}
		all = append(all, frame)
	}
	return all
}

func (f *fault) json() []byte {
	type jsonRemark struct {
		Message  string   `json:"message"`
		Position string   `json:"position,omitempty"`
		Frame    string   `json:"frame,omitempty"`
		Notes    []string `json:"notes,omitempty"`
	}
	remarks := make([]jsonRemark, 0, len(f.Remarks))
	for _, r := range f.Remarks {
		remarks = append(remarks, jsonRemark{r.Text, r.Place, r.Frame, r.Notes})
	}
	body, err := json.MarshalIndent(struct {
		Code   string       `json:"code"`
		Title  string       `json:"title"`
		Errors []jsonRemark `json:"errors"`
		Stack  []string     `json:"stack,omitempty"`
		Hint   string       `json:"hint,omitempty"`
	}{f.Code, f.Title, remarks, f.stackLines(), f.Hint}, "", "  ")
	if err != nil {
		return []byte(`{"code":"handler_error"}`)
	}
	return append(body, '\n')
}

func (f *fault) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", f.Code, f.Title)
	for _, r := range f.Remarks {
		fmt.Fprintf(&b, "\n%s\n", r.Text)
		if r.Place != "" {
			fmt.Fprintf(&b, "%s\n", r.Place)
		}
		b.WriteString(r.Frame)
		for _, n := range r.Notes {
			fmt.Fprintf(&b, "%s\n", n)
		}
		if r.Chain != "" {
			fmt.Fprintf(&b, "%s\n", r.Chain)
		}
	}
	if f.Stack != "" {
		fmt.Fprintf(&b, "\n%s", f.Stack)
	}
	if f.Hint != "" {
		fmt.Fprintf(&b, "\nhint: %s\n", f.Hint)
	}
	return b.String()
}
