package cli

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// outcome is what a run of the command line printed and left with.
type outcome struct {
	code     exitCode
	out, err string
}

// runIn runs a command line in a process of its own making.
func runIn(dir, stdin string, asks bool, args ...string) outcome {
	var out, err bytes.Buffer
	code := run(&process{
		args:   args,
		getenv: func(string) string { return "off" }, // GOGC and GOMEMLIMIT are the test's own
		dir:    dir,
		stdin:  strings.NewReader(stdin),
		asks:   asks,
		term:   &term{out: stream{w: &out}, err: stream{w: &err}},
		signals: func(...os.Signal) <-chan os.Signal {
			return nil
		},
	})
	return outcome{code, out.String(), err.String()}
}

func TestRun_usage(t *testing.T) {
	for _, tt := range []struct {
		args []string
		err  string
	}{
		{[]string{"dve", "app.ts"}, "fortuna: error: there is no command \"dve\"\nfortuna: hint: fortuna dev app.ts\n"},
		{[]string{"qqqqqqqq"}, "fortuna: error: there is no command \"qqqqqqqq\"\nfortuna: hint: fortuna help\n"},
		{[]string{"--port", "1"}, "fortuna: error: the command comes first: got the flag \"--port\"\nfortuna: hint: fortuna help\n"},
		{[]string{"dev", "--prot", "1"}, "fortuna: error: fortuna dev has no flag \"--prot\"\nfortuna: hint: fortuna dev --port\n"},
		{[]string{"dev", "--port"}, "fortuna: error: flag --port needs a value\nfortuna: hint: fortuna help dev\n"},
		{[]string{"dev", "--port", "x"}, "fortuna: error: invalid value \"x\" for flag --port\nfortuna: hint: fortuna help dev\n"},
		{[]string{"dev", "--port", "70000"}, "fortuna: error: --port must be from 0 to 65535, got 70000\n"},
		{[]string{"dev", "a", "b"}, "fortuna: error: fortuna dev takes one [directory or file], got 2: [\"a\" \"b\"]\nfortuna: hint: fortuna help dev\n"},
		{[]string{"dev", "--log-level", "inf"}, "fortuna: error: --log-level must be one of debug, log, info, warn, error and none, got \"inf\"\nfortuna: hint: did you mean \"info\"?\n"},
		{[]string{"version", "x"}, "fortuna: error: fortuna version takes no words, got [\"x\"]\nfortuna: hint: fortuna version\n"},
		{[]string{"completion", "bahs"}, "fortuna: error: completion is for bash, zsh and fish, got \"bahs\"\nfortuna: hint: fortuna completion bash\n"},
		{[]string{"init", "-t", "hallo"}, "fortuna: error: there is no template \"hallo\"\nfortuna: hint: did you mean \"hello\"?\n"},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			if got := runIn(t.TempDir(), "", false, tt.args...); got != (outcome{exitUsage, "", tt.err}) {
				t.Errorf("got %d %q %q, want %d and %q", got.code, got.out, got.err, exitUsage, tt.err)
			}
		})
	}
}

func TestRun_help(t *testing.T) {
	for _, args := range [][]string{nil, {"help"}, {"--help"}, {"-h"}} {
		got := runIn(t.TempDir(), "", false, args...)
		if got.code != exitOK || !strings.Contains(got.out, "\n  dev ") || got.err != "" {
			t.Errorf("%q: got %+v", args, got)
		}
	}
	for _, args := range [][]string{{"help", "dev"}, {"dev", "--help"}, {"dev", ".", "-h"}} {
		got := runIn(t.TempDir(), "", false, args...)
		if got.code != exitOK || !strings.Contains(got.out, "--ready-file") || got.err != "" {
			t.Errorf("%q: got %+v", args, got)
		}
	}
}

func TestArrange(t *testing.T) {
	app := newApp(&process{term: &term{}})
	for _, tt := range []struct{ in, want []string }{
		{[]string{"dev", "app.ts", "--port", "0", "--open"}, []string{"dev", "--port", "0", "--open", "--", "app.ts"}},
		{[]string{"dev", "-p", "0", "app.ts", "--var=A=1"}, []string{"dev", "-p", "0", "--var=A=1", "--", "app.ts"}},
		{[]string{"dev", "--var", "--port"}, []string{"dev", "--var", "--port", "--"}},
		{[]string{"dev", "--", "--port"}, []string{"dev", "--", "--port"}},
		{[]string{"dev", "-"}, []string{"dev", "--", "-"}},
		{[]string{"--version", "--json"}, []string{"version", "--json", "--"}},
		{[]string{"help", "init"}, []string{"init", "--help", "--"}},
	} {
		got, err := arrange(app, tt.in)
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("arrange(%q) = %q, %v; want %q", tt.in, got, err, tt.want)
		}
	}
}

func TestInit_asks(t *testing.T) {
	for _, tt := range []struct {
		name, stdin string
		asks        bool
		args        []string
		code        exitCode
		file        string
	}{
		{"chooses", "ts\n", true, []string{"init"}, exitOK, "src/page.ts"},
		{"takes the first", "\n", true, []string{"init"}, exitOK, "index.js"},
		{"is gone", "", true, []string{"init"}, exitInterrupted, ""},
		{"says yes", "ts\n", true, []string{"init", "-y"}, exitOK, "index.js"},
		{"is no person", "ts\n", false, []string{"init"}, exitOK, "index.js"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if got := runIn(dir, tt.stdin, tt.asks, tt.args...); got.code != tt.code {
				t.Fatalf("got %+v", got)
			}
			made, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			if tt.file == "" && len(made) > 0 {
				t.Errorf("made %v", made)
			}
			if tt.file != "" && !isFile(filepath.Join(dir, tt.file)) {
				t.Errorf("no %s in %v", tt.file, made)
			}
		})
	}
}

func TestSuggest(t *testing.T) {
	known := []string{"main", "name", "vars", "compatibility_date"}
	for word, want := range map[string]string{
		"mian": "main", "nam": "name", "varss": "vars", "compatability_date": "compatibility_date",
		"": "", "x": "", "zzzz": "", strings.Repeat("m", 10_000): "",
	} {
		if got := nearest(word, known); got != want {
			t.Errorf("nearest(%.20q) = %q, want %q", word, got, want)
		}
	}
}

func TestReport(t *testing.T) {
	var b bytes.Buffer
	tm := &term{out: stream{w: &b}, err: stream{w: &b}}
	for _, tt := range []struct {
		err  error
		code exitCode
		text string
	}{
		{nil, exitOK, ""},
		{errors.New("x"), exitFailed, "fortuna: error: x\n"},
		{errReported, exitFailed, ""},
		{errInterrupted, exitInterrupted, ""},
		{refused("do y", "x is %d", 1), exitRefused, "fortuna: error: x is 1\nfortuna: hint: do y\n"},
	} {
		b.Reset()
		if got := report(tm, tt.err); got != tt.code || b.String() != tt.text {
			t.Errorf("report(%v) = %d, %q", tt.err, got, b.String())
		}
	}
}
