// Package bundle turns a source tree into one compiled, content-addressed Bundle that goja runs.
//
// It does not know what a bundle does: no handlers, no requests, no web platform. It alone imports esbuild.
//
// A Builder asks esbuild for one ES module (esbuild.go), wraps its body in a function that returns the module's exports
// (module.go), mends what goja would misread (quirks.go, over the tokens of lexer.go), keeps the source map in step
// (sourcemap.go), puts calls around what no interrupt reaches (native.go) and compiles. Every text is measured (scan.go)
// before a recursive program sees it.
package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"sync"

	"github.com/dop251/goja"
	"github.com/dop251/goja/parser"
)

// Bundle is one compiled unit of code. It is immutable and may be used from anywhere.
type Bundle struct {
	Hash      string // hex SHA-256 of Code
	Entry     string // the entry file, relative to Options.Root, with forward slashes
	Code      string // what the VM runs: one script in ASCII
	SourceMap []byte // of Code, version 3, with the sources; their names are relative to Options.Root

	// Program is Code compiled, to be shared by all VMs. Its completion value is an object with the entry's exports as
	// getters ("default" among them) and no prototype; or a Promise of it, when the code awaits at top level. It calls the
	// functions of native.go, which the VM must have.
	Program *goja.Program

	Inputs   []string  // absolute paths of every file read, sorted; nil on a loaded bundle
	Warnings []Message // what esbuild found odd

	sourceMap func() (*sourceMap, error) // SourceMap decoded, once
}

// newBundle compiles code. The error is an *Error with positions in the original sources.
func newBundle(entry, code string, m *sourceMap) (*Bundle, error) {
	program, err := compile(code, m)
	if err != nil {
		return nil, err
	}
	b := &Bundle{
		Hash:      hashOf(code),
		Entry:     entry,
		Code:      code,
		SourceMap: m.encode(),
		Program:   program,
	}
	b.sourceMap = sync.OnceValues(func() (*sourceMap, error) { return parseMap(b.SourceMap) })
	return b, nil
}

// hashOf is the content address of code.
func hashOf(code string) string {
	sum := sha256.Sum256([]byte(code))
	return hex.EncodeToString(sum[:])
}

// Position is where the generated line and column, both from 1, come from; false when the map does not say.
func (b *Bundle) Position(line, column int) (Position, bool) {
	m, err := b.sourceMap()
	if err != nil {
		return Position{}, false
	}
	return m.position(line, column)
}

// Frame is the code around a source position, in the form of Message.Frame, from the sources in the map. It is empty
// when the map does not hold the file.
func (b *Bundle) Frame(p Position) string {
	m, err := b.sourceMap()
	if err != nil {
		return ""
	}
	source, ok := m.content(p.File)
	if !ok {
		// goja passes file names through net/url, which escapes spaces and letters beyond ASCII.
		name, err := url.PathUnescape(p.File)
		if err != nil {
			return ""
		}
		if source, ok = m.content(name); !ok {
			return ""
		}
		p.File = name
	}
	f, ok := frameOf(p, source)
	if !ok {
		return ""
	}
	return f.String()
}

// scriptName is the file name in stacks of code that the source map does not cover.
const scriptName = "bundle.js"

// compile compiles code for goja with m applied to its stacks.
func compile(code string, m *sourceMap) (program *goja.Program, err error) {
	if err := measure(code, scriptName, languageJS); err != nil {
		return nil, err
	}
	// goja panics where its parser or compiler meets what it did not expect.
	defer func() {
		if p := recover(); p != nil {
			program, err = nil, &Error{Messages: []Message{{
				Text:  fmt.Sprintf("goja, the JavaScript engine, cannot compile this code: %v", p),
				Notes: []string{"Please report it with the code: fortuna should have refused or rewritten it."},
			}}}
		}
	}()
	const mapName = "bundle.js.map"
	tree, err := parser.ParseFile(nil, scriptName, code+"\n//# sourceMappingURL="+mapName, 0,
		parser.WithSourceMapLoader(func(string) ([]byte, error) { return m.encodeForGoja(), nil }))
	if err == nil {
		insertCalls(tree, code)
		program, err = goja.CompileAST(tree, true)
	}
	if err != nil {
		return nil, compileError(err, m)
	}
	return program, nil
}

// compileError is a goja error as an *Error. goja's own positions are mapped when its compiler, and are not when its
// parser found the fault.
func compileError(err error, m *sourceMap) *Error {
	msg := Message{Text: "goja, the JavaScript engine: " + err.Error()}
	switch e := err.(type) {
	case parser.ErrorList:
		if len(e) > 0 {
			msg.Text = "goja, the JavaScript engine, does not understand this: " + e[0].Message
			msg.place(m, e[0].Position.Line, e[0].Position.Column)
		}
	case *goja.CompilerSyntaxError:
		msg.Text = "goja, the JavaScript engine, does not understand this: " + e.Message
		if e.File != nil {
			p := e.File.Position(e.Offset)
			msg.File, msg.Line, msg.Column = p.Filename, p.Line, p.Column
		}
	}
	if source, ok := m.content(msg.File); ok {
		msg.around(source)
	}
	return &Error{Messages: []Message{msg}}
}

// place sets the position of msg to where line and column of the generated code come from.
func (m *Message) place(s *sourceMap, line, column int) {
	p, ok := s.position(line, column)
	if !ok {
		p = Position{File: scriptName, Line: line, Column: column}
	}
	m.File, m.Line, m.Column = p.File, p.Line, p.Column
	m.Text = strings.TrimSuffix(m.Text, "\n")
}
