package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fortunadws/fortuna/cli/cluster"
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
			&cli.BoolFlag{Name: "while-stdin", Usage: "end as by SIGTERM when standard input is closed: with the process that started this one"},
			&cli.StringFlag{Name: "data", Usage: "be a node that serves what is deployed, and keep everything in this `directory`"},
			&cli.StringFlag{Name: "join", Usage: "with --data, the first time: join the cluster that a `ticket` is of (fortuna token join); - reads it from standard input"},
			&cli.StringFlag{Name: "name", Usage: "with --data, the first time: `name` of the node (default: that of the machine)"},
			&cli.StringFlag{Name: "role", Usage: "with --join: `role` of the node, " + string(cluster.Worker) + " or " + string(cluster.Balancer), Value: string(cluster.Worker)},
			&cli.StringFlag{Name: "cluster", Usage: "with --data: `address` where other nodes reach this one (default: " + clusterListen + ", or as before)"},
			&cli.StringFlag{Name: "admin", Usage: "with --data: `address` of the admin listener (default: admin.listen of the configuration, or " + adminListen + ")"},
			&cli.StringFlag{Name: "config", Usage: "with --data: `file` like fortuna.toml with [server], [tls], [admin], [log] (default: fortuna.toml in the directory)"},
		}, sourceFlags()...),
		Action: func(c *cli.Context) error {
			from, err := sourceOf(c)
			if err != nil {
				return err
			}
			p := processOf(c)
			o := serveOptions{source: from, listen: c.String("listen"), readyFile: c.String("ready-file"), whileStdin: c.Bool("while-stdin")}
			if o.nodeOptions, err = nodeOptionsOf(c); err != nil {
				return err
			}
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
	listen string // "": what fortuna.toml says
	nodeOptions
	readyFile  string
	whileStdin bool
	journal    *journal
}

// nodeOptions are what makes fortuna serve a node of a cluster.
type nodeOptions struct {
	data    string // directory; "": a project is served
	join    string // ticket
	name    string
	role    cluster.Role
	cluster string // address
	admin   string // address; "": what the configuration says
	config  string
}

func nodeOptionsOf(c *cli.Context) (o nodeOptions, err error) {
	o = nodeOptions{c.String("data"), c.String("join"), c.String("name"), cluster.Role(c.String("role")), c.String("cluster"), c.String("admin"), c.String("config")}
	if o.data == "" {
		for _, name := range []string{"join", "name", "role", "cluster", "admin", "config"} {
			if c.IsSet(name) {
				return o, usageError("fortuna serve --data node --"+name+" ...", "--%s is for a node, which has a directory of its own", name)
			}
		}
		return o, nil
	}
	if o.join == "-" && c.Bool("while-stdin") {
		return o, usageError("", "--join - and --while-stdin both read standard input")
	}
	if o.join == "-" { // on the command line others would see it
		text, err := io.ReadAll(io.LimitReader(processOf(c).stdin, 4096))
		if err != nil {
			return o, failed("", "read the ticket: %v", err)
		}
		o.join = strings.TrimSpace(string(text))
	}
	switch {
	case c.NArg() > 0:
		return o, usageError("fortuna serve --data "+o.data+", and then fortuna deploy", "a node serves what is deployed, not %q", c.Args().First())
	case o.role != cluster.Worker && o.role != cluster.Balancer:
		return o, usageError("", "--role must be %s or %s, got %q", cluster.Worker, cluster.Balancer, o.role)
	}
	for _, name := range []string{"var", "env-file", "env"} {
		if c.IsSet(name) {
			return o, usageError("fortuna deploy --"+name+" ...", "--%s belongs to what is deployed, not to a node", name)
		}
	}
	return o, nil
}

// serve serves o until a signal.
func serve(p *process, o serveOptions) error {
	ending, again := p.signals(os.Interrupt, syscall.SIGTERM), p.signals(syscall.SIGHUP)
	if o.whileStdin {
		ending = untilClosed(p.stdin, ending)
	}
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
	h.tenants.depart()
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
	h.journal.drained(drain(server, running, h.tenants.leave, grace, ending))
	return errors.Join(endedBy(sig), h.close())
}

// untilClosed passes signals on, and gives SIGTERM when there is nothing more to read.
func untilClosed(stdin io.Reader, signals <-chan os.Signal) <-chan os.Signal {
	all := make(chan os.Signal, 2)
	go func() {
		for sig := range signals {
			all <- sig
		}
	}()
	go func() {
		_, _ = io.Copy(io.Discard, stdin) // an error is an end too
		all <- syscall.SIGTERM
	}()
	return all
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
