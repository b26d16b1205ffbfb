package http1

import (
	"bytes"
	"strconv"
	"testing"

	"github.com/fortunadws/fortuna/edge/exchange"
)

func TestParse_limits(t *testing.T) {
	const host = "Host: a\r\n"
	limits := Limits{
		MethodBytesMax: 4, TargetBytesMax: 5, HeaderLineBytesMax: 25, HeaderBytesMax: 40, HeaderCountMax: 3,
		ChunkExtensionBytesMax: 4, ChunkExtensionsBytesMax: 6, TrailerBytesMax: 12, BodyBytesMax: 8,
	}
	head := func(fields string) string { return "GET / HTTP/1.1\r\n" + host + fields + "\r\n" }
	chunks := func(body string) string { return head("Transfer-Encoding:chunked\r\n") + body }
	tests := []struct {
		name        string
		within      string
		beyond      string
		wantRefusal int
	}{
		{"method", "PATH / HTTP/1.1\r\n" + host + "\r\n", "PATCH / HTTP/1.1\r\n" + host + "\r\n", 501},
		{"target", "GET /1234 HTTP/1.1\r\n" + host + "\r\n", "GET /12345 HTTP/1.1\r\n" + host + "\r\n", 414},
		{"line", head("A: 4567890123456789012345\r\n"), head("A: 45678901234567890123456\r\n"), 431},
		{"line is a name", head("A23456789012345678901234:\r\n"), head("A234567890123456789012345:\r\n"), 431},
		{"header", head("A: 456789012\r\nB: 45678901234567\r\n"), head("A: 456789012\r\nB: 456789012345678\r\n"), 431},
		{"header, at a name", head("A: 4567890\r\nB:34567890123456\r\n"), head("A: 456789012345678\r\nB234567890123:\r\n"), 431},
		{"count", head("A: b\r\nC: d\r\n"), head("A: b\r\nC: d\r\nE: f\r\n"), 431},
		{"length", head("Content-Length: 8\r\n") + "12345678", head("Content-Length: 9\r\n"), 413},
		{"chunk", chunks("8\r\n12345678\r\n0\r\n\r\n"), chunks("9\r\n"), 413},
		{"chunks", chunks("4\r\n1234\r\n4\r\n5678\r\n0\r\n\r\n"), chunks("4\r\n1234\r\n5\r\n"), 413},
		{"extension", chunks("1;abc\r\nx\r\n0\r\n\r\n"), chunks("1;abcd\r\nx\r\n0\r\n\r\n"), 400},
		{"extension of a later chunk", chunks("1\r\nx\r\n1;abc\r\nx\r\n0\r\n\r\n"), chunks("1\r\nx\r\n1;abcd\r\n"), 400},
		{"extensions", chunks("1;abc\r\nx\r\n1;a\r\nx\r\n0\r\n\r\n"), chunks("1;abc\r\nx\r\n1;ab\r\nx\r\n0\r\n\r\n"), 400},
		{"trailer", chunks("0\r\nA: b\r\nC: def\r\n\r\n"), chunks("0\r\nA: b\r\nC: defg\r\n\r\n"), 431},
		{"trailer count", chunks("0\r\nA:\r\nB:\r\nC:\r\n\r\n"), chunks("0\r\nA:\r\nB:\r\nC:\r\nD:\r\n\r\n"), 431},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for i := range tt.within {
				if out := feedWith(limits, []byte(tt.within), i); out.refused != nil || len(out.requests) != 1 || out.left != 0 {
					t.Fatalf("within the limit, cut at %d: %s", i, out)
				}
			}
			for i := range tt.beyond {
				out := feedWith(limits, []byte(tt.beyond), i)
				if out.refused == nil || out.refused.Status != tt.wantRefusal {
					t.Fatalf("beyond the limit, cut at %d: %s, want %d", i, out, tt.wantRefusal)
				}
			}
		})
	}
}

func TestParse_zeroLimitsAllowNothing(t *testing.T) {
	var p Parser
	if _, _, err := p.Parse([]byte("G"), &exchange.Request{}); err == nil {
		t.Error("a parser without limits accepts a method")
	}
}

func TestParse_refusesAgain(t *testing.T) {
	p := Parser{Limits: DefaultLimits()}
	var req exchange.Request
	_, done, first := p.Parse([]byte("\x00"), &req)
	if done {
		t.Error("a refused request is reported as whole")
	}
	n, done, err := p.Parse([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), &req)
	if err == nil || err != first || n != 0 || done || p.KeepAlive() {
		t.Errorf("Parse after a refusal = %d, %t, %v, want the refusal %v", n, done, err, first)
	}
	p.Reset()
	if _, done, err = p.Parse([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), &req); err != nil || !done {
		t.Errorf("Parse after Reset = %t, %v", done, err)
	}
}

