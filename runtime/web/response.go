package web

import (
	"fmt"
	"slices"

	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// response is the Go half of a Response (Fetch 5.5).
type response struct {
	status     int
	socket     *webSocket // of status 101
	statusText string
	header     *headers
	headerObj  *goja.Object // the Headers object, once code asked for it
	body       body
	typ        string // "default", "error", "basic", "opaqueredirect"
	url        string
	redirected bool
}

var responseClass = expose("Response")

func (s *response) content() *body      { return &s.body }
func (s *response) contentType() string { v, _ := s.header.get("content-type"); return v }

func init() {
	responseClass.construct = func(r *Realm, c goja.ConstructorCall) any {
		s := r.newResponse("Response", c.Argument(1))
		if v := c.Argument(0); !nullish(v) {
			s.setBody(r, "Response", v)
		}
		return s
	}
	responseClass.members = append([]member{
		getter("type", func(r *Realm, s *response) goja.Value { return r.VM.ToValue(s.typ) }),
		getter("url", func(r *Realm, s *response) goja.Value { return r.VM.ToValue(s.url) }),
		getter("redirected", func(r *Realm, s *response) goja.Value { return r.VM.ToValue(s.redirected) }),
		getter("status", func(r *Realm, s *response) goja.Value { return r.VM.ToValue(s.status) }),
		getter("webSocket", func(_ *Realm, s *response) goja.Value {
			if s.socket == nil {
				return goja.Null()
			}
			return s.socket.object
		}),
		getter("ok", func(r *Realm, s *response) goja.Value { return r.VM.ToValue(s.status >= 200 && s.status <= 299) }),
		getter("statusText", func(r *Realm, s *response) goja.Value { return r.latin1(s.statusText) }),
		getter("headers", func(r *Realm, s *response) goja.Value {
			if s.headerObj == nil {
				s.headerObj = r.make(headersClass, s.header)
			}
			return s.headerObj
		}),
		method("clone", 0, func(r *Realm, s *response, _ goja.FunctionCall) goja.Value {
			c := *s
			c.body = s.body.clone(r, "Response.clone")
			c.header, c.headerObj = s.header.clone(), nil
			c.header.immutable = s.header.immutable
			return r.make(responseClass, &c)
		}),
	}, bodyMembers[*response]()...)
	responseClass.statics = []member{
		static("error", 0, func(r *Realm, _ goja.FunctionCall) goja.Value {
			return r.make(responseClass, &response{typ: "error", header: &headers{immutable: true}})
		}),
		static("json", 1, func(r *Realm, c goja.FunctionCall) goja.Value {
			data := r.stringifyJSON("Response.json", c.Argument(0))
			s := r.newResponse("Response.json", c.Argument(1))
			s.refuseNullBody(r, "Response.json")
			s.body = body{present: true, data: data}
			s.defaultType("application/json")
			return r.make(responseClass, s)
		}),
		static("redirect", 1, func(r *Realm, c goja.FunctionCall) goja.Value {
			// The URL may be relative: there is no document to resolve it against, and clients accept it (RFC 9110 10.2.2).
			location := text(c.Argument(0))
			if u, err := parseURL(location, nil); err == nil {
				location = u.href()
			} else if location == "" || location[0] != '/' {
				panic(r.TypeError("Response.redirect: %q is neither a URL nor a path", location))
			}
			status := 302
			if v := c.Argument(1); !goja.IsUndefined(v) {
				status = int(v.ToInteger())
			}
			switch status {
			case 301, 302, 303, 307, 308:
			default:
				panic(r.RangeError("Response.redirect: %d is not a redirect status; use 301, 302, 303, 307 or 308", status))
			}
			h := &headers{immutable: true}
			h.append("location", location)
			return r.make(responseClass, &response{status: status, typ: "default", header: h})
		}),
	}
}

// newResponse reads a ResponseInit (Fetch 5.5).
func (r *Realm) newResponse(what string, init goja.Value) *response {
	s := &response{status: 200, typ: "default", header: &headers{}}
	o := r.dictionary(what+": init", init)
	if o == nil {
		return s
	}
	if other, ok := half[*response](o); ok { // new Response(body, response): the common way to change a response
		s.status, s.statusText = other.status, other.statusText
		s.header.list = append(s.header.list, other.header.list...)
		return s
	}
	if v := field(o, "webSocket"); !nullish(v) {
		var ok bool
		if s.socket, ok = half[*webSocket](v); !ok {
			panic(r.TypeError("%s: webSocket must be a WebSocket, got %s", what, kind(v)))
		}
	}
	if v := field(o, "status"); v != nil {
		s.status = int(v.ToInteger())
		if s.status == 101 && s.socket != nil {
			// The one that switches protocols.
		} else if s.status < 200 || s.status > 599 {
			panic(r.RangeError("%s: status must be from 200 to 599, got %d", what, s.status))
		}
	}
	if v := field(o, "statusText"); v != nil {
		s.statusText = r.byteString(what+": statusText", v)
		for i := 0; i < len(s.statusText); i++ {
			if c := s.statusText[i]; c < ' ' && c != '\t' || c == 0x7F {
				panic(r.TypeError("%s: statusText must not contain %q", what, c))
			}
		}
	}
	if v := field(o, "headers"); v != nil {
		r.fill(s.header, what, v)
	}
	return s
}

func (s *response) setBody(r *Realm, what string, v goja.Value) {
	s.refuseNullBody(r, what)
	var contentType string
	s.body, contentType = r.extract(what, v)
	if contentType != "" {
		s.defaultType(contentType)
	}
}

func (s *response) refuseNullBody(r *Realm, what string) {
	switch s.status {
	case 101, 204, 205, 304:
		panic(r.TypeError("%s: a response with status %d cannot have a body; pass null", what, s.status))
	}
}

func (s *response) defaultType(contentType string) {
	if !s.header.has("content-type") {
		s.header.append("content-type", contentType)
	}
}

// Answer is what a handler's Response says to the client.
type Answer struct {
	Status int
	Header []exchange.Field
	Body   []byte       // when Stream is nil; nobody may change it
	Stream *goja.Object // a ReadableStream: see Realm.Send
	Socket *SocketEnd   // the connection becomes a WebSocket, and this the handler's end
}

// Answer takes the response out of what a handler returned, and its body with it. The error says what v is instead.
func (r *Realm) Answer(v goja.Value) (Answer, error) {
	s, ok := half[*response](v)
	switch {
	case !ok:
		return Answer{}, fmt.Errorf("a handler must return a Response, got %s", kind(v))
	case s.typ == "error":
		return Answer{}, fmt.Errorf("a handler must return a Response, got Response.error()")
	case s.body.isUsed(r):
		return Answer{}, fmt.Errorf("the Response that the handler returned has been read or sent already; return response.clone()")
	}
	a := Answer{Status: s.status, Header: slices.Clone(s.header.list)} // code may go on to change its own
	if w := s.socket; w != nil && s.status == 101 {
		if w.accepted || w.peer.link != nil {
			return Answer{}, fmt.Errorf("the WebSocket that the handler returned is accepted here, or was sent already; return the other end of a new WebSocketPair")
		}
		a.Socket = &SocketEnd{r, w.peer}
	}
	if s.body.present {
		s.body.take()
		if data, ok := s.body.bytes(); ok {
			a.Body = data
		} else {
			a.Stream = s.body.stream
		}
	}
	return a, nil
}

// Constant is Answer for a Response that is served again and again: it takes nothing, and needs a body of bytes.
func (r *Realm) Constant(v goja.Value) (Answer, bool) {
	s, ok := half[*response](v)
	if !ok || s.typ == "error" || s.body.stream != nil || s.socket != nil {
		return Answer{}, false
	}
	return Answer{Status: s.status, Header: slices.Clone(s.header.list), Body: s.body.data}, true
}

// Send reads a stream to its end. write takes the bytes of each chunk; when it reports later, it calls next, in a turn, when it
// wants another. Then done is called, or failed with the reason the stream broke. cancel tells the stream that nobody wants
// more, which is a failure for that reason. All run in a turn.
func (r *Realm) Send(stream *goja.Object, write func(chunk []byte, next func() error) (later bool), done func(), failed func(reason goja.Value)) (cancel func(reason goja.Value)) {
	take := r.function("", 2, func(r *Realm, c goja.FunctionCall) goja.Value {
		step, _ := goja.AssertFunction(c.Argument(1))
		chunk := append([]byte(nil), r.chunkBytes("the body's stream", c.Argument(0))...)
		return r.VM.ToValue(write(chunk, func() error { _, err := step(goja.Undefined()); return err }))
	})
	var pair *goja.Object
	if thrown := r.try(func() { pair = r.stream("send", stream, take).(*goja.Object) }); thrown != nil {
		failed(thrown)
		return func(goja.Value) {}
	}
	stop, _ := goja.AssertFunction(pair.Get("1"))
	r.then(pair.Get("0"), func(goja.Value) { done() }, failed)
	return func(reason goja.Value) {
		if _, err := stop(goja.Undefined(), reason); err != nil {
			panic(err)
		}
	}
}

// IsResponse reports whether v is a Response.
func IsResponse(v goja.Value) bool {
	_, ok := half[*response](v)
	return ok
}
