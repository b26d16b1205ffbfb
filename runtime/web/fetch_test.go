package web

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/dop251/goja"
)

// fetchRealm is a realm that may reach loopback.
func fetchRealm(t *testing.T, allow ...string) (*Realm, *testHost) {
	t.Helper()
	e, err := ParseEgress(allow)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.transport.CloseIdleConnections)
	h := &testHost{t: t, jobs: make(chan func() error, 1000)}
	return New(goja.New(), h, Options{Egress: e}), h
}

// fetched runs code with $ standing for the URL of a server.
func fetched(t *testing.T, server *httptest.Server, code string) string {
	t.Helper()
	r, h := fetchRealm(t, "private")
	return evalIn(t, r, h, strings.ReplaceAll(code, "$", server.URL))
}

func expectFetch(t *testing.T, server *httptest.Server, cases [][2]string) {
	t.Helper()
	for _, c := range cases {
		got, want := fetched(t, server, c[0]), c[1]
		if prefix, cut := strings.CutSuffix(want, "..."); got == want || cut && strings.HasPrefix(got, prefix) {
			continue
		}
		t.Errorf("%s\n got  %s\n want %s", c[0], got, want)
	}
}

// echo answers with the request as it arrived: request line, fields in order of name, body.
func echo(w http.ResponseWriter, q *http.Request) {
	b, _ := io.ReadAll(q.Body)
	w.Header().Set("X-A", "1")
	w.Header().Add("Set-Cookie", "a=1")
	w.Header().Add("Set-Cookie", "b=2")
	if q.URL.Query().Has("status") {
		var status int
		_, _ = fmt.Sscan(q.URL.Query().Get("status"), &status)
		if to := q.URL.Query().Get("to"); to != "" {
			w.Header().Set("Location", to)
		}
		w.WriteHeader(status)
		return
	}
	fmt.Fprintf(w, "%s %s|", q.Method, q.RequestURI)
	for _, name := range []string{"Authorization", "Content-Type", "Cookie", "Accept", "User-Agent", "X-Own", "Host", "Te"} {
		if v, ok := q.Header[name]; ok {
			fmt.Fprintf(w, "%s=%s|", name, strings.Join(v, "+"))
		}
	}
	fmt.Fprintf(w, "%d|%s", q.ContentLength, b)
}

