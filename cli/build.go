package cli

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "`file` to write, - for standard output; dist/app.js in the project by default"},
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
	output    string // "" is dist/app.js in the project, "-" standard output
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
	deployed, err := measureStartUp(project, b)
	if err != nil {
		var failure *runtime.Failure
		if errors.As(err, &failure) {
			p.term.fault(loadFault(b, failure))
			return errReported
		}
		return err
	}
	small, err := gzipBytes([]byte(b.Code))
	if err != nil {
		return failed("", "compress the bundle: %v", err)
	}
	r := built{
		Hash: b.Hash, Bytes: len(b.Code), GzipBytes: small,
		StartUpMs: float64(deployed.StartUp.Microseconds()) / 1000, Routes: append([]string{}, deployed.Routes...), Warnings: []string{},
	}
	for _, m := range b.Warnings {
		r.Warnings = append(r.Warnings, m.String())
	}
	r.Warnings = append(append(r.Warnings, unserved(deployed)...), project.idle(deployed.Jobs)...)
	if o.output == "-" {
		p.term.raw(string(b.Encode()))
		r.Output = "standard output"
		return r.print(p.term, p.term.err, o.json)
	}
	if r.Output, err = writeBundle(p, project, b, o.output); err != nil {
		return err
	}
	return r.print(p.term, p.term.out, o.json)
}

// writeBundle writes b and its source map to output, dist/app.js in the project when that is empty, and gives the path
// as the person would type it.
func writeBundle(p *process, project *project, b *bundle.Bundle, output string) (shown string, err error) {
	path := filepath.Join(project.root, "dist", "app.js")
	if output != "" {
		path = absolute(p.dir, output)
	}
	shown = path
	if rel, err := filepath.Rel(p.dir, path); err == nil && filepath.IsLocal(rel) {
		shown = rel
	}
	d := draft{files: []draftFile{{path + ".map", b.SourceMap}, {path, b.Encode()}}}
	defer d.discard()
	err = d.write()
	if err == nil {
		err = d.publish()
	}
	if err != nil {
		return "", d.trouble(shown, "make room, or write elsewhere: fortuna build -o <file>", err)
	}
	return shown, nil
}

// print prints r on s, and the warnings.
func (r built) print(t *term, s stream, asJSON bool) error {
	for _, w := range r.Warnings {
		t.warn(t.err.printable(w))
	}
	if asJSON {
		text, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		t.print(s, string(text)+"\n")
		return nil
	}
	t.print(s, fmt.Sprintf("%s %s, gzip %s\nStart-up %.1f ms\nHash %s\n",
		s.paint(bold, r.Output), kilobytes(r.Bytes), kilobytes(r.GzipBytes), r.StartUpMs, r.Hash))
	return nil
}

// unserved warns of handlers that are never called.
func unserved(d runtime.Deployed) (warnings []string) {
	for _, name := range d.Unserved {
		warnings = append(warnings, name+" is exported, but this version of fortuna never calls it: it runs fetch, routes, websocket, queue and scheduled")
	}
	return warnings
}

// measureStartUp starts b a few times, each in a new VM, and says what was found, with the median of the times.
func measureStartUp(p *project, b *bundle.Bundle) (deployed runtime.Deployed, err error) {
	c, err := p.runtime(1, nil)
	if err != nil {
		return deployed, err
	}
	c.Workers = 1
	var times []time.Duration
	for range startUpRuns {
		code := runtime.New(c)
		deployed, err = code.Deploy(b)
		if err := errors.Join(err, code.Close(context.Background())); err != nil {
			return deployed, err
		}
		times = append(times, deployed.StartUp)
	}
	slices.Sort(times)
	deployed.StartUp = times[len(times)/2]
	return deployed, nil
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
