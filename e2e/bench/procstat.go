package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// clockTick is the unit of times in /proc: USER_HZ, which is 100 on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// procStat is what /proc/<pid>/stat says of a process, all its threads together.
type procStat struct {
	pid   int
	group int
	cpu   time.Duration // user and system
	rss   int64         // bytes
}

// parseStat reads a line of /proc/<pid>/stat; see proc_pid_stat(5). The name of the program, in parentheses, may itself
// hold spaces and parentheses.
func parseStat(line []byte) (procStat, error) {
	name := bytes.LastIndexByte(line, ')')
	if name < 0 {
		return procStat{}, fmt.Errorf("read /proc stat: no program name in %q", line)
	}
	pid, _, _ := strings.Cut(string(line), " ")
	fields := strings.Fields(string(line[name+1:]))
	const first = 3 // number of fields[0] in the manual
	if len(fields) <= 24-first {
		return procStat{}, fmt.Errorf("read /proc stat: %d fields after the name in %q", len(fields), line)
	}
	var numbers [5]int64
	for i, text := range []string{pid, fields[5-first], fields[14-first], fields[15-first], fields[24-first]} {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return procStat{}, fmt.Errorf("read /proc stat: %w", err)
		}
		numbers[i] = n
	}
	return procStat{
		pid:   int(numbers[0]),
		group: int(numbers[1]),
		cpu:   time.Duration(numbers[2]+numbers[3]) * clockTick,
		rss:   numbers[4] * int64(os.Getpagesize()),
	}, nil
}

// groupStats are the living processes of a process group.
func groupStats(group int) ([]procStat, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	var members []procStat
	for _, path := range paths {
		line, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // it has just ended
		}
		if err != nil {
			return nil, err
		}
		s, err := parseStat(line)
		if err != nil {
			return nil, err
		}
		if s.group == group {
			members = append(members, s)
		}
	}
	if len(members) == 0 {
		return nil, fmt.Errorf("no process is left of group %d", group)
	}
	return members, nil
}

// busy is how many processes wanted a core on average in the last minute: what else the machine does.
func busy() (float64, error) {
	line, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(line), " ")
	return strconv.ParseFloat(first, 64)
}
