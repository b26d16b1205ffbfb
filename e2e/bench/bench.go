// Command bench measures fortuna beside its peers on this machine, in one interleaved run, and prints ratios. It knows
// nothing of fortuna's inside: it builds the binary and measures it from without, as it does the others.
//
//	go run ./e2e/bench                          hello and hono, every server
//	go run ./e2e/bench -workloads html50 -servers fortuna,bun -rounds 3 -json
//	go run ./e2e/bench -only isolation,idle     what is measured of fortuna alone
//
// Each server is pinned to one core and is loaded by wrk from another. In every round every server has its turn, and the
// order changes from round to round, so that what else the machine does falls on all alike. Peers come from npm and
// Debian and are kept in a cache folder; nothing is installed on the system.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	interrupted := ctx.Err() != nil
	stop()
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case interrupted: // everything is stopped and removed
		os.Exit(130)
	default:
		fmt.Fprintf(os.Stderr, "bench: error: %v\n", err)
		os.Exit(1)
	}
}

// bench is one run.
type bench struct {
	options
	tools    *toolbox
	dir      string    // everything written while measuring; removed at the end
	progress io.Writer // for the person who waits
	upstream int       // port that the proxies lead to which are started next
}

type options struct {
	workloads   []*workload
	servers     []string // names of peers; empty is all a workload has
	probes      []probe  // instead of workloads
	rounds      int
	window      time.Duration
	connections int
	serverCPU   string // as taskset takes it
	loadCPU     string
	cache       string
	fortuna     string // a binary; empty builds it
	json        bool
}

func run(ctx context.Context, args []string, out, progress io.Writer) (err error) {
	o, err := parseOptions(args, progress)
	if err != nil {
		return err
	}
	b := &bench{options: o, progress: progress}
	if b.dir, err = os.MkdirTemp("", "fortuna-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if b.tools, err = b.install(ctx); err != nil {
		return err
	}
	r := report{Rounds: o.rounds, Seconds: o.window.Seconds(), Connections: o.connections, ServerCPU: o.serverCPU, LoadCPU: o.loadCPU}
	if r.Busy, err = busy(); err != nil {
		return err
	}
	for _, w := range o.workloads {
		rows, err := b.measure(ctx, w)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		r.Workloads = append(r.Workloads, tabulate(w.name, rows))
	}
	for _, p := range o.probes {
		figures, err := p.measure(ctx, b)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		r.Probes = append(r.Probes, probeReport{Name: p.name, About: p.about, Figures: figures})
	}
	if o.json {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	return r.print(out)
}

func parseOptions(args []string, usage io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(usage)
	names := f.String("workloads", "hello,hono", "comma-separated, of "+strings.Join(workloadNames(), ", "))
	servers := f.String("servers", "", "comma-separated, of "+strings.Join(peerNames(), ", ")+"; all by default")
	only := f.String("only", "", "measure these of fortuna instead, comma-separated: "+strings.Join(probeNames(), ", "))
	f.IntVar(&o.rounds, "rounds", 7, "rounds; medians are over them")
	f.DurationVar(&o.window, "duration", 3*time.Second, "of the load on one server in one round, in whole seconds")
	f.IntVar(&o.connections, "c", 64, "connections of the load")
	f.StringVar(&o.serverCPU, "server-cpu", "0", "core of the servers")
	f.StringVar(&o.loadCPU, "load-cpu", "1", "core of the load")
	f.StringVar(&o.cache, "cache", "", "folder of the peers' programs (default fortuna-bench in the user's cache folder)")
	f.StringVar(&o.fortuna, "fortuna", "", "measure this binary instead of building one")
	f.BoolVar(&o.json, "json", false, "print JSON")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("there are only flags, got %q: try -help", f.Args())
	}
	if o.rounds < 1 || o.connections < 1 || o.window < time.Second || o.window%time.Second != 0 {
		return o, fmt.Errorf("-rounds and -c must be 1 or more and -duration whole seconds, got %d, %d and %v", o.rounds, o.connections, o.window)
	}
	var err error
	if o.servers, err = choose("-servers", *servers, peerNames()); err != nil {
		return o, err
	}
	if *only == "" {
		chosen, err := choose("-workloads", *names, workloadNames())
		for _, name := range chosen {
			o.workloads = append(o.workloads, workloads[slices.Index(workloadNames(), name)])
		}
		if err != nil {
			return o, err
		}
	}
	chosen, err := choose("-only", *only, probeNames())
	for _, name := range chosen {
		o.probes = append(o.probes, probes[slices.Index(probeNames(), name)])
	}
	if err != nil {
		return o, err
	}
	if o.cache == "" {
		folder, err := os.UserCacheDir()
		if err != nil {
			return o, fmt.Errorf("%w: give a folder with -cache", err)
		}
		o.cache = filepath.Join(folder, "fortuna-bench")
	}
	if o.cache, err = filepath.Abs(o.cache); err != nil || o.fortuna == "" {
		return o, err
	}
	o.fortuna, err = filepath.Abs(o.fortuna)
	return o, err
}

// choose splits a comma-separated list whose words must be known.
func choose(flag, list string, known []string) ([]string, error) {
	if list == "" {
		return nil, nil
	}
	words := strings.Split(list, ",")
	for _, word := range words {
		if !slices.Contains(known, word) {
			return nil, fmt.Errorf("%s must be of %s, got %q", flag, strings.Join(known, ", "), word)
		}
	}
	return words, nil
}

// say tells the person who waits what is going on.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.progress, format+"\n", args...)
}
