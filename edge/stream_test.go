//go:build linux || darwin

package edge

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// multiplexed serves handler to a client that speaks HTTP/2 only, on one connection.
func multiplexed(t testing.TB, cfg Config) (*Server, *http.Client) {
	t.Helper()
	cfg.H2C, cfg.Log = true, quiet
	s := start(t, cfg)
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return s, &http.Client{Transport: transport, Timeout: 60 * time.Second}
}

func (s *Server) url(path string) string { return "http://" + s.Addr().String() + path }

// fetch sends a request and returns its answer and the body, whose end is as it must be.
func fetch(t testing.TB, c *http.Client, method, url string, body io.Reader, header ...string) (*http.Response, string) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		q.Header.Add(header[i], header[i+1])
	}
	r, err := c.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	got, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r, string(got)
}

func TestStream(t *testing.T) {
	h := whole(func(x exchange.Exchange, body []byte) {
		q := x.Request()
		x.Head(201, []exchange.Field{
			{Name: "X-Many", Value: "1"}, {Name: "x-many", Value: "2"}, {Name: "Connection", Value: "close"},
			{Name: "Transfer-Encoding", Value: "chunked"}, {Name: "X-Bad", Value: "a\r\nb: c"}, {Name: "Content-Length", Value: "7"},
		})
		_ = x.Write(fmt.Appendf(nil, "%s %s %s %s %q %d %v %v", q.Method, q.Path, q.Query, q.Host, body, q.Length,
			q.Get("cookie"), q.Remote.Addr()))
		x.End()
	})
	s, c := multiplexed(t, Config{Handler: h})
	for _, tt := range []struct{ method, path, body, want string }{
		{"GET", "/a%20b?c=d", "", `GET /a%20b c=d HOST "" 0 a=1; b=2 127.0.0.1`},
		{"POST", "/", "abc", `POST /  HOST "abc" 3 a=1; b=2 127.0.0.1`},
		{"DELETE", "/x", "", `DELETE /x  HOST "" 0 a=1; b=2 127.0.0.1`},
	} {
		var body io.Reader
		if tt.body != "" {
			body = strings.NewReader(tt.body)
		}
		r, got := fetch(t, c, tt.method, s.url(tt.path), body, "Cookie", "a=1", "Cookie", "b=2")
		if want := strings.ReplaceAll(tt.want, "HOST", s.Addr().String()); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if r.ProtoMajor != 2 || r.StatusCode != 201 || r.ContentLength != int64(len(got)) || r.Header.Get("Date") == "" {
			t.Errorf("got %v %d, length %d, %v", r.Proto, r.StatusCode, r.ContentLength, r.Header)
		}
		if fmt.Sprint(r.Header["X-Many"]) != "[1 2]" || r.Header.Get("X-Bad") != "" || r.Header.Get("Connection") != "" || r.Header.Get("Content-Type") != "" {
			t.Errorf("got %v", r.Header)
		}
	}
	if n := s.Stats().Accepted; n != 1 {
		t.Errorf("%d connections", n)
	}
	if r, got := fetch(t, c, "HEAD", s.url("/"), nil); got != "" || r.ContentLength <= 0 {
		t.Errorf("HEAD: %q, length %d", got, r.ContentLength)
	}
}

// The rules are those of HTTP/1.1, which TestParse and the suites have in full.
func TestStream_refuses(t *testing.T) {
	limits := DefaultLimits()
	limits.HTTP.BodyBytesMax = 1000
	var mu sync.Mutex
	var records []Record
	s, c := multiplexed(t, Config{Handler: answering("ok"), Limits: limits, Access: func(r Record) {
		mu.Lock()
		defer mu.Unlock()
		records = append(records, r)
	}})
	many := make([]string, 0, 202)
	for i := range 101 {
		many = append(many, fmt.Sprint("X-", i), "v")
	}
	for name, tt := range map[string]struct {
		method, path string
		body         io.Reader
		header       []string
		status       int
		code         string
	}{
		"fine":           {"GET", "/", nil, nil, 200, "ok"},
		"target":         {"GET", "/" + strings.Repeat("a", 8000), nil, nil, 414, "target_too_long"},
		"NUL":            {"GET", "/%00", nil, nil, 400, "bad_request"},
		"TRACE":          {"TRACE", "/", nil, nil, 501, "not_implemented"},
		"fields":         {"GET", "/", nil, many, 431, "header_too_large"},
		"field":          {"GET", "/", nil, []string{"X-Long", strings.Repeat("a", 9000)}, 431, "header_too_large"},
		"expectation":    {"GET", "/", nil, []string{"Expect", "much"}, 417, "expectation_failed"},
		"announced body": {"POST", "/", strings.NewReader(strings.Repeat("a", 1001)), nil, 413, "body_too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			r, got := fetch(t, c, tt.method, s.url(tt.path), tt.body, tt.header...)
			if r.StatusCode != tt.status || !strings.HasPrefix(got, tt.code) {
				t.Errorf("got %d %q", r.StatusCode, got)
			}
		})
	}
	mu.Lock()
	defer mu.Unlock()
	refused := 0
	for _, r := range records {
		if r.Refusal != "" {
			refused++
		}
	}
	if len(records) != 8 || refused != 7 {
		t.Errorf("%d records, %d of them refusals", len(records), refused)
	}
}

