package web

import (
	"strings"

	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/runtime/router"
)

// request is the Go half of a Request (Fetch 5.4). One that came over the network keeps what edge parsed and builds
// strings and objects only when code asks.
type request struct {
	method    string
	url       string // "" until asked, when in is set
	header    *headers
	headerObj *goja.Object
	body      body
	redirect  string
	signal    *abortSignal
	in        *exchange.Request // nil for one made by code
	params    []router.Param
	paramsObj *goja.Object // once code asked for them
	cookies   *goja.Object // the CookieMap, once code asked for it
	tls       *goja.Object // likewise
}

var requestClass = expose("Request")

func (q *request) content() *body      { return &q.body }
func (q *request) contentType() string { v, _ := q.fields().get("content-type"); return v }

// NewRequest is the Request object for an exchange; params are what its route captured. When in is partial, receive gives
// job the next piece of its body, or the error io.EOF behind the last one, from any goroutine.
func (r *Realm) NewRequest(in *exchange.Request, params []router.Param, receive func(job func(piece []byte, err error))) *goja.Object {
	q := &request{
		method: in.Method, in: in, params: params, redirect: "manual",
		body: body{present: in.Body != nil, data: in.Body},
	}
	if in.Partial {
		q.body = body{present: true, arrival: &arrival{first: in.Body, receive: receive}}
	}
	return r.make(requestClass, q)
}

// AbortRequest aborts the signal of a request that NewRequest made, if code has asked for it: its client has left, or its
// time is up. It runs in a turn, and returns the exception that is the reason.
func (r *Realm) AbortRequest(o *goja.Object, name, message string) (reason goja.Value) {
	reason = r.Exception(name, "%s", message)
	if o == nil {
		return reason // code was given none
	}
	if q, ok := half[*request](o); ok && q.signal != nil && !q.signal.aborted() {
		r.abort(q.signal, reason)
	}
	return reason
}

// fields are the headers, made on the first call.
func (q *request) fields() *headers {
	if q.header == nil {
		q.header = &headers{list: q.in.Header, immutable: true}
	}
	return q.header
}

// href is the URL: of the network request as its client would write it.
func (q *request) href() string {
	if q.url == "" {
		scheme := "http://"
		if q.in.TLS {
			scheme = "https://"
		}
		host, target := q.in.Host, q.in.Target
		if host == "" { // HTTP/1.0 may leave it out
			host = "localhost"
		}
		if target == "*" { // of OPTIONS: the server as a whole
			target = "/*"
		}
		q.url = scheme + host + target
		if needsParsing(host) || needsParsing(target) {
			if u, err := parseURL(q.url, nil); err == nil {
				q.url = u.href()
			}
		}
	}
	return q.url
}

// needsParsing reports whether s holds something that the URL parser would change: upper case, dots between
// slashes, a fragment, or bytes to encode.
func needsParsing(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c <= ' ', c >= 0x7F, c == '"', c == '#', c == '<', c == '>', c == '\\', c == '^', c == '`', c == '{', c == '|', c == '}', c == '\'':
			return true
		case c == '.' && (i == 0 || s[i-1] == '/' || s[i-1] == '.'):
			return true
		case c == '%' && i+2 < len(s) && s[i+1] == '2' && (s[i+2] == 'e' || s[i+2] == 'E'):
			return true
		case 'A' <= c && c <= 'Z' && s[0] != '/', c == ':' && strings.HasSuffix(s, ":80"), c == ':' && strings.HasSuffix(s, ":443"):
			return true
		}
	}
	return s == ""
}

