package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// load is what one run of wrk has seen.
type load struct {
	requests int
	perSec   float64
	p50, p99 time.Duration
	bad      int // answers other than 2xx and 3xx
	broken   int // connects, reads, writes and waits that went wrong
}

var (
	wrkRequests = regexp.MustCompile(`(?m)^\s*(\d+) requests in `)
	wrkPerSec   = regexp.MustCompile(`(?m)^Requests/sec:\s*([0-9.]+)`)
	wrkLatency  = regexp.MustCompile(`(?m)^\s*(50|99)%\s+([0-9.]+)(us|ms|s|m)\s*$`)
	wrkBad      = regexp.MustCompile(`(?m)^\s*Non-2xx or 3xx responses: (\d+)`)
	wrkBroken   = regexp.MustCompile(`(?m)^\s*Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)`)
)

// parseWrk reads what wrk --latency prints.
func parseWrk(out []byte) (load, error) {
	var l load
	requests, perSec := wrkRequests.FindSubmatch(out), wrkPerSec.FindSubmatch(out)
	latencies := wrkLatency.FindAllSubmatch(out, -1)
	if requests == nil || perSec == nil || len(latencies) != 2 {
		return l, fmt.Errorf("read what wrk says: requests, rate or percentiles missing in %q", out)
	}
	var err error
	if l.requests, err = strconv.Atoi(string(requests[1])); err != nil {
		return l, err
	}
	if l.perSec, err = strconv.ParseFloat(string(perSec[1]), 64); err != nil {
		return l, err
	}
	for i, into := range []*time.Duration{&l.p50, &l.p99} {
		if *into, err = time.ParseDuration(string(latencies[i][2]) + string(latencies[i][3])); err != nil {
			return l, err
		}
	}
	if bad := wrkBad.FindSubmatch(out); bad != nil {
		if l.bad, err = strconv.Atoi(string(bad[1])); err != nil {
			return l, err
		}
	}
	if broken := wrkBroken.FindSubmatch(out); broken != nil {
		for _, text := range broken[1:] {
			n, err := strconv.Atoi(string(text))
			if err != nil {
				return l, err
			}
			l.broken += n
		}
	}
	return l, nil
}

// wrkScript is what wrk sends. %q of Go and of Lua agree on the plain text that it gets.
const wrkScript = `wrk.headers["Cookie"] = %q
`

const wrkPost = `wrk.method = "POST"
wrk.body = %q
wrk.headers["Content-Type"] = "application/json"
`

// wrkPause makes each connection wait between two requests, in milliseconds.
const wrkPause = `function delay() return %d end
`

// script writes what wrk sends for w, with a pause between the requests of a connection, to a file and gives its path.
func (b *bench) script(w *workload, pause time.Duration) (string, error) {
	text := fmt.Sprintf(wrkScript, cookie)
	if w.body != "" {
		text += fmt.Sprintf(wrkPost, w.body)
	}
	if pause > 0 {
		text += fmt.Sprintf(wrkPause, pause.Milliseconds())
	}
	path := filepath.Join(b.dir, w.name+".lua")
	return path, os.WriteFile(path, []byte(text), 0o644)
}

// errStalled is a load to which nothing at all was answered.
var errStalled = errors.New("no request was answered")

// press loads url for the window with wrk, and refuses the figures if any answer was not right. The load stands for other
// machines: where it shares a core, and may, it goes before all others.
func (b *bench) press(ctx context.Context, url, script string, connections int) (load, error) {
	c := exec.CommandContext(ctx, "nice", "-n", "-20", "taskset", "-c", b.loadCPU, b.tools.programs["wrk"], "-t1", "-c"+strconv.Itoa(connections),
		fmt.Sprintf("-d%ds", int(b.window.Seconds())), "--latency", "-s", script, url)
	c.Env = b.tools.env
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	if err := c.Run(); err != nil {
		return load{}, fmt.Errorf("run wrk: %w: %s", err, tail(said.Bytes()))
	}
	l, err := parseWrk(said.Bytes())
	switch {
	case err != nil:
	case l.bad > 0 || l.broken > 0:
		err = fmt.Errorf("of %d requests %d were answered with other than 2xx and %d broke: %s", l.requests, l.bad, l.broken, said.Bytes())
	case l.requests == 0:
		err = errStalled
	}
	return l, err
}
