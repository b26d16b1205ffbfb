package http1

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httputil"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// FuzzParse checks the two promises of the parser. The verdict does not depend on how the input is cut, and whatever is
// accepted net/http accepts too, as the same request of the same length: never laxer.
func FuzzParse(f *testing.F) {
	paths, err := filepath.Glob("testdata/*/*.http")
	if err != nil {
		f.Fatal(err)
	}
	for i, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, uint16(i*7))
	}
	f.Fuzz(func(t *testing.T, raw []byte, cut uint16) {
		out := feed(raw)
		whole := out.String()
		if got := feed(raw, min(int(cut), len(raw))).String(); got != whole {
			t.Errorf("cut at %d\n%swhole\n%s", cut, got, whole)
		}
		if got := feed(raw, bytewise(raw)...).String(); got != whole {
			t.Errorf("byte by byte\n%swhole\n%s", got, whole)
		}
		start := 0
		for i := range out.requests {
			compareWithNetHTTP(t, raw[start:out.ends[i]], &out.requests[i])
			start = out.ends[i]
		}
	})
}

func compareWithNetHTTP(t *testing.T, raw []byte, got *exchange.Request) {
	t.Helper()
	raw = bytes.TrimLeft(raw, "\r\n") // net/http's server skips no empty lines; ours were checked
	r := bufio.NewReaderSize(bytes.NewReader(raw), 1<<16)
	want, err := http.ReadRequest(r)
	if err != nil {
		t.Fatalf("net/http refuses %q: %v", raw, err)
	}
	body, err := io.ReadAll(want.Body)
	if err != nil {
		t.Fatalf("net/http refuses the body of %q: %v", raw, err)
	}
	if left, _ := io.Copy(io.Discard, r); left != 0 {
		t.Errorf("net/http leaves %d bytes of %q", left, raw)
	}
	if got.Method != want.Method || !bytes.Equal(got.Body, body) {
		t.Errorf("method %q, body %q; net/http has %q, %q", got.Method, got.Body, want.Method, body)
	}
	if !strings.EqualFold(got.Host, want.Host) {
		t.Errorf("host %q; net/http has %q", got.Host, want.Host)
	}
	target := want.RequestURI
	if target[0] != '/' && target != "*" {
		_, target, _ = strings.Cut(target, "://")
		if i := strings.IndexAny(target, "/?"); i < 0 {
			target = "/"
		} else if target = target[i:]; target[0] == '?' {
			target = "/" + target
		}
	}
	if got.Target != target || want.URL.RawQuery != got.Query {
		t.Errorf("target %q, query %q; net/http has %q, %q", got.Target, got.Query, target, want.URL.RawQuery)
	}
	for _, f := range got.Header {
		switch key := http.CanonicalHeaderKey(f.Name); key {
		case "Host", "Transfer-Encoding", "Trailer": // net/http keeps them elsewhere
		default:
			if !slices.Contains(want.Header[key], f.Value) {
				t.Errorf("field %q: %q; net/http has %q", f.Name, f.Value, want.Header[key])
			}
		}
	}
}

// FuzzChunked compares what is decoded from a chunked body with net/http's decoder: never laxer, and the same bytes.
func FuzzChunked(f *testing.F) {
	for _, s := range []string{"0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n", "A;a=\"b\\\"\"; c\r\n0123456789\r\n0;x\r\n\r\n", "1\nx\n0\n\n",
		"ffffffffffffffff\r\n", "1;\r\nx\r\n0\r\n\r\n", "0001\r\n\r\r\n0\r\nVary: x\r\n\r\n"} {
		f.Add([]byte(s))
	}
	const head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	f.Fuzz(func(t *testing.T, raw []byte) {
		in := append([]byte(head), raw...)
		out := feed(in)
		if got, whole := feed(in, bytewise(in)...).String(), out.String(); got != whole {
			t.Errorf("byte by byte\n%swhole\n%s", got, whole)
		}
		if len(out.requests) == 0 {
			return
		}
		want, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(raw)))
		if err != nil || !bytes.Equal(out.requests[0].Body, want) {
			t.Errorf("%q gives %q; net/http has %q, %v", raw, out.requests[0].Body, want, err)
		}
	})
}

// FuzzAppendHead gives hostile fields to an answer. It must have exactly the lines it should, and net/http must read
// back what went in.
func FuzzAppendHead(f *testing.F) {
	f.Add(200, "Content-Type", "text/html", "X", "a\r\nb: c", 5, 1, false, false)
	f.Add(204, "Connection", "x", "X: y", "", 0, 0, true, false)
	f.Add(304, "A", " a\t", "", "x", -1, 1, false, true)
	f.Fuzz(func(t *testing.T, status int, name1, value1, name2, value2 string, length, minor int, closing, isHead bool) {
		h := Head{
			Status: status, Header: []exchange.Field{{Name: name1, Value: value1}, {Name: name2, Value: value2}},
			Minor: minor & 1, Method: "GET", ContentLength: max(int64(length)&0xff-1, -1), Close: closing,
		}
		if isHead {
			h.Method = "HEAD"
		}
		out := AppendHead(nil, &h)
		lines := strings.Split(string(out), "\r\n")
		if len(lines) < 3 || lines[len(lines)-1] != "" || lines[len(lines)-2] != "" || strings.Count(string(out), "\r") != len(lines)-1 ||
			strings.Count(string(out), "\n") != len(lines)-1 || strings.Contains(string(out), "\x00") {
			t.Fatalf("not lines with CRLF and an empty one at the end: %q", out)
		}
		fields := lines[1 : len(lines)-2]
		for _, f := range h.Header {
			if len(fields) > 0 && fields[0] == f.Name+": "+f.Value {
				fields = fields[1:]
			}
		}
		for _, line := range fields {
			name, _, _ := strings.Cut(line, ": ")
			if name != "Content-Length" && name != "Transfer-Encoding" && name != "Connection" {
				t.Errorf("the line %q is nobody's", line)
			}
		}
		if status == 100 || status == 101 || textEnd([]byte(value1+value2), 0) != len(value1+value2) {
			return // interim answers, and controls that the fetch standard allows and net/http refuses
		}
		answer := bytes.Clone(out)
		if BodyAllowed(h.Method, h.Status) {
			body := bytes.Repeat([]byte("x"), int(max(h.ContentLength, 3)))
			if h.ContentLength >= 0 {
				body = body[:h.ContentLength]
			}
			if h.ContentLength < 0 && h.Minor > 0 {
				answer = AppendLastChunk(AppendChunk(answer, body))
			} else {
				answer = append(answer, body...)
			}
		}
		resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(answer)), &http.Request{Method: h.Method})
		if err != nil {
			t.Fatalf("net/http refuses %q: %v", answer, err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Errorf("net/http refuses the body of %q: %v", answer, err)
		}
		if want := h.Status; 100 <= want && want <= 999 && resp.StatusCode != want {
			t.Errorf("status %d, want %d", resp.StatusCode, want)
		}
		for _, f := range h.Header {
			if connectionDecides(f.Name) || !validName(f.Name) {
				continue
			}
			if got := resp.Header[http.CanonicalHeaderKey(f.Name)]; !slices.Contains(got, strings.Trim(f.Value, " \t")) {
				t.Errorf("%q: %q is read as %q", f.Name, f.Value, got)
			}
		}
	})
}
