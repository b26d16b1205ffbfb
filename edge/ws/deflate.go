package ws

import (
	"bytes"
	"compress/flate"
	"io"
	"strings"
	"sync"
)

// DeflateBytesMin is the length from which a message is compressed: what is shorter gains nothing.
const DeflateBytesMin = 512

// tail is what the end of a compressed message is sent without (RFC 7692, section 7.2.1), and an empty last block, so
// that reading ends.
const tail = "\x00\x00\xff\xff\x01\x00\x00\xff\xff"

var inflaters = sync.Pool{New: func() any { return flate.NewReader(strings.NewReader("")) }}

// inflate decompresses a message of up to max bytes.
func inflate(p []byte, max int) ([]byte, *Error) {
	f := inflaters.Get().(io.ReadCloser)
	defer inflaters.Put(f)
	if err := f.(flate.Resetter).Reset(io.MultiReader(bytes.NewReader(p), strings.NewReader(tail)), nil); err != nil {
		return nil, breach(1007, "a message does not inflate: %v", err)
	}
	var from io.Reader = f
	if max >= 0 {
		from = io.LimitReader(f, int64(max)+1)
	}
	var out bytes.Buffer
	_, err := out.ReadFrom(from)
	switch {
	case err != nil:
		return nil, breach(1007, "a message does not inflate: %v", err)
	case max >= 0 && out.Len() > max:
		return nil, breach(1009, "a message has at most %d bytes, inflated", max)
	}
	return out.Bytes(), nil
}

var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		panic(err) // the level is a constant
	}
	return w
}}

// Deflate compresses a message. ok is false when that does not make it shorter.
func Deflate(p []byte) (packed []byte, ok bool) {
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	var out bytes.Buffer
	w.Reset(&out)
	// A buffer takes everything.
	if _, err := w.Write(p); err != nil || w.Flush() != nil {
		return nil, false
	}
	packed = bytes.TrimSuffix(out.Bytes(), []byte(tail[:4]))
	return packed, len(packed) < len(p)
}
