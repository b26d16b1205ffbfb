package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/fortunadws/fortuna/edge"
	"github.com/fortunadws/fortuna/edge/assets"
	"github.com/fortunadws/fortuna/kv/session"
	"github.com/fortunadws/fortuna/runtime"
)

func limitsCommand() *cli.Command {
	return &cli.Command{
		Name:      "limits",
		Usage:     "print every limit, its value and why it is there",
		ArgsUsage: "[directory]",
		Description: "The values are those of the project in the directory (the present one by default): the defaults, with what\n" +
			"[limits] in fortuna.toml changes. STATUS is what a client is answered beyond the limit, if it is answered.",
		Flags: []cli.Flag{envFlag(), &cli.BoolFlag{Name: "json", Usage: "print the result as JSON"}},
		Action: func(c *cli.Context) error {
			dir, err := word(c)
			if err != nil {
				return err
			}
			p := processOf(c)
			path := absolute(p.dir, dir)
			if info, err := os.Stat(path); err != nil || !info.IsDir() {
				return refused("", "%s is not a directory", dir)
			}
			config, err := loadConfig(path, c.String("env"))
			if err != nil {
				return err
			}
			inside, outside, err := config.limits()
			if err != nil {
				return err
			}
			return printLimits(p.term, append(limitTable(inside, outside), config.ownLimits()...), c.Bool("json"))
		},
	}
}

// limit is one limit of the edge or of the runtime.
type limit struct {
	Key    string `json:"key"`
	Value  *int64 `json:"value"` // nil is no limit
	Unit   string `json:"unit"`
	Status int    `json:"status,omitempty"` // 0: nobody is answered
	Reason string `json:"reason"`
}

// limitTable are all limits, in the order they meet a request.
func limitTable(inside runtime.Limits, outside edge.Limits) (table []limit) {
	for _, r := range outside.Table() {
		l := limit{Key: r.Key, Value: &r.Value, Unit: r.Unit, Status: r.Status, Reason: r.Reason}
		if r.Value < 0 {
			l.Value = nil
		}
		table = append(table, l)
	}
	for _, r := range inside.Table() {
		table = append(table, limit{Key: r.Key, Value: &r.Value, Unit: r.Unit, Status: r.Status, Reason: r.Reason})
	}
	return table
}

// ownLimits are those of what has a table of its own in fortuna.toml. Their keys begin with its name.
func (c *config) ownLimits() []limit {
	row := func(key string, value int64, unit string, status int, reason string) limit {
		return limit{Key: key, Value: &value, Unit: unit, Status: status, Reason: reason}
	}
	s := c.Session.config("")
	return []limit{
		row("session.idle_s", int64(cmp.Or(s.Idle, session.Idle).Seconds()), "s", 0, "a session that nobody uses for so long is over"),
		row("session.absolute_s", int64(cmp.Or(s.Absolute, session.Absolute).Seconds()), "s", 0, "every session is over then"),
		row("session.stale_ms", cmp.Or(s.Stale, session.StaleMax).Milliseconds(), "ms", 503, "a copy of a session so old serves when the store does not answer, but on strict routes"),
		row("session.bytes_max", int64(cmp.Or(s.BytesMax, session.BytesMax)), "bytes", 0, "what one session holds: it is in the memory of every node"),
		row("session.new_per_minute", int64(c.Session.newMax()), "sessions", 429, "that one address may begin on a node (IPv6: one /64), unless it is private: nobody fills the store with them"),
		row("state.store_bytes", c.State.storeBytes(), "bytes", 0, "of the disk, for each kind of state: values, history, sessions, messages"),
		row("state.cache_bytes", c.State.cacheBytes(), "bytes", 0, "of memory, for copies of each kind of state"),
		row("assets.files_max", int64(cmp.Or(c.Assets.FilesMax, assets.FilesMax)), "files", 0, "of the directory that is served: all are read at the start"),
		row("assets.memory_bytes", cmp.Or(c.Assets.MemoryBytes, assets.MemoryBytes), "bytes", 0, "of files that are held in memory; others are read as they are sent"),
		row("assets.memory_file_bytes", cmp.Or(c.Assets.MemoryOfFile, assets.MemoryOfFile), "bytes", 0, "of one file that is held in memory"),
	}
}

func printLimits(t *term, table []limit, asJSON bool) error {
	if asJSON {
		text, err := json.MarshalIndent(table, "", "  ")
		if err == nil {
			t.raw(string(text) + "\n")
		}
		return err
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KEY\tVALUE\tUNIT\tSTATUS\tREASON")
	for _, l := range table {
		value, status := "none", "-"
		if l.Value != nil {
			value = strconv.FormatInt(*l.Value, 10)
		}
		if l.Status != 0 {
			status = strconv.Itoa(l.Status)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", l.Key, value, l.Unit, status, l.Reason)
	}
	_ = w.Flush() // into memory
	t.raw(b.String())
	return nil
}

// limits are the defaults with what [limits] changes.
func (c *config) limits() (runtime.Limits, edge.Limits, error) {
	inside, outside := runtime.DefaultLimits(), edge.DefaultLimits()
	for _, v := range c.Limits {
		if err := setLimit(&inside, &outside, v); err != nil {
			return inside, outside, err
		}
	}
	return inside, outside, nil
}

func setLimit(inside *runtime.Limits, outside *edge.Limits, v value) error {
	key := v.path[len(v.path)-1]
	var keys []string
	for _, row := range limitTable(*inside, *outside) {
		keys = append(keys, row.Key)
		if row.Key != key {
			continue
		}
		n, ok := v.v.(int64)
		if !ok || n <= 0 || n > 1<<31 {
			return v.expected("a whole number of " + row.Unit + " above 0")
		}
		text := strconv.FormatInt(n, 10)
		if outside.Set(key, text) == nil {
			return nil
		}
		return inside.Set(key, text)
	}
	hint := suggest(key, keys)
	if hint == "" {
		hint = "fortuna limits shows them"
	}
	return v.wrong(hint, "unknown key %q", v.key())
}
