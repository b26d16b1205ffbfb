package web

import (
	"testing"

	"github.com/fortunadws/fortuna/edge/exchange"
)

func TestRequest_tls(t *testing.T) {
	for _, tt := range []struct {
		in   exchange.Request
		want string
	}{
		{exchange.Request{}, "null"},
		{exchange.Request{TLS: true}, `{"client":null}`},
		{
			exchange.Request{TLS: true, Client: &exchange.Client{Subject: "CN=a", Issuer: "CN=b", Fingerprint: "00ff", Verified: true}},
			`{"client":{"subject":"CN=a","issuer":"CN=b","fingerprint":"00ff","verified":true}}`,
		},
	} {
		r, h := newTestRealm(t)
		tt.in.Method = "GET"
		must(r.VM.Set("request", r.NewRequest(&tt.in, nil, nil)))
		if got := evalIn(t, r, h, `return JSON.stringify(request.tls)`); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
		if got := evalIn(t, r, h, `return request.tls === request.tls && (request.tls = 1) && request.tls`); got != "1" {
			t.Errorf("another each time, or not replaceable: %s", got)
		}
	}
	expect(t, [][2]string{{`return new Request('http://a/').tls`, `null`}})
}
