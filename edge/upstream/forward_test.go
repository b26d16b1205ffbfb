//go:build linux || darwin

package upstream_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	cryptotls "crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge"
	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/upstream"
)

const get = "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"

func TestForward(t *testing.T) {
	a := newAuthority(t)
	p, addr := a.front(t, upstream.Config{}, a.startNode(t, "one", answering("hello")))
	for range 3 {
		r, body := ask(t, addr, get)
		if r.StatusCode != 200 || body != "hello" || r.ContentLength != 5 || r.Header.Get("Content-Type") != "text/plain" {
			t.Errorf("got %d %q, %d bytes, %v", r.StatusCode, body, r.ContentLength, r.Header)
		}
	}
	nodes, denied := p.Stats()
	if n := nodes[0]; n.Requests != 3 || n.Failures != 0 || n.Inflight != 0 || n.Links < 1 || denied != 0 {
		t.Errorf("got %+v, %d", nodes, denied)
	}
}

// mirror answers with what it was asked.
var mirror = exchange.HandlerFunc(func(x exchange.Exchange) {
	q := x.Request()
	h, ok := upstream.HopOf(x)
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s host=%q tls=%v id=%q remote=%v hop=%v app=%s from=%s hops=%d trace=%s length=%d body=%q\n",
		q.Method, q.Target, q.Host, q.TLS, q.ID, q.Remote.Addr(), ok, h.App, h.From, h.Hops, q.Trace.TraceID(), q.Length, q.Body)
	if q.Client != nil {
		fmt.Fprintf(&b, "client %+v\n", *q.Client)
	}
	for _, f := range q.Header {
		fmt.Fprintf(&b, "%s: %s\n", strings.ToLower(f.Name), f.Value)
	}
	x.Head(200, []exchange.Field{{Name: "X-Answer", Value: "yes"}, {Name: "Set-Cookie", Value: "a=1"}, {Name: "Set-Cookie", Value: "b=2"}})
	_ = x.Write([]byte(b.String()))
	x.End()
})

