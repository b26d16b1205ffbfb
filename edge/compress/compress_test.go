package compress

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// decode is a client's decoder over r.
func decode(t *testing.T, c Coding, r io.Reader) io.Reader {
	t.Helper()
	switch c {
	case Brotli:
		return brotli.NewReader(r)
	case Gzip:
		z, err := gzip.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		return z
	case Zstd:
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(z.Close)
		return z
	}
	return r
}

func TestEncode(t *testing.T) {
	text := []byte(strings.Repeat("an edge runtime you own. ", 1000))
	for _, c := range Codings {
		for e := range efforts {
			for range 2 { // the second time from the pool
				small := Encode(c, e, text[:7], text[7:])
				if len(small)*10 > len(text) {
					t.Errorf("%s: %d bytes became %d", c, len(text), len(small))
				}
				got, err := io.ReadAll(decode(t, c, bytes.NewReader(small)))
				if err != nil || !bytes.Equal(got, text) {
					t.Errorf("%s with effort %d: got %d bytes back, want %d (%v)", c, e, len(got), len(text), err)
				}
			}
		}
	}
}

// What was flushed can be read before the body goes on.
func TestEncoder_Flush(t *testing.T) {
	for _, c := range Codings {
		t.Run(string(c), func(t *testing.T) {
			r, w := io.Pipe()
			flushed := make(chan string)
			go func() {
				e := NewEncoder(c, Quick)
				for piece := range flushed {
					e.Write([]byte(piece))
					if _, err := w.Write(e.Flush()); err != nil {
						t.Error(err)
					}
				}
				_, err := w.Write(e.Close())
				w.CloseWithError(err)
			}()
			var client io.Reader
			for _, piece := range []string{"first", " and second"} {
				flushed <- piece
				if client == nil {
					client = decode(t, c, r)
				}
				got := make([]byte, len(piece))
				if _, err := io.ReadFull(client, got); err != nil || string(got) != piece {
					t.Fatalf("got %q, want %q (%v)", got, piece, err)
				}
			}
			close(flushed)
			if rest, err := io.ReadAll(client); err != nil || len(rest) > 0 {
				t.Errorf("the end: %q, %v", rest, err)
			}
		})
	}
}

func TestGains(t *testing.T) {
	for contentType, want := range map[string]bool{
		"text/html; charset=utf-8": true, "TEXT/CSS": true, "application/json": true, "application/problem+json": true,
		"image/svg+xml": true, "application/wasm": true, "text/event-stream": false, "text/event-stream;charset=utf-8": false,
		"image/png": false, "video/mp4": false, "application/zip": false, "font/woff2": false, "": false,
	} {
		if got := Gains(contentType); got != want {
			t.Errorf("%q: got %t", contentType, got)
		}
	}
}
