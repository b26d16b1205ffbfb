package cli

import (
	"context"
	"net"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/fortunadws/fortuna/cli/admin"
	"github.com/fortunadws/fortuna/cli/cluster"
	"github.com/fortunadws/fortuna/edge"
	"github.com/fortunadws/fortuna/edge/acme"
	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/upstream"
	"github.com/fortunadws/fortuna/runtime"
)

// house is where apps are served: its door, and what there is to say about it.
type house struct {
	process  *process
	options  serveOptions
	journal  *journal
	loops    int
	config   *config // of the door
	root     string  // what the paths in it are relative to
	door     door
	tellsID  bool                        // answers have the field X-Request-Id
	server   atomic.Pointer[edge.Server] // nil until it listens
	draining atomic.Bool
	admin    *admin.Server // nil: nowhere
	answers  *admin.Counters
	measure  measure
	tracer   *tracer // nil: no spans are sent
	tenants  tenants
}

// tenants are the apps of a house.
type tenants interface {
	serve(x exchange.Exchange) // one exchange, on its loop
	apps() []*app
	answered(r *edge.Record)
	upstreams() []upstream.Stats // of the nodes that they forward to
	ready() error                // why they cannot be served yet
	changes() <-chan struct{}
	certificates() acme.Storage      // where those are kept that an authority signs; nil: where nothing else is said
	opened(e *entrance)              // it is where clients come in
	again()                          // loads anew what may have changed; not on two goroutines at once
	depart()                         // tells others that they had better go elsewhere
	leave(ctx context.Context) error // finishes what does not come in by the door
	close()                          // what is in flight is not waited for
}

func newHouse(p *process, o serveOptions) *house {
	loops := eventLoops(p.getenv)
	return &house{process: p, options: o, journal: o.journal, loops: loops, answers: admin.NewCounters(loops)}
}

// open reads what is to be served, and loads it.
func (h *house) open() error {
	if h.options.data != "" {
		return h.openNode()
	}
	p, _, err := h.options.source.open(h.process.dir)
	if err != nil {
		return err
	}
	l := newLocal(h, p)
	h.tenants = l // before furnish lets others ask about them
	if err := h.furnish(p, p.name(), nil); err != nil {
		return err
	}
	return l.open(p)
}

// furnish takes from the configuration of p what the house itself needs. name is what measures and spans are of; identity is
// that of a node, or nil.
func (h *house) furnish(p *project, name string, identity *cluster.Identity) (err error) {
	h.config, h.root = p.config, p.root
	h.tellsID, h.journal.share = p.config.Server.TellsID, p.config.accessShare()
	if h.tracer, err = newTracer(p, h.process.getenv, Version, h.journal.warn); err != nil {
		return err
	}
	return h.oversee(name, identity)
}

// close frees what open took, and sends the last spans. What is in flight is not waited for.
func (h *house) close() error {
	var err error
	if h.tracer != nil {
		if e := h.tracer.close(); e != nil {
			h.journal.warn("spans were lost at the end: " + e.Error())
		}
	}
	if h.admin != nil {
		err = h.admin.Close()
	}
	if h.tenants != nil {
		h.tenants.close()
	}
	return err
}

// Serve answers one exchange, on its loop.
func (h *house) Serve(x exchange.Exchange) {
	begin(x.Request())
	if h.tracer != nil {
		h.tracer.begin(x.Request())
	}
	if h.tellsID {
		x = identified{x}
	}
	h.tenants.serve(x)
}

// answered counts and logs one answer.
func (h *house) answered(r edge.Record) {
	h.answers.Observe(&r)
	h.measure.observe(r.Duration)
	h.tenants.answered(&r)
	if h.tracer != nil {
		h.tracer.answered(&r)
	}
	h.journal.access(r)
}

// bareFailure is what the client of a failed request sees: its kind, and nothing of the code (RFC 9457 for who takes JSON).
func bareFailure(q *exchange.Request, f *runtime.Failure) (contentType string, body []byte) {
	if strings.Contains(strings.ToLower(q.Get("Accept")), "json") {
		return "application/problem+json", []byte(`{"type":"about:blank","status":` + strconv.Itoa(f.Status) + `,"code":"` + f.Code + "\"}\n")
	}
	return "text/plain; charset=utf-8", []byte(f.Code + "\n")
}

// listen opens the door that the command line or fortuna.toml names.
func (h *house) listen() (*entrance, error) {
	c := h.config
	address := serveListen
	switch {
	case h.options.listen != "":
		address = h.options.listen
	case c.Server.Listen != "":
		address = c.Server.Listen
	}
	if strings.HasPrefix(address, "unix:") {
		return nil, usageError("fortuna serve --listen "+serveListen, "%q is a unix socket: fortuna listens on TCP addresses only", address)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, usageError("fortuna serve --listen "+serveListen, "the address to listen on must be like :8080 or 127.0.0.1:8080, got %q", address)
	}
	if h.door.port, err = strconv.Atoi(port); err != nil || h.door.port < 0 || h.door.port > 65535 {
		return nil, usageError("", "the port to listen on must be from 0 to 65535, got %q", port)
	}
	h.door.host = host
	if _, h.door.limits, err = c.limits(); err != nil {
		return nil, err
	}
	if c.Server.Proxies.Protocol && len(c.Server.Proxies.Proxies) == 0 {
		return nil, refused(`set server.trusted_proxies = ["10.0.0.0/8"]`, "server.proxy_protocol is set, and no proxy is trusted to speak it")
	}
	d := edge.Config{Loops: h.loops, Handler: h, HSTS: c.TLS.hsts(), H2C: c.Server.H2C, Deflate: c.Server.Deflate, Compress: !c.Uncompressed, Proxies: &c.Server.Proxies, Access: h.answered, Log: h.journal.log}
	if d.Inherited, err = inherited(h.process.getenv); err != nil {
		return nil, failed("", "take over sockets: %v", err)
	}
	root := h.root
	if h.door.certifier, err = newCertifier(&c.TLS, root, h.tenants.certificates(), h.process.getenv, h.journal.log); err != nil {
		return nil, err
	}
	if h.door.https = c.TLS.configured() || h.door.certifier != nil; h.door.https {
		if d.TLS, err = c.TLS.open(root, h.journal.log, h.door.certifier.options()); err != nil {
			return nil, err
		}
	}
	e, err := h.door.open(d, &c.TLS, func(host string, port int) string {
		return strings.Join(append(strings.Fields("fortuna serve "+h.options.path), "--listen", net.JoinHostPort(host, strconv.Itoa(port))), " ")
	})
	if err != nil {
		return nil, err
	}
	h.server.Store(e.Server)
	h.tenants.opened(e)
	return e, nil
}
