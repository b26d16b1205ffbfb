package http1

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// suiteCase is one row of the HTTP/1.1 fixtures in e2e, which no one here wrote.
type suiteCase struct {
	Suite, Name, Expect, Tier string
	Raw                       []byte
}

// TestParse_suite gives each case to a parser as a connection would. The verdict is that on the first request. What
// differs from the suite is stored, with the reason, and must match exactly.
func TestParse_suite(t *testing.T) {
	var cases []suiteCase
	readJSON(t, "../../e2e/testdata/http1/cases.json", &cases)
	var known map[string]string
	readJSON(t, "../../e2e/testdata/http1/known_failures.json", &known)
	if len(cases) != 257 {
		t.Fatalf("%d cases, want 257", len(cases))
	}
	failed := map[string]bool{}
	for _, c := range cases {
		got := verdict(c.Raw)
		name := c.Tier + " " + c.Suite + " " + c.Name
		if c.Expect == "either" || got == c.Expect {
			continue
		}
		failed[name] = true
		if known[name] == "" {
			t.Errorf("%s: %s, want %s: %q", name, got, c.Expect, c.Raw)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if !failed[name] {
			t.Errorf("%s: is a known failure but passes", name)
		}
	}
}

func verdict(raw []byte) string {
	p := Parser{Limits: DefaultLimits()}
	var req exchange.Request
	_, done, err := p.Parse(raw, &req)
	switch {
	case err != nil:
		return "reject"
	case done:
		return "accept"
	default:
		return "wait"
	}
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
