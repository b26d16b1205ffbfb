package bundle

import (
	"fmt"

	"github.com/evanw/esbuild/pkg/api"
)

type language int

const (
	languageJS language = iota
	languageTS
	languageJSX
)

func measure(source, file string, l language) error {
	if len(source) > Limits.SourceBytesMax {
		return &Error{Messages: []Message{{Text: fmt.Sprintf("%d bytes are more than the limit of %d", len(source), Limits.SourceBytesMax), File: file}}}
	}
	return nil
}

func (in *inputs) measure(a api.OnLoadArgs) []api.Message { return nil }
