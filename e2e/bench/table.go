package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report is everything a run has found, as -json prints it.
type report struct {
	Rounds      int           `json:"rounds"`
	Seconds     float64       `json:"seconds"` // of load a round
	Connections int           `json:"connections"`
	ServerCPU   string        `json:"serverCPU"`
	LoadCPU     string        `json:"loadCPU"`
	Busy        float64       `json:"loadAverageBefore"`
	Workloads   []table       `json:"workloads,omitempty"`
	Probes      []probeReport `json:"probes,omitempty"`
}

// table is one workload on all servers.
type table struct {
	Name    string   `json:"name"`
	Servers []record `json:"servers"`
}

// record is one server in a table.
type record struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	CPU      spread `json:"cpuMicrosecondsPerRequest"`
	CPURatio spread `json:"cpuRatio"` // fortuna / this server
	Rate     spread `json:"requestsPerSecond"`
	RateOf   spread `json:"requestsPerSecondRatio"`
	P50      spread `json:"p50Milliseconds"`
	P99      spread `json:"p99Milliseconds"`
	P99Ratio spread `json:"p99Ratio"`
	RSS      int64  `json:"rssBytes"`
}

// spread is a figure over all rounds.
type spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return spread{Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, Min: sorted[0], Max: sorted[n-1]}
}

// tabulate makes the table of a workload. Ratios are taken round by round, where both servers met the same machine.
func tabulate(name string, rows []row) table {
	t := table{Name: name}
	reference := slices.IndexFunc(rows, func(r row) bool { return r.name == "fortuna" })
	for _, r := range rows {
		figure := func(of func(sample) float64) (values, ratios spread) {
			var all, relative []float64
			for i, s := range r.samples {
				all = append(all, of(s))
				if reference >= 0 && of(s) > 0 {
					relative = append(relative, of(rows[reference].samples[i])/of(s))
				}
			}
			return spreadOf(all), spreadOf(relative)
		}
		rec := record{Name: r.name, Version: r.version, RSS: r.rss}
		rec.CPU, rec.CPURatio = figure(func(s sample) float64 { return s.cpu })
		rec.Rate, rec.RateOf = figure(func(s sample) float64 { return s.perSec })
		rec.P50, _ = figure(func(s sample) float64 { return milliseconds(s.p50) })
		rec.P99, rec.P99Ratio = figure(func(s sample) float64 { return milliseconds(s.p99) })
		t.Servers = append(t.Servers, rec)
	}
	return t
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// print writes r for people.
func (r report) print(out io.Writer) error {
	_, err := fmt.Fprintf(out, "%d rounds of %g s; load on CPU %s; load average of the machine before: %.2f\n", r.Rounds, r.Seconds, r.LoadCPU, r.Busy)
	if err == nil && len(r.Workloads) > 0 {
		_, err = fmt.Fprintf(out, "c=%d; servers on CPU %s, interleaved; median (min-max); ratios are fortuna / server\n", r.Connections, r.ServerCPU)
	}
	if err != nil {
		return err
	}
	for _, t := range r.Workloads {
		if err := t.print(out); err != nil {
			return err
		}
	}
	for _, p := range r.Probes {
		if err := p.print(out); err != nil {
			return err
		}
	}
	return nil
}

func (t table) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\n%s\tversion\tCPU us/request\tratio\trequests/s\tratio\tp50 ms\tp99 ms\tratio\tRSS MB\n", t.Name)
	for _, r := range t.Servers {
		cells := []string{
			r.Name, r.Version, r.CPU.text("%.1f"), r.CPURatio.text("%.2f"), r.Rate.text("%.0f"), r.RateOf.text("%.2f"),
			r.P50.text("%.2f"), r.P99.text("%.2f"), r.P99Ratio.text("%.2f"), fmt.Sprintf("%.0f", float64(r.RSS)/(1<<20)),
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return w.Flush()
}

// text is a spread with its numbers in a format.
func (s spread) text(format string) string {
	if s == (spread{}) {
		return "-"
	}
	return fmt.Sprintf(format+" ("+format+"-"+format+")", s.Median, s.Min, s.Max)
}
