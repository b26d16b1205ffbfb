package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"
	terminal "golang.org/x/term"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/secret"
	"github.com/fortunadws/fortuna/runtime"
)

func secretCommand() *cli.Command {
	return verbs("secret", "keep what only the app may know, encrypted",
		"Handlers find a secret as env.NAME; an app that runs has it at once. The values are encrypted with a key that the store does not\n"+
			"hold: secrets.key in the state directory, or secrets.key_file of "+configFile+". Nothing prints a value. The state is that of fortuna\n"+
			"dev in the present directory, whether it runs or not.",
		[]cli.Flag{
			&cli.BoolFlag{Name: "json", Usage: "print the result as JSON"},
			&cli.StringFlag{Name: "file", Usage: "`file` with the value of set; without it the value is asked for, or read from standard input"},
		},
		[]verb{
			{name: "set", words: "NAME", about: "keep a value: a person is asked for it, else it is standard input", flags: []string{"file"}, least: 1, most: 1, create: true, run: secretSet},
			{name: "import", words: "file", about: "keep all of a file of KEY=VALUE lines; - is standard input", least: 1, most: 1, create: true, run: secretImport},
			{name: "list", words: "", about: "print the names, and when they were set", flags: []string{"json"}, run: secretList},
			{name: "rm", words: "NAME", about: "forget one", least: 1, most: 1, run: secretRemove},
		})
}

// secretsTable is [secrets] of fortuna.toml.
type secretsTable struct {
	KeyFile  string   // with their key, relative to the file; empty when it is not set
	Required []string // names without which the app is not served
	at       value
}

// secretsConfig is the bucket of secrets.
func secretsConfig() kv.Config { return kv.Config{Name: "secrets", Announce: kv.Keys} }

// secretsKey is the file with the key in a state directory, where no other is named.
const secretsKey = "secrets.key"

// secretKey is what the secrets of the project are encrypted with; ok is false when there is no key, and so no secrets. With
// create it is made.
func (p *project) secretKey(dir string, create bool) (key secret.Key, ok bool, err error) {
	c := &p.config.State
	switch {
	case p.config.Secrets.KeyFile != "":
		key, err = secret.ReadKey(absolute(p.root, p.config.Secrets.KeyFile))
	case c.Cluster.configured(): // its members share one already
		key, err = secret.ReadKey(absolute(p.root, c.Cluster.SecretFile))
	case c.External.URL != "" && create:
		return key, false, refused("openssl rand -hex 32 > secrets.key, and secrets.key_file = \"secrets.key\" in "+configFile,
			"secrets in the NATS server of %s need a key that is kept elsewhere, the same on every node", configFile)
	case c.External.URL != "":
		return key, false, nil
	case create:
		key, err = secret.MakeKey(filepath.Join(dir, secretsKey))
	default:
		key, err = secret.ReadKey(filepath.Join(dir, secretsKey))
		if errors.Is(err, fs.ErrNotExist) {
			return key, false, nil
		}
	}
	if err != nil {
		return key, false, refused("", "%v", err)
	}
	return key, true, nil
}

