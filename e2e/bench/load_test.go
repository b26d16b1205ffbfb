package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestParseWrk(t *testing.T) {
	for file, want := range map[string]load{
		"wrk_non2xx.txt": {
			requests: 31650, perSec: 28768.52, p50: 202 * time.Microsecond, p99: 10340 * time.Microsecond, bad: 316,
		},
		"wrk_timeouts.txt": {
			requests: 40, perSec: 19.90, p50: 989210 * time.Nanosecond, p99: 1990 * time.Millisecond, broken: 18,
		},
	} {
		t.Run(file, func(t *testing.T) {
			out, err := os.ReadFile(filepath.Join("testdata", file))
			if err != nil {
				t.Fatal(err)
			}
			got, err := parseWrk(out)
			if err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestParseWrk_refuses(t *testing.T) {
	for _, out := range []string{"", "unable to connect to 127.0.0.1:1 Connection refused\n", "  5 requests in 1.00s, 1KB read\n"} {
		if got, err := parseWrk([]byte(out)); err == nil {
			t.Errorf("%q: got %+v, want an error", out, got)
		}
	}
}
