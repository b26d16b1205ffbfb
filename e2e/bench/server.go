package main

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	startPatience = 20 * time.Second // of a server until it is ready
	stopPatience  = 3 * time.Second  // of a server until it ends after SIGTERM
	askPatience   = 10 * time.Second // of one request outside the load
)

// server is a running peer: a process group, pinned to a core. Close it.
type server struct {
	name  string
	dir   string
	port  int
	cmd   *exec.Cmd
	ended chan struct{} // closed when the first process has ended
}

// start runs p in dir, where app.js is, on cpu unless that is empty, and waits until it is ready. before is a command
// line that p's is appended to.
func (b *bench) start(ctx context.Context, p peer, dir, cpu string, before ...string) (*server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	values := setting{Port: port, NjsModule: b.tools.njs, Upstream: b.upstream}
	if err := p.place(dir, values); err != nil {
		return nil, err
	}
	line := slices.Clip(before)
	if cpu != "" {
		line = append(line, "taskset", "-c", cpu)
	}
	line = append(line, b.tools.programs[p.needs[0]])
	for _, arg := range p.args {
		filled, err := values.fill(arg)
		if err != nil {
			return nil, err
		}
		line = append(line, filled)
	}
	log, err := os.Create(dir + ".log") // a file and no pipe, whose reader would work beside the load
	if err != nil {
		return nil, err
	}
	defer log.Close() // the process has its own
	s := &server{name: p.name, dir: dir, port: port, cmd: exec.Command(line[0], line[1:]...), ended: make(chan struct{})}
	s.cmd.Dir = dir
	s.cmd.Env = append(slices.Clip(b.tools.env), "PORT="+strconv.Itoa(port))
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that all of it, and nothing else, can be measured and ended
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	go func() {
		_ = s.cmd.Wait() // how it ended is in ProcessState
		close(s.ended)
	}()
	if err := s.ready(ctx, p.ready); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// freePort is a port of the loopback interface that nobody listens on now.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// ready waits until s has written the file of that name or, when it writes none, accepts connections.
func (s *server) ready(ctx context.Context, file string) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for {
		if file != "" {
			if _, err := os.Stat(filepath.Join(s.dir, file)); err == nil {
				return nil
			}
		} else if c, err := net.Dial("tcp", s.addr()); err == nil {
			return c.Close()
		}
		select {
		case <-s.ended:
			return fmt.Errorf("%s has ended: %v\n%s", s.name, s.cmd.ProcessState, s.log())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready on port %d: %w\n%s", s.name, s.port, ctx.Err(), s.log())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *server) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

func (s *server) url(path string) string { return "http://" + s.addr() + path }

// log is the end of what s has printed.
func (s *server) log() []byte {
	said, err := os.ReadFile(s.dir + ".log")
	if err != nil {
		return []byte(err.Error())
	}
	return tail(said)
}

// pid is that of the first process of s, and of its group.
func (s *server) pid() int { return s.cmd.Process.Pid }

// cpu is the time that all processes of s have spent.
func (s *server) cpu() (time.Duration, error) {
	members, err := groupStats(s.pid())
	var sum time.Duration
	for _, m := range members {
		sum += m.cpu
	}
	return sum, err
}

// rss is the memory that all processes of s hold, in bytes.
func (s *server) rss() (int64, error) {
	members, err := groupStats(s.pid())
	var sum int64
	for _, m := range members {
		sum += m.rss
	}
	return sum, err
}

// alive is an error when the first process of s has ended.
func (s *server) alive() error {
	select {
	case <-s.ended:
		return fmt.Errorf("%s has ended: %v\n%s", s.name, s.cmd.ProcessState, s.log())
	default:
		return nil
	}
}

// close ends every process of s.
func (s *server) close() {
	// The group may be gone by itself; there is nothing to do then.
	_ = syscall.Kill(-s.pid(), syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(stopPatience):
	}
	_ = syscall.Kill(-s.pid(), syscall.SIGKILL)
	<-s.ended
}

// check asks s for w once: what does not answer right is not worth measuring.
func (s *server) check(ctx context.Context, w *workload) error {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	method := http.MethodGet
	if w.body != "" {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(ctx, method, s.url(w.path), strings.NewReader(w.body))
	if err != nil {
		return err
	}
	r.Header.Set("Cookie", cookie)
	if w.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	transport := &http.Transport{DisableKeepAlives: true}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return fmt.Errorf("ask %s: %w\n%s", s.name, err, s.log())
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return fmt.Errorf("ask %s: %w", s.name, err)
	}
	media, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if err != nil || answer.StatusCode != http.StatusOK || media != w.media || string(body) != w.want {
		return fmt.Errorf("%s answers %d %q %q, want 200 %q %q\n%s", s.name, answer.StatusCode, media, body, w.media, w.want, s.log())
	}
	return nil
}
