//go:build linux || darwin

package edge

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/tls"
)

var seed = flag.Uint64("seed", 0, "replay TestSimulate with this seed; 0 takes a new one")

// TestSimulate runs connections that split, pipeline, stall, half-close and reset as a seed tells, against a model:
// every request is answered in order with the right bytes, or the connection ends where the model says it may.
func TestSimulate(t *testing.T) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("replay with -seed %d", *seed)
	for _, server := range []*tls.Server{nil, testTLS(t)} {
		t.Run(fmt.Sprintf("secured %v", server != nil), func(t *testing.T) { simulateMany(t, server) })
	}
}

func simulateMany(t *testing.T, server *tls.Server) {
	s := start(t, Config{Handler: exchange.HandlerFunc(simulated), Loops: 2, Log: quiet, TLS: server, Compress: true, Limits: Limits{
		AheadBytesMax: 2 << 10, LingerMax: time.Second, EncodersMax: 8,
	}})
	connections := 200
	if testing.Short() {
		connections = 50
	}
	var wg sync.WaitGroup
	room := make(chan struct{}, 32)
	for i := range connections {
		room <- struct{}{}
		wg.Go(func() {
			defer func() { <-room }()
			if err := simulate(s, rand.New(rand.NewPCG(*seed, uint64(i)))); err != nil {
				t.Errorf("seed %d, connection %d: %v", *seed, i, err)
			}
		})
	}
	wg.Wait()
	eventually(t, "every connection has ended", func() bool { return s.Stats().Open == 0 })
	eventually(t, "every encoder is back", func() bool { return s.encoding.Load() == 0 })
	if got := s.Stats(); got.Carried != 0 || got.Inflight != 0 {
		t.Errorf("left behind: %+v", got)
	}
}

// payload is the body of n bytes that the model expects of request id.
func payload(id string, n int) []byte {
	p := make([]byte, 0, n+len(id)+1)
	for len(p) < n {
		p = append(append(p, id...), '.')
	}
	return p[:n]
}

// simulated answers /how/id/size with payload(id, size) and the request's body, in the way that how names.
func simulated(x exchange.Exchange) {
	if strings.HasPrefix(x.Request().Path, "/panic/") {
		panic("as the model wants")
	}
	whole(simulatedWhole).Serve(x)
}

func simulatedWhole(x exchange.Exchange, sent []byte) {
	part := strings.Split(x.Request().Path, "/")
	how, id := part[1], part[2]
	size, err := strconv.Atoi(part[3])
	if err != nil {
		panic(err)
	}
	body := append(payload(id, size), sent...)
	later := func(job func()) { go x.Loop().Post(job) }
	switch how {
	case "now":
		x.Head(200, text)
		_ = x.Write(body) // as below: fails only when the client is gone, which is its right
		x.End()
	case "later":
		later(func() {
			x.Head(200, text)
			half := len(body) / 2
			_ = x.Write(body[:half])
			_ = x.Write(body[half:])
			x.End()
		})
	case "stream":
		x.Head(200, text)
		var step func()
		step = func() {
			n := min(len(body), 1+size/7)
			if x.Write(body[:n]) != nil || n == len(body) {
				x.End()
				return
			}
			body = body[n:]
			later(step)
		}
		step()
	case "drained":
		x.Head(200, text)
		var step func()
		step = func() {
			n := min(len(body), 1+size/3)
			_ = x.Write(body[:n])
			if body = body[n:]; len(body) == 0 {
				x.End()
				return
			}
			x.Drained(func() {
				if a := x.(*answer); a.stage != giving || a.body.n+a.out.n > 0 {
					panic("the peer cannot have taken what has yet to be encoded or sent")
				}
				step()
			})
		}
		step()
	}
}

