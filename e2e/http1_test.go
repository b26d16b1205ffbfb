package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge"
	"github.com/fortunadws/fortuna/edge/exchange"
)

// http1Case is one row of the HTTP/1.1 fixtures, which no one here wrote: testdata/http1/README.md.
type http1Case struct {
	Suite, Name, Expect, Tier string
	Raw                       []byte
}

// TestHTTP1 sends each case on a connection of its own to a server that echoes any body. What differs from the suites
// is stored, with the reason, and must match exactly.
func TestHTTP1(t *testing.T) {
	var cases []http1Case
	readJSON(t, "testdata/http1/cases.json", &cases)
	var known map[string]string
	readJSON(t, "testdata/http1/known_failures.json", &known)

	server, err := edge.Listen(edge.Config{Addr: "127.0.0.1:0", Handler: exchange.HandlerFunc(echo)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })

	verdicts := make([]string, len(cases))
	var wg sync.WaitGroup
	slots := make(chan struct{}, 64) // well under what one address may open
	for i, c := range cases {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			var err error
			verdicts[i], err = http1Verdict(server.Addr().String(), c.Raw)
			if err != nil {
				t.Errorf("%s %s: %v", c.Suite, c.Name, err)
			}
		})
	}
	wg.Wait()

	failed := map[string]bool{}
	passed, scored := map[string]int{}, map[string]int{}
	for i, c := range cases {
		if c.Expect == "either" {
			continue
		}
		scored[c.Tier]++
		if verdicts[i] == c.Expect {
			passed[c.Tier]++
			continue
		}
		name := c.Tier + " " + c.Suite + " " + c.Name
		failed[name] = true
		if known[name] == "" {
			t.Errorf("%s: %s, want %s: %q", name, verdicts[i], c.Expect, c.Raw)
		}
	}
	for name := range known {
		if !failed[name] {
			t.Errorf("%s: is a known failure but passes", name)
		}
	}
	for _, tier := range []string{"core", "majority", "disputed"} {
		t.Logf("%s: %d of %d", tier, passed[tier], scored[tier])
	}
}

// echo answers 200 with the body of the request.
func echo(x exchange.Exchange) {
	body := x.Request().Body
	if !x.Request().Partial {
		echoWhole(x, body)
		return
	}
	var more func(piece []byte, err error)
	more = func(piece []byte, err error) {
		switch body = append(body, piece...); err {
		case nil:
			x.Receive(more)
		case io.EOF:
			echoWhole(x, body)
		}
	}
	x.Receive(more)
}

func echoWhole(x exchange.Exchange, body []byte) {
	x.Head(200, nil)
	if x.Write(body) != nil {
		return // the client has left
	}
	x.End()
}

// waitDeadline is how long the server has to answer before the verdict is that it waits: long for a busy machine, and
// the cases wait side by side.
const waitDeadline = 5 * time.Second

// http1Verdict is what the server makes of the first request in raw: "accept" when it answers 2xx, "reject" when it
// answers 4xx or 5xx or closes, "wait" when it does neither although it has had time to.
func http1Verdict(addr string, raw []byte) (string, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if _, err := c.Write(raw); err != nil {
		return "reject", nil // the server has closed while the rest was on its way
	}
	if err := c.SetReadDeadline(time.Now().Add(waitDeadline)); err != nil {
		return "", err
	}
	method, _, _ := strings.Cut(string(raw), " ") // to HEAD there is no body
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return "wait", nil
	case err != nil:
		return "reject", nil
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return "", err
	}
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return "accept", nil
	}
	return "reject", nil
}

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("read %s: %v", path, err)
	}
}
