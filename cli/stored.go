package cli

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fortunadws/fortuna/cli/cluster"
	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/embedded"
	"github.com/fortunadws/fortuna/kv/secret"
	"github.com/fortunadws/fortuna/kv/session"
)

// stored is the state of a project as a command sees it: in the process that has it open, or opened for the command.
type stored struct {
	project *project
	dir     string // of the state
	node    string // data directory of the node that has it; "" when it is the project's own
	among   bool   // other nodes have it too
	store   *kv.Store
	server  *embedded.Server // nil when another process has it open
}

// storedFlags are the flags that openStored reads.
func storedFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "dir", Usage: "`directory` of the project (default: the present one)"},
		&cli.BoolFlag{Name: "serve", Usage: "the state that fortuna serve keeps, not that of dev"},
		&cli.StringFlag{Name: "data", Usage: "the state of a node: its data `directory`, where the store is"},
		&cli.StringFlag{Name: "persist-to", Usage: "`directory` that keeps the state, as told to fortuna dev"},
		envFlag(),
	}
}

// storedWait is how long a command waits for the store.
const storedWait = 30 * time.Second

// openStored opens the state that the flags name, and says on standard error which it is. It is made only if create says so.
func openStored(c *cli.Context, create bool) (*stored, error) {
	p := processOf(c)
	project, err := openProject(p.dir, c.String("dir"), c.String("env"))
	if err != nil {
		return nil, err
	}
	kind, what := devState, "dev"
	if c.Bool("serve") {
		kind, what = serveState, "serve"
	}
	s := &stored{project: project, dir: project.stateDir(p.dir, c.String("persist-to"), kind, p.getenv)}
	if data := c.String("data"); data != "" {
		if err := s.ofNode(absolute(p.dir, data)); err != nil {
			return nil, err
		}
		what = "the node " + data
	}
	dir := s.dir
	var source kv.Source
	how := ""
	if x := project.config.State.External; x.URL != "" && s.node == "" {
		source, how = x, "the NATS server of "+configFile
	} else if running, err := embedded.Reach(dir); err == nil {
		source, how = running, what+" in "+relative(project.root, dir)+", which is running"
	} else {
		if _, err := os.Stat(filepath.Join(dir, "STORE")); err != nil && !create {
			return nil, refused("fortuna "+what+", or name another directory: --dir, --serve, --persist-to", "nothing has been kept in %s yet", relative(project.root, dir))
		}
		if err := project.ignored(dir); err != nil {
			return nil, failed("", "%v", err)
		}
		if s.among {
			return nil, refused("fortuna serve --data "+s.node, "the node does not run, and without it and one more of the others nobody can open what they keep together")
		}
		if source, how, err = s.open(dir, what); err != nil {
			return nil, err
		}
	}
	p.term.note("%s", p.term.err.paint(dim, "State of "+how))
	if s.store, err = kv.Open(source, "command"); err != nil {
		s.close()
		return nil, &problem{exitUnreachable, err.Error(), ""}
	}
	return s, nil
}

// ofNode makes it the state of the node in a data directory.
func (s *stored) ofNode(data string) error {
	id, err := cluster.Load(data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return refused("fortuna serve --data "+data, "there is no node in %s", data)
	case err != nil:
		return refused("", "%v", err)
	case id.Role() != cluster.Core:
		return refused("do it where the first node runs", "the node %s has not the store", id.Name)
	}
	place := id.Place()
	s.node, s.dir, s.among = data, id.Path(storeDir(&place)), place.Shares()
	return nil
}

// secretKey is what the secrets of the app are encrypted with, as project.secretKey says.
func (s *stored) secretKey(create bool) (secret.Key, bool, error) {
	if s.node == "" {
		return s.project.secretKey(s.dir, create)
	}
	key, err := secret.ReadKey(filepath.Join(s.node, cluster.SecretsFile))
	if err != nil {
		return key, false, refused("", "%v", err)
	}
	return key, true, nil
}

// comes is how long a process that has the state, and cannot be reached, may take to begin or to end.
const comes = 5 * time.Second

// open opens the state for the command alone, or reaches the process that has it.
func (s *stored) open(dir, what string) (source kv.Source, how string, err error) {
	how = what + " in " + relative(s.project.root, dir)
	for begun := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		s.server, err = embedded.Solo(embedded.Options{Dir: dir, StoreBytes: 1 << 50, Log: slog.New(slog.DiscardHandler)})
		switch {
		case err == nil:
			return s.server, how, nil
		case !errors.Is(err, embedded.ErrInUse):
			return nil, "", refused("", "%v", err)
		}
		if running, err := embedded.Reach(dir); err == nil {
			return running, how + ", which is running", nil
		}
		if time.Since(begun) > comes {
			return nil, "", refused("end that process, or name another directory: --dir, --serve, --persist-to", "%s", strings.TrimPrefix(err.Error(), "embedded: "))
		}
	}
}

func (s *stored) close() {
	if s.store != nil {
		s.store.Close()
	}
	if s.server != nil {
		s.server.Close()
	}
}

