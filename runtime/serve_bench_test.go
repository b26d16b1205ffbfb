package runtime

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// benchExchange answers into nothing.
type benchExchange struct {
	loop    benchLoop
	request *exchange.Request
	status  int
}

type benchLoop struct{}

func (benchLoop) Post(job func()) bool { job(); return true }
func (benchLoop) Index() int           { return 0 }

func (x *benchExchange) Request() *exchange.Request          { return x.request }
func (x *benchExchange) Loop() exchange.Loop                 { return x.loop }
func (x *benchExchange) Done() <-chan struct{}               { return nil }
func (x *benchExchange) Head(status int, _ []exchange.Field) { x.status = status }
func (x *benchExchange) Write([]byte) error                  { return nil }
func (x *benchExchange) Drained(job func())                  { x.loop.Post(job) }
func (x *benchExchange) Receive(func([]byte, error))         {}
func (x *benchExchange) Upgrade([]exchange.Field, exchange.SocketHandler) (exchange.Socket, error) {
	return nil, exchange.ErrGone
}
func (x *benchExchange) Length(int64) {}
func (x *benchExchange) Abort()       { x.End() }
func (x *benchExchange) End()         {}

// benchServe measures an inline trip through the runtime: match, Request object, handler, answer.
func benchServe(b *testing.B, source, method, path, body string) {
	rt := New(Config{Loops: 1})
	if _, err := rt.Deploy(build(b, source)); err != nil {
		b.Fatal(err)
	}
	d := rt.current.Load()
	v, err := newVM(d)
	if err != nil {
		b.Fatal(err)
	}
	v.loop = benchLoop{}
	v.post = func(job func()) { job() }
	d.seats[0].vm = v
	place := d.shapes.of(method, path)
	if m, _, ok := matchFor(d, method, path); ok {
		place = &m.route
	}
	request := func() *exchange.Request {
		q := &exchange.Request{Method: method, Target: path, Path: path, Host: "127.0.0.1:8787", Minor: 1,
			Header: []exchange.Field{{Name: "Host", Value: "127.0.0.1:8787"}, {Name: "Accept", Value: "*/*"}}}
		if body != "" {
			q.Body = []byte(body)
		}
		return q
	}
	b.ReportAllocs()
	for b.Loop() {
		place.inline.Store(true) // whatever a busy machine made of the turn before
		x := &benchExchange{request: request()}
		rt.Serve(x)
		if x.status != 200 {
			b.Fatalf("status %d", x.status)
		}
	}
}

func matchFor(d *Deployment, method, path string) (t *target, allow []string, ok bool) {
	if d.router == nil {
		return nil, nil, false
	}
	m, allow, ok := d.router.Match(method, path)
	return m.Value, allow, ok
}

func BenchmarkServe_hello(b *testing.B) {
	benchServe(b, `export default { fetch() { return Response.json({ hello: "world" }) } }`, "GET", "/", "")
}

func BenchmarkServe_helloAsync(b *testing.B) {
	benchServe(b, `export default { async fetch(r: Request) { return new Response("hello " + new URL(r.url).pathname) } }`, "GET", "/x", "")
}

func BenchmarkServe_route(b *testing.B) {
	benchServe(b, `export default { routes: { "/users/:id": (r: any) => Response.json({ id: r.params.id }) } }`, "GET", "/users/17", "")
}

func BenchmarkServe_constant(b *testing.B) {
	benchServe(b, `export default { routes: { "/health": new Response("ok") } }`, "GET", "/health", "")
}

func BenchmarkServe_echo(b *testing.B) {
	benchServe(b, `export default { async fetch(r: Request) { return Response.json(await r.json()) } }`, "POST", "/",
		`{"id":12345,"name":"fortuna","tags":["edge","runtime","js"],"nested":{"ok":true,"ratio":1.25,"none":null}}`)
}

// BenchmarkServe_module serves an app of your own: MODULE=dir/app.js go test -bench Serve_module ./runtime
func BenchmarkServe_module(b *testing.B) {
	file := os.Getenv("MODULE")
	if file == "" {
		file = filepath.Join("testdata", "middleware.ts")
	}
	source, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	benchServe(b, string(source), "GET", "/", "")
}
