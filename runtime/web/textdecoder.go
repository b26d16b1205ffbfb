package web

import (
	"bytes"
	"unicode/utf8"

	"github.com/dop251/goja"
)

// textDecoder is the Go half of a TextDecoder (Encoding 8.2).
type textDecoder struct {
	encoding         *encoding
	fatal, ignoreBOM bool

	decoder decoder // of the stream that is under way, or nil
	started bool    // the stream has given its first character, so that no BOM can follow
}

var textDecoderClass = expose("TextDecoder")

func init() {
	textDecoderClass.construct = func(r *Realm, c goja.ConstructorCall) any {
		label := "utf-8"
		if v := c.Argument(0); !goja.IsUndefined(v) {
			label = text(v)
		}
		options := r.dictionary("TextDecoder: options", c.Argument(1))
		d := &textDecoder{fatal: flag(options, "fatal"), ignoreBOM: flag(options, "ignoreBOM")}
		if d.encoding = findEncoding(label); d.encoding == nil || d.encoding.decoder == nil {
			panic(r.RangeError("TextDecoder: %q is not the label of an encoding", label))
		}
		return d
	}
	textDecoderClass.members = []member{
		getter("encoding", func(r *Realm, d *textDecoder) goja.Value { return r.VM.ToValue(d.encoding.name) }),
		getter("fatal", func(r *Realm, d *textDecoder) goja.Value { return r.VM.ToValue(d.fatal) }),
		getter("ignoreBOM", func(r *Realm, d *textDecoder) goja.Value { return r.VM.ToValue(d.ignoreBOM) }),
		method("decode", 0, func(r *Realm, d *textDecoder, c goja.FunctionCall) goja.Value {
			var input goja.Value
			if v := c.Argument(0); !goja.IsUndefined(v) {
				input = v
			}
			more := flag(r.dictionary("TextDecoder.decode: options", c.Argument(1)), "stream")
			var b []byte // taken after options, whose getters may have changed it
			if input != nil {
				var ok bool
				if b, ok = r.bytes(input); !ok {
					panic(r.TypeError("TextDecoder.decode: the first argument must be an ArrayBuffer or a view of one, got %s", kind(input)))
				}
			}
			out, ok := d.decode(b, !more)
			if !ok {
				panic(r.TypeError("TextDecoder.decode: the bytes are not valid %s", d.encoding.name))
			}
			return r.VM.ToValue(out)
		}),
	}
}

// flag is a boolean member of a dictionary.
func flag(o *goja.Object, name string) bool {
	v := field(o, name)
	return v != nil && v.ToBoolean()
}

// decode decodes what comes next of the stream; flush says that nothing follows. It reports false for bytes that are
// no text in the encoding, when that is fatal; the stream is over then.
func (d *textDecoder) decode(b []byte, flush bool) (string, bool) {
	if d.decoder == nil {
		if flush && !d.ignoreBOM && d.encoding.name == "utf-8" && utf8.Valid(b) {
			return decodeUTF8(b), true // one copy, and no stream
		}
		d.decoder, d.started = d.encoding.decoder(), false
	}
	out, ok := d.decoder.decode(nil, b, flush)
	if !ok && d.fatal {
		d.decoder = nil
		return "", false
	}
	if d.encoding.unicode && !d.ignoreBOM && !d.started && len(out) > 0 {
		out = bytes.TrimPrefix(out, []byte("\uFEFF"))
		d.started = true
	}
	if flush {
		d.decoder = nil
	}
	return string(out), true
}
