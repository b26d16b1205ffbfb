//go:build linux || darwin

package edge

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// words are n bytes of text that no encoder makes nothing of.
func words(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	p := make([]byte, 0, n+8)
	for len(p) < n {
		p = fmt.Appendf(p, "%x ", r.IntN(1<<20))
	}
	return p[:n]
}

// encodings runs a test with the handler on a loop, carried, and over HTTP/2.
func encodings(t *testing.T, cfg Config, test func(t *testing.T, s *Server, get func(path, accept string) (*http.Response, error))) {
	cfg.Compress, cfg.Log = true, quiet
	h := cfg.Handler
	t.Run("streams", func(t *testing.T) {
		s, c := multiplexed(t, cfg)
		test(t, s, func(path, accept string) (*http.Response, error) {
			q, err := http.NewRequestWithContext(t.Context(), "GET", s.url(path), nil)
			if err != nil {
				return nil, err
			}
			q.Header.Set("Accept-Encoding", accept)
			return c.Do(q)
		})
	})
	for _, driver := range []string{"loop", "carrier"} {
		t.Run(driver, func(t *testing.T) {
			cfg.Handler = detachFirst(h)
			s := start(t, cfg)
			test(t, s, func(path, accept string) (*http.Response, error) {
				c := dial(t, s)
				if driver == "carrier" {
					c.moveToCarrier()
				}
				c.send("GET " + path + " HTTP/1.1\r\nHost: a\r\nAccept-Encoding: " + accept + "\r\n\r\n")
				a, err := http.ReadResponse(c.Reader, nil)
				if err == nil {
					a.Body = struct {
						io.Reader
						io.Closer
					}{a.Body, c.Conn}
				}
				return a, err
			})
		})
	}
}

// The loop goes on while a large piece is encoded; what is given meanwhile follows it, and nobody is told that the peer has
// taken what was written before it was sent.
func TestAnswer_encodedAside(t *testing.T) {
	large, small := words(200_000), words(10)
	faults := make(chan string, 10)
	pieces := [][]byte{small, large, small, large, large, small}
	h := exchange.HandlerFunc(func(x exchange.Exchange) {
		x.Head(200, text)
		a := x.(*answer)
		if x.Request().Path == "/whole" {
			for _, p := range pieces {
				_ = x.Write(p) // here and below: fails only when the client is gone
			}
			x.End()
			return
		}
		_ = x.Write(large)
		x.Loop().Post(func() { // runs before the encoder is back, which is posted later
			if !a.stage.aside() {
				faults <- "a large piece was encoded on the loop"
			}
			for _, p := range pieces {
				_ = x.Write(p)
			}
			x.Drained(func() {
				if a.stage != giving || a.body.n+a.out.n > 0 || a.sent == 0 {
					faults <- "told to go on before what was written has left"
				}
				for _, p := range pieces {
					_ = x.Write(p)
				}
				x.End()
			})
		})
	})
	all := string(bytes.Join(pieces, nil))
	encodings(t, Config{Handler: h}, func(t *testing.T, s *Server, get func(path, accept string) (*http.Response, error)) {
		for _, coding := range []string{"br", "zstd", "gzip"} {
			for path, want := range map[string]string{"/whole": all, "/pieces": string(large) + all + all} {
				a, err := get(path, coding)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(a.Body)
				if err != nil || a.Header.Get("Content-Encoding") != coding || decoded(t, coding, body) != want {
					t.Errorf("%s %s: %d bytes, %v, %v", coding, path, len(body), a.Header, err)
				}
				if (a.ContentLength == int64(len(body))) != (path == "/whole") {
					t.Errorf("%s: Content-Length %d", path, a.ContentLength)
				}
				_ = a.Body.Close() // it is at its end
			}
		}
		eventually(t, "every encoder is back", func() bool { return s.encoding.Load() == 0 })
		select {
		case fault := <-faults:
			t.Error(fault)
		default:
		}
	})
}