// unsized hides how long a body is.
type unsized struct{ io.Reader }

func TestStream_bodyTooLarge(t *testing.T) {
	limits := DefaultLimits()
	limits.HTTP.BodyBytesMax = 100 << 10
	told := make(chan error, 1)
	h := exchange.HandlerFunc(func(x exchange.Exchange) {
		var more func(piece []byte, err error)
		more = func(_ []byte, err error) {
			if err != nil {
				told <- err
				return
			}
			x.Receive(more)
		}
		x.Receive(more)
	})
	s, c := multiplexed(t, Config{Handler: h, Limits: limits})
	if r, got := fetch(t, c, "POST", s.url("/"), unsized{bytes.NewReader(make([]byte, 1<<20))}); r.StatusCode != 413 {
		t.Errorf("got %d %q", r.StatusCode, got)
	}
	if err := <-told; !errors.Is(err, exchange.ErrGone) {
		t.Errorf("the handler was told %v", err)
	}
}

// zeros is n bytes, as they are asked for, and how many were.
type zeros struct {
	left  int64
	given atomic.Int64
}

func (z *zeros) Read(p []byte) (int, error) {
	n := int(min(int64(len(p)), z.left-z.given.Load()))
	if n == 0 {
		return 0, io.EOF
	}
	clear(p[:n])
	z.given.Add(int64(n))
	return n, nil
}

func TestStream_passesThrough(t *testing.T) {
	const size = 64 << 20
	limits := DefaultLimits()
	limits.HTTP.BodyBytesMax = size
	s, c := multiplexed(t, Config{Handler: echo, Limits: limits})
	q, err := http.NewRequestWithContext(t.Context(), "POST", s.url("/"), &zeros{left: size})
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var peak uint64
	buf := make([]byte, 1<<20)
	var got int64
	for {
		n, err := io.ReadFull(r.Body, buf)
		got += int64(n)
		if got%(8<<20) == 0 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
		}
		if err != nil {
			break
		}
	}
	if got != size {
		t.Errorf("got %d bytes", got)
	}
	if peak > 48<<20 {
		t.Errorf("%d bytes on the heap", peak)
	}
}

// Nothing is read ahead of a handler but a window.
func TestStream_backpressure(t *testing.T) {
	limits := DefaultLimits()
	limits.HTTP.BodyBytesMax = 1 << 30
	arrived := make(chan exchange.Exchange)
	s, c := multiplexed(t, Config{Limits: limits, Handler: exchange.HandlerFunc(func(x exchange.Exchange) {
		if x.Request().Method == "GET" {
			answering("ok").Serve(x)
			return
		}
		go func() { arrived <- x }()
	})})
	body := &zeros{left: 8 << 20}
	done := make(chan error, 1)
	go func() {
		r, err := c.Post(s.url("/"), "", body)
		if err == nil {
			err = r.Body.Close()
		}
		done <- err
	}()
	x := <-arrived
	const window = 64 << 10
	eventually(t, "a window is sent", func() bool { return body.given.Load() >= window-1 })
	fetch(t, c, "GET", s.url("/"), nil) // what was on its way has come
	if n := body.given.Load(); n > window+(64<<10) {
		t.Errorf("%d bytes were taken", n)
	}
	var more func(piece []byte, err error)
	var got int
	more = func(piece []byte, err error) {
		if got += len(piece); err == nil {
			x.Receive(more)
			return
		}
		x.Head(200, nil)
		x.End()
	}
	x.Loop().Post(func() { x.Receive(more) })
	if err := <-done; err != nil || got != 8<<20 {
		t.Errorf("got %d bytes, %v", got, err)
	}
}

