package h2

import (
	"net/http/httptest"
	"testing"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// A head as browsers send it.
func BenchmarkStream_Request(b *testing.B) {
	r := httptest.NewRequest("GET", "/products/42?ref=home", nil)
	for name, value := range map[string]string{
		"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "Accept-Encoding": "gzip, deflate, br, zstd",
		"Accept-Language": "en-GB,en;q=0.5", "Cookie": "theme=dark; sid=0123456789abcdef0123456789abcdef", "Priority": "u=0, i",
		"Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin", "Te": "trailers",
		"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
	} {
		r.Header.Set(name, value)
	}
	limits := defaultLimits()
	t := &Stream{r: r, limits: &limits}
	b.ReportAllocs()
	for b.Loop() {
		var q exchange.Request
		if err := t.Request(&q); err != nil {
			b.Fatal(err)
		}
	}
}
