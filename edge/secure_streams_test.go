//go:build linux || darwin

package edge

import (
	"bytes"
	cryptotls "crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/tls"
)

// What ALPN agrees on is spoken: HTTP/2 with who can, HTTP/1.1 with the rest, under the same certificate.
func TestSecure_streams(t *testing.T) {
	server := openTLS(t, tls.Config{Protocols: []string{"h2", "http/1.1"}})
	limits := DefaultLimits()
	limits.HTTP.BodyBytesMax = 64 << 20
	s := start(t, Config{TLS: server, HSTS: time.Hour, Limits: limits, Log: quiet, Handler: whole(func(x exchange.Exchange, body []byte) {
		x.Head(200, text)
		_ = x.Write(fmt.Appendf(nil, "%s %s %v %d", x.Request().Method, x.Request().Path, x.Request().TLS, len(body))) // fails only when the client is gone
		x.End()
	})})
	for _, version := range []int{1, 2} {
		transport := &http.Transport{TLSClientConfig: &cryptotls.Config{InsecureSkipVerify: true}, Protocols: new(http.Protocols)} // whose certificate it is, is not the question
		transport.Protocols.SetHTTP1(version == 1)
		transport.Protocols.SetHTTP2(version == 2)
		for i, size := range []int{0, 10, 32 << 20} {
			r, err := http.NewRequest("POST", fmt.Sprintf("https://%s/%d", s.Addr(), i), bytes.NewReader(make([]byte, size)))
			if err != nil {
				t.Fatal(err)
			}
			answer, err := transport.RoundTrip(r)
			if err != nil {
				t.Fatalf("HTTP/%d: %v", version, err)
			}
			got, err := io.ReadAll(answer.Body)
			answer.Body.Close()
			if want := fmt.Sprintf("POST /%d true %d", i, size); err != nil || string(got) != want || answer.ProtoMajor != version {
				t.Errorf("HTTP/%d: got %q in HTTP/%d, %v; want %q", version, got, answer.ProtoMajor, err, want)
			}
			if got := answer.Header.Get("Strict-Transport-Security"); !strings.HasPrefix(got, "max-age=3600") {
				t.Errorf("HTTP/%d: HSTS is %q", version, got)
			}
		}
		eventually(t, "no connection is left", func() bool {
			transport.CloseIdleConnections() // one is not idle at the moment its last answer has been read
			return s.Stats().Open == 0
		})
	}
}
