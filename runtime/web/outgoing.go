package web

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// outgoing is a request on its way to a server, redirects included. It touches Go values only, on one goroutine at a
// time.
type outgoing struct {
	url       *urlRecord
	method    string
	header    []exchange.Field
	body      []byte
	hasBody   bool
	stream    *goja.Object // the body, when its bytes are not in memory; of the VM's goroutine
	upload    *upload      // what reads it
	redirect  string       // "follow", "error" or "manual"
	redirects int
	egress    *Egress
	bodyMax   int64
	trace     string // traceparent, unless code gives one; "" if there is none
}

// ownFields are what the connection decides, not code: it would break the framing of the request or hide whom it is
// for. They are dropped, so that a request that came in can be passed on as it is.
var ownFields = []string{"host", "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade", "expect"}

// follow sends the request, and again to where redirects lead (Fetch 4.5). The response's body is open.
func (o *outgoing) follow(ctx context.Context) (in *http.Response, err error) {
	defer func() {
		if p := recover(); p != nil { // what a server sends must not end the process
			in, err = nil, fmt.Errorf("%v", p)
		}
	}()
	for {
		in, err := o.exchange(ctx)
		if err != nil {
			return nil, o.explain(err)
		}
		location, redirects := redirection(in)
		if !redirects || o.redirect == "manual" {
			return in, nil
		}
		_ = in.Body.Close() // a redirect's body says nothing that code may see
		if o.redirect == "error" {
			return nil, fmt.Errorf("%s redirects to %s, and redirect is \"error\"", o.url.withoutFragment(), cut(location, 200))
		}
		if o.redirects++; o.redirects > fetchRedirectsMax {
			return nil, fmt.Errorf("more than %d redirects", fetchRedirectsMax)
		}
		if err := o.redirectTo(in.StatusCode, location); err != nil {
			return nil, err
		}
	}
}

// redirection is where a response sends its client.
func redirection(in *http.Response) (location string, ok bool) {
	switch in.StatusCode {
	case 301, 302, 303, 307, 308:
		list := in.Header["Location"]
		if len(list) > 0 {
			return list[0], true
		}
	}
	return "", false
}

// redirectTo changes the request to what a redirect asks for (Fetch 4.5).
func (o *outgoing) redirectTo(status int, location string) error {
	to, err := parseURL(location, o.url)
	switch {
	case err != nil:
		return fmt.Errorf("%s redirects to %q, which is not a URL", o.url.withoutFragment(), cut(location, 200))
	case to.scheme != "http" && to.scheme != "https":
		return fmt.Errorf("%s redirects to a %s: URL", o.url.withoutFragment(), cut(to.scheme, 50))
	case to.credentials():
		return fmt.Errorf("%s redirects to a URL with a user name or password", o.url.withoutFragment())
	}
	if (status == 301 || status == 302) && o.method == "POST" || status == 303 && o.method != "GET" && o.method != "HEAD" {
		o.method, o.body, o.hasBody, o.upload = "GET", nil, false, nil
		o.drop("content-encoding", "content-language", "content-location", "content-type")
	}
	if o.upload != nil {
		return fmt.Errorf("%s redirects, and the body was a stream, which cannot be sent again; read it to a string or an ArrayBuffer first", o.url.withoutFragment())
	}
	if to.origin() != o.url.origin() {
		o.drop("authorization", "cookie", "proxy-authorization")
	}
	o.url = to
	return nil
}

func (o *outgoing) drop(names ...string) {
	o.header = slices.DeleteFunc(o.header, func(f exchange.Field) bool { return slices.Contains(names, strings.ToLower(f.Name)) })
}

// exchange sends one request and waits for the head of its response.
func (o *outgoing) exchange(ctx context.Context) (*http.Response, error) {
	q := (&http.Request{Method: o.method, URL: o.target(), Host: o.url.host(), Header: http.Header{}}).WithContext(ctx)
	for _, f := range o.header {
		if !slices.Contains(ownFields, strings.ToLower(f.Name)) {
			q.Header.Add(f.Name, f.Value)
		}
	}
	for name, value := range map[string]string{"User-Agent": UserAgent, "Accept": "*/*", "Traceparent": o.trace} {
		if q.Header[name] == nil && value != "" {
			q.Header.Set(name, value)
		}
	}
	if o.upload != nil {
		q.ContentLength, q.Body = -1, o.upload
	} else if o.hasBody && len(o.body) > 0 {
		q.ContentLength = int64(len(o.body))
		q.Body = io.NopCloser(bytes.NewReader(o.body))
		q.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(o.body)), nil }
	} else if o.hasBody || o.method == "POST" || o.method == "PUT" {
		q.Body = http.NoBody // net/http then sends Content-Length: 0
	}
	in, err := o.egress.transport.RoundTrip(q)
	if err != nil {
		return nil, err
	}
	if strings.EqualFold(in.Header.Get("Content-Encoding"), "gzip") { // code asked for it itself; Fetch decodes all the same
		in.Body = &unzipped{body: in.Body}
		in.ContentLength = -1
	}
	return in, nil
}

// target is the URL for net/http, its path and query byte for byte as the URL standard writes them.
func (o *outgoing) target() *url.URL {
	u := &url.URL{Scheme: o.url.scheme, Host: o.url.host(), RawQuery: o.url.query, ForceQuery: o.url.hasQuery && o.url.query == ""}
	path := o.url.pathname()
	if strings.HasPrefix(path, "//") { // Opaque would read as an authority
		u.RawPath = path
		if p, err := url.PathUnescape(path); err == nil {
			u.Path = p
		} else {
			u.Path, u.RawPath = path, ""
		}
	} else {
		u.Opaque = path
	}
	return u
}

// explain words an error of the transport for the person who wrote the handler.
func (o *outgoing) explain(err error) error {
	var refused *refusedError
	if errors.As(err, &refused) {
		return refused
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		err = op.Err
	}
	return fmt.Errorf("%s %s: %w", o.method, cut(o.url.origin(), 300), err)
}

// unzipped is a gzip stream, opened at the first read.
type unzipped struct {
	body io.ReadCloser
	zip  *gzip.Reader
}

func (z *unzipped) Read(p []byte) (int, error) {
	if z.zip == nil {
		r, err := gzip.NewReader(z.body)
		if err != nil {
			return 0, err
		}
		z.zip = r
	}
	return z.zip.Read(p)
}

func (z *unzipped) Close() error { return z.body.Close() }
