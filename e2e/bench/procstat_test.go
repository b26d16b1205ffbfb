package main

import (
	"os"
	"syscall"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	line, err := os.ReadFile("testdata/stat_odd_name")
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseStat(line)
	if err != nil {
		t.Fatal(err)
	}
	want := procStat{pid: 4711, group: 4700, cpu: 3 * time.Second, rss: 2560 * int64(os.Getpagesize())}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestParseStat_refuses(t *testing.T) {
	for _, line := range []string{"", "1 name R 1", "1 (name) R 1 1 1", "x (name) R 1 1 1 0 -1 0 0 0 0 0 5 5 0 0 20 0 1 0 1 1 1"} {
		if got, err := parseStat([]byte(line)); err == nil {
			t.Errorf("%q: got %+v, want an error", line, got)
		}
	}
}

func TestGroupStats_findsThisProcess(t *testing.T) {
	members, err := groupStats(syscall.Getpgrp())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		if m.pid == os.Getpid() && m.rss > 0 {
			return
		}
	}
	t.Errorf("process %d is not in %+v", os.Getpid(), members)
}
