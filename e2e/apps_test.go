package e2e

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge"
	"github.com/fortunadws/fortuna/runtime"
	"github.com/fortunadws/fortuna/runtime/bundle"
)

var record = flag.Bool("record", false, "record testdata/apps/answers.json anew from Deno (npm package deno)")

// appRequest is one request to one app of testdata/apps.
type appRequest struct {
	App     string            `json:"app"`
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Header  map[string]string `json:"header,omitempty"`
	Body    string            `json:"body,omitempty"`
	Repeat  string            `json:"repeat,omitempty"` // of the body, that many times
	Comment string            `json:"comment,omitempty"`
}

// appAnswer is what a server said.
type appAnswer struct {
	Request string   `json:"request"`
	Status  int      `json:"status"`
	Header  []string `json:"header"`
	Body    string   `json:"body"`
}

// TestApps_answerAsDenoDoes runs apps made with Hono, itty-router, zod and jose from npm, and compares status, header and
// body of every answer with what Deno gave for the same sources.
func TestApps_answerAsDenoDoes(t *testing.T) {
	dir := installApps(t)
	var requests []appRequest
	readJSON(t, "testdata/apps/requests.json", &requests)
	if *record {
		recordAnswers(t, dir, requests)
	}
	var want []appAnswer
	readJSON(t, "testdata/apps/answers.json", &want)
	if len(want) != len(requests) {
		t.Fatalf("%d requests but %d recorded answers: run go test ./e2e -run TestApps -record", len(requests), len(want))
	}
	addresses := map[string]string{}
	for i, q := range requests {
		if addresses[q.App] == "" {
			addresses[q.App] = serveApp(t, filepath.Join(dir, q.App))
		}
		got := ask(t, addresses[q.App], q)
		if got.Status != want[i].Status || got.Body != want[i].Body || !slices.Equal(got.Header, want[i].Header) {
			t.Errorf("%s\n got  %d %q\n      %s\n want %d %q\n      %s", got.Request,
				got.Status, got.Header, got.Body, want[i].Status, want[i].Header, want[i].Body)
		}
	}
}

// installApps copies the apps to a temporary directory and installs their packages there.
func installApps(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/apps")); err != nil {
		t.Fatal(err)
	}
	npm := exec.Command("npm", "install", "--no-audit", "--no-fund", "--loglevel=error")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		t.Fatalf("npm install, which this test needs: %v\n%s", err, out)
	}
	return dir
}

// serveApp serves one app in this process.
func serveApp(t *testing.T, entry string) string {
	t.Helper()
	b, err := bundle.Build(bundle.Options{Entry: entry, Root: filepath.Dir(entry)})
	if err != nil {
		t.Fatal(err)
	}
	rt := runtime.New(runtime.Config{Loops: 1, Failed: func(f *runtime.Failure) { t.Errorf("%v\n%s", f, f.Stack) }})
	if _, err := rt.Deploy(b); err != nil {
		t.Fatal(err)
	}
	server, err := edge.Listen(edge.Config{Addr: "127.0.0.1:0", Loops: 1, Handler: rt})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server.Addr().String()
}

// notCompared are fields that belong to the connection or the server, not to the app.
var notCompared = []string{"Date", "Server", "Vary", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive"}

func ask(t *testing.T, address string, q appRequest) appAnswer {
	t.Helper()
	body := q.Body
	if q.Repeat != "" {
		var n int
		if _, err := fmt.Sscan(q.Repeat, &n); err != nil {
			t.Fatal(err)
		}
		body = strings.Repeat(body, n)
	}
	request, err := http.NewRequest(q.Method, "http://"+address+q.Path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "app.test"
	for k, v := range q.Header {
		request.Header.Set(k, v)
	}
	client := http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		t.Fatalf("%s %s: %v", q.Method, q.Path, err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", q.Method, q.Path, err)
	}
	a := appAnswer{Request: q.App + ": " + q.Method + " " + q.Path, Status: response.StatusCode, Header: []string{}, Body: string(data)}
	for name, values := range response.Header {
		if slices.Contains(notCompared, name) {
			continue
		}
		for _, v := range values {
			if name == "Content-Type" { // "charset=UTF-8" or "charset=utf-8", with or without a space
				v = strings.ToLower(strings.ReplaceAll(v, "; ", ";"))
			}
			a.Header = append(a.Header, name+": "+v)
		}
	}
	slices.Sort(a.Header)
	return a
}

// recordAnswers asks Deno, from npm.
func recordAnswers(t *testing.T, dir string, requests []appRequest) {
	npm := exec.Command("npm", "install", "--no-audit", "--no-fund", "--no-save", "--loglevel=error", "deno")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		t.Fatalf("npm install deno: %v\n%s", err, out)
	}
	addresses := map[string]string{}
	var answers []appAnswer
	for _, q := range requests {
		if addresses[q.App] == "" {
			addresses[q.App] = serveDeno(t, dir, q.App)
		}
		answers = append(answers, ask(t, addresses[q.App], q))
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(answers); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("testdata/apps/answers.json", out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func serveDeno(t *testing.T, dir, app string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	l.Close()
	cmd := exec.Command(filepath.Join(dir, "node_modules/.bin/deno"), "serve", "--allow-all", "--no-check", "--node-modules-dir=manual",
		"--host", "127.0.0.1", "--port", port, app)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // how it ends is of no interest
	})
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return address
		}
	}
	t.Fatalf("deno does not listen on %s", address)
	return ""
}