// Many streams of one connection are answered each by itself, in the order their handlers like.
func TestStream_interleaved(t *testing.T) {
	const streams = 100
	var mu sync.Mutex
	var waiting []exchange.Exchange
	h := whole(func(x exchange.Exchange, body []byte) {
		x.Head(200, nil)
		_ = x.Write(body)
		mu.Lock()
		defer mu.Unlock()
		if waiting = append(waiting, x); len(waiting) < streams {
			return
		}
		for i := len(waiting) - 1; i >= 0; i-- {
			x := waiting[i]
			go x.Loop().Post(func() {
				_ = x.Write(bytes.ToUpper(x.Request().Body))
				x.End()
			})
		}
	})
	s, c := multiplexed(t, Config{Handler: exchange.HandlerFunc(func(x exchange.Exchange) {
		if x.Request().Method == "GET" {
			answering("ok").Serve(x)
			return
		}
		h(x)
	})})
	fetch(t, c, "GET", s.url("/"), nil) // the connection
	var all sync.WaitGroup
	for i := range streams {
		all.Go(func() {
			body := strings.Repeat(fmt.Sprintf("%x.", sha256.Sum256([]byte{byte(i)})), 100)
			r, err := c.Post(s.url("/"), "", strings.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Body.Close()
			if got, err := io.ReadAll(r.Body); string(got) != body+strings.ToUpper(body) || err != nil {
				t.Errorf("stream %d: %d bytes, %v", i, len(got), err)
			}
		})
	}
	all.Wait()
	if n := s.Stats().Accepted; n != 1 {
		t.Errorf("%d connections", n)
	}
}

// A handler may answer while it waits for more of a body that does not come.
func TestStream_answersEarly(t *testing.T) {
	s, c := multiplexed(t, Config{Handler: exchange.HandlerFunc(func(x exchange.Exchange) {
		x.Receive(func(_ []byte, err error) {
			if !errors.Is(err, exchange.ErrGone) {
				t.Errorf("received: %v", err)
			}
		})
		go x.Loop().Post(func() { answering("early").Serve(x) })
	})})
	for range 100 {
		pr, pw := io.Pipe()
		r, err := c.Post(s.url("/"), "", pr)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r.Body); string(got) != "early" || err != nil && !strings.Contains(err.Error(), "NO_ERROR") {
			t.Errorf("got %q, %v", got, err)
		}
		_, _ = r.Body.Close(), pw.Close()
	}
}

// A client that goes away tells the handler, on this stream only.
func TestStream_gone(t *testing.T) {
	arrived := make(chan exchange.Exchange, 1)
	h := exchange.HandlerFunc(func(x exchange.Exchange) {
		if x.Request().Path == "/" {
			answering("ok").Serve(x)
			return
		}
		_ = x.Done()
		arrived <- x
	})
	recorded := make(chan Record, 2)
	s, c := multiplexed(t, Config{Handler: h, Access: func(r Record) { recorded <- r }})
	ctx, cancel := context.WithCancel(t.Context())
	q, err := http.NewRequestWithContext(ctx, "GET", s.url("/wait"), nil)
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() {
		_, err := c.Do(q)
		failed <- err
	}()
	x := <-arrived
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if r := <-recorded; !r.Gone {
		t.Errorf("got %+v", r)
	}
	select {
	case <-x.Done():
	case <-time.After(15 * time.Second):
		t.Error("Done is open")
	}
	if err := x.Write([]byte("late")); !errors.Is(err, exchange.ErrGone) {
		t.Error(err)
	}
	if r, _ := fetch(t, c, "GET", s.url("/"), nil); r.StatusCode != 200 {
		t.Errorf("got %d", r.StatusCode)
	}
	if st := s.Stats(); st.Inflight != 0 || st.Accepted != 1 {
		t.Errorf("%+v", st)
	}
}