func init() {
	requestClass.length = 1
	requestClass.construct = func(r *Realm, c goja.ConstructorCall) any {
		return r.newRequest(c.Argument(0), c.Argument(1))
	}
	requestClass.members = append([]member{
		getter("method", func(r *Realm, q *request) goja.Value { return r.VM.ToValue(q.method) }),
		getter("url", func(r *Realm, q *request) goja.Value { return r.VM.ToValue(q.href()) }),
		getter("headers", func(r *Realm, q *request) goja.Value {
			if q.headerObj == nil {
				q.headerObj = r.make(headersClass, q.fields())
			}
			return q.headerObj
		}),
		getter("redirect", func(r *Realm, q *request) goja.Value { return r.VM.ToValue(q.redirect) }),
		getter("signal", func(r *Realm, q *request) goja.Value {
			if q.signal == nil {
				_, q.signal = r.newSignal()
			}
			return q.signal.object
		}),
		// Not of the Fetch standard: what the route captured, Bun's cookies, and what TLS told. Routers of npm keep their own
		// under these names.
		replaceable("params", func(r *Realm, q *request) goja.Value {
			if q.paramsObj == nil {
				o := r.VM.NewObject()
				for _, p := range q.params {
					must(o.Set(p.Name, p.Value))
				}
				q.paramsObj = o
			}
			return q.paramsObj
		}),
		replaceable("cookies", func(r *Realm, q *request) goja.Value {
			if q.cookies == nil {
				q.cookies = r.requestCookies(q)
			}
			return q.cookies
		}),
		replaceable("tls", func(r *Realm, q *request) goja.Value {
			if q.in == nil || !q.in.TLS {
				return goja.Null()
			}
			if q.tls == nil {
				q.tls = r.requestTLS(q.in.Client)
			}
			return q.tls
		}),
		constantGetter("destination", ""), constantGetter("referrer", "about:client"), constantGetter("referrerPolicy", ""),
		constantGetter("mode", "cors"), constantGetter("credentials", "same-origin"), constantGetter("cache", "default"),
		constantGetter("integrity", ""), constantGetter("duplex", "half"),
		getter("keepalive", func(r *Realm, _ *request) goja.Value { return r.VM.ToValue(false) }),
		method("clone", 0, func(r *Realm, q *request, _ goja.FunctionCall) goja.Value {
			c := *q
			c.body = q.body.clone(r, "Request.clone")
			c.header = q.fields().clone()
			c.header.immutable = q.header.immutable
			c.headerObj, c.paramsObj, c.cookies, c.tls, c.signal = nil, nil, nil, nil, nil
			if q.signal != nil {
				c.follow(r, q.signal)
			}
			return r.make(requestClass, &c)
		}),
	}, bodyMembers[*request]()...)
}

func constantGetter(name, value string) member {
	return getter(name, func(r *Realm, _ *request) goja.Value { return r.VM.ToValue(value) })
}

// newRequest is the Request constructor (Fetch 5.4).
func (r *Realm) newRequest(input, init goja.Value) *request {
	q := &request{method: "GET", header: &headers{}, redirect: "follow"}
	o := r.dictionary("Request: init", init)
	from, isRequest := half[*request](input)
	if isRequest {
		q.method, q.url, q.redirect = from.method, from.href(), from.redirect
		q.header = from.fields().clone()
		if from.signal != nil {
			q.follow(r, from.signal)
		}
	} else {
		u, err := parseURL(text(input), nil)
		if err != nil {
			panic(r.TypeError("Request: %q is not an absolute URL", text(input)))
		}
		if u.user != "" || u.secret != "" {
			panic(r.TypeError("Request: the URL must not hold a user name or password; send an Authorization header"))
		}
		q.url = u.href()
	}
	if v := field(o, "method"); v != nil {
		q.method = r.requestMethod(text(v))
	}
	if v := field(o, "headers"); v != nil {
		q.header = &headers{}
		r.fill(q.header, "Request", v)
	}
	if v := field(o, "redirect"); v != nil {
		switch q.redirect = text(v); q.redirect {
		case "follow", "error", "manual":
		default:
			panic(r.TypeError("Request: redirect must be follow, error or manual, got %q", q.redirect))
		}
	}
	if v := field(o, "signal"); v != nil && !goja.IsNull(v) {
		s, ok := half[*abortSignal](v)
		if !ok {
			panic(r.TypeError("Request: signal must be an AbortSignal, got %s", kind(v)))
		}
		q.signal = nil
		q.follow(r, s)
	}
	v := field(o, "body")
	switch {
	case v != nil && !goja.IsNull(v):
		if q.method == "GET" || q.method == "HEAD" {
			panic(r.TypeError("Request: a %s request cannot have a body; set method to POST or PUT", q.method))
		}
		var contentType string
		q.body, contentType = r.extract("Request", v)
		if contentType != "" && !q.header.has("content-type") {
			q.header.append("content-type", contentType)
		}
	case v == nil && isRequest && from.body.present:
		from.body.open(r)
		if from.body.isUsed(r) {
			panic(r.TypeError("Request: the body of the request given has been read already; pass request.clone()"))
		}
		q.body = from.body
		from.body.used = true
	}
	return q
}

// follow makes the request's signal abort when s does.
func (q *request) follow(r *Realm, s *abortSignal) {
	_, q.signal = r.newSignal()
	own := q.signal
	if s.aborted() {
		r.abort(own, s.reason)
		return
	}
	s.onAbort(func() { r.abort(own, s.reason) })
}

// requestMethod checks and normalises a method (Fetch 2.2.1).
func (r *Realm) requestMethod(m string) string {
	if !isToken(m) {
		panic(r.TypeError("Request: %q is not a valid method", m))
	}
	switch upper := strings.ToUpper(m); upper {
	case "CONNECT", "TRACE", "TRACK":
		panic(r.TypeError("Request: method %s is not allowed", upper))
	case "DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT":
		return upper
	}
	return m
}