func TestFetch_exchange(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(echo))
	defer server.Close()
	expectFetch(t, server, [][2]string{
		{`return (await fetch('$/a?b#c')).text()`, "GET /a?b|Accept=*/*|User-Agent=fortuna|0|"},
		{`return (await fetch('$/', {method: 'post', body: 'héllo'})).text()`, "POST /|Content-Type=text/plain;charset=UTF-8|Accept=*/*|User-Agent=fortuna|6|héllo"},
		{`return (await fetch('$/', {method: 'PUT'})).text()`, "PUT /|Accept=*/*|User-Agent=fortuna|0|"},
		{`return (await fetch(new Request('$/', {method: 'PATCH', body: new Uint8Array([65]), headers: {'x-own': '1', accept: 'a/b', 'user-agent': 'me'}}))).text()`, "PATCH /|Accept=a/b|User-Agent=me|X-Own=1|1|A"},
		{`return (await fetch('$/', {method: 'POST', body: new URLSearchParams('a=1')})).text()`, "POST /|Content-Type=application/x-www-form-urlencoded;charset=UTF-8|Accept=*/*|User-Agent=fortuna|3|a=1"},
		{`const s = new ReadableStream({start(c) { c.enqueue(new TextEncoder().encode('streamed')); c.close() }}); return (await fetch('$/', {method: 'POST', body: s, duplex: 'half'})).text()`,
			"POST /|Accept=*/*|User-Agent=fortuna|-1|streamed"},
		{`const r = await fetch('$/x#y'); return [r.status, r.ok, r.statusText, r.type, r.redirected, r.url.slice(-2), r.headers.get('x-a'), r.headers.getSetCookie()].join()`, "200,true,OK,basic,false,/x,1,a=1,b=2"},
		{`const r = await fetch('$/'); r.headers.set('a', 'b')`, "throws TypeError: Headers.set: these headers are immutable..."},
		{`const r = await fetch('$/?status=204'); return [r.status, r.body, (await r.text()) === ''].join()`, "204,,true"},
		{`const r = await fetch('$/', {method: 'HEAD'}); return [r.status, r.body, (await r.text()) === ''].join()`, "200,,true"},
		{`return (await fetch('$/?status=500')).status`, "500"},
		{`const r = await fetch('$/'); const c = r.clone(); return (await r.text()) === (await c.text())`, "true"},
		{`const r = await fetch('$/'); await r.text(); await r.text()`, "throws TypeError: text: the body has been read already..."},
		{`return (await fetch('$/a%7Ez//b/?q="x y"&%')).text()`, "GET /a%7Ez//b/?q=%22x%20y%22&%|Accept=*/*|User-Agent=fortuna|0|"},
		{`return (await fetch('$//a//b')).text()`, "GET //a//b|Accept=*/*|User-Agent=fortuna|0|"},
		{`return (await fetch('$?')).text()`, "GET /?|Accept=*/*|User-Agent=fortuna|0|"},
		// What frames the request is not code's: it is dropped, so that a request that came in can be passed on.
		{`return (await fetch('$/', {method: 'POST', body: 'abc', headers: {host: 'evil', 'content-length': '99', 'transfer-encoding': 'chunked', te: 'x', connection: 'close, x-own', 'x-own': 'kept'}})).text()`,
			"POST /|Content-Type=text/plain;charset=UTF-8|Accept=*/*|User-Agent=fortuna|X-Own=kept|3|abc"},
		{`await fetch('$/', {headers: {'x': 'a\r\nb: c'}})`, "throws TypeError: Request: a header value must not contain..."},
		{`await fetch('$/', {headers: {'x\r\ny': 'a'}})`, "throws TypeError: Request: ..."},
		{`await fetch('$/', {headers: {'x ': 'a'}})`, "throws TypeError: Request: ..."},
		{`await fetch('$/', {headers: {'x': 'a\0b'}})`, "throws TypeError: Request: ..."},
		{`await fetch('$/', {method: 'GET\r\nX: y'})`, "throws TypeError: Request: ..."},
		{`await fetch('$/', {method: 'CONNECT'})`, "throws TypeError: Request: ..."},
		{`await fetch('$/', {method: 'GET', body: 'x'})`, "throws TypeError: Request: ..."},
		{`await fetch('/relative')`, "throws TypeError: Request: ..."},
		{`await fetch('ftp://a/b')`, "throws TypeError: fetch: ftp: URLs cannot be fetched; use http: or https:"},
		{`await fetch('blob:x')`, "throws TypeError: fetch: blob: URLs cannot be fetched..."},
		{`await fetch('file:///etc/passwd')`, "throws TypeError: fetch: file: URLs cannot be fetched..."},
		{`await fetch()`, "throws TypeError: fetch: 1 argument(s) required..."},
	})
}

// A body that is a stream is read while it is sent, no faster than the server takes it.
func TestFetch_streams(t *testing.T) {
	received := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		switch q.URL.Path {
		case "/first":
			var b [5]byte
			if _, err := io.ReadFull(q.Body, b[:]); err != nil {
				t.Errorf("read: %v", err)
			}
			received <- struct{}{}
			rest, err := io.ReadAll(q.Body)
			fmt.Fprintf(w, "%s|%s|%v", b, rest, err)
		case "/early":
			w.Header().Set("Connection", "close")
			w.WriteHeader(413)
		case "/sum":
			n, err := io.Copy(io.Discard, q.Body)
			fmt.Fprint(w, n, err)
		default:
			http.Redirect(w, q, "/sum", http.StatusTemporaryRedirect)
		}
	}))
	defer server.Close()
	const stream = `const chunks = (n, size, pulled = () => {}) => new ReadableStream({pull(c) { pulled(); if (n-- > 0) c.enqueue(new Uint8Array(size).fill(65)); else c.close() }}, {highWaterMark: 0});`
	r, h := fetchRealm(t, "private")
	must(r.VM.Set("received", func(goja.FunctionCall) goja.Value {
		return r.Await("received", func(context.Context) func() goja.Value {
			<-received
			return func() goja.Value { return goja.Undefined() }
		})
	}))
	code := strings.ReplaceAll(`let c; const body = new ReadableStream({start(x) { c = x }}); c.enqueue(new TextEncoder().encode('first'));
		const answer = fetch('$/first', {method: 'POST', body}); await received(); c.enqueue(new Uint8Array([33])); c.close(); return (await answer).text()`, "$", server.URL)
	if got := evalIn(t, r, h, code); got != "first|!|<nil>" {
		t.Errorf("got %s", got)
	}
	expectFetch(t, server, [][2]string{
		{stream + `return (await fetch('$/sum', {method: 'POST', body: chunks(300, 65536)})).text()`, "19660800 <nil>"},
		{stream + `return (await fetch('$/sum', {method: 'PUT', body: chunks(0, 0)})).text()`, "0 <nil>"},
		{stream + `const b = chunks(2, 1); const r = new Request('$/sum', {method: 'POST', body: b}); return [await (await fetch(r)).text(), r.bodyUsed].join()`, "2 <nil>,true"},
		{stream + `const b = chunks(1, 1); b.getReader(); await fetch('$/sum', {method: 'POST', body: b})`, "throws TypeError: Request: the ReadableStream is locked..."},
		{stream + `await fetch('$/redirect', {method: 'POST', body: chunks(1, 1)})`, "throws TypeError: fetch: ..."},
		{`return fetch('$/sum', {method: 'POST', body: new ReadableStream({pull() { throw new Error('no more') }}, {highWaterMark: 0})}).catch(e => e.message.replace(/.*:/, ''))`, " no more"},
		{`return fetch('$/sum', {method: 'POST', body: new ReadableStream({pull(c) { c.enqueue('text') }}, {highWaterMark: 0})}).catch(e => e.message.replace(/.*stream of the body failed/, ''))`, ": TypeError: the body's stream: a chunk must be a Uint8Array, got a string..."},
		{stream + `let n = 0; const r = await fetch('$/early', {method: 'POST', body: chunks(1e6, 65536, () => n++)}); return r.status + (n < 1000 ? ',held back' : ',' + n)`, "413,held back"},
	})
}

