package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience bounds every wait of a script; nothing that works needs nearly as long.
const patience = 30 * time.Second

// devProcess is the fortuna dev, or serve, of a script.
type devProcess struct {
	cmd   *exec.Cmd
	log   *transcript
	ended chan struct{} // closed when the process has ended
	stdin io.Writer

	visitor http.Client // of visit
	visits  int         // that have been answered

	scheme string // "http" or "https"
}

type devKey struct{}

func theDev(ts *testscript.TestScript) *devProcess { return ts.Value(devKey{}).(*devProcess) }

// transcript is what a process prints.
type transcript struct {
	mu   sync.Mutex
	text []byte
	from int // where the next said begins
	grew chan struct{}
}

func (l *transcript) Write(b []byte) (int, error) {
	l.mu.Lock()
	l.text = append(l.text, b...)
	l.mu.Unlock()
	select {
	case l.grew <- struct{}{}:
	default:
	}
	return len(b), nil
}

// take finds the pattern in what has not been taken yet, and takes all up to its end.
func (l *transcript) take(pattern *regexp.Regexp) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := pattern.FindIndex(l.text[l.from:])
	if at != nil {
		l.from += at[1]
	}
	return at != nil
}

func (l *transcript) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

func dev(ts *testscript.TestScript, neg bool, args []string) {
	background(ts, neg, append([]string{"dev", "--port", "0"}, args...))
}

func serve(ts *testscript.TestScript, neg bool, args []string) {
	background(ts, neg, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...))
}

func background(ts *testscript.TestScript, neg bool, args []string) {
	d := theDev(ts)
	if neg || d.cmd != nil {
		ts.Fatalf("usage: %s [flags], once", args[0])
	}
	ready := ts.MkAbs(".ready")
	ts.Check(os.RemoveAll(ready))
	// The binary that testscript.Main has put into the PATH of this process.
	path, err := exec.LookPath("fortuna")
	ts.Check(err)
	d.log = &transcript{grew: make(chan struct{}, 1)}
	d.cmd = exec.Command(path, append(args, "--ready-file", ready)...)
	d.cmd.Dir = ts.MkAbs(".")
	d.cmd.Env = append(os.Environ(), "NO_COLOR=1", "XDG_CONFIG_HOME="+ts.MkAbs(".config"))
	d.cmd.Stdout, d.cmd.Stderr = d.log, d.log
	d.stdin, err = d.cmd.StdinPipe()
	ts.Check(err)
	ts.Check(d.cmd.Start())
	d.ended = make(chan struct{})
	go func() {
		_ = d.cmd.Wait() // how it ended is in ProcessState
		close(d.ended)
	}()
	ts.Defer(func() {
		ts.Logf("[%s]\n%s", args[0], d.log)
		select {
		case <-d.ended:
		default:
			_ = d.cmd.Process.Kill()
			<-d.ended
		}
	})
	address := ""
	wait(ts, "the ready file", func() bool {
		select {
		case <-d.ended:
			ts.Fatalf("%s has ended: %v\n%s", args[0], d.cmd.ProcessState, d.log)
		default:
		}
		data, err := os.ReadFile(ready)
		d.scheme, address, _ = strings.Cut(strings.TrimSpace(string(data)), "://")
		return err == nil
	})
	ts.Setenv("ADDR", address)
	ts.Setenv("PORT", address[strings.LastIndex(address, ":")+1:])
}

// wait asks until ok, or fails the script.
func wait(ts *testscript.TestScript, what string, ok func() bool) {
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			ts.Fatalf("waited %v for %s", patience, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func said(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: said REGEXP")
	}
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	d := theDev(ts)
	late := time.After(patience)
	for !d.log.take(pattern) {
		select {
		case <-d.log.grew:
		case <-late:
			ts.Fatalf("dev has not said %q", args[0])
		}
	}
}

// question is an HTTP request of a script.
type question struct {
	method, path string
	header       http.Header
	body         string
}

// parse reads METHOD PATH, flags, and gives back what else there is.
func parse(ts *testscript.TestScript, args []string) (q question, rest []string) {
	q.header = http.Header{}
	for len(args) > 0 {
		switch arg := args[0]; {
		case arg == "-h" && len(args) > 1:
			name, value, _ := strings.Cut(args[1], ": ")
			q.header.Set(name, value)
			args = args[1:]
		case arg == "-d" && len(args) > 1:
			q.body = args[1]
			args = args[1:]
		default:
			rest = append(rest, arg)
		}
		args = args[1:]
	}
	if len(rest) < 2 {
		ts.Fatalf("usage: http METHOD PATH [-h 'Name: value'] [-d body]")
	}
	q.method, q.path = rest[0], rest[1]
	return q, rest[2:]
}

// send sends q and gives status, content type and body, a line each.
func send(ts *testscript.TestScript, q question) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, q.method, theDev(ts).scheme+"://"+ts.Getenv("ADDR")+q.path, strings.NewReader(q.body))
	ts.Check(err)
	r.Header = q.header
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if authority, err := os.ReadFile(ts.MkAbs(".config/fortuna/authority.crt")); err == nil {
		trusted := x509.NewCertPool()
		trusted.AppendCertsFromPEM(authority)
		transport.TLSClientConfig = &tls.Config{RootCAs: trusted}
	}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return fmt.Sprintf("%d\n%s\n%s", answer.StatusCode, answer.Header.Get("Content-Type"), body), err
}

