package acme

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// proofs are the answers to an authority's questions by http (HTTP-01; RFC 8555, section 8.3).
type proofs struct {
	life   context.Context
	issuer *certmagic.ACMEIssuer
	hosts  []string // in lower case
	slots  chan struct{}
}

const (
	proofsMax     = 16              // looked up at once: anybody may ask for one
	proofPatience = 5 * time.Second // of an authority, about
)

func newProofs(life context.Context, issuer *certmagic.ACMEIssuer, hosts []string) proofs {
	p := proofs{life: life, issuer: issuer, slots: make(chan struct{}, proofsMax)}
	for _, h := range hosts {
		p.hosts = append(p.hosts, strings.ToLower(h))
	}
	return p
}

// Answer answers x if it is a question of the authority by http, and has next do that otherwise, perhaps later. The authority may
// ask any of the nodes that share a storage.
func (i *Issuer) Answer(x exchange.Exchange, next exchange.Handler) {
	p, q := &i.proofs, x.Request()
	host, _, _ := strings.Cut(strings.ToLower(q.Host), ":") // addresses have no certificates here
	if q.Method != "GET" || !strings.HasPrefix(q.Path, "/.well-known/acme-challenge/") || !slices.Contains(p.hosts, host) {
		next.Serve(x)
		return
	}
	if c, ok := certmagic.GetACMEChallenge(host); ok && q.Path == c.HTTP01ResourcePath() {
		prove(x, c.KeyAuthorization)
		return
	}
	select {
	case p.slots <- struct{}{}:
	default:
		next.Serve(x)
		return
	}
	loop, path := x.Loop(), q.Path
	go func() {
		defer func() { <-p.slots }()
		proof, ok := p.find(host, path)
		loop.Post(func() {
			if ok {
				prove(x, proof)
			} else {
				next.Serve(x)
			}
		})
	}()
}

func prove(x exchange.Exchange, proof string) {
	x.Head(200, []exchange.Field{{Name: "Content-Type", Value: "text/plain"}})
	_ = x.Write([]byte(proof)) // fails only when the authority is gone
	x.End()
}

// find looks for a proof that another node waits for.
func (p *proofs) find(host, path string) (proof string, ok bool) {
	ctx, cancel := context.WithTimeout(p.life, proofPatience)
	defer cancel()
	var text written
	q := &http.Request{Method: http.MethodGet, Host: host, URL: &url.URL{Path: path}}
	ok = p.issuer.HandleHTTPChallenge(&text, q.WithContext(ctx))
	return string(text.text), ok
}

// written is what somebody who knows http.ResponseWriter answers.
type written struct{ text []byte }

func (w *written) Header() http.Header { return http.Header{} }

func (w *written) WriteHeader(int) {}

func (w *written) Write(p []byte) (int, error) {
	w.text = append(w.text, p...)
	return len(p), nil
}
