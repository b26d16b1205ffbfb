package http1

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fortunadws/fortuna/edge/exchange"
)

var update = flag.Bool("update", false, "write the golden files of testdata anew")

// TestParse_golden compares what is made of each .http file with the .golden file beside it. The stem says what the
// file is about; everything in accept is accepted, and what is in refuse ends in a refusal.
func TestParse_golden(t *testing.T) {
	for _, path := range goldenInputs(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".http"), func(t *testing.T) {
			got := feed(readFile(t, path)).String()
			golden := strings.TrimSuffix(path, "http") + "golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want := string(readFile(t, golden)); got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
			refused := strings.Contains(got, "refused ")
			if want := filepath.Base(filepath.Dir(path)) == "refuse"; refused != want {
				t.Errorf("refused is %t, want %t", refused, want)
			}
		})
	}
}

// TestParse_everySplit feeds each .http file whole, byte by byte, and cut in two at every position: the verdict and
// the requests must be the same.
func TestParse_everySplit(t *testing.T) {
	for _, path := range goldenInputs(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".http"), func(t *testing.T) {
			raw := readFile(t, path)
			want := feed(raw).String()
			if got := feed(raw, bytewise(raw)...).String(); got != want {
				t.Errorf("byte by byte\n%swhole\n%s", got, want)
			}
			for i := range raw {
				if got := feed(raw, i).String(); got != want {
					t.Errorf("cut at %d\n%swhole\n%s", i, got, want)
				}
			}
		})
	}
}

// transcript is what a parser made of one connection's input.
type transcript struct {
	requests []exchange.Request
	kept     []bool // KeepAlive after each
	ends     []int  // where each ends in the input
	refused  *Error
	left     int // bytes not taken
}

// feed gives raw to a parser in pieces, cut at the given increasing positions, as a connection would: what was not
// taken is fed again in front of the next piece.
func feed(raw []byte, cuts ...int) transcript { return feedWith(DefaultLimits(), raw, cuts...) }

func feedWith(limits Limits, raw []byte, cuts ...int) (out transcript) {
	p := Parser{Limits: limits}
	var req exchange.Request
	from := 0
	for _, to := range append(cuts, len(raw)) {
		for {
			n, done, err := p.Parse(raw[from:to:to], &req)
			from += n
			if err != nil {
				out.refused = err.(*Error)
				return out
			}
			if !done {
				break
			}
			out.requests = append(out.requests, req)
			out.kept = append(out.kept, p.KeepAlive())
			out.ends = append(out.ends, from)
			req = exchange.Request{}
		}
	}
	out.left = len(raw) - from
	return out
}

func bytewise(raw []byte) (cuts []int) {
	for i := range raw {
		cuts = append(cuts, i)
	}
	return cuts
}

func (out transcript) String() string {
	var b strings.Builder
	for i, r := range out.requests {
		fmt.Fprintf(&b, "method %q target %q path %q query %q host %q minor %d keep-alive %t\n",
			r.Method, r.Target, r.Path, r.Query, r.Host, r.Minor, out.kept[i])
		for _, f := range r.Header {
			fmt.Fprintf(&b, "  %q: %q\n", f.Name, f.Value)
		}
		if r.Body != nil {
			fmt.Fprintf(&b, "  body %q\n", r.Body)
		}
	}
	if out.refused != nil {
		fmt.Fprintf(&b, "refused %d %s: %s\n", out.refused.Status, out.refused.Code, out.refused.Reason)
	}
	if out.left > 0 {
		fmt.Fprintf(&b, "left %d\n", out.left)
	}
	return b.String()
}

func goldenInputs(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/*/*.http")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden requests: %v", err)
	}
	return paths
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
