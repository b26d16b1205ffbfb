package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fortunadws/fortuna/cli/cluster"
	"github.com/fortunadws/fortuna/kv"
)

func backupCommand() *cli.Command {
	return &cli.Command{
		Name: "backup", Usage: "write the state into a file, while the app runs or not", ArgsUsage: "file",
		Description: "The file has all keys and values with their revisions and times to live, sessions, secrets as they are encrypted, and what waits\n" +
			"in queues; - is standard output. Each kind of state is as it was at one moment, but not all at the same. The key of the secrets\n" +
			"is not in it: keep that too, and elsewhere. Counts of rate limits are not in it either. Until it is complete, it needs twice its\n" +
			"size beside the file, or in the system's directory for temporary files for standard output.",
		Flags:  append([]cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print the result as JSON; then - cannot be the file"}}, storedFlags()...),
		Action: backup,
	}
}

func restoreCommand() *cli.Command {
	return &cli.Command{
		Name: "restore", Usage: "make the state what a backup has, when the app does not run", ArgsUsage: "file",
		Description: "The file is checked to its end before anything is changed; - is standard input. Where there is state already, it is refused without\n" +
			"--replace. Revisions stay what they were. Secrets need the key that they were encrypted with.",
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "json", Usage: "print the result as JSON"},
			&cli.BoolFlag{Name: "replace", Usage: "delete what is there of the kinds of state that the backup has"},
		}, storedFlags()...),
		Action: restore,
	}
}

// moved is the result of either command as JSON.
type moved struct {
	Streams  int    `json:"streams"`
	Messages uint64 `json:"messages"`
	Bytes    int64  `json:"bytes"` // of the file
	MS       int64  `json:"ms"`
	Secrets  string `json:"secrets_key,omitempty"` // the file without which the secrets cannot be read
}

func backup(c *cli.Context) (err error) {
	p := processOf(c)
	name, err := onlyFile(c)
	switch {
	case err != nil:
		return err
	case name == "-" && c.Bool("json"):
		return usageError("fortuna backup shop.backup --json", "--json and a backup cannot both go to standard output")
	case name == "-" && p.term.out.terminal:
		return usageError("fortuna backup shop.backup", "a terminal cannot show a backup")
	}
	if info, err := os.Stat(absolute(p.dir, name)); name != "-" && err == nil && info.IsDir() {
		return refused("fortuna backup "+filepath.Join(name, "shop.backup"), "%s is a directory", name)
	}
	s, err := openStored(c, false)
	if err != nil {
		return err
	}
	defer s.close()
	ctx, end := interruptible(p, c.Context)
	defer end()
	begun := time.Now()
	shown := newTransfer(p.term, "saved")
	defer shown.clear()
	var d backupDraft
	defer d.discard()
	if err := d.open(p, name); err != nil {
		return failed("", "write %s: %v", name, err)
	}
	done, err := s.store.Backup(ctx, d.file, kv.Moving{Dir: d.dir, Told: shown.tell})
	if err == nil {
		err = d.publish(p, name)
	}
	shown.clear()
	switch {
	case ctx.Err() != nil:
		return errInterrupted
	case errors.Is(err, kv.ErrNotFound):
		return refused("fortuna kv put NAME key value, or run the app", "there is no state to save in %s", relative(s.project.root, s.dir))
	case errors.Is(err, kv.ErrBehind):
		return failed("back up when the app has less to do", "%s", strings.TrimPrefix(err.Error(), "kv: "))
	case isFull(err):
		return failed("make room, or write elsewhere: fortuna backup <file>", "write %s: %v", name, err)
	case err != nil:
		return storeProblem(err)
	}
	out := moved{Streams: done.Streams, Messages: done.Messages, Bytes: d.bytes, MS: time.Since(begun).Milliseconds()}
	secrets := s.has(ctx, secretsConfig().Name)
	if secrets {
		out.Secrets = s.secretsFile()
	}
	if c.Bool("json") {
		return printJSON(p.term, out)
	}
	p.term.note("Saved %d entries of %d kinds of state, %s, in %s.", out.Messages, out.Streams, kilobytes(int(out.Bytes)), milliseconds(time.Since(begun)))
	if secrets {
		p.term.note("The key of the secrets is not in it: keep a copy of %s, and elsewhere. Without it the secrets are lost.", relative(s.project.root, out.Secrets))
	}
	return nil
}

// onlyFile is the word of the command, which must be there.
func onlyFile(c *cli.Context) (string, error) {
	name, err := word(c)
	if err == nil && name == "" {
		err = usageError("fortuna "+c.Command.Name+" shop.backup", "fortuna %s takes a file, or -", c.Command.Name)
	}
	return name, err
}