func TestParser_phase(t *testing.T) {
	p := Parser{Limits: DefaultLimits()}
	var req exchange.Request
	var buf []byte
	steps := []struct {
		in   string
		want Phase
		body int64
	}{
		{"", PhaseIdle, 0},
		{"\r\n\r", PhaseIdle, 0},
		{"\nP", PhaseHead, 0},
		{"OST / HTTP/1.1\r\n", PhaseHead, 0},
		{"Host: a\r\nContent-Length: 3\r\n", PhaseHead, 0},
		{"\r\n", PhaseBody, 0},
		{"ab", PhaseBody, 2},
		{"c", PhaseIdle, 0},
		{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", PhaseBody, 0},
		{"3\r\nab", PhaseBody, 2},
		{"c\r\n0\r\nA: b", PhaseBody, 3},
		{"\r\n\r\n", PhaseIdle, 0},
	}
	for _, s := range steps {
		buf = append(buf, s.in...)
		n, _, err := p.Parse(buf, &req)
		buf = buf[n:]
		if err != nil || p.Phase() != s.want || p.BodyBytes() != s.body {
			t.Errorf("after %q: phase %d, body %d, error %v, want %d and %d", s.in, p.Phase(), p.BodyBytes(), err, s.want, s.body)
		}
	}
}

func TestParser_wantContinue(t *testing.T) {
	tests := []struct {
		name, head, body string
		want             bool
	}{
		{"length", "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", "", true},
		{"chunked", "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n", "", true},
		{"one byte", "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", "", true},
		{"not asked", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n", "", false},
		{"no body", "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", "", false},
		{"HTTP/1.0", "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", "", false},
		{"does not wait", "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", "a", false},
		{"does not wait, chunked", "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n", "1", false},
		{"too large", "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9999999\r\n\r\n", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := Parser{Limits: DefaultLimits()}
			_, _, _ = p.Parse([]byte(tt.head+tt.body), &exchange.Request{}) // a refusal is one of the cases
			if got := p.WantContinue(); got != tt.want {
				t.Errorf("WantContinue = %t, want %t", got, tt.want)
			}
			if p.WantContinue() {
				t.Error("WantContinue reports twice")
			}
		})
	}
}

// A client that announces a large body and sends none must not make the server hold memory for it.
func TestParse_announcedBodyCostsNothing(t *testing.T) {
	for _, head := range []string{
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nf0000\r\n",
	} {
		p := Parser{Limits: DefaultLimits()}
		var req exchange.Request
		if n, _, err := p.Parse([]byte(head), &req); n != len(head) || err != nil || cap(p.body) != 0 {
			t.Fatalf("after the head: taken %d, error %v, room for %d bytes", n, err, cap(p.body))
		}
		piece := bytes.Repeat([]byte("x"), 1000)
		for range 20 {
			if _, _, err := p.Parse(piece, &req); err != nil {
				t.Fatal(err)
			}
			if got, most := cap(p.body), 2*len(p.body); got > most {
				t.Fatalf("room for %d bytes after %d arrived", got, len(p.body))
			}
		}
	}
}

func TestParse_reusesRequest(t *testing.T) {
	p := Parser{Limits: DefaultLimits()}
	req := exchange.Request{TLS: true}
	post := []byte("POST /a?b HTTP/1.1\r\nHost: a\r\nX: y\r\nContent-Length: 2\r\n\r\nhi")
	if _, done, err := p.Parse(post, &req); !done || err != nil {
		t.Fatal(done, err)
	}
	first, body := &req.Header[0], req.Body
	if _, done, err := p.Parse([]byte("GET /c HTTP/1.0\r\nA: b\r\n\r\n"), &req); !done || err != nil {
		t.Fatal(done, err)
	}
	if &req.Header[0] != first || len(req.Header) != 1 {
		t.Error("the Header slice is not reused")
	}
	if req.Method != "GET" || req.Target != "/c" || req.Query != "" || req.Host != "" || req.Minor != 0 || req.Body != nil {
		t.Errorf("something of the first request is left: %+v", req)
	}
	if !req.TLS || string(body) != "hi" {
		t.Error("what the parser does not own has changed")
	}
}

func TestParse_allocatesOnce(t *testing.T) {
	p := Parser{Limits: DefaultLimits()}
	var req exchange.Request
	if got := testing.AllocsPerRun(100, func() { mustParse(t, &p, browserGet, &req) }); got != 1 {
		t.Errorf("%v allocations per request, want 1: the copy of the head", got)
	}
}

func mustParse(t testing.TB, p *Parser, raw []byte, req *exchange.Request) {
	n, done, err := p.Parse(raw, req)
	if err != nil || !done || n != len(raw) {
		t.Fatalf("Parse = %d of %d, %t, %v", n, len(raw), done, err)
	}
}

// textEnd looks at eight bytes at a time; the table is the definition.
func TestTextEnd(t *testing.T) {
	for size := range 20 {
		for at := range size {
			for c := range 256 {
				b := bytes.Repeat([]byte("a"), size)
				b[size/2] = '\t'
				b[at] = byte(c)
				want := len(b)
				for i := len(b) - 1; i >= 0; i-- {
					if !is(b[i], classText) {
						want = i
					}
				}
				if got := textEnd(b, 0); got != want {
					t.Fatalf("textEnd(%q) = %d, want %d", b, got, want)
				}
			}
		}
	}
}

func TestError(t *testing.T) {
	e := refuse(431, "more than %d", 3)
	if got, want := e.Error(), "http1: 431 header_too_large: more than 3"; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
	for status := range codes {
		if e := refuse(status, ""); e.Code == "" || reasons[status] == "" {
			t.Errorf("%s has no code or no phrase", strconv.Itoa(status))
		}
	}
}