// The other node sees the request as this one did.
func TestForward_request(t *testing.T) {
	a := newAuthority(t)
	p := a.openPool(t, upstream.Config{}, a.startNode(t, "one", mirror))
	alice := &exchange.Client{Subject: "CN=alice,O=Example & Co", Issuer: "CN=ca", Fingerprint: "ab", Verified: true}
	addr := start(t, edge.Config{Handler: exchange.HandlerFunc(func(x exchange.Exchange) {
		q := x.Request()
		q.TLS, q.ID, q.Trace = true, "id 1", exchange.NewTrace("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
		if q.Get("X-Certificate") != "" {
			q.Client = alice
		}
		p.Forward(x, "shop", "")
	})}).Addr().String()
	ask := func(request string) string {
		r, body := ask(t, addr, strings.ReplaceAll(request, "\n", "\r\n"))
		if r.StatusCode != 200 || r.Header.Get("X-Answer") != "yes" || len(r.Header["Set-Cookie"]) != 2 {
			t.Fatalf("got %d %v %s", r.StatusCode, r.Header, body)
		}
		return body
	}
	has := func(body string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(body, w) {
				t.Errorf("%q is missing in\n%s", w, body)
			}
		}
	}
	lacks := func(body string, unwanted ...string) {
		t.Helper()
		for _, w := range unwanted {
			if strings.Contains(body, w) {
				t.Errorf("%q is in\n%s", w, body)
			}
		}
	}
	body := ask("GET /a%20b?c=d HTTP/1.1\nHost: example.com:81\nConnection: keep-alive, X-Private\nX-Private: 1\nKeep-Alive: 5\nTE: gzip\n" +
		"Proxy-Connection: close\nProxy-Authorization: x\nUpgrade: h3\nX-Public: 2\nCookie: a=b; c=d\nFortuna-Hop: 1 x y z 1.2.3.4:5 http\nFortuna-Client: subject=root\n" +
		"traceparent: 00-11111111111111111111111111111111-2222222222222222-00\n\n")
	has(body, "GET /a%20b?c=d host=\"example.com:81\" tls=true id=\"id 1\" remote=127.0.0.1 hop=true app=shop from=front hops=1 trace=0af7651916cd43dd8448eb211c80319c length=0",
		"x-public: 2", "cookie: a=b; c=d", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-")
	lacks(body, "x-private", "keep-alive", "te:", "proxy-", "upgrade:", "fortuna-", "1111", "client {", "connection:")

	has(ask("POST / HTTP/1.1\nHost: a\nContent-Length: 5\n\nhello"), "POST / host=\"a\"", `length=5 body="hello"`)
	has(ask("POST / HTTP/1.1\nHost: a\nContent-Length: 0\n\n"), "length=0 body=\"\"", "content-length: 0")
	has(ask("GET / HTTP/1.1\nHost: a\nX-Certificate: 1\n\n"), "client {Subject:CN=alice,O=Example & Co Issuer:CN=ca Fingerprint:ab Verified:true}")
	has(ask("OPTIONS * HTTP/1.1\nHost: a\n\n"), "OPTIONS * ")
	body = ask("GET / HTTP/1.0\n\n")
	has(body, `host=""`)
	lacks(body, "host:")
	long := strings.Repeat("x", 8000)
	has(ask("GET / HTTP/1.1\nHost: a\nX-Long: "+long+"\nX-Longer: "+long+"\n\n"), "x-longer: "+long)
}

// Answers that have no body, or say how long it would be, do so behind a hop too.
func TestForward_answer(t *testing.T) {
	a := newAuthority(t)
	_, addr := a.front(t, upstream.Config{}, a.startNode(t, "one", exchange.HandlerFunc(func(x exchange.Exchange) {
		switch q := x.Request(); q.Path {
		case "/204":
			x.Head(204, nil)
		case "/304":
			x.Head(304, []exchange.Field{{Name: "ETag", Value: `"v1"`}})
		case "/head":
			x.Head(200, nil)
			x.Length(1234)
			if q.Method != "HEAD" {
				_ = x.Write(make([]byte, 1234))
			}
		case "/streamed":
			x.Head(200, nil)
			_ = x.Write([]byte("in "))
			x.Loop().Post(func() {
				_ = x.Write([]byte("pieces"))
				x.End()
			})
			return
		case "/500":
			x.Head(500, nil)
			_ = x.Write([]byte("the app's own"))
		case "/aborted":
			x.Abort()
			return
		case "/empty":
			x.Head(200, nil)
		}
		x.End()
	})))
	for _, tt := range []struct {
		method, path string
		status       int
		length       int64 // -2: any
		body         string
	}{
		{"GET", "/204", 204, 0, ""},
		{"GET", "/304", 304, 0, ""},
		{"HEAD", "/head", 200, 1234, ""},
		{"GET", "/head", 200, 1234, string(make([]byte, 1234))},
		{"GET", "/streamed", 200, -2, "in pieces"},
		{"GET", "/500", 500, 13, "the app's own"},
		{"GET", "/aborted", 500, -2, "handler_error: the handler failed\n"},
		{"GET", "/empty", 200, 0, ""},
	} {
		r, body := ask(t, addr, tt.method+" "+tt.path+" HTTP/1.1\r\nHost: a\r\n\r\n")
		if r.StatusCode != tt.status || body != tt.body || tt.length != -2 && r.ContentLength != tt.length {
			t.Errorf("%s %s: got %d %q, %d bytes", tt.method, tt.path, r.StatusCode, body, r.ContentLength)
		}
	}
}

// A request goes through one node at most.
func TestForward_loop(t *testing.T) {
	a := newAuthority(t)
	var second *upstream.Pool
	one := a.startNode(t, "one", exchange.HandlerFunc(func(x exchange.Exchange) { second.Forward(x, "shop", "") }))
	two := a.startNode(t, "two", answering("hello"))
	second = a.openPool(t, upstream.Config{}, two)
	_, addr := a.front(t, upstream.Config{}, one)
	if r, body := ask(t, addr, get); r.StatusCode != 503 || !strings.HasPrefix(body, "loop: ") || r.Header.Get("Retry-After") == "" {
		t.Errorf("got %d %s", r.StatusCode, body)
	}
}

func TestForward_nobody(t *testing.T) {
	a := newAuthority(t)
	_, addr := a.front(t, upstream.Config{})
	if r, body := ask(t, addr, get); r.StatusCode != 503 || !strings.HasPrefix(body, "no_node: ") || r.Header.Get("Retry-After") == "" {
		t.Errorf("got %d %s", r.StatusCode, body)
	}
	dead := a.startNode(t, "dead", answering("hello"))
	_ = dead.Close()
	_, addr = a.front(t, upstream.Config{}, dead)
	if r, body := ask(t, addr, get); r.StatusCode != 502 || !strings.HasPrefix(body, "upstream_failed: ") {
		t.Errorf("got %d %s", r.StatusCode, body)
	}
}

// A node that nothing listens for is not seen by anybody: its requests go elsewhere, whatever they are.
func TestForward_unreachable(t *testing.T) {
	a := newAuthority(t)
	dead := a.startNode(t, "dead", answering("hello"))
	_ = dead.Close()
	p, addr := a.front(t, upstream.Config{}, dead, a.startNode(t, "well", answering("hello")))
	for i := range 40 {
		if r, body := ask(t, addr, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"); r.StatusCode != 200 {
			t.Fatalf("request %d: got %d %s", i, r.StatusCode, body)
		}
	}
	if nodes, _ := p.Stats(); nodes[0].Ejections == 0 || nodes[1].Requests != 40 {
		t.Errorf("got %+v", nodes)
	}
}

func TestForward_timeout(t *testing.T) {
	a := newAuthority(t)
	left := make(chan struct{})
	_, addr := a.front(t, upstream.Config{HeadDeadline: 50 * time.Millisecond}, a.startNode(t, "one", exchange.HandlerFunc(func(x exchange.Exchange) {
		done := x.Done()
		go func() {
			<-done
			close(left)
		}()
	})))
	if r, body := ask(t, addr, get); r.StatusCode != 504 || !strings.HasPrefix(body, "upstream_timeout: ") {
		t.Errorf("got %d %s", r.StatusCode, body)
	}
	<-left // the node hears that nobody waits
}

// The other node hears that the client has left, while it computes and while it writes.
func TestForward_clientGone(t *testing.T) {
	a := newAuthority(t)
	came, left := make(chan struct{}, 1), make(chan struct{}, 1)
	_, addr := a.front(t, upstream.Config{}, a.startNode(t, "one", exchange.HandlerFunc(func(x exchange.Exchange) {
		done := x.Done()
		if x.Request().Path == "/writes" {
			x.Head(200, nil)
			_ = x.Write([]byte("hello"))
		}
		go func() {
			<-done
			left <- struct{}{}
		}()
		came <- struct{}{}
	})))
	for _, path := range []string{"/computes", "/writes"} {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(nc, "GET "+path+" HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		<-came
		_ = nc.Close()
		<-left
	}
}

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

// When a node ends, only what was in flight on it can fail, and of that only what may not be sent again.
func TestForward_kill(t *testing.T) {
	a := newAuthority(t)
	const workers = 16
	var onDoomed sync.Map // numbers of requests that the doomed node was given
	counting := func(doomed bool) exchange.Handler {
		return exchange.HandlerFunc(func(x exchange.Exchange) {
			if doomed {
				onDoomed.Store(x.Request().Get("X-Number"), true)
			}
			x.Loop().Post(func() { answering("hello").Serve(x) })
		})
	}
	doomed := a.startNode(t, "doomed", counting(true))
	p, addr := a.front(t, upstream.Config{}, doomed, a.startNode(t, "two", counting(false)), a.startNode(t, "three", counting(false)))
	var wg sync.WaitGroup
	var number, answered, failed atomic.Int64
	ended := make(chan struct{})
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers}}
	defer client.CloseIdleConnections()
	for w := range workers {
		wg.Go(func() {
			for after := 0; after < 50; {
				select {
				case <-ended:
					after++
				default:
				}
				method := "GET"
				if w%2 == 1 {
					method = "POST"
				}
				q, err := http.NewRequest(method, "http://"+addr+"/", http.NoBody)
				if err != nil {
					t.Error(err)
					return
				}
				id := fmt.Sprint(number.Add(1))
				q.Header.Set("X-Number", id)
				r, err := client.Do(q)
				if err != nil {
					t.Errorf("%s %s: %v", method, id, err)
					return
				}
				body, err := io.ReadAll(r.Body)
				_ = r.Body.Close()
				if err == nil && r.StatusCode == 200 && string(body) == "hello" {
					answered.Add(1)
					continue
				}
				failed.Add(1)
				if _, there := onDoomed.Load(id); !there && method == "GET" {
					t.Errorf("%s %s failed and was not on the node: %d %s %v", method, id, r.StatusCode, body, err)
				}
			}
		})
	}
	for answered.Load() < 500 {
		runtime.Gosched()
	}
	_ = doomed.Close()
	close(ended)
	wg.Wait()
	nodes, denied := p.Stats()
	t.Logf("%d answered, %d failed, %d retries denied, %+v", answered.Load(), failed.Load(), denied, nodes)
	if failed.Load() > workers {
		t.Errorf("%d failed, and %d at most were in flight", failed.Load(), workers)
	}
	for _, n := range nodes {
		if n.Inflight != 0 {
			t.Errorf("%+v", n)
		}
	}
}