func TestFetch_dataURL(t *testing.T) {
	expect(t, [][2]string{
		{`const r = await fetch('data:text/html,<p>%20x#frag'); return r.headers.get('content-type') + await r.text()`, "text/html<p> x"},
		{`const r = await fetch('data:,a%2Cb'); return r.headers.get('content-type') + '|' + await r.text()`, "text/plain;charset=US-ASCII|a,b"},
		{`return (await fetch('data:;base64,aGVsbG8=')).text()`, "hello"},
		{`return (await fetch('data:application/json;base64,eyJhIjoxfQ')).json().then(o => o.a)`, "1"},
		{`await fetch('data:text/html')`, "throws TypeError: ..."},
		{`await fetch('data:;base64,!')`, "throws TypeError: ..."},
	})
}

func TestFetch_redirects(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(echo))
	defer server.Close()
	other := httptest.NewServer(http.HandlerFunc(echo))
	defer other.Close()
	on := func(code string) string { return strings.ReplaceAll(code, "OTHER", other.URL) }
	expectFetch(t, server, [][2]string{
		{`const r = await fetch('$/?status=302&to=/there#f'); return [r.redirected, r.url.endsWith('/there'), await r.text()].join()`, "true,true,GET /there|Accept=*/*|User-Agent=fortuna|0|"},
		{`return (await fetch('$/?status=301&to=/', {method: 'POST', body: 'x'})).text()`, "GET /|Accept=*/*|User-Agent=fortuna|0|"},
		{`return (await fetch('$/?status=303&to=/', {method: 'PUT', body: 'x'})).text()`, "GET /|Accept=*/*|User-Agent=fortuna|0|"},
		{`return (await fetch('$/?status=302&to=/', {method: 'PUT', body: 'x', headers: {'content-type': 'a/b'}})).text()`, "PUT /|Content-Type=a/b|Accept=*/*|User-Agent=fortuna|1|x"},
		{`return (await fetch('$/?status=307&to=/', {method: 'POST', body: 'x'})).text()`, "POST /|Content-Type=text/plain;charset=UTF-8|Accept=*/*|User-Agent=fortuna|1|x"},
		{`return (await fetch('$/?status=302&to=/', {headers: {authorization: 's', cookie: 'c'}})).text()`, "GET /|Authorization=s|Cookie=c|Accept=*/*|User-Agent=fortuna|0|"},
		{on(`return (await fetch('$/?status=302&to=OTHER/', {headers: {authorization: 's', cookie: 'c', 'x-own': '1'}})).text()`), "GET /|Accept=*/*|User-Agent=fortuna|X-Own=1|0|"},
		{`const r = await fetch('$/?status=302&to=/x', {redirect: 'manual'}); return [r.status, r.headers.get('location'), r.redirected].join()`, "302,/x,false"},
		{`await fetch('$/?status=302&to=/x', {redirect: 'error'})`, "throws TypeError: fetch: ..."},
		{`return (await fetch('$/?status=302')).status`, "302"},
		{`await fetch('$/?status=302&to=file:///etc/passwd')`, "throws TypeError: fetch: ..."},
		{`await fetch('$/?status=302&to=http://u:p@localhost/')`, "throws TypeError: fetch: ..."},
		{`await fetch('$/?status=302&to=http://[bad')`, "throws TypeError: fetch: ..."},
	})
	var hops atomic.Int64
	loop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		hops.Add(1)
		http.Redirect(w, q, "/", http.StatusFound)
	}))
	defer loop.Close()
	expectFetch(t, loop, [][2]string{{`await fetch('$/')`, "throws TypeError: fetch: more than 20 redirects"}})
	if hops.Load() != fetchRedirectsMax+1 {
		t.Errorf("%d requests", hops.Load())
	}
}

