package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fortunadws/fortuna/cli/control"
	"github.com/fortunadws/fortuna/runtime"
)

// What a version may take to load, where it can do no harm.
const (
	verifyTime  = 10 * time.Second
	verifyCPU   = 4         // seconds
	verifyBytes = 512 << 20 // of memory
)

// verifying holds one for each version that is loaded just now: more at a time would take the node's cores from its requests.
var verifying = make(chan struct{}, 2)

// verifyName is the command that a node calls to load a version in a process of its own: code that ends its process, or never
// ends, must not do so to a node.
const verifyName = "verify-version"

func verifyCommand() *cli.Command {
	return &cli.Command{
		Name: verifyName, Hidden: true, Usage: "load a version that was deployed, and say what was found (nodes call it)", ArgsUsage: "directory",
		Action: func(c *cli.Context) error {
			dir, err := word(c)
			if err != nil {
				return err
			}
			p := processOf(c)
			go boundMemory(verifyBytes)
			if err := boundCPU(verifyCPU); err != nil {
				return failed("", "%v", err)
			}
			v, err := loadVersion(dir)
			if err != nil {
				return err
			}
			return printJSON(p.term, v)
		},
	}
}

// loadVersion loads the version in a directory as a node would, without its state.
func loadVersion(dir string) (v control.Verified, err error) {
	p, _, err := openVersion(dir)
	if err != nil {
		return v, err
	}
	b, err := p.bundle()
	if err != nil {
		return v, faultError(buildFault(p, err))
	}
	c, err := p.runtime(1, nil)
	if err != nil {
		return v, err
	}
	c.Workers = 1
	code := runtime.New(c)
	found, err := code.Deploy(b)
	if err := errors.Join(err, code.Close(context.Background())); err != nil {
		return v, faultError(loadFault(b, err))
	}
	if _, err := p.openAssets(discarded); err != nil {
		return v, err
	}
	v.StartUpMs, v.Routes = float64(found.StartUp.Microseconds())/1000, found.Routes
	for _, m := range b.Warnings {
		v.Warnings = append(v.Warnings, m.String())
	}
	v.Warnings = append(v.Warnings, append(unserved(found), p.idle(found.Jobs)...)...)
	return v, nil
}

// faultError is a fault of code as an error of one text.
func faultError(f *fault) error {
	text := f.Title
	for _, r := range f.Remarks {
		text += "\n" + strings.TrimSpace(r.Place+" "+r.Text)
	}
	return failed(f.Hint, "%s", text)
}

// verifyVersion has the version in a directory loaded by a process of its own. The error is for who deployed it.
func verifyVersion(ctx context.Context, dir string) (v control.Verified, err error) {
	select {
	case verifying <- struct{}{}:
		defer func() { <-verifying }()
	case <-ctx.Done():
		return v, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, verifyTime)
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		return v, err
	}
	var out, trouble bytes.Buffer
	cmd := exec.CommandContext(ctx, self, verifyName, dir)
	cmd.Args[0] = "fortuna"
	cmd.Env = []string{"NO_COLOR=1", "GOMAXPROCS=1"} // nothing of the node's
	cmd.Stdout, cmd.Stderr = &bounded{&out, 1 << 20}, &bounded{&trouble, 64 << 10}
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	switch {
	case ctx.Err() != nil:
		return v, fmt.Errorf("it does not load within %v", verifyTime)
	case err != nil:
		return v, errors.New(loadFailure(trouble.String(), err))
	}
	if err := json.Unmarshal(out.Bytes(), &v); err != nil {
		return v, fmt.Errorf("what was found out about it cannot be read: %w", err)
	}
	return v, nil
}

// loadFailure is what a process that could not load a version has said, or how it ended.
func loadFailure(said string, err error) string {
	const begin = "fortuna: error: "
	if i := strings.Index(said, begin); i >= 0 {
		text, hint, _ := strings.Cut(strings.TrimSpace(said[i+len(begin):]), "fortuna: hint: ")
		if hint != "" {
			return strings.TrimSpace(text) + " (" + strings.TrimSpace(hint) + ")"
		}
		return text
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == int(exitMemory) {
		return fmt.Sprintf("it needs more than %d MB of memory to load", verifyBytes>>20)
	}
	return fmt.Sprintf("the process that loaded it ended: %v (more than %d s of computing, or a crash)", err, verifyCPU)
}

// bounded writes so many bytes and drops the rest.
type bounded struct {
	to   io.Writer
	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	n := min(len(p), b.left)
	b.left -= n
	if _, err := b.to.Write(p[:n]); err != nil {
		return 0, err
	}
	return len(p), nil
}
