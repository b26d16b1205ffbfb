package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// quota is a part of a core that processes share: a control group of Linux, version 1. Close it after them.
type quota struct {
	dir     string
	burdens []*exec.Cmd
}

const (
	quotaRoot   = "/sys/fs/cgroup/cpu"
	quotaPeriod = 10 * time.Millisecond // short beside the answers that are measured
)

// newQuota makes one of so much of a core.
func newQuota(name string, cores float64) (*quota, error) {
	q := &quota{dir: filepath.Join(quotaRoot, fmt.Sprintf("fortuna-bench-%d-%s", os.Getpid(), name))}
	if err := os.Mkdir(q.dir, 0o755); err != nil {
		return nil, fmt.Errorf("a control group for a part of a core: %w: run as root where %s is (control groups, version 1)", err, quotaRoot)
	}
	period := quotaPeriod.Microseconds()
	for file, value := range map[string]int64{"cpu.cfs_period_us": period, "cpu.cfs_quota_us": int64(cores * float64(period))} {
		if err := q.write(file, int(value)); err != nil {
			_ = q.close() // nothing is in it
			return nil, err
		}
	}
	return q, nil
}

func (q *quota) write(file string, value int) error {
	return os.WriteFile(filepath.Join(q.dir, file), []byte(strconv.Itoa(value)), 0o644)
}

// add moves the processes of a server into it.
func (q *quota) add(s *server) error {
	members, err := groupStats(s.pid())
	for _, m := range members {
		if err == nil {
			err = q.write("cgroup.procs", m.pid)
		}
	}
	return err
}

// burden has so many other processes compute without end in it.
func (q *quota) burden(processes int) error {
	for range processes {
		c := exec.Command("sh", "-c", "while kill -0 $PPID; do i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; done") // or it would outlive a bench that is killed
		if err := c.Start(); err != nil {
			return err
		}
		q.burdens = append(q.burdens, c)
		if err := q.write("cgroup.procs", c.Process.Pid); err != nil {
			return err
		}
	}
	return nil
}

// close ends the burdens and removes the group, which is empty a moment after the last process of it has ended.
func (q *quota) close() error {
	for _, c := range q.burdens {
		_ = c.Process.Kill() // it runs until now
		_ = c.Wait()         // how it ended is known
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	for {
		err := os.Remove(q.dir)
		if err == nil {
			return nil
		}
		if pause(ctx, 10*time.Millisecond) != nil {
			return err
		}
	}
}
