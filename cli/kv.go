package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"github.com/fortunadws/fortuna/kv"
)

func kvCommand() *cli.Command {
	return verbs("kv", "read and change what handlers keep in env.NAME",
		"The state is that of fortuna dev in the present directory, whether it runs or not.",
		[]cli.Flag{
			&cli.BoolFlag{Name: "json", Usage: "print the result as JSON"},
			&cli.StringFlag{Name: "file", Usage: "`file` with the value of put; - is standard input"},
			&cli.IntFlag{Name: "ttl", Usage: "`seconds` that the value of put has to live"},
			&cli.StringFlag{Name: "metadata", Usage: "`JSON` that put attaches to the value"},
			&cli.BoolFlag{Name: "only-if-new", Usage: "put only if the key has no value"},
			&cli.Uint64Flag{Name: "rev", Usage: "put or del only if the key has this `revision`"},
			&cli.IntFlag{Name: "limit", Usage: "list so `many` keys at most"},
		},
		[]verb{
			{name: "get", words: "NAME key", about: "print the value, as it is", flags: []string{"json"}, least: 2, most: 2, run: kvGet},
			{name: "put", words: "NAME key [value]", about: "keep a value: that, or --file", flags: []string{"json", "file", "ttl", "metadata", "only-if-new", "rev"}, least: 2, most: 3, create: true, run: kvPut},
			{name: "del", words: "NAME key", about: "forget a key", flags: []string{"rev"}, least: 2, most: 2, run: kvDelete},
			{name: "list", words: "NAME [prefix]", about: "print the keys that begin with prefix", flags: []string{"json", "limit"}, least: 1, most: 2, run: kvList},
			{name: "history", words: "NAME key", about: "print what the key was, oldest first", flags: []string{"json"}, least: 2, most: 2, run: kvHistory},
			{name: "watch", words: "NAME [prefix]", about: "print the keys, and then every change, until Ctrl-C", flags: []string{"json"}, least: 1, most: 2, run: kvWatch},
			{name: "export", words: "NAME [file]", about: "write all keys with their values, a line of JSON each", least: 1, most: 2, run: kvExport},
			{name: "import", words: "NAME file", about: "keep what export has written; - is standard input", least: 2, most: 2, create: true, run: kvImport},
		})
}

// storedEntry is an entry as JSON. A value that is not UTF-8 is base64.
type storedEntry struct {
	Key        string          `json:"key"`
	Value      *string         `json:"value,omitempty"`
	Base64     []byte          `json:"base64,omitempty"`
	Metadata   json.RawMessage `json:"metadata,omitempty"`
	Expiration int64           `json:"expiration,omitempty"` // Unix seconds
	Rev        uint64          `json:"rev,omitempty"`
	Written    time.Time       `json:"written,omitzero"`
	Deleted    bool            `json:"deleted,omitempty"`
}

func storedEntryOf(e *kv.Entry, value bool) storedEntry {
	out := storedEntry{Key: e.Key, Metadata: json.RawMessage(e.Meta), Rev: e.Rev, Written: e.Written, Deleted: e.Deleted}
	if !e.Expires.IsZero() {
		out.Expiration = e.Expires.Unix()
	}
	switch {
	case !value || e.Deleted:
	case utf8.Valid(e.Value):
		text := string(e.Value)
		out.Value = &text
	default:
		out.Base64 = e.Value
	}
	return out
}

// printJSON prints a result as one line of JSON.
func printJSON(t *term, v any) error {
	text, err := json.Marshal(v)
	if err == nil {
		t.raw(string(text) + "\n")
	}
	return err
}

func kvGet(ctx context.Context, c *cli.Context, s *stored, words []string) error {
	ctx, cancel := context.WithTimeout(ctx, storedWait)
	defer cancel()
	_, space, err := s.namespace(ctx, words[0])
	if err != nil {
		return err
	}
	e, err := space.ReadWhole(ctx, words[1])
	if errors.Is(err, kv.ErrNotFound) {
		return failed("fortuna kv list "+words[0], "%s has no key %q", words[0], words[1])
	}
	if err != nil {
		return storeProblem(err)
	}
	if c.Bool("json") {
		return printJSON(processOf(c).term, storedEntryOf(&e, true))
	}
	processOf(c).term.raw(string(e.Value))
	return nil
}

