package e2e

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// startServe runs fortuna serve with this code and configuration, and returns it with its URL. What it logs goes to
// logged, line by line, until it ends.
func startServe(t *testing.T, config, code string, logged chan<- string) (cmd *exec.Cmd, url string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"fortuna.toml": config, "index.js": code} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	path, err := exec.LookPath("fortuna") // testscript.Main has put it into the PATH
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(path, "serve", "--listen", "127.0.0.1:0", dir)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it may have ended
	lines := bufio.NewScanner(log)
	for url == "" {
		if !lines.Scan() {
			t.Fatal("it is never ready")
		}
		if ready := readyLine.FindStringSubmatch(lines.Text()); ready != nil {
			url = ready[1]
		}
	}
	go func() {
		defer close(logged)
		for lines.Scan() {
			logged <- lines.Text()
		}
	}()
	return cmd, url
}

var readyLine = regexp.MustCompile(`"msg":"ready","url":"([^"]+)"`)

// What handlers have begun is answered after SIGTERM, and nothing new begins.
func TestServe_drain(t *testing.T) {
	const clients = 60
	logged := make(chan string, 1000)
	cmd, url := startServe(t, "", `
		export default async (request) => {
			console.info("begun");
			await new Promise((done) => setTimeout(done, 2000 + Math.random() * 2000));
			return new Response("done");
		};`, logged)
	results := make(chan error, clients)
	for range clients {
		go func() {
			answer, err := (&http.Client{Transport: &http.Transport{}}).Get(url)
			if err == nil {
				var body []byte
				if body, err = io.ReadAll(answer.Body); err == nil && string(body) != "done" {
					err = &unexpected{string(body)}
				}
				answer.Body.Close()
			}
			results <- err
		}()
	}
	for begun := 0; begun < clients; {
		select {
		case line := <-logged:
			begun += strings.Count(line, `"text":"begun"`)
		case <-time.After(patience):
			t.Fatalf("%d of %d requests have begun", begun, clients)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for line := ""; !strings.Contains(line, `"msg":"draining"`); {
		select {
		case line = <-logged:
		case <-time.After(patience):
			t.Fatal("it does not drain")
		}
	}
	for range 20 {
		// The refusal may be there before the request is, which net/http's client takes for an error.
		c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n") // perhaps too late
		answer, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		c.Close()
		if answer.StatusCode != 503 || answer.Header.Get("Retry-After") == "" {
			t.Fatalf("a new request got %s while draining, want 503 with Retry-After", answer.Status)
		}
	}
	for range clients {
		select {
		case err := <-results:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(patience):
			t.Fatal("an answer is missing")
		}
	}
	for line := range logged {
		if strings.Contains(line, `"text":"begun"`) {
			t.Error("a handler has begun while draining")
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("SIGTERM: %v, want exit code 0", err)
	}
}

type unexpected struct{ body string }

func (u *unexpected) Error() string { return "the answer is " + u.body }

// A reload drops no request.
func TestServe_reload(t *testing.T) {
	logged := make(chan string, 100_000)
	cmd, url := startServe(t, "", `export default async () => { await new Promise((done) => setTimeout(done, 1)); return new Response("ok"); };`, logged)
	ctx, stop := context.WithCancel(context.Background())
	var answered atomic.Int64
	ended := make(chan error, 4)
	for range cap(ended) {
		go func() {
			client := &http.Client{Transport: &http.Transport{}}
			for ctx.Err() == nil {
				answer, err := client.Get(url)
				if err != nil {
					ended <- err
					return
				}
				_, err = io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
				if err == nil && answer.StatusCode != 200 {
					err = &unexpected{answer.Status}
				}
				if err != nil {
					ended <- err
					return
				}
				answered.Add(1)
			}
			ended <- nil
		}()
	}
	for range 5 {
		if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		for line := ""; !strings.Contains(line, `"msg":"reloaded"`); {
			select {
			case line = <-logged:
			case <-time.After(patience):
				t.Fatal("it does not reload")
			}
		}
	}
	stop()
	for range cap(ended) {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if answered.Load() == 0 {
		t.Error("nothing was answered meanwhile")
	}
}

// TestServe_assetsChange changes files again and again while they are asked for: every answer is a whole file of one moment.
func TestServe_assetsChange(t *testing.T) {
	dir := t.TempDir()
	writeSite := func(version string) {
		t.Helper()
		for name, n := range map[string]int{"small.txt": 4 << 10, "large.txt": 300 << 10} {
			file := filepath.Join(dir, "public", name)
			if err := os.WriteFile(file+".new", bytes.Repeat([]byte(version), n), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(file+".new", file); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "public"), 0o755); err != nil {
		t.Fatal(err)
	}
	writeSite("0")
	logged := make(chan string)
	go func() {
		for range logged { // until it ends
		}
	}()
	cmd, url := startServe(t, fmt.Sprintf("[log]\naccess = false\n[assets]\ndir = %q\nmemory_file_bytes = 100000\n", filepath.Join(dir, "public")),
		"export default () => new Response('app')", logged)
	var asked, failed atomic.Int64
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for i := range 4 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				name, want := "small.txt", 4<<10
				if i%2 == 1 {
					name, want = "large.txt", 300<<10
				}
				asked.Add(1)
				r, err := http.Get(url + "/" + name)
				if err != nil {
					failed.Add(1)
					t.Error(err)
					continue
				}
				body, err := io.ReadAll(r.Body)
				r.Body.Close()
				if err != nil || r.StatusCode != 200 || len(body) != want || strings.Trim(string(body), string(body[:1])) != "" {
					failed.Add(1)
					t.Errorf("%s: %d, %d bytes, %v", name, r.StatusCode, len(body), err)
				}
			}
		})
	}
	for version := 'a'; version <= 'z'; version++ {
		writeSite(string(version))
		before := asked.Load()
		if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
			r, err := http.Get(url + "/small.txt")
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(r.Body)
			r.Body.Close()
			if err == nil && len(body) > 0 && rune(body[0]) == version && asked.Load() > before+100 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("version %c is never served: %.10q, %v", version, body, err)
			}
		}
	}
	close(stop)
	clients.Wait()
	t.Logf("%d requests, %d failed", asked.Load(), failed.Load())
}

// TestServe_inherited passes a listening socket to one process after another, as systemd does: what comes between waits.
func TestServe_inherited(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	socket, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	path, err := exec.LookPath("fortuna") // testscript.Main has put it into the PATH
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	code := filepath.Join(dir, "index.js")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	for i := range 3 {
		want := fmt.Sprint("run ", i)
		if err := os.WriteFile(code, []byte("export default () => new Response('"+want+"')"), 0o644); err != nil {
			t.Fatal(err)
		}
		answered := make(chan error, 1)
		go func() { // before anybody serves
			r, err := client.Get("http://" + l.Addr().String())
			if err == nil {
				var body []byte
				if body, err = io.ReadAll(r.Body); err == nil && string(body) != want {
					err = &unexpected{string(body)}
				}
				r.Body.Close()
			}
			answered <- err
		}()
		cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" serve "$1"`, path, dir)
		cmd.ExtraFiles = []*os.File{socket}
		var said bytes.Buffer
		cmd.Stderr = &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		err := <-answered
		if kill := cmd.Process.Signal(syscall.SIGTERM); kill != nil {
			t.Error(kill)
		}
		_ = cmd.Wait() // as by a signal
		if err != nil {
			t.Fatalf("run %d: %v\n%s", i, err, &said)
		}
	}
}
