package h2

import (
	"fmt"
	"testing"

	"github.com/fortunadws/fortuna/edge/exchange"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

func TestStream_Request(t *testing.T) {
	for name, tt := range map[string]struct {
		list []hpack.HeaderField
		want string // status, or what ends the stream
		head string // of a request that is served
	}{
		"plain":               {get, "200", `GET / a [{Host a}]`},
		"crumbs":              {with("cookie", "a=1", "b", "c", "cookie", "b=2"), "200", `GET / a [{Host a} {B c} {Cookie a=1; b=2}]`},
		"same host":           {with("host", "a"), "200", `GET / a [{Host a}]`},
		"other host":          {with("host", "b"), "400", ""},
		"host alone":          {fields(":method", "GET", ":scheme", "http", ":path", "/", "host", "b:80"), "200", `GET / b:80 [{Host b:80}]`},
		"no host":             {fields(":method", "GET", ":scheme", "http", ":path", "/"), "400", ""},
		"bad host":            {fields(":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a b"), "400", ""},
		"user":                {fields(":method", "GET", ":scheme", "http", ":path", "/", ":authority", "u@a"), "RST_STREAM PROTOCOL_ERROR", ""},
		"injection by path":   {fields(":method", "GET", ":scheme", "http", ":path", "/ HTTP/1.1\r\nX: y", ":authority", "a"), "RST_STREAM PROTOCOL_ERROR", ""},
		"space in path":       {fields(":method", "GET", ":scheme", "http", ":path", "/a b", ":authority", "a"), "400", ""},
		"injection by method": {fields(":method", "GET / HTTP/1.1\r\n", ":scheme", "http", ":path", "/", ":authority", "a"), "RST_STREAM PROTOCOL_ERROR", ""},
		"injection by host":   {fields(":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a\r\nX: y"), "RST_STREAM PROTOCOL_ERROR", ""},
		"injection by value":  {with("x", "a\r\nb: c"), "RST_STREAM PROTOCOL_ERROR", ""},
		"injection by name":   {with("x: y\r\nz", "a"), "RST_STREAM PROTOCOL_ERROR", ""},
		"upper case":          {with("X", "a"), "RST_STREAM PROTOCOL_ERROR", ""},
		"connection":          {with("connection", "close"), "400", ""},
		"coded":               {with("transfer-encoding", "chunked"), "400", ""},
		"CONNECT":             {fields(":method", "CONNECT", ":authority", "a:1"), "405", ""},
		"OPTIONS":             {fields(":method", "OPTIONS", ":scheme", "http", ":path", "*", ":authority", "a"), "200", `OPTIONS * a [{Host a}]`},
		"star":                {fields(":method", "GET", ":scheme", "http", ":path", "*", ":authority", "a"), "400", ""},
		"NUL":                 {fields(":method", "GET", ":scheme", "http", ":path", "/%00", ":authority", "a"), "400", ""},
		"backslash":           {fields(":method", "GET", ":scheme", "http", ":path", `/\`, ":authority", "a"), "400", ""},
		"no such body":        {with("content-length", "3"), "400", ""},
		"bad length":          {with("content-length", "+0"), "400", ""},
		"two lengths":         {with("content-length", "0", "content-length", "0"), "400", ""},
	} {
		t.Run(name, func(t *testing.T) {
			heads := make(chan string, 1)
			p := begin(t, defaultLimits(), func(t *Stream) {
				var q exchange.Request
				if t.Request(&q) == nil {
					heads <- fmt.Sprint(q.Method, " ", q.Target, " ", q.Host, " ", q.Header)
				}
				hello(t)
			})
			p.must(p.request(1, tt.list))
			if got := p.until(verdict(1)); got != tt.want {
				t.Fatalf("got %s, want %s", got, tt.want)
			}
			close(heads)
			if got := <-heads; got != tt.head {
				t.Errorf("got %s", got)
			}
		})
	}
}

// with is a plain request with more fields.
func with(pairs ...string) []hpack.HeaderField {
	return append(get[:len(get):len(get)], fields(pairs...)...)
}

// A body of another length than announced is known when it ends.
func TestStream_Read_length(t *testing.T) {
	for name, tt := range map[string]struct {
		length string
		body   int
	}{"short": {"3", 2}, "long": {"3", 4}} {
		t.Run(name, func(t *testing.T) {
			read := make(chan error, 1)
			p := begin(t, defaultLimits(), func(t *Stream) {
				buf := make([]byte, 10)
				for {
					if _, err := t.Read(buf); err != nil {
						read <- err
						return
					}
				}
			})
			p.must(p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: p.encode(with("content-length", tt.length)), EndHeaders: true}))
			p.must(p.WriteData(1, true, make([]byte, tt.body)))
			if err := <-read; err == nil || err.Error() == "EOF" {
				t.Errorf("got %v", err)
			}
		})
	}
}