// secrets are those of the project, by name. From then on changes tells when there may be others. For secrets that nobody has
// set the store is not opened.
func (s *state) secrets(p *project) (map[string]string, error) {
	if s == nil || s.away != nil && s.away() { // they come when it is reached
		return nil, nil
	}
	key, ok, err := s.key(p, false)
	if err != nil || !ok && !s.isOpen() {
		return nil, err
	}
	b, r, err := s.bucket(secretsConfig())
	if err != nil {
		return nil, err
	}
	space := b.Space(p.name())
	s.mu.Lock()
	if s.deafen == nil {
		life, die := context.WithCancel(s.life)
		end := r.Listen(&kv.Listener{
			Space: space, Changed: func(kv.Entry) { s.tell() },
			Missed: func() { s.compare(life, p, space) },
		})
		s.deafen = func() { end(); die() }
	}
	s.mu.Unlock()
	if !ok {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(s.within, stateOpens)
	defer cancel()
	all, err := secret.Open(space, p.name(), key).All(ctx)
	if errors.Is(err, secret.ErrKey) {
		return nil, refused("put the former key back, or set it again: fortuna secret set", "%s", strings.Replace(err.Error(), "secret: ", "", 1))
	}
	if err != nil {
		return nil, failed("", "read the secrets: %v", err)
	}
	s.current.Store(&all)
	s.hidden.Store(hiding(all))
	return all, nil
}

// tell says that there may be other secrets.
func (s *state) tell() {
	select {
	case s.changes <- struct{}{}:
	default: // it is known already
	}
}

// compare says so only if it is so: after the store was away the app need not be loaded again for nothing.
func (s *state) compare(life context.Context, p *project, space *kv.Space) {
	for life.Err() == nil {
		var was, is map[string]string
		if current := s.current.Load(); current != nil {
			was = *current
		}
		key, ok, err := s.key(p, false)
		if ok && err == nil {
			ctx, cancel := context.WithTimeout(life, stateOpens)
			is, err = secret.Open(space, p.name(), key).All(ctx)
			cancel()
		}
		if !errors.Is(err, kv.ErrUnavailable) {
			if err != nil || !maps.Equal(was, is) {
				s.tell()
			}
			return
		}
		select {
		case <-time.After(time.Second):
		case <-life.Done():
		}
	}
}

// secretsThere are the names of the secrets, as last read.
func (s *state) secretsThere() []string {
	if all := s.current.Load(); all != nil {
		return slices.Sorted(maps.Keys(*all))
	}
	return nil
}

// env are the variables that handlers find: those of fortuna.toml, over them the secrets, over them what was given for this
// run.
func (s *state) env(p *project) (map[string]any, error) {
	all, err := s.secrets(p)
	if err != nil {
		return nil, err
	}
	if s != nil {
		for _, name := range p.config.Secrets.Required {
			_, set := all[name]
			if _, given := p.config.Vars[name]; !set && !given {
				return nil, p.config.Secrets.at.wrong("fortuna secret set "+name+", for serve with --serve; or a line "+name+"=... in "+devVars+", for dev",
					"%s: %s has no value", p.config.Secrets.at.key(), name)
			}
		}
	}
	vars := maps.Clone(p.config.Vars)
	for name, value := range all {
		if !p.given[name] {
			vars[name] = value
		}
	}
	return vars, nil
}

// hiddenMin is how long a secret must be to be hidden in what is printed: "1" is everywhere.
const hiddenMin = 6

// hiding replaces secrets by their names.
func hiding(all map[string]string) *strings.Replacer {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if value := all[name]; len(value) >= hiddenMin {
			pairs = append(pairs, value, "[secret "+name+"]")
		}
	}
	return strings.NewReplacer(pairs...)
}

// hide removes secrets from what is to be printed.
func (s *state) hide(text string) string {
	if r := s.hidden.Load(); r != nil {
		return r.Replace(text)
	}
	return text
}

// hideIn removes them from what is said of a failure.
func (s *state) hideIn(f *runtime.Failure) *runtime.Failure {
	if s.hidden.Load() == nil {
		return f
	}
	shown := *f
	shown.Message, shown.Stack = s.hide(f.Message), s.hide(f.Stack)
	return &shown
}

// secrets are those of the app, for a command.
func (s *stored) secrets(ctx context.Context, create bool) (*secret.Store, error) {
	key, ok, err := s.secretKey(create)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, refused("fortuna secret set NAME", "no secret has been set")
	}
	// A process that runs has made it, as its cluster wants it.
	b, err := s.bucketOf(ctx, secretsConfig(), create && (s.server != nil || s.project.config.State.External.URL != ""))
	if err != nil {
		return nil, err
	}
	return secret.Open(b.Space(s.project.name()), s.project.name(), key), nil
}

// checkSecret says what speaks against a name.
func (p *project) checkSecret(name string) error {
	if !bindingName.MatchString(name) || name == prototypeName {
		return usageError("", "handlers find a secret as env.NAME, so the name must be like that of a variable: got %q", name)
	}
	_, kv := p.config.KV[name]
	_, queue := p.config.Queues[name]
	_, rate := p.config.RateLimits[name]
	if kv || queue || rate {
		return refused("choose another name", "env.%s is something else already, by %s", name, configFile)
	}
	return nil
}

