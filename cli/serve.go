package cli

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fortunadws/fortuna/edge"
	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/runtime"
	"github.com/fortunadws/fortuna/runtime/bundle"
)

func serveCommand() *cli.Command {
	return &cli.Command{
		Name:      "serve",
		Usage:     "serve a project, a file or a built bundle for others to use",
		ArgsUsage: "[directory or file]",
		Description: "Builds the project, or takes what fortuna build has written, and serves it until SIGTERM or Ctrl-C: then it\n" +
			"finishes what is in flight and ends. A second signal ends it at once. SIGHUP builds and loads the app again\n" +
			"without dropping a request. Clients see no details of an error; the log on standard error has them.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "listen", Aliases: []string{"l"}, Usage: "`address` to listen on, like :8080 or 127.0.0.1:0 (default: server.listen in fortuna.toml, or " + serveListen + ")"},
			&cli.StringFlag{Name: "log-format", Usage: "`format` of the log: " + list(logFormats) + "; json unless it goes to a terminal"},
			&cli.StringFlag{Name: "log-level", Value: "debug", Usage: "least severe `level` logged: " + list(levels) + "; requests are info"},
			readyFileFlag(),
		}, sourceFlags()...),
		Action: func(c *cli.Context) error {
			from, err := sourceOf(c)
			if err != nil {
				return err
			}
			p := processOf(c)
			o := serveOptions{source: from, listen: c.String("listen"), readyFile: c.String("ready-file")}
			if o.journal, err = newJournal(p.term, c.String("log-format"), c.String("log-level")); err != nil {
				return err
			}
			return serve(p, o)
		},
	}
}

const (
	serveListen = ":8080"
	serveGrace  = 10 * time.Second // for what is in flight, after SIGTERM
)

type serveOptions struct {
	source
	listen    string // "": what fortuna.toml says
	readyFile string
	journal   *journal
}

// serve serves o until a signal.
func serve(p *process, o serveOptions) error {
	signals := p.signals(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	p.term.backlog = newBacklog() // before there is another goroutine that prints
	ready, err := openReadyFile(p.dir, o.readyFile)
	if err != nil {
		return err
	}
	defer ready.discard()
	h := &house{process: p, options: o, journal: o.journal, loops: eventLoops(p.getenv)}
	if _, err := h.load(); err != nil {
		return err
	}
	server, err := h.listen()
	if err != nil {
		return errors.Join(err, h.code.Close(context.Background()))
	}
	url := h.door.url(server.Addr())
	h.journal.ready(url)
	if err := errors.Join(ready.tell(url), notify(p.getenv, "READY=1")); err != nil {
		h.journal.trouble(err)
	}
	for sig := range signals {
		if sig == syscall.SIGHUP {
			if hash, err := h.load(); err != nil {
				h.journal.reloadFailed(err)
			} else {
				h.journal.reloaded(hash)
			}
			continue
		}
		if err := notify(p.getenv, "STOPPING=1"); err != nil {
			h.journal.trouble(err)
		}
		h.journal.draining(sig, h.config.grace())
		h.journal.drained(drain(server, h.code, h.config.grace(), signals))
		if sig == os.Interrupt {
			return errInterrupted
		}
		return nil
	}
	return nil
}

// house is an app that is served, and can be replaced while it is.
type house struct {
	process *process
	options serveOptions
	journal *journal
	loops   int
	config  *config // of the version that answers
	door    door

	mu   sync.RWMutex // held while code begins an exchange, so that code is not retired in between
	code *runtime.Runtime
}

// Serve answers one exchange, on its loop.
func (h *house) Serve(x exchange.Exchange) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	h.code.Serve(x)
}

// load builds the app as it is now and makes it the one that answers; the former one finishes what it has begun. With an
// error nothing changes.
func (h *house) load() (hash string, err error) {
	p, _, err := h.options.source.open(h.process.dir)
	if err != nil {
		return "", err
	}
	b, err := bundle.Build(bundle.Options{Root: p.root, Entry: p.entry, Define: p.config.Define})
	if err != nil {
		return "", h.journal.fault(buildFault(p, err))
	}
	c, err := p.runtime(h.loops)
	if err != nil {
		return "", err
	}
	c.Console, c.Failed, c.Page = h.journal.console, h.journal.failure, bareFailure
	code := runtime.New(c)
	deployed, err := code.Deploy(b)
	if err != nil {
		return "", errors.Join(h.journal.fault(loadFault(b, err)), code.Close(context.Background()))
	}
	for _, m := range b.Warnings {
		h.journal.warn(m.String())
	}
	for _, warning := range unserved(deployed) {
		h.journal.warn(warning)
	}
	h.config = p.config
	h.mu.Lock()
	h.code, code = code, h.code
	h.mu.Unlock()
	if code != nil {
		retire(code)
	}
	return b.Hash, nil
}

// bareFailure is what the client of a failed request sees: its kind, and nothing of the code.
func bareFailure(_ *exchange.Request, f *runtime.Failure) (contentType string, body []byte) {
	return "text/plain; charset=utf-8", []byte(f.Code + "\n")
}

// listen opens the door that the command line or fortuna.toml names.
func (h *house) listen() (*entrance, error) {
	c, address := h.config, serveListen
	switch {
	case h.options.listen != "":
		address = h.options.listen
	case c.Server.Listen != "":
		address = c.Server.Listen
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
	d := edge.Config{Loops: h.loops, Handler: h, HSTS: c.TLS.hsts(), H2C: c.Server.H2C, Access: h.journal.access(), Log: h.journal.log}
	if h.door.https = c.TLS.configured(); h.door.https {
		if d.TLS, err = c.TLS.open(filepath.Dir(c.File), h.journal.log); err != nil {
			return nil, err
		}
	}
	return h.door.open(d, &c.TLS, func(host string, port int) string {
		return strings.Join(append(strings.Fields("fortuna serve "+h.options.path), "--listen", net.JoinHostPort(host, strconv.Itoa(port))), " ")
	})
}

// grace is how long requests in flight may take after the signal to end.
func (c *config) grace() time.Duration {
	if c.Server.Grace > 0 {
		return c.Server.Grace
	}
	return serveGrace
}