// simulate is one connection: a writer that sends what it has decided, and a reader that checks.
func simulate(s *Server, r *rand.Rand) error {
	socket, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		return err
	}
	defer socket.Close()
	nc := socket
	if s.tls != nil {
		nc = secured(socket)
	}
	if err := nc.SetDeadline(time.Now().Add(60 * time.Second)); err != nil {
		return err
	}
	if r.IntN(4) == 0 {
		if err := socket.(*net.TCPConn).SetReadBuffer(128 << 10); err != nil {
			return err
		}
	}
	type wanted struct {
		method string
		reads  string // the method as which the answer is read
		status int
		body   []byte
		last   bool
	}
	var out bytes.Buffer
	var want []wanted
	for i := range 1 + r.IntN(40) {
		id, size := fmt.Sprintf("r%d", i), r.IntN(2000)
		if r.IntN(20) == 0 {
			size = r.IntN(6 << 20) // more than a socket holds
		}
		how := []string{"now", "now", "later", "stream", "drained"}[r.IntN(5)]
		w := wanted{method: []string{"GET", "POST", "HEAD"}[r.IntN(3)], status: 200}
		var sent, field string
		chunked := false
		switch {
		case w.method == "POST" && r.IntN(2) == 0:
			sent = strings.Repeat("b", r.IntN(3000))
			field = fmt.Sprintf("Content-Length: %d\r\n", len(sent))
		case w.method == "POST":
			sent = strings.Repeat("c", 1+r.IntN(300))
			field, chunked = "Transfer-Encoding: chunked\r\n", true
		}
		if r.IntN(3) == 0 {
			field += "Accept-Encoding: " + []string{"br", "zstd", "gzip"}[r.IntN(3)] + "\r\n"
			size = min(size, 500_000) // it is slow with the race detector
		}
		w.body = append(payload(id, size), sent...)
		if chunked {
			sent = fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(sent), sent)
		}
		switch r.IntN(60) {
		case 0:
			how, w.status, w.last = "panic", 500, true
		case 1:
			field, w.status, w.last = field+"Bad Name: x\r\n", 400, true
			w.reads = "GET" // the method of what cannot be parsed is not known
		case 2:
			field, w.last = field+"Connection: close\r\n", true
		}
		if w.method == "HEAD" {
			w.body = nil
		}
		if w.reads == "" {
			w.reads = w.method
		}
		fmt.Fprintf(&out, "%s /%s/%s/%d HTTP/1.1\r\nHost: a\r\n%s\r\n%s", w.method, how, id, size, field, sent)
		want = append(want, w)
		if w.last {
			break
		}
	}
	// The peer may leave at any byte; before that, every whole request is owed its answer unless it said goodbye.
	ends := []string{"", "", "reset", "half"}[r.IntN(4)]
	input := out.Bytes()
	if ends != "" {
		input = input[:r.IntN(len(input)+1)]
	}
	splits := rand.New(rand.NewPCG(r.Uint64(), r.Uint64()))
	go func() {
		for len(input) > 0 {
			n := min(len(input), 1+splits.IntN(4000))
			if splits.IntN(3) == 0 {
				n = 1
			}
			if _, err := nc.Write(input[:n]); err != nil {
				return // the server closed after a last answer; the reader judges
			}
			input = input[n:]
		}
		switch ends {
		case "reset":
			_ = socket.(*net.TCPConn).SetLinger(0) // an error leaves an ordinary close
			_ = socket.Close()
		case "half":
			_ = socket.(*net.TCPConn).CloseWrite() // the server may have closed before
		}
	}()
	in := bufio.NewReaderSize(&stalling{nc, r}, 8<<10)
	for i, w := range want {
		resp, err := http.ReadResponse(in, &http.Request{Method: w.reads})
		if err == nil {
			var body []byte
			if body, err = io.ReadAll(resp.Body); err == nil && w.reads != "HEAD" {
				body, err = decode(resp.Header.Get("Content-Encoding"), body)
			}
			switch {
			case err != nil: // judged below
			case resp.StatusCode != w.status:
				return fmt.Errorf("answer %d of %d: status %d, want %d", i, len(want), resp.StatusCode, w.status)
			case w.status == 200 && !bytes.Equal(body, w.body):
				return fmt.Errorf("answer %d of %d: %d bytes, want %d, or they differ", i, len(want), len(body), len(w.body))
			case resp.Close != w.last:
				return fmt.Errorf("answer %d of %d: Connection: close is %v, want %v", i, len(want), resp.Close, w.last)
			}
		}
		if err != nil {
			if ends != "" {
				return nil // it left, so the server may
			}
			return fmt.Errorf("answer %d of %d: %w", i, len(want), err)
		}
	}
	if !want[len(want)-1].last {
		return nil
	}
	if n, err := io.Copy(io.Discard, in); n > 0 || err != nil && ends == "" && !strings.Contains(err.Error(), "reset") {
		return fmt.Errorf("after the last answer: %d bytes, %v", n, err)
	}
	return nil
}

// stalling reads in small pieces and sometimes lets others go first.
type stalling struct {
	net.Conn
	r *rand.Rand
}

func (s *stalling) Read(p []byte) (int, error) {
	if s.r.IntN(200) == 0 {
		time.Sleep(time.Duration(s.r.IntN(int(2 * time.Millisecond)))) // a slow reader, not a synchronisation
	}
	return s.Conn.Read(p)
}
