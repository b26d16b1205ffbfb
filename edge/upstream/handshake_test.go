package upstream

import (
	"bufio"
	"bytes"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/ws"
)

const (
	sampleKey = "dGhlIHNhbXBsZSBub25jZQ=="
	switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
)

func TestReadAnswer(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{switching + "Sec-WebSocket-Protocol: chat\r\n\r\n", `101 [{Sec-WebSocket-Protocol chat}] ""`},
		{"HTTP/1.1 103 Early Hints\r\n\r\n" + switching + "\r\n", `101 [] ""`},
		{"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nA: b\r\n\r\nno", `403 [{A b}] "no"`},
		{"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n1\r\n!\r\n0\r\n\r\n", `403 [] "no!"`},
		{"HTTP/1.1 403 Forbidden\r\n\r\nno", `403 [] "no"`},
		{"HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n", `426 [{Upgrade websocket}] ""`},
		{"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", `304 [] ""`},
		{"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n", "error"},
		{strings.Replace(switching, "websocket", "h2c", 1) + "\r\n", "error"},
		{switching + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", "error"},
		{"HTTP/1.0 403 Forbidden\r\n\r\n", "error"},
		{"HTTP/1.1 99 X\r\n\r\n", "error"},
		{"HTTP/1.1 403 Forbidden\nA: b\n\n", "error"},
		{"HTTP/1.1 403 Forbidden\r\nA b\r\n\r\n", "error"},
		{"HTTP/1.1 403 Forbidden\r\nA : b\r\n\r\n", "error"},
		{"HTTP/1.1 403 Forbidden\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "error"},
		{"HTTP/1.1 403 Forbidden\r\nContent-Length: -1\r\n\r\n", "error"},
		{"HTTP/1.1 403 Forbidden\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "error"},
		{"HTTP/1.1 403 Forbidden\r\nContent-Length: 999999999\r\n\r\n", "error"},
		{"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\nno", "error"},
		{"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nno\r\n0\r\n\r\n", "error"},
		{"HTTP/1.1 403 Forbidden\r\nA: " + strings.Repeat("x", 20<<10) + "\r\n\r\n", "error"},
		{"HTTP/1.1 403 Forbidden\r\n" + strings.Repeat("A: b\r\n", HeaderCountMax+1) + "\r\n", "error"},
		{strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", InterimMax) + switching + "\r\n", "error"},
		{"HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\nno", "error"},
		{"", "error"},
	} {
		a, err := readAnswer(bufio.NewReaderSize(strings.NewReader(tt.in), frameBytesMax), sampleKey)
		got := "error"
		if err == nil {
			got = fmt.Sprintf("%d %v %q", a.status, a.header, a.body)
		}
		if got != tt.want {
			t.Errorf("%.60q: got %s, %v, want %s", tt.in, got, err, tt.want)
		}
	}
}

func FuzzReadAnswer(f *testing.F) {
	f.Add(switching + "\r\n")
	f.Add("HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n")
	f.Add("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nA: b\r\n\r\nno")
	f.Fuzz(func(t *testing.T, in string) {
		a, err := readAnswer(bufio.NewReaderSize(strings.NewReader(in), frameBytesMax), sampleKey)
		if err != nil {
			return
		}
		if a.status < 101 || a.status > 999 || len(a.body) > RefusalBytesMax || len(a.header) > HeaderCountMax {
			t.Errorf("got %d, %d bytes, %d fields", a.status, len(a.body), len(a.header))
		}
		for _, h := range a.header {
			if !isToken(h.Name) || strings.ContainsAny(h.Value, "\r\n\x00") {
				t.Errorf("got %q", h)
			}
		}
	})
}

func TestHop(t *testing.T) {
	for _, h := range []Hop{
		{Hops: 1, From: "a", App: "shop", ID: "1", Remote: netip.MustParseAddrPort("192.0.2.1:80"), TLS: true},
		{Hops: 1, Remote: netip.MustParseAddrPort("[2001:db8::1]:443")},
		{Hops: 2, From: "a b/%", App: "é\r\n", ID: strings.Repeat("x", 100)},
	} {
		text := string(h.Append(nil))
		if got, err := ParseHop(text); err != nil || got != h {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", "1", "0 a b c 1.2.3.4:5 http", "1 a b c 1.2.3.4 http", "1 a b c 1.2.3.4:5 ftp", "1 a b %zz 1.2.3.4:5 http", "-1 a b c  http",
		"1 a b c d 1.2.3.4:5 http", "101 a b c 1.2.3.4:5 http", "1 " + strings.Repeat("a", hopBytesMax) + " b c  http", "1 a b c [fe80::1%25eth0]:1 http",
	} {
		if h, err := ParseHop(text); err == nil {
			t.Errorf("%q: got %+v", text, h)
		}
	}
}

func FuzzParseHop(f *testing.F) {
	f.Add("1 a b c 1.2.3.4:5 https")
	f.Add("1   %20  http")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := ParseHop(text)
		if err != nil {
			return
		}
		if again, err := ParseHop(string(h.Append(nil))); err == nil && again != h {
			t.Errorf("%q: %+v became %+v", text, h, again)
		}
	})
}

func TestClient(t *testing.T) {
	c := &exchange.Client{Subject: "CN=a&b,O=\r\n", Issuer: "é", Fingerprint: "ab", Verified: true}
	if got, err := parseClient(string(appendClient(nil, c))); err != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestStrip(t *testing.T) {
	q := &exchange.Request{Header: []exchange.Field{{Name: "fortuna-hop", Value: "1"}, {Name: "A", Value: "b"}, {Name: "FORTUNA-CLIENT", Value: "x"}}}
	if Strip(q); len(q.Header) != 1 || q.Header[0].Name != "A" {
		t.Errorf("got %v", q.Header)
	}
}

// However a node's bytes are split, a reader of clients' frames sees the same, and never more than it can take.
func FuzzVeil(f *testing.F) {
	f.Add(append(ws.AppendHead(nil, ws.Text, 5, false), "hello"...), uint8(0))
	f.Add(append(ws.AppendHead(nil, ws.Binary, 200, false), make([]byte, 200)...), uint8(3))
	f.Add(append(ws.AppendHead(nil, ws.Binary, 70000, false), make([]byte, 70000)...), uint8(250))
	f.Add(ws.AppendClose(nil, 1000, "bye"), uint8(1))
	f.Fuzz(func(t *testing.T, in []byte, step uint8) {
		var whole, pieces veil
		want, fault := whole.feed(nil, in)
		var got []byte
		var err error
		for rest := in; len(rest) > 0 && err == nil; {
			n := min(len(rest), int(step)+1)
			got, err = pieces.feed(got, rest[:n])
			rest = rest[n:]
		}
		if (err == nil) != (fault == nil) || !bytes.Equal(got, want) {
			t.Errorf("in pieces of %d: %x, %v; whole: %x, %v", int(step)+1, got, err, want, fault)
		}
		u := tunnel{ws: ws.Reader{MessageBytesMax: 1 << 10}}
		events, _ := u.decode(want)
		for _, e := range events {
			if len(e.Payload) > 1<<10 {
				t.Errorf("a message of %d bytes", len(e.Payload))
			}
		}
	})
}

// What is masked is read by who reads clients.
func TestAppendMasked(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 65536} {
		p := bytes.Repeat([]byte("x"), n)
		_, e, err := new(ws.Reader).Next(appendMasked([]byte("before"), ws.AppendHead(nil, ws.Binary, n, false), p)[len("before"):])
		if n > 0 { // a reader without a limit of its own takes none
			r := ws.Reader{MessageBytesMax: 1 << 20}
			_, e, err = r.Next(appendMasked(nil, ws.AppendHead(nil, ws.Binary, n, false), p))
		}
		if err != nil || e.Kind != ws.Binary || !bytes.Equal(e.Payload, p) {
			t.Errorf("%d bytes: got %v, %v", n, e.Kind, err)
		}
	}
}
