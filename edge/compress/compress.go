// Package compress encodes bodies for clients that ask for it: which content coding they prefer, which media types gain
// by it, and pooled encoders. It does not know what an answer is, nor who sends it.
//
// Three codings are offered: gzip, which everything understands, br, which is the smallest for text, and zstd, which is
// the fastest.
package compress

import (
	"bytes"
	"io"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Coding is a content coding, as Content-Encoding names it (RFC 9110 section 8.4.1).
type Coding string

// The codings there are.
const (
	Identity Coding = ""
	Brotli   Coding = "br"
	Zstd     Coding = "zstd"
	Gzip     Coding = "gzip"
)

// Codings are those that encode, the one preferred first when a client takes several alike.
var Codings = []Coding{Brotli, Zstd, Gzip}

// Effort is how much time an encoder takes to find the smallest form.
type Effort int

// The efforts there are.
const (
	Quick    Effort = iota // for what is sent once
	Thorough               // for what is kept and sent often
	efforts
)

// BytesMin is the size in bytes below which a body does not gain enough: it fits one packet either way.
const BytesMin = 1000

// encoder is what the three encoders have in common.
type encoder interface {
	io.WriteCloser
	Flush() error
	Reset(w io.Writer)
}

// quality is what an encoder calls an effort. The quickest level of gzip takes two thirds of the memory of the next,
// and 5 % more of the size.
var quality = map[Coding][efforts]int{
	Brotli: {3, 9},
	Gzip:   {1, 9},
	Zstd:   {int(zstd.SpeedFastest), int(zstd.SpeedBestCompression)},
}

// windowBits bounds the memory of an encoder, and of the client's decoder: the logarithm of how many bytes back it looks.
// For source code, a quarter of the window is a third of the memory less and 2 % of the size more.
var windowBits = [efforts]int{16, 18}

// pools hold idle encoders; a quick one has up to 0.9 MB.
var pools = map[Coding]*[efforts]sync.Pool{Brotli: {}, Zstd: {}, Gzip: {}}

func newEncoder(c Coding, e Effort) encoder {
	q := quality[c][e]
	var w encoder
	var err error
	switch c {
	case Brotli:
		w = brotli.NewWriterOptions(nil, brotli.WriterOptions{Quality: q, LGWin: windowBits[e]})
	case Zstd:
		w, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.EncoderLevel(q)), zstd.WithWindowSize(1<<windowBits[e]),
			zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
	case Gzip:
		w, err = gzip.NewWriterLevel(nil, q)
	default:
		panic("compress: no encoder for " + string(c))
	}
	if err != nil {
		panic(err) // the options are constants
	}
	return w
}

// Encoder encodes one body, piece by piece. It belongs to one goroutine at a time. Close gives it back; what is dropped
// without Close is only lost to the pool.
type Encoder struct {
	coding Coding
	effort Effort
	inner  encoder
	out    bytes.Buffer
}

// NewEncoder begins a body. It panics for Identity, which has no encoder.
func NewEncoder(c Coding, e Effort) *Encoder {
	w := &Encoder{coding: c, effort: e}
	if idle, ok := pools[c][e].Get().(encoder); ok {
		w.inner = idle
	} else {
		w.inner = newEncoder(c, e)
	}
	w.inner.Reset(&w.out)
	return w
}

// Write takes a piece of the body. It keeps nothing of p.
func (w *Encoder) Write(p []byte) {
	_, err := w.inner.Write(p)
	must(err)
}

// Flush gives what a client needs to decode all that was written; the caller may keep it.
func (w *Encoder) Flush() []byte {
	must(w.inner.Flush())
	return w.take()
}

// Close gives the end of the body; the caller may keep it. The encoder must not be used afterwards.
func (w *Encoder) Close() []byte {
	must(w.inner.Close())
	w.inner.Reset(nil)
	pools[w.coding][w.effort].Put(w.inner)
	w.inner = nil
	return w.take()
}

func (w *Encoder) take() []byte {
	p := w.out.Bytes()
	w.out = bytes.Buffer{}
	return p
}

// must holds because encoders fail only when what they write to does, and memory does not.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// Encode encodes a whole body; the caller may keep what it gives.
func Encode(c Coding, e Effort, body ...[]byte) []byte {
	w := NewEncoder(c, e)
	for _, p := range body {
		w.Write(p)
	}
	return w.Close()
}