func kvPut(ctx context.Context, c *cli.Context, s *stored, words []string) error {
	ctx, cancel := context.WithTimeout(ctx, storedWait)
	defer cancel()
	w := kv.Write{Key: words[1], TTL: time.Duration(c.Int("ttl")) * time.Second, Meta: c.String("metadata")}
	switch {
	case len(words) == 3 == c.IsSet("file"):
		return usageError("fortuna kv put NAME key value, or --file -", "put takes a value, or --file with it")
	case c.IsSet("ttl") && w.TTL <= 0:
		return usageError("", "--ttl must be 1 second or more, got %d", c.Int("ttl"))
	case w.Meta != "" && !json.Valid([]byte(w.Meta)):
		return usageError(`--metadata '{"a":1}'`, "--metadata must be JSON, got %q", w.Meta)
	case c.IsSet("rev") && c.Bool("only-if-new"):
		return usageError("", "--rev and --only-if-new cannot both hold")
	case c.Bool("only-if-new"):
		w.Check = kv.IfNew()
	case c.IsSet("rev"):
		w.Check = kv.IfRev(c.Uint64("rev"))
	}
	_, space, err := s.namespace(ctx, words[0])
	if err != nil {
		return err
	}
	if len(words) == 3 {
		w.Value = []byte(words[2])
	} else if w.Value, err = readInput(processOf(c), c.String("file"), kv.LargeBytesMax); err != nil {
		return err
	}
	rev, err := space.Put(ctx, w)
	switch {
	case errors.Is(err, kv.ErrExists):
		return failed("", "%s has the key %q already", words[0], words[1])
	case errors.Is(err, kv.ErrMismatch):
		return failed("fortuna kv get --json "+words[0]+" "+words[1], "the key has another revision than %d", c.Uint64("rev"))
	case err != nil:
		return storeProblem(err)
	}
	if c.Bool("json") {
		return printJSON(processOf(c).term, storedEntry{Key: words[1], Rev: rev})
	}
	processOf(c).term.note("Kept as revision %d.", rev)
	return nil
}

// readInput reads a file, or standard input for "-".
func readInput(p *process, name string, bytesMax int) ([]byte, error) {
	in := p.stdin
	if name != "-" {
		f, err := os.Open(absolute(p.dir, name))
		if err != nil {
			return nil, refused("", "%v", err)
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, int64(bytesMax)+1))
	if err != nil {
		return nil, failed("", "read %s: %v", name, err)
	}
	if len(b) > bytesMax {
		return nil, refused("", "%s has more than %d bytes, the most a value may have", name, bytesMax)
	}
	return b, nil
}

func kvDelete(ctx context.Context, c *cli.Context, s *stored, words []string) error {
	ctx, cancel := context.WithTimeout(ctx, storedWait)
	defer cancel()
	_, space, err := s.namespace(ctx, words[0])
	if err != nil {
		return err
	}
	w := kv.Write{Key: words[1], Delete: true}
	if c.IsSet("rev") {
		w.Check = kv.IfRev(c.Uint64("rev"))
	}
	if _, err := space.GetLeader(ctx, words[1]); errors.Is(err, kv.ErrNotFound) {
		return failed("fortuna kv list "+words[0], "%s has no key %q", words[0], words[1])
	}
	if _, err := space.Put(ctx, w); errors.Is(err, kv.ErrMismatch) {
		return failed("fortuna kv get --json "+words[0]+" "+words[1], "the key has another revision than %d", c.Uint64("rev"))
	} else if err != nil {
		return storeProblem(err)
	}
	return nil
}

// listPage is how many keys are asked for at a time.
const listPage = 1000

// eachKey calls f for every key that begins with prefix, in order, limit at most; 0 is no limit.
func eachKey(ctx context.Context, space *kv.Space, prefix string, limit int, f func(e *kv.Entry) error) error {
	after := ""
	for n := 0; ; {
		page, err := space.List(ctx, prefix, after, listPage)
		if err != nil {
			return storeProblem(err)
		}
		for i := range page.Entries {
			if limit > 0 && n == limit {
				return nil
			}
			n++
			after = page.Entries[i].Key
			if err := f(&page.Entries[i]); err != nil {
				return err
			}
		}
		if !page.More {
			return nil
		}
	}
}

func kvList(ctx context.Context, c *cli.Context, s *stored, words []string) error {
	t := processOf(c).term
	_, space, err := s.namespace(ctx, words[0])
	if err != nil {
		return err
	}
	return eachKey(ctx, space, second(words), c.Int("limit"), func(e *kv.Entry) error {
		if c.Bool("json") {
			return printJSON(t, storedEntryOf(e, false))
		}
		t.result("%s", t.out.printable(e.Key))
		return nil
	})
}

func second(words []string) string {
	if len(words) < 2 {
		return ""
	}
	return words[1]
}