func request(ts *testscript.TestScript, neg bool, args []string) {
	q, rest := parse(ts, args)
	if len(rest) > 0 {
		ts.Fatalf("http: what is %q?", rest)
	}
	got, err := send(ts, q)
	if neg {
		if err == nil {
			ts.Fatalf("somebody answered: %s", got)
		}
		return
	}
	ts.Check(err)
	fmt.Fprint(ts.Stdout(), got)
}

var adminAddress = regexp.MustCompile(`"msg":"admin listener","addr":"([^"]+)"`)

func admin(ts *testscript.TestScript, neg bool, args []string) {
	said := adminAddress.FindStringSubmatch(theDev(ts).log.String())
	if said == nil {
		ts.Fatalf("there is no admin listener")
	}
	app := ts.Getenv("ADDR")
	ts.Setenv("ADDR", said[1])
	defer ts.Setenv("ADDR", app)
	request(ts, neg, args)
}

func eventually(ts *testscript.TestScript, neg bool, args []string) {
	q, rest := parse(ts, args)
	if neg || len(rest) != 1 {
		ts.Fatalf("usage: eventually METHOD PATH REGEXP")
	}
	pattern, err := regexp.Compile(rest[0])
	ts.Check(err)
	got := ""
	wait(ts, fmt.Sprintf("%s %s to answer %q", q.method, q.path, rest[0]), func() bool {
		got, err = send(ts, q)
		return err == nil && pattern.MatchString(got)
	})
	fmt.Fprint(ts.Stdout(), got)
}

func signal(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]os.Signal{"INT": os.Interrupt, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "KILL": syscall.SIGKILL}
	if neg || len(args) != 1 || signals[args[0]] == nil {
		ts.Fatalf("usage: signal INT, TERM, HUP or KILL")
	}
	ts.Check(theDev(ts).cmd.Process.Signal(signals[args[0]]))
}

func press(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: press KEYS")
	}
	_, err := io.WriteString(theDev(ts).stdin, args[0])
	ts.Check(err)
}

func visit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: visit TIMES PATH")
	}
	times, err := strconv.Atoi(args[0])
	ts.Check(err)
	d := theDev(ts)
	if d.visitor.Jar == nil {
		d.visitor.Jar, err = cookiejar.New(nil)
		ts.Check(err)
		d.visitor.Timeout = 2 * patience
	}
	for range times {
		answer, err := d.visitor.Get(d.scheme + "://" + ts.Getenv("ADDR") + args[1])
		ts.Check(err)
		body, err := io.ReadAll(answer.Body)
		ts.Check(errors.Join(err, answer.Body.Close()))
		d.visits++
		if got := string(body); answer.StatusCode != 200 || got != strconv.Itoa(d.visits) {
			ts.Fatalf("visit %d is answered %d %q", d.visits, answer.StatusCode, got)
		}
	}
}

func ended(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ended CODE")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	d := theDev(ts)
	select {
	case <-d.ended:
	case <-time.After(patience):
		ts.Fatalf("dev has not ended")
	}
	if got := d.cmd.ProcessState.ExitCode(); got != want {
		ts.Fatalf("dev ended with %d, want %d", got, want)
	}
	fmt.Fprint(ts.Stdout(), d.log)
	d.cmd = nil
}

func write(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: write FILE TEXT")
	}
	text := bytes.ReplaceAll([]byte(args[1]), []byte(`\n`), []byte("\n"))
	path := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o755))
	ts.Check(os.WriteFile(path, text, 0o644))
}
