package cli

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/fortunadws/fortuna/cli/admin"
	"github.com/fortunadws/fortuna/edge"
	"github.com/fortunadws/fortuna/edge/assets"
	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/runtime"
	"github.com/fortunadws/fortuna/runtime/bundle"
)

// house is an app that is served, and can be replaced while it is.
type house struct {
	process  *process
	options  serveOptions
	journal  *journal
	loops    int
	door     door
	tellsID  bool                        // answers have the field X-Request-Id
	server   atomic.Pointer[edge.Server] // nil until it listens
	draining atomic.Bool
	admin    *admin.Server // nil: nowhere
	tally    tally
	tracer   *tracer // nil: no spans are sent
	state    *state

	mu     sync.RWMutex     // held while code begins an exchange, so that code is not retired in between
	code   *runtime.Runtime // nil until open
	files  *assets.Assets   // before code; nil without
	config *config          // of code
}

func newHouse(p *process, o serveOptions) *house {
	loops := eventLoops(p.getenv)
	return &house{
		process: p, options: o, journal: o.journal, loops: loops,
		tally: tally{answers: admin.NewCounters(loops), failures: map[string]uint64{}},
	}
}

// open reads the project and loads the first version of the app.
func (h *house) open() error {
	p, _, err := h.options.source.open(h.process.dir)
	if err != nil {
		return err
	}
	h.state = newState(p.stateDir(h.process.dir, "", serveState, h.process.getenv), h.journal.log)
	h.tellsID, h.journal.share = p.config.Server.TellsID, p.config.accessShare()
	if h.tracer, err = newTracer(p, h.process.getenv, Version, h.journal.warn); err != nil {
		return err
	}
	if err := h.oversee(p); err != nil {
		return err
	}
	_, err = h.load(p)
	return err
}

// reload makes the app as it is now the one that answers, if it can be loaded.
func (h *house) reload() {
	p, _, err := h.options.source.open(h.process.dir)
	hash := ""
	if err == nil {
		hash, err = h.load(p)
	}
	if err != nil {
		h.journal.reloadFailed(err)
	} else {
		h.journal.reloaded(hash)
	}
}

// hear gives what another node has published to the code that answers.
func (h *house) hear(topic string, text bool, p []byte) {
	if code, _ := h.now(); code != nil {
		code.Hear(topic, text, p)
	}
}

// now is what answers, and its configuration.
func (h *house) now() (*runtime.Runtime, *config) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.code, h.config
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
	if h.state != nil {
		h.state.close()
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
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.files == nil || !h.files.Serve(x) {
		h.code.Serve(x)
	}
}

// load builds the app of p and makes it the one that answers; the former one finishes what it has begun. With an
// error nothing changes.
func (h *house) load(p *project) (hash string, err error) {
	b, err := bundle.Build(bundle.Options{Root: p.root, Entry: p.entry, Define: p.config.Define})
	if err != nil {
		return "", h.journal.fault(buildFault(p, err))
	}
	c, err := p.runtime(h.loops, h.state)
	if err != nil {
		return "", err
	}
	c.Console = func(l runtime.Line) {
		l.Text = h.state.hide(l.Text)
		h.journal.console(l)
	}
	c.Failed, c.Page = h.failed, bareFailure
	if c.Relay, err = h.state.relay(p, h.hear); err != nil {
		return "", err
	}
	code := runtime.New(c)
	deployed, err := code.Deploy(b)
	if err != nil {
		return "", errors.Join(h.journal.fault(loadFault(b, err)), code.Close(context.Background()))
	}
	crew, err := h.state.crew(p, deployed.Jobs, code)
	if err != nil {
		return "", errors.Join(err, code.Close(context.Background()))
	}
	files, err := p.openAssets(h.journal.log)
	if err != nil {
		return "", errors.Join(err, code.Close(context.Background()))
	}
	for _, m := range b.Warnings {
		h.journal.warn(m.String())
	}
	for _, warning := range append(unserved(deployed), p.idle(deployed.Jobs)...) {
		h.journal.warn(warning)
	}
	if h.code != nil { // only load sets it
		code.Inherit(h.code)
	}
	h.mu.Lock()
	former, formerFiles := h.code, h.files
	h.code, h.files, h.config = code, files, p.config
	h.mu.Unlock()
	h.state.employ(crew)
	if formerFiles != nil {
		go formerFiles.Close()
	}
	if former != nil {
		h.tally.former(former.Stats())
		retire(former)
	}
	return b.Hash, nil
}

// failed counts and logs why a request, or what it left running, did not end well.
func (h *house) failed(f *runtime.Failure) {
	h.tally.failed(f.Code)
	h.journal.failure(h.state.hideIn(f))
}

// answered counts and logs one answer.
func (h *house) answered(r edge.Record) {
	h.tally.answers.Observe(&r)
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
	_, c := h.now()
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
	root := filepath.Dir(c.File)
	if h.door.certifier, err = newCertifier(&c.TLS, root, h.process.getenv, h.journal.log); err != nil {
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
	return e, nil
}
