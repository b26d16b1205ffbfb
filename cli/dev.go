package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fortunadws/fortuna/runtime"
)

func devCommand() *cli.Command {
	return &cli.Command{
		Name:      "dev",
		Usage:     "serve a project or a file on this machine and reload it on save",
		ArgsUsage: "[directory or file]",
		Description: "Serves the project in the directory (the present one by default), or a single .js or .ts file.\n" +
			"Errors are shown in the terminal and in the browser, where they are in the source. When a save breaks\n" +
			"the code, the last version that worked goes on serving.",
		Flags: append([]cli.Flag{
			&cli.IntFlag{Name: "port", Aliases: []string{"p"}, Value: 8787, Usage: "`port` to listen on; 0 takes a free one"},
			&cli.StringFlag{Name: "host", Value: "127.0.0.1", Usage: "`address` to listen on; 0.0.0.0 lets the network in"},
			&cli.IntFlag{Name: "nodes", Usage: "serve it on so many `nodes`, each a process, behind a balancer: keys kill them, slow them and revive them"},
			&cli.BoolFlag{Name: "https", Usage: "serve https: with the certificate of [tls], else with one for this machine"},
			&cli.BoolFlag{Name: "open", Usage: "open a browser when ready"},
			&cli.StringFlag{Name: "log-level", Value: "debug", Usage: "least severe `level` shown: " + list(levels)},
			&cli.StringFlag{Name: "persist-to", Usage: "`directory` that keeps state (default: " + devState + " in the project)"},
			&cli.BoolFlag{Name: "test-scheduled", Usage: "call the scheduled handler when " + scheduledPath + "?cron=*+*+*+*+* is asked for"},
			&cli.BoolFlag{Name: "fresh", Usage: "begin without the state of earlier runs: it is deleted"},
			readyFileFlag(),
		}, sourceFlags()...),
		Action: func(c *cli.Context) error {
			from, err := sourceOf(c)
			if err != nil {
				return err
			}
			o := devOptions{
				persistTo: c.String("persist-to"), fresh: c.Bool("fresh"), testScheduled: c.Bool("test-scheduled"),
				source: from, readyFile: c.String("ready-file"), level: slices.Index(levels, c.String("log-level")), open: c.Bool("open"),
				https: c.Bool("https"),
			}
			o.source.dev = true
			if c.IsSet("port") {
				o.port = new(int)
				*o.port = c.Int("port")
			}
			if c.IsSet("host") {
				o.host = c.String("host")
			}
			if o.level < 0 {
				return usageError(suggest(c.String("log-level"), levels), "--log-level must be one of %s, got %q", list(levels), c.String("log-level"))
			}
			if o.port != nil && (*o.port < 0 || *o.port > 65535) {
				return usageError("", "--port must be from 0 to 65535, got %d", *o.port)
			}
			if !c.IsSet("nodes") {
				return dev(processOf(c), o)
			}
			switch o.nodes = c.Int("nodes"); {
			case o.nodes < fleetNodesMin || o.nodes > fleetNodesMax:
				return usageError("fortuna dev --nodes 3", "--nodes must be from %d, of which any one may be lost, to %d, got %d", fleetNodesMin, fleetNodesMax, o.nodes)
			case o.testScheduled:
				return usageError("fortuna dev --test-scheduled, without --nodes", "--test-scheduled is for the one process that fortuna dev is by itself")
			}
			return rehearse(processOf(c), o)
		},
	}
}

// readyFileFlag is for scripts that wait until a server can be asked.
func readyFileFlag() cli.Flag {
	return &cli.StringFlag{Name: "ready-file", Usage: "`file` that gets the address when requests can be sent"}
}

// envFlag chooses an environment.
func envFlag() cli.Flag {
	return &cli.StringFlag{Name: "env", Aliases: []string{"e"}, Usage: "`name` of a table [env.name] in fortuna.toml that applies"}
}

type devOptions struct {
	source
	port          *int   // nil: what fortuna.toml says
	host          string // "": what fortuna.toml says
	readyFile     string
	level         int    // index in levels
	persistTo     string // "": what fortuna.toml says
	fresh         bool
	testScheduled bool
	open          bool
	nodes         int  // 0: this process alone
	https         bool // also when fortuna.toml says nothing
}

// drainDeadline is how long requests in flight may take to finish after Ctrl-C, which must end the process within 2 s.
const drainDeadline = 1500 * time.Millisecond

// dev serves o.path until a signal.
func dev(p *process, o devOptions) error {
	signals := p.signals(os.Interrupt, syscall.SIGTERM)
	p.term.backlog = newBacklog() // before there is another goroutine that prints
	ready, err := openReadyFile(p.dir, o.readyFile)
	if err != nil {
		return err
	}
	defer ready.discard()
	w := newWorkshop(p, o)
	if err := w.open(); err != nil {
		return err
	}
	server, err := w.listen()
	if err != nil {
		return errors.Join(err, w.close())
	}
	// On a goroutine of its own, so that Ctrl-C never waits for a build.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- w.work(ctx, w.door.url(server.Addr()), ready) }()
	select {
	case err := <-ended:
		return errors.Join(err, server.Close())
	case sig := <-signals:
		w.state.rest()
		var running []*runtime.Runtime
		if code, _ := w.front.now(); code != nil {
			running = append(running, code)
		}
		drain(server, running, func(context.Context) error { return nil }, drainDeadline, signals)
		cancel()
		return errors.Join(endedBy(sig), <-ended) // the store is closed in good order
	}
}

// work builds the code, says when it is ready, and builds it again after each change until ctx ends. It closes w.
func (w *workshop) work(ctx context.Context, url string, ready *readyFile) (err error) {
	defer func() { err = errors.Join(err, w.close()) }()
	t := w.process.term
	w.greet()
	w.build()
	t.result("%s %s", t.out.paint(bold, "Ready on"), t.out.paint(cyan, url))
	if err := ready.tell(url); err != nil {
		return err
	}
	if w.options.open || w.project.config.Dev.Open {
		if err := openBrowser(url); err != nil {
			t.warn(err.Error())
		}
	}
	for {
		select {
		case changed := <-w.watcher.changes:
			w.change(changed)
		case <-w.state.changes:
			w.change([]string{""}) // it is as if a file had changed: what they were is part of the code's configuration
		case <-ctx.Done():
			return nil
		}
	}
}

// absolute is path as seen from dir.
func absolute(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