func TestFetch_bodies(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		switch q.URL.Path {
		case "/gzip":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = z.Write([]byte(strings.Repeat("z", 100_000)))
			_ = z.Close()
		case "/big":
			for range 40 {
				_, _ = w.Write(make([]byte, 10_000))
			}
		case "/broken":
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("short"))
		}
	}))
	defer server.Close()
	expectFetch(t, server, [][2]string{
		{`return (await (await fetch('$/gzip')).text()).length`, "100000"},
		{`return (await (await fetch('$/gzip', {headers: {'accept-encoding': 'gzip'}})).text()).length`, "100000"},
		{`return (await (await fetch('$/big')).arrayBuffer()).byteLength`, "400000"},
		{`let n = 0; const reader = (await fetch('$/big')).body.getReader(); for (;;) { const {done, value} = await reader.read(); if (done) return n; n += value.length }`, "400000"},
		{`const r = await fetch('$/big'); await r.body.cancel(); return r.bodyUsed`, "true"},
		{`await (await fetch('$/broken')).text()`, "throws TypeError: fetch: the response broke off..."},
	})
	r, h := fetchRealm(t, "private")
	r.opts.FetchResponseBytes = 100_000
	if got := evalIn(t, r, h, `await (await fetch('`+server.URL+`/big')).text()`); !strings.Contains(got, "longer than 100000 bytes; raise limits.fetch_response_bytes") {
		t.Errorf("got %s", got)
	}
	if got := evalIn(t, r, h, `return (await (await fetch('`+server.URL+`/gzip')).text()).length`); got != "100000" {
		t.Errorf("got %s", got)
	}
}

func TestFetch_abort(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/body" {
			_, _ = w.Write([]byte("begin"))
			w.(http.Flusher).Flush()
		}
		select {
		case <-release:
		case <-q.Context().Done():
		}
	}))
	defer server.Close()
	defer close(release)
	expectFetch(t, server, [][2]string{
		{`await fetch('$/', {signal: AbortSignal.abort()})`, "throws AbortError: ..."},
		{`const c = new AbortController; c.abort(new RangeError('mine')); await fetch('$/', {signal: c.signal})`, "throws RangeError: mine"},
		{`const c = new AbortController; const p = fetch('$/head', {signal: c.signal}); c.abort(); await p`, "throws AbortError: ..."},
		{`const c = new AbortController; const p = fetch('$/head', {signal: c.signal}); await new Promise(f => setTimeout(f, 20)); c.abort(new RangeError('mine')); await p`, "throws RangeError: mine"},
		{`await fetch('$/head', {signal: AbortSignal.timeout(20)})`, "throws TimeoutError: ..."},
		{`const c = new AbortController; const r = await fetch('$/body', {signal: c.signal}); const p = r.text(); c.abort(); await p`, "throws AbortError: ..."},
		{`const c = new AbortController; const r = await fetch('$/body', {signal: c.signal}); const reader = r.body.getReader(); await reader.read(); c.abort(new RangeError('mine')); await reader.read()`, "throws RangeError: mine"},
		{`const c = new AbortController; const q = new Request('$/head', {signal: c.signal}); const p = fetch(q); c.abort(); await p`, "throws AbortError: ..."},
	})
}

func TestFetch_serverThatMisbehaves(t *testing.T) {
	for answer, want := range map[string]string{
		"":                                     "throws TypeError: fetch: GET http://127.0.0.1:",
		"nonsense\r\n\r\n":                     "throws TypeError: fetch: GET http://127.0.0.1:",
		"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n": "throws TypeError: fetch: GET http://127.0.0.1:",
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", egressHeadBytesMax) + "\r\n\r\n": "throws TypeError: fetch: GET http://127.0.0.1:",
		"HTTP/1.1 200 Fine\r\nConnection: close\r\n\r\nok":                              "Fine ok",
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = http.ReadRequest(bufio.NewReader(c))
				_, _ = c.Write([]byte(answer))
				_ = c.Close()
			}
		}()
		r, h := fetchRealm(t, "private")
		got := evalIn(t, r, h, `const r = await fetch('http://`+l.Addr().String()+`'); return r.statusText + ' ' + await r.text()`)
		if !strings.HasPrefix(got, want) {
			t.Errorf("%.60q: got %s", answer, got)
		}
		_ = l.Close()
	}
}
