package web

import (
	"strings"
	"sync"
	"unicode/utf8"

	xencoding "golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
)

// encoding is an encoding of the Encoding Standard (4.2).
type encoding struct {
	name    string         // in lower case, as JavaScript shows it
	unicode bool           // UTF-8 or UTF-16, where a byte order mark is not text
	decoder func() decoder // nil for "replacement", which nothing can decode
}

// decoder decodes one stream of bytes.
type decoder interface {
	// decode appends what src says, with what it held back before, to dst as UTF-8. What is not valid becomes U+FFFD,
	// and ok false. flush says that nothing follows: nothing is held back then.
	decode(dst, src []byte, flush bool) (out []byte, ok bool)
}

// findEncoding is "get an encoding" (Encoding 4.2): nil for what is not a label.
func findEncoding(label string) *encoding {
	label = asciiLower(strings.Trim(label, "\t\n\f\r "))
	if strings.TrimSpace(label) != label || strings.ToLower(label) != label {
		return nil // htmlindex would forgive more than ASCII white space and case
	}
	if name, ok := labels[label]; ok {
		label = name
	}
	e, err := htmlindex.Get(label)
	if err != nil {
		return nil
	}
	name, err := htmlindex.Name(e)
	if err != nil {
		return nil
	}
	switch name {
	case "utf-8":
		return &encoding{name, true, func() decoder { return &utf8Decoder{} }}
	case "utf-16le":
		return &encoding{name, true, func() decoder { return &utf16Decoder{} }}
	case "utf-16be":
		return &encoding{name, true, func() decoder { return &utf16Decoder{big: true} }}
	case "replacement":
		return &encoding{name: name}
	}
	if multi := multiBytes[name]; multi != nil {
		return &encoding{name, false, func() decoder { return &byteDecoder{step: multi()} }}
	}
	return &encoding{name, false, func() decoder { return singleByteTable(name, e) }}
}

// labels are those that htmlindex lacks.
var labels = map[string]string{
	"unicode11utf8": "utf-8", "unicode20utf8": "utf-8", "x-unicode20utf8": "utf-8",
	"csunicode": "utf-16le", "iso-10646-ucs-2": "utf-16le", "ucs-2": "utf-16le", "unicode": "utf-16le", "unicodefeff": "utf-16le",
	"unicodefffe": "utf-16be",
}

// singleByte is the decoder of an encoding whose bytes are characters each (Encoding 9.1): U+FFFD is none.
type singleByte [256]rune

// singleBytes caches the tables by name of encoding; they are never changed.
var singleBytes sync.Map

func singleByteTable(name string, e xencoding.Encoding) *singleByte {
	if t, ok := singleBytes.Load(name); ok {
		return t.(*singleByte)
	}
	t, d := &singleByte{}, e.NewDecoder()
	for c := range t {
		out, err := d.Bytes([]byte{byte(c)})
		if t[c], _ = utf8.DecodeRune(out); err != nil {
			t[c] = utf8.RuneError
		}
		if t[c] == utf8.RuneError && within(c, 0x80, 0x9F) {
			t[c] = rune(c) // x/text leaves out the C1 controls that the standard's indexes have
		}
	}
	singleBytes.Store(name, t)
	return t
}

func (t *singleByte) decode(dst, src []byte, _ bool) (out []byte, ok bool) {
	ok = true
	for _, c := range src {
		u := t[c]
		ok = ok && u != utf8.RuneError
		dst = utf8.AppendRune(dst, u)
	}
	return dst, ok
}
