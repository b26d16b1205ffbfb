package binding

import (
	"testing"
	"time"
)

func TestParseCron(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text, after string
		zone        *time.Location
		next        []string
	}{
		{"*/5 * * * *", "2026-11-23T10:03:00Z", time.UTC, []string{"2026-11-23T10:05:00Z", "2026-11-23T10:10:00Z"}},
		{"0 9 * * 1-5", "2026-11-20T09:00:00Z", time.UTC, []string{"2026-11-23T09:00:00Z"}}, // from Friday to Monday
		{"0 9 * * MON-FRI", "2026-11-20T09:00:00Z", berlin, []string{"2026-11-23T08:00:00Z"}},
		{"TZ=Europe/Berlin 0 9 * * *", "2026-07-01T00:00:00Z", time.UTC, []string{"2026-07-01T07:00:00Z"}},
		{"0 0 13 * 5", "2026-11-01T00:00:00Z", time.UTC, []string{"2026-11-06T00:00:00Z", "2026-11-13T00:00:00Z"}}, // the 13th, and Fridays
		{"0 12 * * 0", "2026-11-23T00:00:00Z", time.UTC, []string{"2026-11-29T12:00:00Z"}},
		{"0 12 * * 7", "2026-11-23T00:00:00Z", time.UTC, []string{"2026-11-29T12:00:00Z"}},
		{"*/10 * * * * *", "2026-11-23T00:00:01Z", time.UTC, []string{"2026-11-23T00:00:10Z"}},
		{"@daily", "2026-11-23T00:00:01Z", berlin, []string{"2026-11-23T23:00:00Z"}},
		// An hour that is left out when clocks go forward is made up for; one that comes twice runs once.
		{"30 2 * * *", "2026-03-28T12:00:00Z", berlin, []string{"2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"}},
		{"30 * * * *", "2026-10-25T00:00:00Z", berlin, []string{"2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"}},
		{"30 2 * * *", "2026-10-24T12:00:00Z", berlin, []string{"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
	} {
		cron, err := ParseCron(c.text, c.zone)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		at, _ := time.Parse(time.RFC3339, c.after)
		for _, want := range c.next {
			at = cron.Next(at)
			if got := at.UTC().Format(time.RFC3339); got != want {
				t.Errorf("%s in %v: got %s, want %s", c.text, c.zone, got, want)
				break
			}
		}
	}
	for _, text := range []string{"", "* * * *", "61 * * * *", "* * * * * * *", "@every 1m", "0 0 30 2 *", "TZ=Mars/Olympus * * * * *", "x * * * *", "* * * * 8", "5/ * * * *", "*/0 * * * *"} {
		if c, err := ParseCron(text, time.UTC); err == nil {
			t.Errorf("%q is accepted, and next is %v", text, c.Next(time.Now()))
		}
	}
}

func FuzzParseCron(f *testing.F) {
	for _, seed := range []string{"*/5 * * * *", "0 0 L * *", "TZ=UTC 1-5 0 * * FRI#3", "@hourly", "15W"} {
		f.Add(seed)
	}
	now := time.Date(2026, 2, 28, 23, 59, 59, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCron(text, time.UTC)
		if err != nil {
			return
		}
		for at, n := now, 0; n < 3; n++ {
			next := c.Next(at)
			if next.IsZero() {
				return
			}
			if !next.After(at) {
				t.Fatalf("%q: after %v comes %v", text, at, next)
			}
			at = next
		}
	})
}