// bucket opens one that is there; else, when nobody else has the state open, it is made.
func (s *stored) bucket(ctx context.Context, cfg kv.Config) (*kv.Bucket, error) {
	return s.bucketOf(ctx, cfg, s.server != nil)
}

// bucketOf opens one, and makes it if it may.
func (s *stored) bucketOf(ctx context.Context, cfg kv.Config, create bool) (*kv.Bucket, error) {
	b, err := s.store.Existing(ctx, cfg.Name)
	if errors.Is(err, kv.ErrNotFound) && create {
		cfg.BytesMax = s.project.config.State.storeBytes()
		b, err = s.store.Bucket(ctx, cfg)
	}
	if errors.Is(err, kv.ErrNotFound) {
		return nil, refused("add it to "+configFile+" while the app runs, or stop the app", "the app that runs has no such state")
	}
	if err != nil {
		return nil, storeProblem(err)
	}
	return b, nil
}

// namespace is that of [kv.NAME].
func (s *stored) namespace(ctx context.Context, name string) (*kv.Bucket, *kv.Space, error) {
	t, ok := s.project.config.KV[name]
	if !ok {
		names := slices.Sorted(maps.Keys(s.project.config.KV))
		hint := suggest(name, names)
		switch {
		case len(names) == 0:
			hint = "write [kv." + name + "] into " + configFile
		case hint == "":
			hint = "there are " + strings.Join(names, ", ")
		}
		return nil, nil, refused(hint, "%s has no table [kv.%s]", configFile, name)
	}
	b, err := s.bucket(ctx, kvBucket(t.History))
	if err != nil {
		return nil, nil, err
	}
	return b, b.Space(s.project.name(), name), nil
}

// sessions are those of the app.
func (s *stored) sessions(ctx context.Context) (*session.Store, func(), error) {
	if !s.project.config.Session.On {
		return nil, nil, refused("write [session] into "+configFile, "%s has no table [session]: the app keeps no sessions", configFile)
	}
	b, err := s.bucket(ctx, sessionsConfig())
	if err != nil {
		return nil, nil, err
	}
	r, err := b.Replica(ctx, 1<<20, nil)
	if err != nil {
		return nil, nil, storeProblem(err)
	}
	store, err := session.Open(ctx, b, r, s.project.config.Session.config(s.project.name()))
	if err != nil {
		r.Close()
		return nil, nil, storeProblem(err)
	}
	return store, func() { store.Close(); r.Close() }, nil
}

// storeProblem is what an error of the store means to the person who typed the command.
func storeProblem(err error) error {
	what := strings.TrimPrefix(err.Error(), "kv: ")
	switch {
	case errors.Is(err, kv.ErrUnavailable):
		return &problem{exitUnreachable, what, ""}
	case errors.Is(err, kv.ErrFull):
		return failed("delete something, or raise state.store_bytes", "%s", what)
	}
	return failed("", "%s", what)
}

// verb is what a command of several does.
type verb struct {
	name, words, about string
	flags              []string // besides those of storedFlags
	least, most        int      // words
	create             bool     // the state may be made by it
	run                func(ctx context.Context, c *cli.Context, s *stored, words []string) error
}

// verbs is a command whose first word says what is to be done.
func verbs(name, usage, about string, flags []cli.Flag, list []verb) *cli.Command {
	return &cli.Command{
		Name: name, Usage: usage, ArgsUsage: "verb ...", Flags: append(flags, storedFlags()...),
		Description: described(list) + "\n" + about,
		Action: func(c *cli.Context) error {
			v, words, err := verbOf(c, list, flags)
			if err != nil {
				return err
			}
			s, err := openStored(c, v.create)
			if err != nil {
				return err
			}
			defer s.close()
			return v.run(c.Context, c, s, words)
		},
	}
}

// verbOf finds the verb, and checks what was typed with it.
func verbOf(c *cli.Context, list []verb, flags []cli.Flag) (verb, []string, error) {
	help := "fortuna help " + c.Command.Name
	var names []string
	for _, v := range list {
		names = append(names, v.name)
	}
	name := c.Args().First()
	if name == "" {
		return verb{}, nil, usageError(help, "fortuna %s what? %s", c.Command.Name, strings.Join(names, ", "))
	}
	i := slices.Index(names, name)
	if i < 0 {
		if best := nearest(name, names); best != "" {
			help = "fortuna " + c.Command.Name + " " + strings.Join(append([]string{best}, c.Args().Tail()...), " ")
		}
		return verb{}, nil, usageError(help, "fortuna %s cannot %q", c.Command.Name, name)
	}
	v, words := list[i], c.Args().Tail()
	for _, f := range flags {
		if f := f.Names()[0]; c.IsSet(f) && !slices.Contains(v.flags, f) {
			return verb{}, nil, usageError(help, "fortuna %s %s has no flag --%s", c.Command.Name, v.name, f)
		}
	}
	if len(words) < v.least || len(words) > v.most {
		return verb{}, nil, usageError(help, "it is fortuna %s %s %s: got %d words behind it", c.Command.Name, v.name, v.words, len(words))
	}
	return v, words, nil
}