// interruptible is a context that ends with Ctrl-C or SIGTERM, so that nothing half made stays.
func interruptible(p *process, parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := p.signals(os.Interrupt, terminated)
	go func() {
		select {
		case <-signals:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// has reports whether a bucket is there.
func (s *stored) has(ctx context.Context, bucket string) bool {
	_, err := s.store.Existing(ctx, bucket)
	return err == nil
}

// secretsFile is the file with the key of the project's secrets.
func (s *stored) secretsFile() string {
	c := s.project.config
	switch {
	case s.node != "":
		return filepath.Join(s.node, cluster.SecretsFile)
	case c.Secrets.KeyFile != "":
		return absolute(s.project.root, c.Secrets.KeyFile)
	case c.State.Cluster.configured():
		return absolute(s.project.root, c.State.Cluster.SecretFile)
	}
	return filepath.Join(s.dir, secretsKey)
}

// backupDraft is a file that appears, readable by its owner only, when all of it is there.
type backupDraft struct {
	draft
	dir   string // for temporary files: on the same disk
	file  *os.File
	bytes int64
}

// open makes the draft of a file; "-" is standard output, which gets all of it at once in the end.
func (d *backupDraft) open(p *process, name string) error {
	d.dir = os.TempDir()
	base := "fortuna-backup"
	if name != "-" {
		path := absolute(p.dir, name)
		d.files = []draftFile{{path: path}}
		d.dir, base = filepath.Dir(path), filepath.Base(path)
		if err := d.mkdir(d.dir); err != nil {
			return err
		}
	}
	f, err := os.CreateTemp(d.dir, "."+base+".*")
	if err != nil {
		return err
	}
	d.file, d.written, d.made = f, []string{f.Name()}, append(d.made, f.Name())
	return nil
}

// publish puts the file at its place.
func (d *backupDraft) publish(p *process, name string) (err error) {
	if d.bytes, err = d.file.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	if name == "-" {
		if _, err = d.file.Seek(0, io.SeekStart); err == nil {
			_, err = io.Copy(p.term.out.w, d.file)
		}
		return err
	}
	if err := errors.Join(d.file.Sync(), d.file.Close()); err != nil {
		return err
	}
	return d.draft.publish()
}

func (d *backupDraft) discard() {
	if d.file != nil {
		d.file.Close()
	}
	d.draft.discard()
}

func restore(c *cli.Context) error {
	p := processOf(c)
	name, err := onlyFile(c)
	if err != nil {
		return err
	}
	in, err := openBackup(p, name)
	if err != nil {
		return err
	}
	defer in.Close()
	b, err := kv.OpenBackup(in)
	if errors.Is(err, kv.ErrBackup) {
		return refused("use another backup: nothing was changed", "%s is %s", name, strings.TrimPrefix(err.Error(), "kv: "))
	}
	if err != nil {
		return failed("", "read %s: %v", name, err)
	}
	s, err := openStored(c, true)
	if err != nil {
		return err
	}
	defer s.close()
	if s.among {
		return refused("restore it into a new node, fortuna restore --data <directory>, and then fortuna node promote", "the store of %s is at several nodes, which have it open as long as they run: nothing can be put in its place", s.node)
	}
	if s.server == nil && s.project.config.State.External.URL == "" {
		return refused("end that process, restore, and start it again", "the app runs, and what it remembers of the state would be wrong")
	}
	ctx, end := interruptible(p, c.Context)
	defer end()
	begun := time.Now()
	shown := newTransfer(p.term, "restored")
	done, err := s.store.Restore(ctx, b, kv.Moving{Replace: c.Bool("replace"), Told: shown.tell})
	shown.clear()
	switch {
	case ctx.Err() != nil:
		return errInterrupted
	case errors.Is(err, kv.ErrExists):
		return refused("save that first: fortuna backup <file>; then fortuna restore --replace "+name, "there is state already: %s", strings.TrimPrefix(err.Error(), kv.ErrExists.Error()+": "))
	case err != nil:
		return storeProblem(err)
	}
	out := moved{Streams: done.Streams, Messages: done.Messages, Bytes: done.Bytes, MS: time.Since(begun).Milliseconds()}
	if b.Has(secretsConfig().Name) {
		out.Secrets = s.secretsFile()
		if _, err := os.Stat(out.Secrets); errors.Is(err, fs.ErrNotExist) {
			p.term.warn(fmt.Sprintf("the secrets cannot be read without the key that they were encrypted with: put it into %s", relative(s.project.root, out.Secrets)))
		}
	}
	if c.Bool("json") {
		return printJSON(p.term, out)
	}
	p.term.note("Restored %d entries of %d kinds of state, as of %s, in %s.", out.Messages, out.Streams, b.Written.Format(time.RFC3339), milliseconds(time.Since(begun)))
	return nil
}

// openBackup opens a file; what cannot be read twice is kept in a temporary one, which nobody else sees.
func openBackup(p *process, name string) (*os.File, error) {
	in := p.stdin
	if name != "-" {
		f, err := os.Open(absolute(p.dir, name))
		if err != nil {
			return nil, refused("", "%v", err)
		}
		info, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, refused("", "%v", err)
		}
		if info.Mode().IsRegular() {
			return f, nil
		}
		defer f.Close()
		in = f
	}
	kept, err := os.CreateTemp("", "fortuna-backup.*")
	if err != nil {
		return nil, failed("", "keep %s: %v", name, err)
	}
	os.Remove(kept.Name())
	if _, err := io.Copy(kept, in); err != nil {
		kept.Close()
		return nil, failed("", "read %s: %v", name, err)
	}
	return kept, nil
}