func secretSet(ctx context.Context, c *cli.Context, s *stored, words []string) error {
	p, name := processOf(c), words[0]
	if plain, _, ok := strings.Cut(name, "="); ok {
		return usageError("fortuna secret set "+plain, "the value does not belong on the command line, where others see it and the shell keeps it")
	}
	if err := s.project.checkSecret(name); err != nil {
		return err
	}
	value, err := secretValue(p, name, c.String("file"))
	if err != nil {
		return err
	}
	return s.keep(ctx, p, map[string]string{name: value})
}

// secretValue asks a person without showing what they type, or reads a file or standard input, less the newline at its end.
func secretValue(p *process, name, file string) (string, error) {
	if f, ok := p.stdin.(*os.File); ok && file == "" && p.asks {
		p.term.print(p.term.err, name+": ")
		value, err := terminal.ReadPassword(int(f.Fd()))
		p.term.note("")
		if err != nil || len(value) == 0 {
			return "", errInterrupted
		}
		return string(value), nil
	}
	if file == "" {
		file = "-"
	}
	b, err := readInput(p, file, secret.ValueBytesMax)
	if err != nil {
		return "", err
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	if value == "" {
		return "", refused("", "%s is empty: a secret has a value", name)
	}
	return value, nil
}

func secretImport(ctx context.Context, c *cli.Context, s *stored, words []string) error {
	p := processOf(c)
	data, err := readInput(p, words[0], 1<<20)
	if err != nil {
		return err
	}
	vars, err := parseVars(string(data), words[0])
	if err != nil {
		return err
	}
	values := map[string]string{}
	for _, v := range vars {
		if err := s.project.checkSecret(v.name); err != nil {
			return err
		}
		values[v.name] = v.value
	}
	if len(values) == 0 || len(values) > secret.Max {
		return refused("", "%s has %d secrets, from 1 to %d are possible", words[0], len(values), secret.Max)
	}
	return s.keep(ctx, p, values)
}

// keep keeps secrets, all or none.
func (s *stored) keep(ctx context.Context, p *process, values map[string]string) error {
	ctx, cancel := context.WithTimeout(ctx, storedWait)
	defer cancel()
	store, err := s.secrets(ctx, true)
	if err != nil {
		return err
	}
	if err := store.Set(ctx, values); err != nil {
		return storeProblem(err)
	}
	p.term.note("Kept %s.", strings.Join(slices.Sorted(maps.Keys(values)), ", "))
	return nil
}

func secretList(ctx context.Context, c *cli.Context, s *stored, _ []string) error {
	ctx, cancel := context.WithTimeout(ctx, storedWait)
	defer cancel()
	store, err := s.secrets(ctx, false)
	if err != nil {
		return err
	}
	list, err := store.List(ctx)
	if err != nil {
		return storeProblem(err)
	}
	t := processOf(c).term
	if c.Bool("json") {
		for _, i := range list {
			if err := printJSON(t, i); err != nil {
				return err
			}
		}
		return nil
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tSET")
	for _, i := range list {
		fmt.Fprintf(w, "%s\t%s\n", i.Name, i.Set.Format(time.DateTime))
	}
	_ = w.Flush() // into memory
	t.raw(b.String())
	return nil
}

func secretRemove(ctx context.Context, c *cli.Context, s *stored, words []string) error {
	ctx, cancel := context.WithTimeout(ctx, storedWait)
	defer cancel()
	store, err := s.secrets(ctx, false)
	if err != nil {
		return err
	}
	err = store.Remove(ctx, words[0])
	if errors.Is(err, kv.ErrNotFound) {
		return failed("fortuna secret list", "there is no secret %q", words[0])
	}
	if err != nil {
		return storeProblem(err)
	}
	processOf(c).term.note("Forgot %s.", words[0])
	return nil
}
