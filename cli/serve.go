package cli

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fortunadws/fortuna/runtime"
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
	data      string // directory of a node; "": source is served
	readyFile string
	journal   *journal
}

// serve serves o until a signal.
func serve(p *process, o serveOptions) error {
	ending, again := p.signals(os.Interrupt, syscall.SIGTERM), p.signals(syscall.SIGHUP)
	p.term.backlog = newBacklog() // before there is another goroutine that prints
	p.term.backlog.loss = o.journal.loss
	ready, err := openReadyFile(p.dir, o.readyFile)
	if err != nil {
		return err
	}
	defer ready.discard()
	h := newHouse(p, o)
	opened := make(chan error, 1) // on a goroutine of its own, so that a signal never waits for a build
	go func() { opened <- h.open() }()
	select {
	case err = <-opened:
	case sig := <-ending:
		return endedBy(sig)
	}
	if err != nil {
		return errors.Join(err, h.close())
	}
	server, err := h.listen()
	if err != nil {
		return errors.Join(err, h.close())
	}
	url := h.door.url(server.Addr())
	h.journal.ready(url)
	if err := errors.Join(ready.tell(url), notify(p.getenv, "READY=1")); err != nil {
		h.journal.trouble(err)
	}
	sig := h.work(server, ending, again)
	h.draining.Store(true)
	if err := notify(p.getenv, "STOPPING=1"); err != nil {
		h.journal.trouble(err)
	}
	var running []*runtime.Runtime
	for _, a := range h.tenants.apps() {
		a.state.rest()
		if code, _ := a.now(); code != nil {
			running = append(running, code)
		}
	}
	grace := h.config.grace()
	h.journal.draining(sig, grace)
	h.journal.drained(drain(server, running, grace, ending))
	return errors.Join(endedBy(sig), h.close())
}

// work loads the app again at each signal to do so, and tells the service manager that all is well, until the signal that
// ends.
func (h *house) work(server *entrance, ending, again <-chan os.Signal) os.Signal {
	var loaded chan struct{} // nil while nothing is being loaded
	wanted := false
	watchdog := watchdogPeriod(h.process.getenv)
	look := time.NewTicker(watchdog)
	defer look.Stop()
	for {
		if wanted && loaded == nil {
			wanted = false
			done := make(chan struct{})
			loaded = done
			go func() { // so that a signal to end never waits for a build
				defer close(done)
				h.tenants.again()
			}()
		}
		select {
		case sig := <-ending:
			return sig
		case <-again:
			wanted = true
		case <-h.tenants.changes():
			wanted = true
		case <-loaded:
			loaded = nil
		case <-look.C:
			ctx, cancel := context.WithTimeout(context.Background(), watchdog)
			err := server.Respond(ctx)
			cancel()
			if err == nil {
				err = notify(h.process.getenv, "WATCHDOG=1")
			}
			if err != nil {
				h.journal.trouble(err)
			}
		}
	}
}

// accessShare is how many of the answers that are no errors are logged, from 0 to 1.
func (c *config) accessShare() float64 {
	if c.Access != nil {
		return *c.Access
	}
	return 1
}

// grace is how long requests in flight may take after the signal to end.
func (c *config) grace() time.Duration {
	if c.Server.Grace > 0 {
		return c.Server.Grace
	}
	return serveGrace
}
