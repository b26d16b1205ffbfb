//go:build linux || darwin

package upstream_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/fortunadws/fortuna/edge"
	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/upstream"
)

const large = 64 << 20

// pattern is a body that is read as it is made, and that nobody can mix up.
func pattern(at int64, p []byte) {
	for i := range p {
		n := at + int64(i)
		p[i] = byte(n>>16 ^ n>>8 ^ n)
	}
}

// streamer takes a body and answers with as much.
var streamer = exchange.HandlerFunc(func(x exchange.Exchange) {
	if x.Request().Method == "PUT" {
		sum := sha256.New()
		sum.Write(x.Request().Body)
		receive(x, sum)
		return
	}
	x.Head(200, nil)
	var step func(at int64)
	step = func(at int64) {
		if at == large {
			x.End()
			return
		}
		p := make([]byte, 32<<10)
		pattern(at, p)
		if x.Write(p) == nil {
			x.Drained(func() { step(at + int64(len(p))) })
		}
	}
	step(0)
})

// receive answers with the sum of the body.
func receive(x exchange.Exchange, sum hash.Hash) {
	var n int
	var next func(piece []byte, err error)
	next = func(piece []byte, err error) {
		if err == nil {
			sum.Write(piece)
			n += len(piece)
			x.Receive(next)
			return
		}
		x.Head(200, nil)
		_ = x.Write([]byte(hex.EncodeToString(sum.Sum(nil))))
		x.End()
	}
	if x.Request().Partial {
		x.Receive(next)
		return
	}
	next(nil, io.EOF)
}

// growth is how much the heap holds more than before, after f.
func growth(f func()) int64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return int64(after.HeapInuse) - int64(before.HeapInuse)
}

// The client reads nothing until everybody on the way holds all they will; then it reads the rest.
func TestForward_download(t *testing.T) {
	a := newAuthority(t)
	held := make(chan struct{})
	var made atomic.Int64
	handler := exchange.HandlerFunc(func(x exchange.Exchange) {
		x.Head(200, nil)
		x.Length(large)
		var step func(at int64)
		step = func(at int64) {
			if at == large {
				x.End()
				return
			}
			p := make([]byte, 32<<10)
			pattern(at, p)
			if x.Write(p) == nil {
				made.Add(int64(len(p)))
				x.Drained(func() { step(at + int64(len(p))) })
			}
		}
		step(0)
		close(held)
	})
	p, addr := a.front(t, upstream.Config{}, a.startNode(t, "one", handler))
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if err := nc.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(nc, get); err != nil {
		t.Fatal(err)
	}
	<-held
	// It stops by itself: what was made does not grow while nobody reads. The kernel's buffers on the way are not ours to bound.
	for last := int64(-1); last != made.Load(); {
		last = made.Load()
		for range 20 {
			runtime.Gosched()
			if nodes, _ := p.Stats(); nodes[0].Inflight != 1 {
				t.Fatalf("got %+v", nodes)
			}
		}
	}
	if n := made.Load(); n >= large {
		t.Errorf("all %d bytes were made while nobody read", n)
	}
	r, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err != nil || r.ContentLength != large {
		t.Fatalf("got %v, %v", r, err)
	}
	checkPattern(t, r.Body)
}

func checkPattern(t *testing.T, r io.Reader) {
	t.Helper()
	got, want := make([]byte, 64<<10), make([]byte, 64<<10)
	var at int64
	for {
		n, err := io.ReadFull(r, got)
		pattern(at, want[:n])
		if string(got[:n]) != string(want[:n]) {
			t.Fatalf("other bytes behind %d", at)
		}
		at += int64(n)
		if err != nil {
			if at != large {
				t.Errorf("got %d bytes, %v", at, err)
			}
			return
		}
	}
}

// What passes leaves nothing behind, in either direction, by either protocol.
func TestForward_streams(t *testing.T) {
	a := newAuthority(t)
	p := a.openPool(t, upstream.Config{}, a.startNode(t, "one", streamer))
	addr := start(t, edge.Config{Handler: forwarding(p), H2C: true}).Addr().String()
	want := sha256.New()
	for at := int64(0); at < large; at += 64 << 10 {
		b := make([]byte, 64<<10)
		pattern(at, b)
		want.Write(b)
	}
	sum := hex.EncodeToString(want.Sum(nil))
	clear2 := new(http.Protocols)
	clear2.SetUnencryptedHTTP2(true)
	for name, transport := range map[string]*http.Transport{"h1": {}, "h2": {Protocols: clear2}} {
		t.Run(name, func(t *testing.T) {
			defer transport.CloseIdleConnections()
			client := &http.Client{Transport: transport}
			for _, announced := range []int64{large, -1} {
				reader := &patternReader{}
				grown := growth(func() {
					q, err := http.NewRequest("PUT", "http://"+addr+"/", io.NopCloser(reader))
					if err != nil {
						t.Fatal(err)
					}
					q.ContentLength = announced
					r, err := client.Do(q)
					if err != nil {
						t.Fatal(err)
					}
					defer r.Body.Close()
					if got, err := io.ReadAll(r.Body); string(got) != sum {
						t.Errorf("got %d %q, %v", r.StatusCode, got, err)
					}
				})
				if grown > 8<<20 {
					t.Errorf("the heap has grown by %d bytes", grown)
				}
			}
			r, err := client.Get("http://" + addr + "/")
			if err != nil {
				t.Fatal(err)
			}
			defer r.Body.Close()
			checkPattern(t, r.Body)
		})
	}
	if nodes, _ := p.Stats(); nodes[0].Failures != 0 || nodes[0].Inflight != 0 {
		t.Errorf("got %+v", nodes)
	}
}

type patternReader struct{ at int64 }

func (r *patternReader) Read(p []byte) (int, error) {
	if r.at == large {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), large-r.at))
	pattern(r.at, p[:n])
	r.at += int64(n)
	return n, nil
}
