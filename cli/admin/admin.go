// Package admin is the listener for those who look after a node: whether it is well (/healthz), whether it takes requests
// (/readyz), what it measures (/metrics) and, if asked, profiles of it (/debug/pprof). It does not know commands,
// configuration or what an app does, and no request of an app comes here.
package admin

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/fortunadws/fortuna/edge"
	"github.com/fortunadws/fortuna/edge/upstream"
	"github.com/fortunadws/fortuna/runtime"
)

// Source is where the figures come from. Its functions may be called from any goroutine.
type Source struct {
	App      string    // the name of the only app; "" when there may be several
	Counters *Counters // what was answered
	Apps     func() []App
	Edge     func() edge.Stats
	Nodes    func() []upstream.Stats // that requests are forwarded to

	Healthy func(ctx context.Context) error // nil, or what is wrong with the process
	Ready   func() error                    // nil, or why the node wants no requests now
}

// App is what one app has to say.
type App struct {
	Name     string
	Failures map[string]uint64 // by code
	Runtime  runtime.Stats
}

// Config says where to listen and what to tell.
type Config struct {
	Addr   string // host:port
	Source Source
	TLS    *tls.Config // nil: plain
	Pprof  bool        // profiles of the process, which show its code and parts of its memory
}

// Server is a listening admin address.
type Server struct {
	listener net.Listener
	http     *http.Server
	mux      *http.ServeMux
}

// Handle gives what begins with a path to somebody else, from now on.
func (s *Server) Handle(path string, h http.Handler) { s.mux.Handle(path, h) }

// Listen begins to answer. Nothing here is authenticated but what Handle adds: the address decides who may ask.
func Listen(cfg Config) (*Server, error) {
	registry := prometheus.NewRegistry()
	for _, c := range []prometheus.Collector{
		collector{cfg.Source},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: scrapesMax}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), healthDeadline)
		defer cancel()
		answer(w, cfg.Source.Healthy(ctx))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { answer(w, cfg.Source.Ready()) })
	if cfg.Pprof {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	listener, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return nil, err
	}
	s := &Server{listener: listener, mux: mux, http: &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       5 * time.Minute, // an upload by a slow line
		IdleTimeout:       2 * time.Minute, // longer than scrapes are apart
		MaxHeaderBytes:    16 << 10,
	}}
	if cfg.TLS != nil {
		listener = tls.NewListener(listener, cfg.TLS)
	}
	go func() { _ = s.http.Serve(listener) }() // it ends with Close
	return s, nil
}

const (
	scrapesMax     = 4               // at once: each walks all counters
	healthDeadline = 2 * time.Second // for every event loop to respond
	reasonBytesMax = 1 << 10         // of what is wrong
)

// Addr is the address with its real port.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Close stops answering.
func (s *Server) Close() error {
	if err := s.http.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Ready asks the listener at base, "http://127.0.0.1:9787", whether its node takes requests. The error says why not.
func Ready(ctx context.Context, base string) error {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/readyz", nil)
	if err != nil {
		return err
	}
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	if a.StatusCode == http.StatusOK {
		return nil
	}
	why, err := io.ReadAll(io.LimitReader(a.Body, reasonBytesMax))
	if err != nil {
		return err
	}
	return fmt.Errorf("%s: %s", base, strings.TrimSpace(string(why)))
}

// answer says "ok", or 503 and what is wrong.
func answer(w http.ResponseWriter, wrong error) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if wrong != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = fmt.Fprintln(w, wrong) // the client has left: nobody to tell
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}
