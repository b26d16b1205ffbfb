package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// FetchResponseBytes is how long the body of a response that code fetches may be unless Options say otherwise.
const FetchResponseBytes = 100 << 20

const (
	fetchRedirectsMax = 20       // Fetch 4.5
	fetchChunkBytes   = 64 << 10 // read from a response at a time
)

func init() {
	exposeFunction("fetch", 1, func(r *Realm, c goja.FunctionCall) goja.Value {
		return r.promised(func() goja.Value { return r.fetch(c.Argument(0), c.Argument(1)) })
	})
}

// fetch is the fetch method (Fetch 5.6).
func (r *Realm) fetch(input, init goja.Value) goja.Value {
	q := r.newRequest(input, init)
	if q.signal != nil && q.signal.aborted() {
		panic(q.signal.reason)
	}
	u, err := parseURL(q.href(), nil)
	if err != nil {
		panic(r.TypeError("fetch: %q is not a URL", q.href()))
	}
	switch u.scheme {
	case "http", "https":
	case "data":
		return r.fetchData(u)
	case "blob", "file":
		panic(r.TypeError("fetch: %s: URLs cannot be fetched; there is nothing behind them on a server", u.scheme))
	default:
		panic(r.TypeError("fetch: %s: URLs cannot be fetched; use http: or https:", cut(u.scheme, 50)))
	}
	out := &outgoing{
		url: u, method: q.method, redirect: q.redirect, egress: r.opts.Egress, bodyMax: r.opts.FetchResponseBytes,
		header: append([]exchange.Field(nil), q.fields().list...),
	}
	if out.egress == nil {
		out.egress = closedEgress()
	}
	if out.bodyMax <= 0 {
		out.bodyMax = FetchResponseBytes
	}
	if !q.body.present {
		return r.send(out, q.signal)
	}
	q.body.open(r)
	if q.body.isUsed(r) {
		panic(r.TypeError("fetch: the body of the request has been read already"))
	}
	if q.body.stream != nil && r.locked(q.body.stream) {
		panic(r.TypeError("fetch: the body's stream is locked to a reader"))
	}
	q.body.take()
	if data, ok := q.body.bytes(); ok {
		out.body, out.hasBody = data, true
	} else {
		out.stream = q.body.stream
	}
	return r.send(out, q.signal)
}

// call is a fetch on its way. Its fields belong to the VM's goroutine.
type call struct {
	cancel  context.CancelFunc
	settled bool       // the promise of fetch is
	aborted goja.Value // the reason, once the signal has aborted
	forget  func()     // stops listening to the signal
}

// send has a goroutine make the exchange and returns a promise of the Response.
func (r *Realm) send(out *outgoing, signal *abortSignal) goja.Value {
	if signal != nil && signal.aborted() {
		panic(signal.reason)
	}
	t, err := r.host.Begin("fetch")
	if err != nil {
		panic(r.TypeError("fetch: %v", err))
	}
	out.trace = t.Trace().Traceparent()
	p, resolve, reject := r.VM.NewPromise()
	ctx, cancel := context.WithCancel(t.Context())
	c := &call{cancel: cancel, forget: func() {}}
	if signal != nil {
		c.forget = signal.onAbort(func() {
			c.aborted = signal.reason
			cancel()
			if !c.settled {
				c.settled = true
				must(reject(signal.reason))
			}
		})
	}
	if out.stream != nil {
		out.upload = r.upload(ctx, out.stream)
	}
	go func() {
		in, err := out.follow(ctx)
		t.Settle(func() error {
			if c.settled { // aborted meanwhile
				if err == nil {
					_ = in.Body.Close() // nobody reads it, so nobody can use the error
				}
				return nil
			}
			c.settled = true
			if err != nil {
				c.end()
				return reject(r.TypeError("fetch: %v", err))
			}
			return resolve(r.make(responseClass, r.received(c, out, in)))
		})
	}()
	return r.VM.ToValue(p)
}

func (c *call) end() {
	c.forget()
	c.cancel()
}

// received is the Response for what a server answered.
func (r *Realm) received(c *call, out *outgoing, in *http.Response) *response {
	s := &response{status: in.StatusCode, typ: "basic", url: out.url.withoutFragment(), redirected: out.redirects > 0, header: &headers{}}
	_, s.statusText, _ = strings.Cut(in.Status, " ")
	for name, values := range in.Header {
		for _, v := range values {
			s.header.append(strings.ToLower(name), v)
		}
	}
	s.header.immutable = true
	switch {
	case in.StatusCode == 204 || in.StatusCode == 205 || in.StatusCode == 304 || out.method == "HEAD":
		_ = in.Body.Close() // there is none
		c.end()
	case in.ContentLength == 0:
		_ = in.Body.Close()
		c.end()
		s.body.present = true
	default:
		s.body.present = true
		s.body.stream = r.readableFrom(r.incoming(c, in.Body, out.bodyMax))
	}
	return s
}

// incoming reads a response's body, a chunk whenever the stream wants one, off the VM's goroutine.
func (r *Realm) incoming(c *call, body io.ReadCloser, bodyMax int64) byteSource {
	left := bodyMax
	return byteSource{
		pull: func(push func([]byte), closed func()) goja.Value {
			if c.aborted != nil {
				return r.rejected(c.aborted)
			}
			return r.Await("fetch body", func(context.Context) func() goja.Value {
				b := make([]byte, fetchChunkBytes)
				n, err := io.ReadAtLeast(body, b, 1)
				return func() goja.Value {
					if left -= int64(n); left < 0 {
						c.end()
						panic(r.TypeError("fetch: the response is longer than %d bytes; raise limits.fetch_response_bytes in fortuna.toml", bodyMax))
					}
					push(b[:n:n])
					switch {
					case c.aborted != nil:
						panic(c.aborted)
					case errors.Is(err, io.EOF):
						c.end()
						closed()
					case err != nil:
						c.end()
						panic(r.TypeError("fetch: the response broke off: %v", err))
					}
					return goja.Undefined()
				}
			})
		},
		cancel: func(goja.Value) goja.Value {
			c.end()
			return goja.Undefined()
		},
	}
}
