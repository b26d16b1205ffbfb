//go:build linux || darwin

package edge

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// decode undoes what the header says.
func decode(coding string, body []byte) ([]byte, error) {
	var r io.Reader = bytes.NewReader(body)
	var err error
	switch coding {
	case "gzip":
		r, err = gzip.NewReader(r)
	case "br":
		r = brotli.NewReader(r)
	case "zstd":
		r, err = zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func decoded(t *testing.T, coding string, body []byte) string {
	t.Helper()
	p, err := decode(coding, body)
	if err != nil {
		t.Fatalf("%s: %v", coding, err)
	}
	return string(p)
}

// page answers with n bytes of text, whole or in pieces, at once or later, as the path and the request's X- fields ask.
func page(text string) exchange.Handler {
	return exchange.HandlerFunc(func(x exchange.Exchange) {
		q := x.Request()
		header := []exchange.Field{{Name: "Content-Type", Value: "text/plain; charset=utf-8"}, {Name: "ETag", Value: `"v1"`}}
		for _, f := range q.Header {
			if name, ok := strings.CutPrefix(f.Name, "X-Say-"); ok {
				header = append(header, exchange.Field{Name: name, Value: f.Value})
			}
		}
		status := 200
		if q.Path == "/partial" {
			status = 206
		}
		x.Head(status, header)
		if q.Path != "/stream" {
			_ = x.Write([]byte(text)) // fails only when the client is gone
			x.End()
			return
		}
		left := text
		var next func()
		next = func() {
			n := min(len(left), 1+len(text)/5)
			_ = x.Write([]byte(left[:n])) // as above
			if left = left[n:]; left == "" {
				x.End()
			} else {
				x.Drained(next)
			}
		}
		next()
	})
}

func TestAnswer_encoded(t *testing.T) {
	small, medium, large := strings.Repeat("a", 900), strings.Repeat("fortuna ", 1000), strings.Repeat("fortuna ", 100_000)
	type row struct {
		name, path, accept, say string
		want                    string // the coding
		vary                    bool
	}
	rows := []row{
		{"gzip", "/", "gzip", "", "gzip", true},
		{"the best", "/", "gzip, deflate, br, zstd", "", "br", true},
		{"zstd", "/", "zstd", "", "zstd", true},
		{"in a stream", "/stream", "br", "", "br", true},
		{"in a stream, gzip", "/stream", "gzip", "", "gzip", true},
		{"nothing", "/", "", "", "", true},
		{"nothing we have", "/", "deflate", "", "", true},
		{"not br", "/", "br;q=0, identity", "", "", true},
		{"the handler did", "/", "gzip", "X-Say-Content-Encoding: aws-chunked", "aws-chunked", false},
		{"the handler wants none", "/", "gzip", "X-Say-Content-Encoding: identity", "", false},
		{"not to be changed", "/", "gzip", "X-Say-Cache-Control: public, no-transform", "", false},
		{"digested", "/", "gzip", "X-Say-Content-Digest: sha-256=:AAAA:", "", false},
		{"a part", "/partial", "gzip", "", "", false},
	}
	for name, text := range map[string]string{"medium": medium, "large": large} {
		s := start(t, Config{Handler: page(text), Compress: true, H2C: true, Log: quiet})
		carried := start(t, Config{Handler: detachFirst(page(text)), Compress: true, Log: quiet})
		for _, r := range rows {
			for driver, c := range map[string]*client{"loop": dial(t, s), "carrier": dial(t, carried)} {
				t.Run(fmt.Sprint(name, " ", r.name, " ", driver), func(t *testing.T) {
					c.t = t
					if driver == "carrier" {
						c.moveToCarrier()
					}
					fields := "Accept-Encoding: " + r.accept + "\r\n"
					if r.say != "" {
						fields += r.say + "\r\n"
					}
					for range 2 { // the connection goes on
						c.send("GET " + r.path + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n")
						a, body := c.answer("GET")
						coding := a.Header.Get("Content-Encoding")
						if coding != r.want || (a.Header.Get("Vary") != "") != r.vary {
							t.Fatalf("got %q, %v", coding, a.Header)
						}
						if got := decoded(t, coding, []byte(body)); got != text {
							t.Fatalf("got %d bytes, want %d", len(got), len(text))
						}
						encoded := coding != "" && coding != "aws-chunked"
						if encoded && (len(body) > len(text)/10 || a.Header.Get("ETag") != `W/"v1"`) || !encoded && a.Header.Get("ETag") != `"v1"` {
							t.Errorf("%d bytes, %v", len(body), a.Header)
						}
						c.send("HEAD " + r.path + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n")
						if h, nothing := c.answer("HEAD"); nothing != "" || encoded && (h.ContentLength != -1 || h.Header.Get("Content-Encoding") != coding) {
							t.Errorf("HEAD: length %d, %v", h.ContentLength, h.Header)
						}
					}
				})
			}
		}
	}
	c := dial(t, start(t, Config{Handler: page(small), Compress: true}))
	c.send("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
	if a, body := c.answer("GET"); body != small || a.Header.Get("Vary") != "" {
		t.Errorf("small: %d bytes, %v", len(body), a.Header)
	}
	c = dial(t, start(t, Config{Handler: page(medium)}))
	c.send("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
	if a, body := c.answer("GET"); body != medium || a.Header.Get("Vary") != "" {
		t.Errorf("switched off: %d bytes, %v", len(body), a.Header)
	}
}

// Over HTTP/2 it is the same.
func TestAnswer_encodedStreams(t *testing.T) {
	for _, text := range []string{strings.Repeat("fortuna ", 1000), strings.Repeat("fortuna ", 100_000)} {
		s := start(t, Config{Handler: page(text), Compress: true, H2C: true, Log: quiet})
		var protocols http.Protocols
		protocols.SetUnencryptedHTTP2(true)
		client := &http.Client{Transport: &http.Transport{Protocols: &protocols, DisableCompression: true}, Timeout: 20 * time.Second}
		defer client.CloseIdleConnections()
		for _, path := range []string{"/", "/stream"} {
			for _, method := range []string{"GET", "HEAD"} {
				q, err := http.NewRequest(method, "http://"+s.Addr().String()+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				q.Header.Set("Accept-Encoding", "br")
				a, err := client.Do(q)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(a.Body)
				a.Body.Close()
				if err != nil || a.ProtoMajor != 2 || a.Header.Get("Content-Encoding") != "br" {
					t.Fatalf("%s %s: %v %v %v", method, path, a.Proto, a.Header, err)
				}
				if method == "GET" && decoded(t, "br", body) != text {
					t.Errorf("%s: other bytes", path)
				}
			}
		}
	}
}

// A piece of a stream can be read when it has been written: an encoder holds nothing back. Clients that leave in the
// middle cost no encoder for ever.
func TestAnswer_encodedFlush(t *testing.T) {
	next := make(chan func(), 1)
	s := start(t, Config{Compress: true, Log: quiet, Handler: exchange.HandlerFunc(func(x exchange.Exchange) {
		x.Head(200, text)
		_ = x.Write([]byte("one ")) // fails only when the client is gone
		next <- func() { x.Loop().Post(func() { _ = x.Write([]byte("two")); x.End() }) }
	})})
	c := dial(t, s)
	c.send("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
	a, err := http.ReadResponse(c.Reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 4)
	if _, err := io.ReadFull(r, p); err != nil || string(p) != "one " {
		t.Fatalf("%q, %v", p, err)
	}
	(<-next)()
	if rest, err := io.ReadAll(r); err != nil || string(rest) != "two" {
		t.Errorf("%q, %v", rest, err)
	}
	for range 2 * 64 {
		c := dial(t, s)
		c.send("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
		<-next
		_ = c.Conn.Close() // it leaves
	}
	eventually(t, "all encoders are counted out", func() bool { return s.encoding.Load() == 0 })
}

// What cannot be foreseen is encoded well too.
func TestAnswer_encodedRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		p := make([]byte, 1000+r.IntN(200_000))
		for i := range p {
			p[i] = byte('a' + r.IntN(1+r.IntN(26)))
		}
		c := dial(t, start(t, Config{Handler: page(string(p)), Compress: true}))
		for _, coding := range []string{"br", "gzip", "zstd"} {
			c.send("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: " + coding + "\r\n\r\n")
			if a, body := c.answer("GET"); decoded(t, a.Header.Get("Content-Encoding"), []byte(body)) != string(p) {
				t.Errorf("%s: other bytes", coding)
			}
		}
	}
}
