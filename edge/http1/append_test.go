package http1

import (
	"strings"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
)

func TestAppendHead(t *testing.T) {
	date := []byte("Date: D\r\n")
	field := func(name, value string) []exchange.Field { return []exchange.Field{{Name: name, Value: value}} }
	tests := []struct {
		name string
		head Head
		want string
	}{
		{"length", Head{Status: 200, Minor: 1, ContentLength: 5, Header: field("X-A", "b"), Date: date},
			"HTTP/1.1 200 OK|X-A: b|Date: D|Content-Length: 5||"},
		{"length zero", Head{Status: 200, Minor: 1}, "HTTP/1.1 200 OK|Content-Length: 0||"},
		{"chunked", Head{Status: 200, Minor: 1, ContentLength: -1}, "HTTP/1.1 200 OK|Transfer-Encoding: chunked||"},
		{"close", Head{Status: 404, Minor: 1, Close: true}, "HTTP/1.1 404 Not Found|Content-Length: 0|Connection: close||"},
		{"HTTP/1.0", Head{Status: 200, ContentLength: 1}, "HTTP/1.1 200 OK|Content-Length: 1|Connection: keep-alive||"},
		{"HTTP/1.0, ended by closing", Head{Status: 200, ContentLength: -1}, "HTTP/1.1 200 OK|Connection: close||"},
		{"HEAD", Head{Status: 200, Minor: 1, Method: "HEAD", ContentLength: 5}, "HTTP/1.1 200 OK|Content-Length: 5||"},
		{"204", Head{Status: 204, Minor: 1}, "HTTP/1.1 204 No Content||"},
		{"204 of unknown length", Head{Status: 204, ContentLength: -1}, "HTTP/1.1 204 No Content|Connection: keep-alive||"},
		{"304", Head{Status: 304, Minor: 1}, "HTTP/1.1 304 Not Modified||"},
		{"304 of unknown length", Head{Status: 304, Minor: 1, ContentLength: -1}, "HTTP/1.1 304 Not Modified||"},
		{"304 with a length", Head{Status: 304, Minor: 1, ContentLength: 7}, "HTTP/1.1 304 Not Modified|Content-Length: 7||"},
		{"103", Head{Status: 103, Minor: 1, Close: true, Header: field("Link", "</a>")}, "HTTP/1.1 103 Early Hints|Link: </a>||"},
		{"unregistered status", Head{Status: 299, Minor: 1}, "HTTP/1.1 299 |Content-Length: 0||"},
		{"status above the table", Head{Status: 999, Minor: 1}, "HTTP/1.1 999 |Content-Length: 0||"},
		{"status too small", Head{Status: 7, Minor: 1}, "HTTP/1.1 500 Internal Server Error|Content-Length: 0||"},
		{"status too large", Head{Status: 1000, Minor: 1}, "HTTP/1.1 500 Internal Server Error|Content-Length: 0||"},
		{"injected CRLF", Head{Status: 200, Minor: 1, Header: field("A", "b\r\nSet-Cookie: c")}, "HTTP/1.1 200 OK|Content-Length: 0||"},
		{"injected LF", Head{Status: 200, Minor: 1, Header: field("A", "b\nc")}, "HTTP/1.1 200 OK|Content-Length: 0||"},
		{"injected NUL", Head{Status: 200, Minor: 1, Header: field("A", "b\x00")}, "HTTP/1.1 200 OK|Content-Length: 0||"},
		{"injected name", Head{Status: 200, Minor: 1, Header: field("A: b\r\nC", "d")}, "HTTP/1.1 200 OK|Content-Length: 0||"},
		{"empty name", Head{Status: 200, Minor: 1, Header: field("", "d")}, "HTTP/1.1 200 OK|Content-Length: 0||"},
	}
	for _, name := range []string{"connection", "Keep-Alive", "content-Length", "TRANSFER-ENCODING", "Date", "upgrade", "Trailer",
		"Proxy-Connection"} {
		tests = append(tests, tests[1])
		tests[len(tests)-1].name = "drops " + name
		tests[len(tests)-1].head.Header = field(name, "1")
	}
	for _, name := range []string{"Update", "Tracker", "Kept-Alive", "X", "Content-Lengths", "Data"} {
		tests = append(tests, tests[1])
		tests[len(tests)-1].name = "keeps " + name
		tests[len(tests)-1].head.Header = field(name, "1")
		tests[len(tests)-1].want = "HTTP/1.1 200 OK|" + name + ": 1|Content-Length: 0||"
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := string(AppendHead([]byte("before "), &tt.head))
			if want := "before " + strings.ReplaceAll(tt.want, "|", "\r\n"); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestAppendChunk(t *testing.T) {
	dst := AppendChunk(nil, []byte("0123456789abcdef0"))
	dst = AppendChunk(dst, nil)
	dst = AppendLastChunk(dst)
	if want := "11\r\n0123456789abcdef0\r\n0\r\n\r\n"; string(dst) != want {
		t.Errorf("got %q, want %q", dst, want)
	}
}

func TestAppendContinue(t *testing.T) {
	if got, want := string(AppendContinue([]byte("x"))), "xHTTP/1.1 100 Continue\r\n\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAppendDate(t *testing.T) {
	at := time.Date(1994, 11, 6, 9, 49, 37, 5, time.FixedZone("", 3600))
	if got, want := string(AppendDate(nil, at)), "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAppendRefusal(t *testing.T) {
	got := string(AppendRefusal(nil, refuse(405, "no"), []byte("Date: D\r\n")))
	want := "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: text/plain; charset=utf-8\r\n" +
		"Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\nDate: D\r\nContent-Length: 23\r\nConnection: close\r\n\r\n" +
		"method_not_allowed: no\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestBodyAllowed(t *testing.T) {
	for _, tt := range []struct {
		method string
		status int
		want   bool
	}{
		{"GET", 200, true}, {"HEAD", 200, false}, {"GET", 100, false}, {"GET", 204, false}, {"GET", 304, false}, {"POST", 500, true}, {"GET", 7, true},
		{"GET", 1000, true},
	} {
		if got := BodyAllowed(tt.method, tt.status); got != tt.want {
			t.Errorf("BodyAllowed(%s, %d) = %t", tt.method, tt.status, got)
		}
	}
}
