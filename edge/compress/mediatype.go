package compress

import "strings"

// gaining are the media types that gain besides text/*, and those whose name ends in +json, +xml or +text.
var gaining = map[string]bool{
	"application/javascript":        true,
	"application/json":              true,
	"application/rtf":               true,
	"application/wasm":              true,
	"application/x-javascript":      true,
	"application/x-ndjson":          true,
	"application/xml":               true,
	"application/vnd.ms-fontobject": true,
	"font/otf":                      true,
	"font/ttf":                      true,
	"image/bmp":                     true,
	"image/x-icon":                  true,
}

// Gains reports whether bodies of a Content-Type are worth encoding: text is, and what is compressed in itself is not.
// Events (text/event-stream) are not, because each must leave at once.
func Gains(contentType string) bool {
	t := MediaType(contentType)
	return t != "text/event-stream" && (strings.HasPrefix(t, "text/") || gaining[t] ||
		strings.HasSuffix(t, "+json") || strings.HasSuffix(t, "+xml") || strings.HasSuffix(t, "+text"))
}

// MediaType is a Content-Type without its parameters, in lower case.
func MediaType(contentType string) string {
	t, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.Trim(t, " \t"))
}
