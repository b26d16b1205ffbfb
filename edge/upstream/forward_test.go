//go:build linux || darwin

package upstream_test

import (
	cryptotls "crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

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

// A request for which a node has no room is another's, whatever it is, and the client hears of it only if there is none.
func TestForward_unserved(t *testing.T) {
	a := newAuthority(t)
	full := exchange.HandlerFunc(func(x exchange.Exchange) {
		x.Request().Unserved = true
		x.Head(503, []exchange.Field{{Name: "Retry-After", Value: "1"}})
		_ = x.Write([]byte("overload"))
		x.End()
	})
	p, addr := a.front(t, upstream.Config{}, a.startNode(t, "full", full), a.startNode(t, "free", answering("hello")))
	for i := range 20 {
		request := get
		if i%2 == 1 {
			request = "POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 3\r\n\r\nabc"
		}
		if r, body := ask(t, addr, request); r.StatusCode != 200 || body != "hello" {
			t.Errorf("request %d: %d %q", i, r.StatusCode, body)
		}
	}
	nodes, _ := p.Stats()
	if nodes[0].Retries == 0 && nodes[1].Retries == 0 {
		t.Errorf("nobody was asked first who was full: %+v", nodes)
	}
	p.Remove("free")
	for range 3 {
		r, body := ask(t, addr, get)
		if r.StatusCode != 503 || body != "overload" || r.Header.Get("Retry-After") != "1" || r.Header.Get("Fortuna-Unserved") != "" {
			t.Errorf("got %d %q %v", r.StatusCode, body, r.Header)
		}
	}
	nodes, _ = p.Stats()
	if nodes[0].Inflight != 0 || nodes[0].Failures != 0 {
		t.Errorf("%+v", nodes)
	}
}

// That no code has seen a request is not the app's to say.
func TestForward_unservedByApp(t *testing.T) {
	a := newAuthority(t)
	var served atomic.Int32
	liar := exchange.HandlerFunc(func(x exchange.Exchange) {
		served.Add(1)
		x.Head(503, []exchange.Field{{Name: "fortuna-unserved", Value: "1"}, {Name: "X-Answer", Value: "yes"}})
		x.End()
	})
	_, addr := a.front(t, upstream.Config{}, a.startNode(t, "one", liar), a.startNode(t, "two", liar))
	r, _ := ask(t, addr, get)
	if r.StatusCode != 503 || r.Header.Get("X-Answer") != "yes" || r.Header.Get("Fortuna-Unserved") != "" || served.Load() != 1 {
		t.Errorf("got %d %v, %d times", r.StatusCode, r.Header, served.Load())
	}
}

// When every node is full, as many are asked twice as the budget allows.
func TestForward_unservedBudget(t *testing.T) {
	a := newAuthority(t)
	var asked atomic.Int32
	full := exchange.HandlerFunc(func(x exchange.Exchange) {
		asked.Add(1)
		x.Request().Unserved = true
		x.Head(503, nil)
		x.End()
	})
	_, addr := a.front(t, upstream.Config{}, a.startNode(t, "one", full), a.startNode(t, "two", full), a.startNode(t, "three", full))
	const requests = 200
	for range requests {
		if r, _ := ask(t, addr, get); r.StatusCode != 503 {
			t.Fatalf("got %d", r.StatusCode)
		}
	}
	if most := int32(requests + requests/5 + 10); asked.Load() > most { // a fifth, and those that were saved up
		t.Errorf("%d requests were asked %d times", requests, asked.Load())
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
