package e2e

import (
	"context"
	"encoding/xml"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge"
	"github.com/fortunadws/fortuna/edge/exchange"
)

// TestHTTP2 runs h2spec, which no one here wrote. What differs from it is stored, with the reason, and must match
// exactly.
func TestHTTP2(t *testing.T) {
	var known map[string]string
	readJSON(t, "testdata/http2/known_failures.json", &known)
	hello := func(x exchange.Exchange) {
		x.Head(200, nil)
		_ = x.Write([]byte("hello ")) // fails only when the client is gone
		echo(x)
	}
	server, err := edge.Listen(edge.Config{Addr: "127.0.0.1:0", H2C: true, Handler: exchange.HandlerFunc(hello)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	host, port, err := net.SplitHostPort(server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // it may have to be built
	defer cancel()
	report := filepath.Join(t.TempDir(), "report.xml")
	out, err := exec.CommandContext(ctx, "go", "tool", "h2spec", "-h", host, "-p", port, "-o", "5", "-j", report).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) { // it fails when a case does
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var suites struct {
		Suites []struct {
			Cases []struct {
				Package string `xml:"package,attr"`
				Name    string `xml:"classname,attr"`
				Error   string `xml:"error"`
				Failure string `xml:"failure"`
				Skipped *struct {
				} `xml:"skipped"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(text, &suites); err != nil {
		t.Fatal(err)
	}
	passed, scored := 0, 0
	for _, s := range suites.Suites {
		for _, c := range s.Cases {
			name := c.Package + " " + c.Name
			failed := c.Error != "" || c.Failure != "" || c.Skipped != nil
			scored++
			switch {
			case !failed:
				passed++
				if known[name] != "" {
					t.Errorf("%s: is a known failure but passes", name)
				}
			case known[name] == "":
				t.Errorf("%s: %s%s", name, c.Error, c.Failure)
			}
		}
	}
	if scored != 145 {
		t.Errorf("%d cases of 145", scored)
	}
	t.Logf("%d of %d", passed, scored)
}
