package main

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseOptions(t *testing.T) {
	o, err := parseOptions([]string{"-workloads", "hono,hello", "-servers", "bun,fortuna", "-rounds", "2", "-duration", "4s", "-cache", "/x"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if len(o.workloads) != 2 || o.workloads[0].name != "hono" || o.workloads[1].name != "hello" {
		t.Errorf("got workloads %v", o.workloads)
	}
	if o.rounds != 2 || o.window != 4*time.Second || o.cache != "/x" || len(o.probes) != 0 {
		t.Errorf("got %+v", o)
	}
	b := &bench{options: o}
	var names []string
	for _, p := range b.peers(workloads[0]) {
		names = append(names, p.name)
	}
	if want := []string{"fortuna", "bun"}; !slices.Equal(names, want) {
		t.Errorf("got servers %q, want %q", names, want)
	}
}

func TestParseOptions_onlyMeansNoWorkloads(t *testing.T) {
	o, err := parseOptions([]string{"-only", "idle,dials", "-cache", "/x"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if len(o.workloads) != 0 || len(o.probes) != 2 || o.probes[0].name != "idle" || o.probes[1].name != "dials" {
		t.Errorf("got workloads %v, probes %v", o.workloads, o.probes)
	}
}

func TestParseOptions_refuses(t *testing.T) {
	for args, want := range map[string]string{
		"-workloads helo":  `-workloads must be of hello, hono, hono-route, html50, json-echo, await2ms, got "helo"`,
		"-servers apache":  `got "apache"`,
		"-only speed":      `got "speed"`,
		"-rounds 0":        "-rounds and -c must be 1 or more",
		"-duration 1500ms": "whole seconds",
		"hello":            `there are only flags, got ["hello"]`,
	} {
		_, err := parseOptions(strings.Fields(args), io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", args, err, want)
		}
	}
}

func TestPeers_haveTheirFiles(t *testing.T) {
	for _, p := range append(hopPeers, peers...) {
		for _, from := range p.files {
			text, err := apps.ReadFile("apps/" + from)
			if err != nil {
				t.Errorf("%s: %v", p.name, err)
				continue
			}
			if _, err := (setting{Port: 1, NjsModule: "/m.so"}).fill(string(text)); strings.HasSuffix(from, ".tmpl") && err != nil {
				t.Errorf("%s: %s: %v", p.name, from, err)
			}
		}
	}
	for _, w := range workloads {
		if _, err := apps.ReadFile("apps/" + w.source); err != nil {
			t.Errorf("%s: %v", w.name, err)
		}
		for _, name := range w.servers {
			if !slices.Contains(peerNames(), name) {
				t.Errorf("%s: there is no server %q", w.name, name)
			}
		}
	}
}