func TestStream_abort(t *testing.T) {
	s, c := multiplexed(t, Config{Handler: exchange.HandlerFunc(func(x exchange.Exchange) {
		if x.Request().Path == "/panic" {
			panic("on purpose")
		}
		if x.Request().Path == "/begun" {
			x.Head(200, text)
			_ = x.Write([]byte("half"))
			x.Drained(x.Abort)
			return
		}
		x.Abort()
	})})
	for _, path := range []string{"/", "/panic"} {
		if r, _ := fetch(t, c, "GET", s.url(path), nil); r.StatusCode != 500 {
			t.Errorf("%s: got %d", path, r.StatusCode)
		}
	}
	r, err := c.Get(s.url("/begun"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if got, err := io.ReadAll(r.Body); string(got) != "half" || err == nil {
		t.Errorf("got %q, %v: the peer cannot tell", got, err)
	}
}

// A handler that waits for Drained makes an answer no sooner than the peer takes it; one that stops taking is cut.
func TestStream_slowReader(t *testing.T) {
	var made atomic.Int64
	recorded := make(chan Record, 1)
	s, c := multiplexed(t, Config{
		Limits: Limits{WriteDeadline: 100 * time.Millisecond},
		Access: func(r Record) { recorded <- r },
		Handler: exchange.HandlerFunc(func(x exchange.Exchange) {
			x.Head(200, nil)
			var next func()
			next = func() {
				made.Add(64 << 10)
				_ = x.Write(make([]byte, 64<<10))
				x.Drained(next)
			}
			next()
		}),
	})
	r, err := c.Get(s.url("/"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r := <-recorded; !r.Gone || r.Status != 200 {
		t.Errorf("got %+v", r)
	}
	if n := made.Load(); n > 32<<20 {
		t.Errorf("%d bytes were made", n)
	}
}

// A body that does not come is given up, and so is its stream, but not the connection.
func TestStream_slowBody(t *testing.T) {
	s, c := multiplexed(t, Config{Handler: echo, Limits: Limits{BodyDeadline: 50 * time.Millisecond}})
	for _, length := range []int64{10, -1} { // read whole, and streamed
		pr, pw := io.Pipe()
		defer pw.Close()
		q, err := http.NewRequestWithContext(t.Context(), "POST", s.url("/"), pr)
		if err != nil {
			t.Fatal(err)
		}
		q.ContentLength = length
		r, err := c.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		if r.StatusCode != 408 && length > 0 {
			t.Errorf("got %d", r.StatusCode)
		}
		if _, err := io.ReadAll(r.Body); err == nil && length < 0 {
			t.Error("the peer cannot tell")
		}
		_ = r.Body.Close()
	}
	if n := s.Stats().Accepted; n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestStream_requestsMax(t *testing.T) {
	s, c := multiplexed(t, Config{Handler: answering("ok"), Limits: Limits{RequestsMax: 2}})
	for range 5 {
		if r, _ := fetch(t, c, "GET", s.url("/"), nil); r.StatusCode != 200 {
			t.Errorf("got %d", r.StatusCode)
		}
	}
	if n := s.Stats().Accepted; n != 3 {
		t.Errorf("%d connections", n)
	}
}

// Drain lets what is in flight finish, and closes the connections.
func TestStream_drain(t *testing.T) {
	arrived := make(chan exchange.Exchange, 1)
	s, c := multiplexed(t, Config{Handler: exchange.HandlerFunc(func(x exchange.Exchange) { arrived <- x })})
	got := make(chan string, 1)
	go func() {
		r, err := c.Get(s.url("/"))
		if err != nil {
			got <- err.Error()
			return
		}
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		got <- fmt.Sprint(string(body), err)
	}()
	x := <-arrived
	drained := make(chan error, 1)
	go func() { drained <- s.Drain(context.Background()) }()
	eventually(t, "it drains", s.draining.Load)
	x.Loop().Post(func() { answering("late").Serve(x) })
	if got := <-got; got != "late<nil>" {
		t.Error(got)
	}
	if err := <-drained; err != nil || s.Stats().Open != 0 {
		t.Errorf("%v, %+v", err, s.Stats())
	}
}

// Close ends streams in flight.
func TestStream_close(t *testing.T) {
	arrived := make(chan exchange.Exchange, 1)
	s, c := multiplexed(t, Config{Handler: exchange.HandlerFunc(func(x exchange.Exchange) { arrived <- x })})
	failed := make(chan error, 1)
	go func() {
		_, err := c.Get(s.url("/"))
		failed <- err
	}()
	x := <-arrived
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-failed; err == nil {
		t.Error("it was answered")
	}
	if x.Loop().Post(func() {}) {
		t.Error("the stream takes jobs")
	}
}

// Who did not ask for HTTP/2 in the clear does not get it.
func TestStream_off(t *testing.T) {
	c := dial(t, start(t, Config{Handler: answering("ok")}))
	c.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	if r, _ := c.answer("GET"); r.StatusCode != 505 {
		t.Errorf("got %d", r.StatusCode)
	}
}

// The preface may come in pieces, and only as the first thing on a connection.
func TestStream_preface(t *testing.T) {
	s := start(t, Config{Handler: answering("ok"), H2C: true})
	c := dial(t, s)
	for _, b := range "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00" {
		c.send(string(b))
	}
	head := make([]byte, 9)
	if _, err := io.ReadFull(c, head); err != nil || head[3] != 4 {
		t.Errorf("got %x, %v, want settings", head, err)
	}
	c = dial(t, s)
	c.send(get)
	if r, _ := c.answer("GET"); r.StatusCode != 200 {
		t.Errorf("got %d", r.StatusCode)
	}
	c.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	if r, _ := c.answer("GET"); r.StatusCode != 505 {
		t.Errorf("after a request: got %d", r.StatusCode)
	}
}