func kvHistory(ctx context.Context, c *cli.Context, s *stored, words []string) error {
	ctx, cancel := context.WithTimeout(ctx, storedWait)
	defer cancel()
	b, space, err := s.namespace(ctx, words[0])
	if err != nil {
		return err
	}
	t := processOf(c).term
	if b.History() == 1 {
		t.note("One value is kept of each key: [kv.%s] history = 10 keeps ten.", words[0])
	}
	all, err := space.History(ctx, words[1])
	if err != nil {
		return storeProblem(err)
	}
	for i := range all {
		if err := printChange(t, c.Bool("json"), &all[i]); err != nil {
			return err
		}
	}
	if len(all) == 0 {
		return failed("fortuna kv list "+words[0], "%s has no key %q", words[0], words[1])
	}
	return nil
}

// printChange prints what happened to a key.
func printChange(t *term, asJSON bool, e *kv.Entry) error {
	if asJSON {
		return printJSON(t, storedEntryOf(e, true))
	}
	value := strconv.Quote(string(e.Value))
	if e.Deleted {
		value = t.out.paint(dim, "deleted")
	}
	t.result("%s  %d  %s  %s", e.Written.UTC().Format(time.RFC3339), e.Rev, t.out.printable(e.Key), value)
	return nil
}

func kvWatch(ctx context.Context, c *cli.Context, s *stored, words []string) error {
	p := processOf(c)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	interrupted := p.signals(os.Interrupt)
	go func() {
		<-interrupted
		cancel()
	}()
	b, space, err := s.namespace(ctx, words[0])
	if err != nil {
		return err
	}
	r, err := b.Replica(ctx, 1<<20, nil)
	if err != nil {
		return storeProblem(err)
	}
	defer r.Close()
	w, err := r.Watch(ctx, space, strings.TrimSuffix(second(words), "*"))
	if err != nil {
		return storeProblem(err)
	}
	defer w.Close()
	for {
		e, err := w.Next(ctx)
		switch {
		case ctx.Err() != nil:
			return errInterrupted
		case errors.Is(err, kv.ErrBehind):
			return failed("watch again", "changes came faster than they could be printed, and some are lost")
		case err != nil:
			return storeProblem(err)
		}
		if !e.Deleted {
			if now, err := r.Read(ctx, space, e.Key, kv.Need{Rev: e.Rev}); err == nil && space.Whole(ctx, &now) == nil {
				e = now
			}
		}
		if err := printChange(p.term, c.Bool("json"), &e); err != nil {
			return err
		}
	}
}

func kvExport(ctx context.Context, c *cli.Context, s *stored, words []string) (err error) {
	p := processOf(c)
	_, space, err := s.namespace(ctx, words[0])
	if err != nil {
		return err
	}
	var out io.Writer = streamWriter{p.term, p.term.out}
	if name := second(words); name != "" && name != "-" {
		f, err := os.OpenFile(absolute(p.dir, name), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return refused("", "%v", err)
		}
		defer func() {
			if e := f.Close(); err == nil && e != nil {
				err = failed("", "%v", e)
			}
		}()
		out = f
	}
	shown := newProgress(p.term, "exported")
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	err = eachKey(ctx, space, "", 0, func(e *kv.Entry) error {
		full, err := space.ReadWhole(ctx, e.Key)
		if errors.Is(err, kv.ErrNotFound) { // meanwhile
			return nil
		}
		if err != nil {
			return storeProblem(err)
		}
		line := storedEntryOf(&full, true)
		line.Rev, line.Written = 0, time.Time{} // another store gives its own
		shown.step()
		return lines.Encode(line)
	})
	if err == nil {
		shown.done()
	}
	return err
}

func kvImport(ctx context.Context, c *cli.Context, s *stored, words []string) error {
	p := processOf(c)
	_, space, err := s.namespace(ctx, words[0])
	if err != nil {
		return err
	}
	in := p.stdin
	if words[1] != "-" {
		f, err := os.Open(absolute(p.dir, words[1]))
		if err != nil {
			return refused("", "%v", err)
		}
		defer f.Close()
		in = f
	}
	shown := newProgress(p.term, "imported")
	lines := json.NewDecoder(in)
	for {
		var e storedEntry
		if err := lines.Decode(&e); errors.Is(err, io.EOF) {
			shown.done()
			return nil
		} else if err != nil {
			return failed("a line is as fortuna kv export writes it: {\"key\":\"k\",\"value\":\"v\"}", "%s, entry %d: %v", words[1], shown.n+1, err)
		}
		w := kv.Write{Key: e.Key, Value: e.Base64, Meta: string(e.Metadata)}
		if e.Value != nil {
			w.Value = []byte(*e.Value)
		}
		if e.Expiration != 0 {
			if w.TTL = time.Until(time.Unix(e.Expiration, 0)).Truncate(time.Second); w.TTL < time.Second {
				continue // it has expired
			}
		}
		if _, err := space.Put(ctx, w); err != nil {
			return fmt.Errorf("%s, entry %d: %w", words[1], shown.n+1, storeProblem(err))
		}
		shown.step()
	}
}
