package bundle

import (
	"unicode/utf16"

	"os"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

// messages are esbuild's messages in our form.
func (b *Builder) messages(list []api.Message) []Message {
	var out []Message
	for _, m := range list {
		msg := Message{Text: m.Text}
		if at := m.Location; at != nil {
			msg.File = filepath.ToSlash(at.File)
			msg.Line = at.Line
			msg.Column = utf16Column(at.LineText, at.Column)
			msg.LineText = at.LineText
			if source, err := os.ReadFile(filepath.Join(b.root, at.File)); err == nil && at.Line > 0 {
				msg.around(string(source))
			}
		}
		for _, n := range m.Notes {
			if n.Text != "" {
				msg.Notes = append(msg.Notes, n.Text)
			}
		}
		out = append(out, msg)
	}
	return out
}

// utf16Column is the column, from 1 in UTF-16 code units, at a byte offset in line.
func utf16Column(line string, offset int) int {
	if offset > len(line) {
		offset = len(line)
	}
	return len(utf16.Encode([]rune(line[:offset]))) + 1
}

func (b *Builder) explain(e *Error) {}
