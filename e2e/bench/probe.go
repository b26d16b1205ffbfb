package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// probe measures something of fortuna that has no peer beside it.
type probe struct {
	name    string
	about   string
	measure func(context.Context, *bench) ([]figure, error)
	beside  []string // peers that it measures too
}

var probes = []probe{
	{"isolation", "an endless loop on one route must not slow another; server on every core; 4 and 16 connections that pause 5 ms, and 64 that do not", isolation, nil},
	{"slowreader", "a reader that stalls in 32 MiB and sends one more byte must not cost CPU", slowReader, nil},
	{"dials", "a thousand connections at 256 file descriptors must not end the server", dials, nil},
	{"await2ms", "many clients on a handler that awaits 2 ms; server on every core", await, nil},
	{"sse", "1,000 clients of server-sent events, one event a second for a minute; server on every core", sse, nil},
	{"pipe", "1 GiB sent to a handler that answers with the body it gets; server on every core", pipe, nil},
	{"secured", "hello over TLS, beside nginx", secured, []string{"nginx"}},
	{"held", "connections that have had an answer and are idle; nginx, node and bun beside", held, []string{"nginx", "node", "bun"}},
	{"files", "a file of 4 kB and one of 1 MB, beside nginx and caddy", files, []string{"nginx", "caddy"}},
	{"attack", "5,000 attackers with slow heads, slow bodies and slow reads must not keep 500 good requests a second from their answers", attack, nil},
	{"overload", "ten times as many requests as can be computed; server on every core, and the load beside it", overload, nil},
	{"drain", "SIGTERM while handlers of 10 s are in flight must lose none of them", drained, nil},
	{"sessions", "sessions, keys and values, beside express-session and bun with Redis; with what keeps the state on one core", sessions, []string{"node", "bun", "redis"}},
	{"hop", "a request that another node answers, beside haproxy, nginx and caddy; CPU of what carries it alone", hop, []string{"haproxy", "nginx", "caddy"}},
	{"burdened", "three nodes, one of which has other work beside: what they answer together, by what nodes say of their load and by dice; each has a part of a core", burdened, nil},
	{"deploys", "a version every 2 s for 5 minutes on three nodes at 70 % load, and nodes that end under load by a balancer; all of it on every core", deploys, nil},
	{"idle", "what waiting costs", idle, nil},
}

func probeNames() []string {
	var names []string
	for _, p := range probes {
		names = append(names, p.name)
	}
	return names
}

// figure is one measured number, the median when it was measured several times.
type figure struct {
	Name   string  `json:"name"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit,omitempty"`
	Goal   float64 `json:"goal,omitempty"`  // Value is to be at most this; 0 is no goal
	Least  float64 `json:"least,omitempty"` // Value is to be at least this; 0 is no goal
	Rounds *spread `json:"rounds,omitempty"`
}

// over is f with what several rounds have measured.
func (f figure) over(values []float64) figure {
	s := spreadOf(values)
	f.Value, f.Rounds = s.Median, &s
	return f
}

// probeReport is what a probe has found.
type probeReport struct {
	Name    string   `json:"name"`
	About   string   `json:"about"`
	Figures []figure `json:"figures"`
}

func (p probeReport) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\n%s: %s\n", p.Name, p.About)
	for _, f := range p.Figures {
		goal := ""
		switch {
		case f.Goal > 0 && f.Value <= f.Goal:
			goal = fmt.Sprintf("met: at most %g", f.Goal)
		case f.Goal > 0:
			goal = fmt.Sprintf("MISSED: at most %g", f.Goal)
		case f.Least > 0 && f.Value >= f.Least:
			goal = fmt.Sprintf("met: at least %g", f.Least)
		case f.Least > 0:
			goal = fmt.Sprintf("MISSED: at least %g", f.Least)
		}
		value := number(f.Value) + " " + f.Unit
		if f.Rounds != nil {
			value += fmt.Sprintf(" (%s-%s)", number(f.Rounds.Min), number(f.Rounds.Max))
		}
		fmt.Fprintln(w, strings.TrimRight("  "+f.Name+"\t"+strings.TrimSpace(value)+"\t"+goal, "\t"))
	}
	return w.Flush()
}

// number writes counts without decimals, and all else with two.
func number(v float64) string {
	if v == math.Trunc(v) {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// peerOf is the peer of that name.
func peerOf(name string) peer {
	for _, p := range append([]peer{caddyPeer, redisPeer}, hopPeers...) {
		if p.name == name {
			return p
		}
	}
	return peers[slices.Index(peerNames(), name)]
}

// fortunaPeer is fortuna as a peer.
func fortunaPeer() peer { return peerOf("fortuna") }

// startProbe starts fortuna with an app of apps that needs no bundling, on cpu, or on all when that is empty.
func (b *bench) startProbe(ctx context.Context, name, source, cpu string, before ...string) (*server, error) {
	text, err := apps.ReadFile("apps/" + source)
	if err != nil {
		return nil, err
	}
	dir, err := b.site(filepath.Join("probe", name), text)
	if err != nil {
		return nil, err
	}
	return b.start(ctx, fortunaPeer(), dir, cpu, before...)
}
