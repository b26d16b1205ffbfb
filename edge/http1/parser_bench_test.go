package http1

import (
	"bytes"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
)

var (
	wrkGet     = []byte("GET / HTTP/1.1\r\nHost: 127.0.0.1:8787\r\n\r\n")
	browserGet = []byte("GET /products/42?ref=home HTTP/1.1\r\nHost: shop.example.com\r\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n" +
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n" +
		"Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n" +
		"Referer: https://shop.example.com/\r\nConnection: keep-alive\r\n" +
		"Cookie: __Host-sid=8J2xq0sT3mYw7Zb1Nf5Kc9Vd4Lh6Rg2P.1.7.Qm9v; theme=dark\r\n" +
		"Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: navigate\r\n\r\n")
	postJSON = []byte("POST /api/items HTTP/1.1\r\nHost: shop.example.com\r\nContent-Type: application/json\r\n" +
		"Accept: */*\r\nContent-Length: 27\r\n\r\n" + `{"name":"lamp","price":100}`)
	postChunked = []byte("POST /api/items HTTP/1.1\r\nHost: shop.example.com\r\nTransfer-Encoding: chunked\r\n\r\n" +
		"10\r\n0123456789abcdef\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n")
)

func benchmarkParse(b *testing.B, raw []byte) {
	p := Parser{Limits: DefaultLimits()}
	var req exchange.Request
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		mustParse(b, &p, raw, &req)
	}
}

func BenchmarkParse_wrk(b *testing.B)     { benchmarkParse(b, wrkGet) }
func BenchmarkParse_browser(b *testing.B) { benchmarkParse(b, browserGet) }
func BenchmarkParse_post(b *testing.B)    { benchmarkParse(b, postJSON) }
func BenchmarkParse_chunked(b *testing.B) { benchmarkParse(b, postChunked) }

// A head of the largest line that arrives byte by byte: the time per byte must not grow with what came before.
func BenchmarkParse_byteByByte(b *testing.B) {
	raw := []byte("GET / HTTP/1.1\r\nHost: a\r\nA: " + string(bytes.Repeat([]byte("b"), 8000)) + "\r\n\r\n")
	p := Parser{Limits: DefaultLimits()}
	var req exchange.Request
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		for i := range raw {
			if _, _, err := p.Parse(raw[:i+1], &req); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkAppendHead(b *testing.B) {
	h := Head{
		Status: 200,
		Header: []exchange.Field{{Name: "Content-Type", Value: "application/json"}, {Name: "Cache-Control", Value: "no-store"},
			{Name: "ETag", Value: `"33a64df5"`}},
		Minor: 1, Method: "GET", ContentLength: 27,
		Date: AppendDate(nil, time.Unix(0, 0)),
	}
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendHead(dst[:0], &h)
	}
}
