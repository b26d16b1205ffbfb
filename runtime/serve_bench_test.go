package runtime

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/kv/session"
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
	benchServeWith(b, Config{}, nil, source, method, path, body)
}

func benchServeWith(b *testing.B, cfg Config, header []exchange.Field, source, method, path, body string) {
	cfg.Loops = 1
	rt := New(cfg)
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
			Header: append([]exchange.Field{{Name: "Host", Value: "127.0.0.1:8787"}, {Name: "Accept", Value: "*/*"}}, header...)}
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

// BenchmarkServe_session reads a value of a session that is cached here; what it adds is the difference to
// BenchmarkServe_context.
func BenchmarkServe_session(b *testing.B) {
	cfg, _ := stateful(b, session.Config{})
	store := cfg.Sessions.Store
	v := store.Visit("")
	if err := errors.Join(v.Set("n", []byte("1")), v.SetUser("anna"), v.Commit(b.Context(), nil)); err != nil {
		b.Fatal(err)
	}
	token, _, _ := v.Token()
	if err := store.Visit(token).Load(b.Context(), false); err != nil {
		b.Fatal(err)
	}
	benchServeWith(b, cfg, []exchange.Field{{Name: "Cookie", Value: "sid=" + token}},
		`export default { routes: { "/": (r: any, env: any, ctx: any) => new Response("n " + ctx.session.get("n")) } }`, "GET", "/", "")
}

func BenchmarkServe_context(b *testing.B) {
	benchServeWith(b, Config{}, []exchange.Field{{Name: "Cookie", Value: "sid=" + strings.Repeat("x", 80)}},
		`export default { routes: { "/": (r: any, env: any, ctx: any) => new Response("n " + (ctx ? 1 : 0)) } }`, "GET", "/", "")
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