// Who leaves while a piece is encoded costs neither the rest of the work nor the encoder.
func TestAnswer_encodedGone(t *testing.T) {
	large := words(1 << 20)
	begun := make(chan exchange.Exchange, 1)
	records := make(chan Record, 2)
	h := exchange.HandlerFunc(func(x exchange.Exchange) {
		x.Head(200, text)
		x.Loop().Post(func() {
			for range 1 << 10 { // seconds of work
				_ = x.Write(large) // fails only when the client is gone
			}
			x.Loop().Post(func() { begun <- x })
		})
	})
	cfg := Config{Handler: h, Access: func(r Record) {
		if r.Request.Path != "/large" {
			records <- r
		}
	}}
	encodings(t, cfg, func(t *testing.T, s *Server, get func(path, accept string) (*http.Response, error)) {
		a, err := get("/", "br")
		if err != nil {
			t.Fatal(err)
		}
		x := <-begun
		if err := a.Body.Close(); err != nil {
			t.Fatal(err)
		}
		select {
		case r := <-records:
			if !r.Gone || r.BodyBytes != 0 {
				t.Errorf("got %+v", r)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("the exchange does not end")
		}
		eventually(t, "the encoder is counted out", func() bool { return s.encoding.Load() == 0 })
		if err := x.Write(large); !errors.Is(err, exchange.ErrGone) { // nobody else has it any more
			t.Errorf("Write: %v", err)
		}
		if a := x.(*answer); a.body.n+a.out.n > 0 || a.encoder != nil {
			t.Errorf("%d and %d bytes are held", a.body.n, a.out.n)
		}
	})
}

// Who writes on without waiting, faster than that can be encoded, does not fill the memory.
func TestAnswer_encodedBehind(t *testing.T) {
	large := words(1 << 20)
	failed := make(chan error, 1)
	h := exchange.HandlerFunc(func(x exchange.Exchange) {
		x.Head(200, text)
		_ = x.Write(large) // fails only when the client is gone
		x.Loop().Post(func() {
			var err error
			for i := 0; err == nil && i < 10; i++ {
				err = x.Write(large)
			}
			failed <- err
		})
	})
	encodings(t, Config{Handler: h, Limits: Limits{UnsentBytesMax: 4 << 20}}, func(t *testing.T, s *Server, get func(path, accept string) (*http.Response, error)) {
		if a, err := get("/", "br"); err == nil {
			if _, err := io.ReadAll(a.Body); err == nil {
				t.Error("the answer is complete")
			}
			_ = a.Body.Close() // it is broken
		}
		if err := <-failed; !errors.Is(err, errBehind) {
			t.Errorf("Write: %v", err)
		}
		eventually(t, "the encoder is counted out", func() bool { return s.encoding.Load() == 0 })
	})
}

// Beyond EncodersMax streams and large bodies are sent as they are, and small ones are encoded.
func TestLimits_encodersMax(t *testing.T) {
	next := make(chan func(), 3)
	small, large := strings.Repeat("fortuna ", 1000), strings.Repeat("fortuna ", 100_000)
	h := exchange.HandlerFunc(func(x exchange.Exchange) {
		x.Head(200, text)
		if x.Request().Path == "/stream" {
			_ = x.Write([]byte(small)) // as below: fails only when the client is gone
			next <- func() { x.Loop().Post(x.End) }
			return
		}
		_ = x.Write([]byte(map[string]string{"/small": small, "/large": large}[x.Request().Path]))
		x.End()
	})
	s := start(t, Config{Handler: h, Compress: true, Limits: Limits{EncodersMax: 2}})
	ask := func(path string) *http.Response {
		c := dial(t, s)
		c.send("GET " + path + " HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br\r\n\r\n")
		a, err := http.ReadResponse(c.Reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		if a.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: %v", path, a.Header)
		}
		return a
	}
	ask("/stream")
	first := ask("/stream")
	for path, want := range map[string]string{"/stream": "", "/large": "", "/small": "br"} {
		if a := ask(path); a.Header.Get("Content-Encoding") != want || first.Header.Get("Content-Encoding") != "br" {
			t.Errorf("%s beyond the limit: %v", path, a.Header)
		}
	}
	for range 3 {
		(<-next)()
	}
	eventually(t, "the encoders are back", func() bool { return s.encoding.Load() == 0 })
	a := ask("/large")
	body, err := io.ReadAll(a.Body)
	if err != nil || decoded(t, "br", body) != large {
		t.Errorf("got %v, %v", a.Header, err)
	}
}

// What an answer says of encodings: once, everywhere alike, and to HEAD and in a 304 what GET is told.
func TestAnswer_encodedFields(t *testing.T) {
	body := strings.Repeat("fortuna ", 1000)
	h := exchange.HandlerFunc(func(x exchange.Exchange) {
		q := x.Request()
		header := []exchange.Field{{Name: "Content-Type", Value: "text/plain"}, {Name: "ETag", Value: `"v1"`}}
		if say := q.Get("X-Say"); say != "" {
			name, value, _ := strings.Cut(say, "=")
			header = append(header, exchange.Field{Name: name, Value: value})
		}
		status := 200
		if q.Path == "/304" {
			status = 304
		}
		x.Head(status, header)
		switch {
		case q.Path == "/counted":
			x.Length(int64(len(body)))
			_ = x.Write([]byte(body)) // here and below: fails only when the client is gone
			x.End()
		case status == 304, q.Path == "/stream" && q.Method == "HEAD": // so does runtime: nobody reads it
			x.End()
		case q.Path == "/stream":
			_ = x.Write([]byte(body))
			x.Loop().Post(x.End)
		default:
			_ = x.Write([]byte(body))
			x.End()
		}
	})
	const br = "br | Accept-Encoding | W/\"v1\""
	const plain = " |  | \"v1\""
	rows := []struct{ path, fields, compressed, not string }{
		{"/", "Accept-Encoding: br", br, plain},
		{"/stream", "Accept-Encoding: br", br, plain},
		{"/stream", "Accept-Encoding: x", ` | Accept-Encoding | "v1"`, plain},
		{"/", "Accept-Encoding: gzip;q=0.5\r\nAccept-Encoding: br", br, plain},
		{"/", "Accept-Encoding: br\r\nX-Say: Content-Encoding=identity", plain, plain},
		{"/counted", "Accept-Encoding: br\r\nX-Say: Content-Encoding=identity", plain, plain},
		{"/", "Accept-Encoding: br\r\nX-Say: Vary=Accept-Encoding", br, ` | Accept-Encoding | "v1"`},
		{"/", "Accept-Encoding: br\r\nX-Say: Vary=Origin, accept-encoding", `br | Origin, accept-encoding | W/"v1"`, ` | Origin, accept-encoding | "v1"`},
		{"/", "Accept-Encoding: br\r\nX-Say: Vary=*", `br | * | W/"v1"`, ` | * | "v1"`},
		{"/", "Accept-Encoding: br\r\nX-Say: Vary=Origin", `br | Origin, Accept-Encoding | W/"v1"`, ` | Origin | "v1"`},
		{"/304", "Accept-Encoding: br\r\nIf-None-Match: \"v0\", W/\"v1\"", ` | Accept-Encoding | W/"v1"`, plain},
		{"/304", "Accept-Encoding: br\r\nIf-None-Match: \"v1\"", plain, plain},
	}
	for _, on := range []bool{true, false} {
		s, over2 := multiplexed(t, Config{Handler: h, Compress: on})
		drivers := map[string]*client{"loop": dial(t, s), "carrier": dial(t, start(t, Config{Handler: detachFirst(h), Compress: on}))}
		drivers["carrier"].moveToCarrier()
		for _, tt := range rows {
			want := tt.not
			if on {
				want = tt.compressed
			}
			var header []string
			for line := range strings.SplitSeq(tt.fields, "\r\n") {
				name, value, _ := strings.Cut(line, ": ")
				header = append(header, name, value)
			}
			for _, method := range []string{"GET", "HEAD"} {
				said := map[string]string{}
				for driver, c := range drivers {
					c.send(method + " " + tt.path + " HTTP/1.1\r\nHost: a\r\n" + tt.fields + "\r\n\r\n")
					a, _ := c.answer(method)
					said[driver] = saidOfEncoding(a)
				}
				a, _ := fetch(t, over2, method, s.url(tt.path), nil, header...)
				said["HTTP/2"] = saidOfEncoding(a)
				for driver, got := range said {
					if got != want {
						t.Errorf("%s %s, %q, compression %t, %s: got %s, want %s", method, tt.path, tt.fields, on, driver, got, want)
					}
				}
			}
		}
	}
}

func saidOfEncoding(a *http.Response) string {
	var said []string
	for _, name := range []string{"Content-Encoding", "Vary", "ETag"} {
		said = append(said, strings.Join(a.Header.Values(name), ", "))
	}
	return strings.Join(said, " | ")
}
