package main

import (
	"strings"
	"testing"
)

func TestSpreadOf(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   spread
	}{
		{nil, spread{}},
		{[]float64{3}, spread{3, 3, 3}},
		{[]float64{9, 1, 2}, spread{2, 1, 9}},
		{[]float64{4, 1, 2, 9}, spread{3, 1, 9}},
	} {
		if got := spreadOf(c.values); got != c.want {
			t.Errorf("%v: got %+v, want %+v", c.values, got, c.want)
		}
	}
}

// The second round was slow for both: the ratio does not see it.
func TestTabulate_ratiosAreRoundByRound(t *testing.T) {
	table := tabulate("hello", []row{
		{name: "fortuna", samples: []sample{{cpu: 5}, {cpu: 50}}},
		{name: "bun", version: "1.4.5", rss: 3 << 20, samples: []sample{{cpu: 10}, {cpu: 100}}},
	})
	bun := table.Servers[1]
	if want := (spread{55, 10, 100}); bun.CPU != want {
		t.Errorf("CPU: got %+v, want %+v", bun.CPU, want)
	}
	if want := (spread{0.5, 0.5, 0.5}); bun.CPURatio != want {
		t.Errorf("ratio: got %+v, want %+v", bun.CPURatio, want)
	}
	var b strings.Builder
	if err := table.print(&b); err != nil {
		t.Fatal(err)
	}
	if want := "bun      1.4.5    55.0 (10.0-100.0)  0.50 (0.50-0.50)"; !strings.Contains(b.String(), want) {
		t.Errorf("got\n%s\nwant a line with %q", b.String(), want)
	}
}

func TestTabulate_withoutFortunaHasNoRatios(t *testing.T) {
	table := tabulate("hello", []row{{name: "bun", samples: []sample{{cpu: 10}}}})
	if got := table.Servers[0].CPURatio; got != (spread{}) {
		t.Errorf("got %+v, want none", got)
	}
}
