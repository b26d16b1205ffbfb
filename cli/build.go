package cli

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fortunadws/fortuna/runtime"
	"github.com/fortunadws/fortuna/runtime/bundle"
)

func buildCommand() *cli.Command {
	return &cli.Command{
		Name:      "build",
		Usage:     "bundle a project or a file into one script, and check that it starts",
		ArgsUsage: "[directory or file]",
		Description: "Writes the script and, beside it, its source map. Prints the size, the size compressed, how long the\n" +
			"code takes to start, and the hash that names the bundle. What cannot work fails here, with its imports.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "`file` to write; dist/app.js in the project by default"},
			&cli.BoolFlag{Name: "minify", Usage: "make the script small; names in stacks stay"},
			&cli.BoolFlag{Name: "json", Usage: "print the result as JSON"},
			envFlag(),
		},
		Action: func(c *cli.Context) error {
			path, err := word(c)
			if err != nil {
				return err
			}
			o := buildOptions{path: path, env: c.String("env"), output: c.String("output"), json: c.Bool("json"), minify: c.Bool("minify")}
			return build(processOf(c), o)
		},
	}
}

type buildOptions struct {
	path, env string
	output    string // "" is dist/app.js in the project
	minify    bool
	json      bool
}

// startUpRuns is how often the code is started to measure it; the median counts.
const startUpRuns = 5

// built is the result of a build.
type built struct {
	Output    string   `json:"output"`
	Hash      string   `json:"hash"`
	Bytes     int      `json:"bytes"`
	GzipBytes int      `json:"gzipBytes"`
	StartUpMs float64  `json:"startUpMs"`
	Routes    []string `json:"routes"`
	Warnings  []string `json:"warnings"`
}

// build writes the bundle of o.path and prints what it is.
func build(p *process, o buildOptions) error {
	project, err := openProject(p.dir, o.path, o.env)
	if err != nil {
		return err
	}
	options := bundle.Options{Root: project.root, Entry: project.entry, Define: project.config.Define}
	if o.minify || project.config.Minify {
		options.Minify = bundle.MinifyWhitespace // names stay, so that stacks can be read
	}
	b, err := bundle.Build(options)
	if err != nil {
		p.term.fault(buildFault(project, err))
		return errReported
	}
	startUp, routes, err := measureStartUp(project, b)
	if err != nil {
		var failure *runtime.Failure
		if errors.As(err, &failure) {
			p.term.fault(runFault(failure))
			return errReported
		}
		return err
	}
	output := filepath.Join(project.root, "dist", "app.js")
	if o.output != "" {
		output = absolute(p.dir, o.output)
	}
	if err := os.MkdirAll(filepath.Dir(output), 0o755); err != nil {
		return failed("", "write the bundle: %v", err)
	}
	if err := b.WriteFile(output); err != nil {
		return failed("", "%v", err)
	}
	shown := output
	if rel, err := filepath.Rel(p.dir, output); err == nil && filepath.IsLocal(rel) {
		shown = rel
	}
	small, err := gzipBytes([]byte(b.Code))
	if err != nil {
		return failed("", "compress the bundle: %v", err)
	}
	r := built{
		Output: shown, Hash: b.Hash, Bytes: len(b.Code), GzipBytes: small,
		StartUpMs: float64(startUp.Microseconds()) / 1000, Routes: append([]string{}, routes...), Warnings: []string{},
	}
	for _, m := range b.Warnings {
		r.Warnings = append(r.Warnings, m.String())
	}
	return r.print(p.term, o.json)
}

func (r built) print(t *term, asJSON bool) error {
	for _, w := range r.Warnings {
		t.warn(t.err.printable(w))
	}
	if asJSON {
		text, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		t.raw(string(text) + "\n")
		return nil
	}
	t.result("%s %s, gzip %s", t.out.paint(bold, r.Output), kilobytes(r.Bytes), kilobytes(r.GzipBytes))
	t.result("Start-up %.1f ms", r.StartUpMs)
	t.result("Hash %s", r.Hash)
	return nil
}

// measureStartUp starts b a few times, each in a new VM, and gives the median.
func measureStartUp(p *project, b *bundle.Bundle) (time.Duration, []string, error) {
	limits, _, err := p.config.limits()
	if err != nil {
		return 0, nil, err
	}
	var (
		times  []time.Duration
		routes []string
	)
	for range startUpRuns {
		code := runtime.New(runtime.Config{Limits: limits, Vars: p.config.Vars, Loops: 1, Workers: 1})
		deployed, err := code.Deploy(b)
		if err := errors.Join(err, code.Close(context.Background())); err != nil {
			return 0, nil, err
		}
		times, routes = append(times, deployed.StartUp), deployed.Routes
	}
	slices.Sort(times)
	return times[len(times)/2], routes, nil
}

func gzipBytes(data []byte) (int, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		return 0, err
	}
	if err := z.Close(); err != nil {
		return 0, err
	}
	return b.Len(), nil
}

// kilobytes is a size for a person: "812 B", "24.1 kB".
func kilobytes(n int) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f kB", float64(n)/1000)
}