// Requests that a node sends away as it drains are served by another, POST too: it has not looked at them.
func TestForward_drain(t *testing.T) {
	a := newAuthority(t)
	draining := a.startNode(t, "draining", answering("hello"))
	_, addr := a.front(t, upstream.Config{}, draining, a.startNode(t, "well", answering("hello")))
	post := "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
	for range 20 {
		ask(t, addr, post)
	}
	drained := make(chan error, 1)
	go func() { drained <- draining.Drain(context.Background()) }()
	for i := range 50 {
		if r, body := ask(t, addr, post); r.StatusCode != 200 {
			t.Errorf("request %d: got %d %s", i, r.StatusCode, body)
		}
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
}

// More requests than a connection takes at once wait, or have another one.
func TestForward_many(t *testing.T) {
	a := newAuthority(t)
	var mu sync.Mutex
	var waiting []exchange.Exchange
	all := make(chan []exchange.Exchange, 1)
	const requests = 900 // two lanes of four connections would take 800 of a node with 100 streams
	one := a.startNode(t, "one", exchange.HandlerFunc(func(x exchange.Exchange) {
		if x.Request().Path == "/now" {
			answering("hello").Serve(x)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if waiting = append(waiting, x); len(waiting) == requests {
			all <- waiting
		}
	}))
	_, addr := a.front(t, upstream.Config{}, one)
	client := &http.Client{}
	defer client.CloseIdleConnections()
	var wg sync.WaitGroup
	for range requests {
		wg.Go(func() {
			r, err := client.Get("http://" + addr + "/")
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Body.Close()
			if body, err := io.ReadAll(r.Body); string(body) != "hello" {
				t.Errorf("got %d %s, %v", r.StatusCode, body, err)
			}
		})
	}
	for _, x := range <-all {
		x.Loop().Post(func() { answering("hello").Serve(x) })
	}
	wg.Wait()
}

// Whoever shows no certificate of the cluster gets nothing.
func TestReceiver_strangers(t *testing.T) {
	a, b := newAuthority(t), newAuthority(t)
	one := a.startNode(t, "one", answering("secret"))
	for name, config := range map[string]*cryptotls.Config{"nobody": {InsecureSkipVerify: true}, "another cluster": b.config(t, "front")} {
		config.InsecureSkipVerify = true
		nc, err := cryptotls.Dial("tcp", one.Node.Address, config)
		if err == nil {
			_, err = io.WriteString(nc, get)
		}
		if err == nil {
			var p [100]byte
			if _, err = nc.Read(p[:]); err == nil {
				t.Errorf("%s was answered %s", name, p)
			}
			_ = nc.Close()
		}
	}
	// A public listener that Receiver is put behind by mistake.
	addr := start(t, edge.Config{Handler: upstream.Receiver(answering("secret"))}).Addr().String()
	if r, body := ask(t, addr, "GET / HTTP/1.1\r\nHost: a\r\nFortuna-Hop: 1 a b c 1.2.3.4:5 https\r\n\r\n"); r.StatusCode != 403 {
		t.Errorf("got %d %s", r.StatusCode, body)
	}
	// A node that is not who its name says.
	two := a.startNode(t, "two", answering("secret"))
	two.Node.Name = "three"
	_, addr = a.front(t, upstream.Config{}, two)
	if r, body := ask(t, addr, get); r.StatusCode != 502 {
		t.Errorf("got %d %s", r.StatusCode, body)
	}
}

// A cluster's certificate alone makes no request of a node.
func TestReceiver_noHop(t *testing.T) {
	a := newAuthority(t)
	one := a.startNode(t, "one", answering("secret"))
	config := a.config(t, "two")
	config.ServerName = "one"
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	r, err := client.Get("https://" + one.Node.Address + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != 400 {
		t.Errorf("got %d", r.StatusCode)
	}
}

// Closing a pool ends what is in flight, and says so.
func TestPool_close(t *testing.T) {
	a := newAuthority(t)
	came := make(chan struct{})
	p, addr := a.front(t, upstream.Config{}, a.startNode(t, "one", exchange.HandlerFunc(func(exchange.Exchange) { close(came) })))
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := io.WriteString(nc, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-came
	p.Close()
	r, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err != nil || r.StatusCode != 502 {
		t.Errorf("got %v, %v", r, err)
	}
	if err := p.Update(upstream.Node{Name: "a", Address: "127.0.0.1:1"}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}
